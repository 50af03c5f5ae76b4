"""
The FTP account that UMF gives to a merchant for B2B papers.
"""

from __future__ import annotations

import ipaddress
import math
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args

import attrs

from umfpay.config import existing_file, read_variables
from umfpay.errors import ConfigError
from umfpay.sensitive import Secret, Unfit, hidden_path, hide, hides_arguments


Security = Literal["ftps", "ftp"]

_SETTING_NAMES: Final = (
    "host",
    "port",
    "user",
    "password",
    "security",
    "ca_file",
    "folder",
)
_SHOWN_SETTINGS: Final = {"port", "security", "ssl_context", "folder", "timeout"}
_ENV_PREFIX: Final = "UMF_FTP_"


# Host, user and password come hidden: a host may be an address with a password in it,
# and a traceback may show the frame in which one of them is refused.


def _host(value: Any) -> str:
    if not isinstance(value, Secret):
        raise ConfigError.of("FTP host", "it is empty", "为空")

    if not _is_host(value):
        raise ConfigError.of(
            "FTP host",
            "give a name without ftp://, user, password and port (it is port=)",
            "请只给主机名，不含 ftp://、用户名、密码和端口（端口用 port=）",
        )

    return value.reveal().removeprefix("[").removesuffix("]")


def _is_host(value: Secret) -> bool:
    host = value.reveal()

    if ":" in host:
        return _is_ipv6(host.removeprefix("[").removesuffix("]"))

    return host.isprintable() and not any(one in host for one in "/@ ")


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False

    return True


def _port(value: Any) -> int:
    number = int(value) if str(value).isascii() and str(value).isdigit() else 0

    if not 1 <= number <= 65535:
        raise ConfigError.of(
            "FTP port", "it must be 1 to 65535", "必须在 1 至 65535 之间"
        )

    return number


def _user(value: Any) -> str:
    if not isinstance(value, Secret) or not value.reveal().isprintable():
        raise ConfigError.of(
            "FTP user", "it is empty or not one line", "为空或不是单行文本"
        )

    return value.reveal()


def _password(value: Any) -> Secret:
    if isinstance(value, Unfit):
        raise ConfigError.of("FTP password", "it must be text", "必须是文本")

    # A line break would end the command, and what follows would be the next.
    if not isinstance(value, Secret) or not value.reveal().isprintable():
        raise ConfigError.of(
            "FTP password", "it is empty or not one line", "为空或不是单行文本"
        )

    return value


def _security(value: Any) -> Security:
    words: tuple[Security, ...] = get_args(Security)

    for word in words:
        if value == word:
            return word

    raise ConfigError.of(
        "FTP security", 'it is "ftps" or "ftp"', '只能是 "ftps" 或 "ftp"'
    )


def _ca_file(value: Any) -> Path | None:
    return existing_file("ca_file", value)


