"""
`Config`: the settings of a session.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import attrs
from attrs import field

from umfpay.config import _addresses as addresses
from umfpay.config import _checks as checks
from umfpay.config import _files as files
from umfpay.config._addresses import Environment
from umfpay.errors import ConfigError
from umfpay.sensitive import (
    Secret,
    concealed,
    hidden_path,
    hide_members,
    hides_arguments,
)


if TYPE_CHECKING:
    from umfpay.protocol import PrivateKey, PublicKey


RequestSigner = Callable[[bytes], Awaitable[str]]
ResponseVerifier = Callable[[bytes, str, Sequence["PublicKey"]], bool]
UnsignedResponses = Literal["refuse", "accept"]
ResponseSignatures = Literal["enforce", "report"]
RSABackend = Literal["auto", "pycryptodome", "cryptography"]
SealingCharset = Literal["utf-8", "gbk"]
RefundBody = Literal["refund_info", "order", "orders"]
RiskNames = Literal["docs", "sdk"]
QuantityNames = Literal["quantity", "both"]


# How an argument is hidden before a traceback can show it.
_SECRET: Final = {"hide": concealed}
_ADDRESS: Final = {"hide": checks.hidden_address}
_KEY: Final = {"hide": checks.hidden_key}
_PATH: Final = {"hide": hidden_path}
_SHOWN: Final = {"hide": checks.as_given}


@hides_arguments
@attrs.frozen(kw_only=True, repr=False)
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

    client_id: str = field(converter=checks.stripped, validator=checks.is_text)
    client_secret: Secret = field(
        converter=checks.secret, validator=checks.is_needed_secret, metadata=_SECRET
    )
    # It is forgotten when the key is read.
    merchant_key_passphrase: Secret | None = field(
        default=None,
        converter=checks.optional_secret,
        validator=checks.is_secret,
        metadata=_SECRET,
    )
    merchant_key: PrivateKey | None = field(
        default=None, converter=checks.key_source, metadata=_KEY
    )
    gateway_certificate: tuple[PublicKey, ...] = field(
        converter=checks.gateway_certificate, metadata=_SHOWN
    )
    environment: Environment | None = field(
        default=None,
        converter=addresses.environment,
        validator=addresses.is_environment,
        metadata=_ADDRESS,
    )
    base_url: str = field(
        default=None, converter=checks.optional_secret, metadata=_SECRET
    )
    # Any: a TokenStore has no home below this room.
    token_store: Any = field(
        default="auto", validator=checks.is_token_store, metadata=_ADDRESS
    )
    token_timeout: float = field(
        default=10.0, converter=checks.number, validator=checks.is_seconds
    )
    notify_url: str | None = field(
        default=None,
        converter=addresses.web_address,
        validator=addresses.is_web_address,
        metadata=_SECRET,
    )
    ret_url: str | None = field(
        default=None,
        converter=addresses.web_address,
        validator=addresses.is_web_address,
        metadata=_SECRET,
    )
    deadline: float = field(
        default=30.0, converter=checks.number, validator=checks.is_seconds
    )
    timeout: float = field(
        default=10.0, converter=checks.number, validator=checks.is_seconds
    )
    connect_timeout: float = field(
        default=5.0, converter=checks.number, validator=checks.is_seconds
    )
    max_connections: int = field(
        default=100, converter=checks.whole_number, validator=checks.is_count
    )
    proxy: Secret | None = field(
        default=None,
        converter=checks.optional_secret,
        validator=addresses.is_proxy,
        metadata=_SECRET,
    )
    ca_file: Path | None = field(
        default=None, converter=files.file, validator=files.is_file, metadata=_PATH
    )
    client_certificate: Path | None = field(
        default=None, converter=files.file, validator=files.is_file, metadata=_PATH
    )
    client_certificate_key: Path | None = field(
        default=None, converter=files.file, validator=files.is_file, metadata=_PATH
    )
    unsigned_responses: UnsignedResponses = field(
        default="refuse", validator=checks.is_one_of(UnsignedResponses)
    )
    response_signatures: ResponseSignatures = field(
        default="enforce", validator=checks.is_one_of(ResponseSignatures)
    )
    response_verifier: ResponseVerifier | None = field(
        default=None, validator=checks.is_function, metadata=_SHOWN
    )
    signer: RequestSigner | None = field(
        default=None, validator=checks.is_signer, metadata=_SHOWN
    )
    rsa_backend: RSABackend = field(
        default="auto", validator=checks.is_one_of(RSABackend)
    )
    glued_bearer: bool = field(
        default=False, converter=checks.truth, validator=checks.is_truth
    )
    sealing_charset: SealingCharset = field(
        default="utf-8", validator=checks.is_one_of(SealingCharset)
    )
    refund_body: RefundBody = field(
        default="refund_info", validator=checks.is_one_of(RefundBody)
    )
    risk_names: RiskNames = field(default="docs", validator=checks.is_one_of(RiskNames))
    quantity_names: QuantityNames = field(
        default="quantity", validator=checks.is_one_of(QuantityNames)
    )
    accept_language: str | None = field(
        default=None,
        converter=checks.optional_stripped,
        validator=checks.is_header_text,
    )

    def __attrs_post_init__(self) -> None:
        if self.client_certificate_key is not None and self.client_certificate is None:
            raise ConfigError.of(
                "client_certificate_key",
                "it is of no use without client_certificate",
                "需要与 client_certificate 一起使用",
            )

        made = {
            "base_url": addresses.base_url(self.base_url, environment=self.environment),
            "merchant_key": checks.merchant_key(
                self.merchant_key,
                passphrase=self.merchant_key_passphrase,
                signer=self.signer,
                public_keys=self.gateway_certificate,
            ),
            "merchant_key_passphrase": None,
        }

        for name, value in made.items():
            object.__setattr__(self, name, value)

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
        values = files.from_environ(
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
        values = files.from_file(Path(path), names=_TEXT_SETTINGS)

        return cls._from_text(values, changes, named=lambda name: f"{path}: {name}")

    @classmethod
    def _from_text(
        cls,
        values: dict[str, Any],
        changes: dict[str, Any],
        *,
        named: Callable[[str], str],
    ) -> Self:
        following = values.pop("gateway_certificate_next", None)

        for settings in (values, changes):
            hide_members(cls, settings)

        unknown = (values.keys() - _TEXT_SETTINGS) | (changes.keys() - _SETTING_NAMES)

        if unknown:
            # A misspelt name may be that of a secret: no frame keeps its value.
            values.clear()
            changes.clear()
            raise ConfigError.of(named(min(unknown)), "no such setting", "没有此设置")

        values = {**values, **changes}

        for name in _NEEDED_SETTINGS:
            if values.get(name) in (None, "") and not (
                name == "merchant_key" and values.get("signer")
            ):
                raise checks.missing_error(named(name))

        if following is not None and "gateway_certificate" not in changes:
            values["gateway_certificate"] = [values["gateway_certificate"], following]

        return cls(**values)


_NEEDED_SETTINGS: Final = (
    "client_id",
    "client_secret",
    "merchant_key",
    "gateway_certificate",
)
_SETTING_NAMES: Final = {one.name for one in attrs.fields(Config)}
_TEXT_SETTINGS: Final = {*_SETTING_NAMES, "gateway_certificate_next"} - {
    "response_verifier",
    "signer",
}
