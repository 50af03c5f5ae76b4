"""
`Config`: the settings of a session.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import attrs

from umfpay.config import _addresses as addresses
from umfpay.config import _checks as checks
from umfpay.config import _sources as sources
from umfpay.config._environment import Environment
from umfpay.config._paths import existing_file
from umfpay.errors import ConfigError
from umfpay.sensitive import Secret, concealed, hidden_path


if TYPE_CHECKING:
    from umfpay.protocol import PrivateKey, PublicKey


KeySource = str | bytes | os.PathLike[str]
RequestSigner = Callable[[bytes], Awaitable[str]]
ResponseVerifier = Callable[[bytes, str, Sequence["PublicKey"]], bool]
UnsignedResponses = Literal["refuse", "accept"]
ResponseSignatures = Literal["enforce", "report"]
RSABackend = Literal["auto", "pycryptodome", "cryptography"]
SealingCharset = Literal["utf-8", "gbk"]
RefundBody = Literal["refund_info", "order", "orders"]
RiskNames = Literal["docs", "sdk"]
QuantityNames = Literal["quantity", "both"]


@attrs.frozen(kw_only=True, init=False, repr=False)
class Config:
    """
    Everything that a session needs to know. Reads key files; never the network.

    Args:
        client_id: From UMF's mail.
        client_secret: From UMF's mail; kept as `Secret`.
        merchant_key: The merchant's private key (``.p8``): path, bytes or text.
        merchant_key_passphrase: For an encrypted key file.
        gateway_certificate: UMF's certificate (``.crt``): path, bytes or text, or
            several of them while UMF changes its key.
        environment: One of UMF's own gateways, or None with *base_url*.
        base_url: Any other gateway, for example the emulator. Plain http is for
            loopback only.
        token_store: ``"auto"``, ``"memory"``, a path, the address of Redis or of a
            database, a `Database`, the shop's own engine, or a `TokenStore` object.
        token_timeout: Seconds for one token request.
        notify_url: Default for payments and refunds that name none.
        ret_url: Default for payments that name none.
        deadline: Seconds for a whole call, token and retries included.
        timeout: Seconds for one attempt.
        connect_timeout: Seconds for one connection, TLS included.
        max_connections: Connections that may be open at once.
        proxy: ``http://user:password@host:port``; kept as `Secret`.
        ca_file: PEM file of the authorities that are trusted instead of the usual.
        client_certificate: PEM file of a TLS client certificate.
        client_certificate_key: Its key, when not in the same file.
        unsigned_responses: ``"refuse"`` or ``"accept"`` answers without signature.
        response_signatures: ``"enforce"``, or ``"report"`` to log a verdict only.
        response_verifier: ``(body, signature, keys) -> bool`` for the bytes that a
            later gateway may sign.
        signer: Signs request bodies in place of *merchant_key* (an HSM or KMS).
        rsa_backend: ``"auto"``, ``"pycryptodome"`` or ``"cryptography"``.
        glued_bearer: Send ``Bearer<token>`` as the official SDKs do.
        sealing_charset: Of sensitive fields: ``"utf-8"`` or ``"gbk"``.
        refund_body: The shape of a refund request (gateway.md 5.7).
        risk_names: Member names of risk_info: ``"docs"`` or ``"sdk"``.
        quantity_names: ``"quantity"``, or ``"both"`` to add item_quantity.
        accept_language: Header Accept-Language, for example ``"ZH"``.

    Raises:
        ConfigError: Names the setting and what to do.
    """

    client_id: str
    client_secret: Secret
    merchant_key: PrivateKey | None
    gateway_certificate: tuple[PublicKey, ...]
    environment: Environment | None
    base_url: str
    token_store: Any  # a TokenStore has no home below this room
    token_timeout: float
    notify_url: str | None
    ret_url: str | None
    deadline: float
    timeout: float
    connect_timeout: float
    max_connections: int
    proxy: Secret | None
    ca_file: Path | None
    client_certificate: Path | None
    client_certificate_key: Path | None
    unsigned_responses: UnsignedResponses
    response_signatures: ResponseSignatures
    response_verifier: ResponseVerifier | None
    signer: RequestSigner | None
    rsa_backend: RSABackend
    glued_bearer: bool
    sealing_charset: SealingCharset
    refund_body: RefundBody
    risk_names: RiskNames
    quantity_names: QuantityNames
    accept_language: str | None

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: Secret | str,
        gateway_certificate: KeySource | PublicKey | Sequence[KeySource | PublicKey],
        merchant_key: KeySource | PrivateKey | None = None,
        merchant_key_passphrase: Secret | str | None = None,
        environment: Environment | str | None = None,
        base_url: str | None = None,
        token_store: Any = "auto",  # noqa: S107 (a place, not a password)
        token_timeout: float = 10.0,
        notify_url: str | None = None,
        ret_url: str | None = None,
        deadline: float = 30.0,
        timeout: float = 10.0,
        connect_timeout: float = 5.0,
        max_connections: int = 100,
        proxy: Secret | str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        client_certificate: str | os.PathLike[str] | None = None,
        client_certificate_key: str | os.PathLike[str] | None = None,
        unsigned_responses: UnsignedResponses = "refuse",
        response_signatures: ResponseSignatures = "enforce",
        response_verifier: ResponseVerifier | None = None,
        signer: RequestSigner | None = None,
        rsa_backend: RSABackend = "auto",
        glued_bearer: bool = False,
        sealing_charset: SealingCharset = "utf-8",
        refund_body: RefundBody = "refund_info",
        risk_names: RiskNames = "docs",
        quantity_names: QuantityNames = "quantity",
        accept_language: str | None = None,
    ) -> None:
        # An argument is a local of the frame that a traceback shows: hide these first.
        client_secret = concealed(client_secret)
        merchant_key_passphrase = concealed(merchant_key_passphrase)
        base_url = concealed(base_url)
        token_store = checks.hidden_address(token_store)
        environment = checks.hidden_address(environment)  # type: ignore[assignment]
        ca_file = hidden_path(ca_file)
        client_certificate = hidden_path(client_certificate)
        client_certificate_key = hidden_path(client_certificate_key)
        notify_url = concealed(notify_url)
        ret_url = concealed(ret_url)
        proxy = concealed(proxy)
        key = checks.hidden_key(merchant_key)
        del merchant_key
        secret = checks.hidden("client_secret", client_secret)
        passphrase = checks.hidden("merchant_key_passphrase", merchant_key_passphrase)

        if client_certificate_key is not None and client_certificate is None:
            raise ConfigError.of(
                "client_certificate_key",
                "it is of no use without client_certificate",
                "需要与 client_certificate 一起使用",
            )

        if not secret:
            raise ConfigError.of(
                "client_secret", "it is missing or empty", "缺失或为空"
            )

        chosen = checks.environment(environment)
        private_key = checks.merchant_key(key, passphrase=passphrase, signer=signer)
        public_keys = checks.gateway_certificate(gateway_certificate)
        checks.key_pair(private_key, public_keys)

        self.__attrs_init__(
            client_id=checks.client_id(client_id),
            client_secret=secret,
            merchant_key=private_key,
            gateway_certificate=public_keys,
            environment=chosen,
            base_url=addresses.base_url(base_url, environment=chosen),
            token_store=checks.token_store(token_store),
            token_timeout=checks.seconds("token_timeout", token_timeout),
            notify_url=addresses.web_address("notify_url", notify_url),
            ret_url=addresses.web_address("ret_url", ret_url),
            deadline=checks.seconds("deadline", deadline),
            timeout=checks.seconds("timeout", timeout),
            connect_timeout=checks.seconds("connect_timeout", connect_timeout),
            max_connections=checks.count("max_connections", max_connections),
            proxy=addresses.proxy(proxy),
            ca_file=existing_file("ca_file", ca_file),
            client_certificate=existing_file("client_certificate", client_certificate),
            client_certificate_key=existing_file(
                "client_certificate_key", client_certificate_key
            ),
            unsigned_responses=checks.one_of(
                "unsigned_responses", unsigned_responses, UnsignedResponses
            ),
            response_signatures=checks.one_of(
                "response_signatures", response_signatures, ResponseSignatures
            ),
            response_verifier=checks.function("response_verifier", response_verifier),
            signer=checks.signer(signer),
            rsa_backend=checks.one_of("rsa_backend", rsa_backend, RSABackend),
            glued_bearer=checks.flag("glued_bearer", glued_bearer),
            sealing_charset=checks.one_of(
                "sealing_charset", sealing_charset, SealingCharset
            ),
            refund_body=checks.one_of("refund_body", refund_body, RefundBody),
            risk_names=checks.one_of("risk_names", risk_names, RiskNames),
            quantity_names=checks.one_of(
                "quantity_names", quantity_names, QuantityNames
            ),
            accept_language=checks.header_text("accept_language", accept_language),
        )

    def __repr__(self) -> str:
        # A traceback may show a Config that a check has just refused to finish.
        parts = (
            f"{name}={getattr(self, name, '?')!r}"
            for name in ("base_url", "client_id", "merchant_key", "gateway_certificate")
        )

        return f"Config({', '.join(parts)})"

    @classmethod
    def from_env(
        cls,
        prefix: str = "UMF_",
        *,
        environ: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> Self:
        """
        Read the settings from environment variables: *prefix* + name in capitals.

        ``UMF_CLIENT_ID``, ``UMF_CLIENT_SECRET``, ``UMF_MERCHANT_KEY``,
        ``UMF_GATEWAY_CERTIFICATE``, ``UMF_BASE_URL`` or ``UMF_ENVIRONMENT``, and every
        other textual setting. A second certificate, while UMF changes its key, is
        ``UMF_GATEWAY_CERTIFICATE_NEXT``. *changes* win over the environment.

        Raises:
            ConfigError: Names the variable that is missing or wrong.
        """
        values = sources.from_environ(
            os.environ if environ is None else environ,
            prefix=prefix,
            names=_TEXT_SETTINGS,
        )
        # A traceback may show this frame.
        environ = None

        return cls._from_text(values, changes, named=lambda name: prefix + name.upper())

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **changes: Any) -> Self:
        """
        Read the settings from a file: TOML, or ``KEY=value`` lines such as umf.env.

        Relative paths in the file are taken from its folder. *changes* win.

        Raises:
            ConfigError: Names the file, or the setting that is missing or wrong.
        """
        values = sources.from_file(Path(path), names=_TEXT_SETTINGS)

        return cls._from_text(values, changes, named=lambda name: f"{path}: {name}")

    @classmethod
    def _from_text(
        cls,
        values: dict[str, Any],
        changes: dict[str, Any],
        *,
        named: Callable[[str], str],
    ) -> Self:
        for settings in (values, changes):
            checks.hide_secrets(settings)

        unknown = (values.keys() - _TEXT_SETTINGS) | (changes.keys() - _SETTING_NAMES)

        if unknown:
            # A misspelt name may be that of a secret: no frame keeps its value.
            values.clear()
            changes.clear()
            raise ConfigError.of(named(min(unknown)), "no such setting", "没有此设置")

        following = values.pop("gateway_certificate_next", None)
        values = {**values, **changes}

        for name in _NEEDED_SETTINGS:
            if values.get(name) in (None, "") and not (
                name == "merchant_key" and values.get("signer")
            ):
                raise ConfigError.of(
                    named(name), "it is missing or empty", "缺失或为空"
                )

        if following is not None and "gateway_certificate" not in changes:
            values["gateway_certificate"] = [values["gateway_certificate"], following]

        return cls(**values)


_NEEDED_SETTINGS: Final = (
    "client_id",
    "client_secret",
    "merchant_key",
    "gateway_certificate",
)
_SETTING_NAMES: Final = {
    *(field.name for field in attrs.fields(Config)),
    "merchant_key_passphrase",
}
_TEXT_SETTINGS: Final = {*_SETTING_NAMES, "gateway_certificate_next"} - {
    "response_verifier",
    "signer",
}