def _folder(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ConfigError.of("FTP folder", "it is not one line of text", "不是单行文本")

    return value.strip()


def _timeout(value: Any) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        raise ConfigError.of(
            "FTP timeout", "it must be seconds above 0", "必须是大于 0 的秒数"
        )

    return float(value)


@hides_arguments
@attrs.frozen(kw_only=True)
class FTPAccount:
    """
    Host, user and password, which come from UMF (gateway.md 5.20).

    Args:
        host: A name or an address.
        port: The port of the control connection.
        user: The user name.
        password: Text becomes a `Secret`.
        security: ``ftps`` speaks TLS before the password leaves (explicit FTPS).
            ``ftp`` sends password and papers in clear, and has to be asked for.
        ca_file: PEM certificates to trust instead of the system's.
        ssl_context: A context of your own instead, which then decides all of it.
        folder: Where in the account the files go; empty is where the login leads.
        timeout: Seconds that one step of the server may take.

    Raises:
        ConfigError: A value is unusable.
    """

    host: str = attrs.field(converter=_host, metadata={"hidden": Secret})
    port: int = attrs.field(default=21, converter=_port)
    user: str = attrs.field(converter=_user, metadata={"hidden": Secret})
    password: Secret = attrs.field(
        converter=_password,
        repr=False,
        metadata={"hidden": Secret, "strip": False},
    )
    security: Security = attrs.field(default="ftps", converter=_security)
    ca_file: Path | None = attrs.field(
        default=None, converter=_ca_file, metadata={"path": True}
    )
    ssl_context: ssl.SSLContext | None = attrs.field(
        default=None, repr=False, metadata={"kinds": (ssl.SSLContext,)}
    )
    folder: str = attrs.field(default="", converter=_folder)
    timeout: float = attrs.field(default=20.0, converter=_timeout)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.ssl_context, Unfit):
            raise ConfigError.of(
                "FTP ssl_context",
                "it must be an ssl.SSLContext",
                "必须是 ssl.SSLContext",
            )

        if self.ssl_context is not None and self.ca_file is not None:
            raise ConfigError.of(
                "FTP ca_file",
                "give it or ssl_context, not both",
                "与 ssl_context 只能二选一",
            )

        if self.security == "ftp" and (self.ssl_context or self.ca_file):
            raise ConfigError.of(
                "FTP security",
                '"ftp" has no TLS; leave out ca_file and ssl_context',
                '"ftp" 不使用 TLS；请去掉 ca_file 和 ssl_context',
            )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **changes: Any) -> Self:
        """
        Read ``UMF_FTP_HOST``, ``_PORT``, ``_USER``, ``_PASSWORD``, ``_SECURITY``,
        ``_CA_FILE`` and ``_FOLDER``.

        Args:
            environ: The variables; None means those of the process.
            changes: Arguments of the class that win.

        Raises:
            ConfigError: One is missing or unusable.
        """
        _hide(changes)
        settings = {
            **_pick_settings(os.environ if environ is None else environ),
            **changes,
        }
        # A refusal must not show it.
        environ = None

        for name in ("host", "user", "password"):
            if settings.get(name) is None:
                raise ConfigError.of(
                    f"FTP {name}",
                    f"it is missing; set {_ENV_PREFIX}{name.upper()}",
                    f"缺失；请设置 {_ENV_PREFIX}{name.upper()}",
                )

        return cls(**settings)

    @classmethod
    def from_file(cls, file: str | os.PathLike[str], **changes: Any) -> Self:
        """
        Read the same names from ``KEY=value`` lines, as in the emulator's ``umf.env``.

        Those of `Config` and of others are passed over.

        Args:
            changes: Arguments of the class that win.

        Raises:
            ConfigError: The file cannot be read, a line is no ``KEY=value`` or has its
                value in quotes, or a setting is unknown, missing or unusable.
        """
        _hide(changes)

        variables = read_variables(Path(file), prefix=_ENV_PREFIX, names=_SETTING_NAMES)
        settings = {**_pick_settings(variables), **changes}
        # A refusal must not show it.
        del variables

        return cls.from_env({}, **settings)

    def context(self) -> ssl.SSLContext:
        """
        Return what checks the server's certificate and name.

        Raises:
            ConfigError: *ca_file* holds no certificate.
        """
        if self.ssl_context is not None:
            return self.ssl_context

        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (ssl.SSLError, OSError):
            pass

        raise ConfigError.of(
            "FTP ca_file",
            f"{self.ca_file} holds no PEM certificate",
            f"{self.ca_file} 中没有 PEM 证书",
        )


def _hide(settings: dict[str, Any]) -> None:
    """
    Hide in *settings* what may hold a password, so that no frame shows it.
    """
    # A misspelt name may be that of the password.
    if "ca_file" in settings:
        settings["ca_file"] = hidden_path(settings.pop("ca_file"))

    for name in settings.keys() - {"ca_file", *_SHOWN_SETTINGS}:
        settings[name] = hide(settings.pop(name), Secret, strip=name != "password")


def _pick_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}

    for name in _SETTING_NAMES:
        text = environ.get(_ENV_PREFIX + name.upper(), "")

        if text != "":
            settings[name] = text if name == "password" else text.strip()

    _hide(settings)

    return settings
