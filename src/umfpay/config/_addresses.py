"""
Addresses: the gateway's own, and URLs among the settings, shown without passwords.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from enum import Enum
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.sensitive import Secret, concealed


_SCHEMES: Final = ("http", "https")
_URL_BEGINNINGS: Final = ("http://", "https://")
_HOST_LABEL: Final = r"[A-Za-z0-9_-]{1,63}"
_HOST_NAME: Final = re.compile(
    rf"(?=.{{1,253}}\.?\Z){_HOST_LABEL}(\.{_HOST_LABEL})*\.?"
)
_HOST_NUMBERS: Final = re.compile(r"[0-9.]+")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Environment(Enum):
    """
    The gateway's own addresses (gateway.md 1).

    A page of UMF's own calls the two of America China and does not know the two of
    China; no client was seen that uses these. The mail in which UMF sends the keys
    decides: take *base_url* for what it names.
    """

    SANDBOX_CHINA = "https://uat.soopay.net/cberest/v1/"
    LIVE_CHINA = "https://pay.soopay.com/cberest/v1/"
    SANDBOX_AMERICA = "https://uatfx.soopay.net/cberest/v1/"
    LIVE_AMERICA = "https://fx.soopay.net/cberest/v1/"


def environment(value: Environment | str | None) -> Any:
    """
    Return the environment of that name, and anything else as it is.
    """
    if value is None or isinstance(value, Environment):
        return value

    return Environment.__members__.get(str(value).strip().upper(), value)


def is_environment(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Environment):
        names = ", ".join(Environment.__members__)

        raise ConfigError.of(
            field.name, f"it must be one of {names}", f"必须是 {names} 之一"
        )


def merchant_id(base_url: str, client_id: str) -> str:
    """
    Return the SHA-256, in hex, of the origin of *base_url* and *client_id*.

    The path does not count, and the secret is not in it.
    """
    parts = urlsplit(base_url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    origin = f"{parts.scheme}://{parts.hostname}:{port}"

    return hashlib.sha256(f"{origin}\n{client_id}".encode()).hexdigest()


def is_loopback(host: str) -> bool:
    """
    Tell whether *host* names this machine.
    """
    if host == "localhost":
        return True

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def base_url(value: object, *, environment: Environment | None) -> str:
    """
    Return the address of the gateway, with a slash at its end.

    Args:
        value: What was given, as a `Secret`.

    Raises:
        ConfigError: It cannot be used, or there is an *environment*, too, or neither.
    """
    if value is None:
        if environment is None:
            raise ConfigError.of(
                "base_url",
                "give environment= or base_url=; there is no default gateway",
                "请给出 environment= 或 base_url=，没有默认平台",
            )

        return environment.value

    if environment is not None:
        raise ConfigError.of(
            "base_url",
            "give environment= or base_url=, not both",
            "与 environment= 只能二选一",
        )

    if not isinstance(value, Secret):
        raise ConfigError.of("base_url", "it must be text", "必须是文本")

    # It may hold a password: no frame that raises has its text.
    problem = _base_problem(value)

    if problem is not None:
        raise ConfigError.of("base_url", problem.en, problem.zh)

    return value.reveal().rstrip("/") + "/"


def _base_problem(value: Secret) -> Text | None:
    parts = _split(value.reveal())

    if parts is None:
        return Text(
            "it must be an http(s) address with the name or number of a host",
            "必须是带有主机名或 IP 的 http(s) 地址",
        )

    if parts.username or parts.password or parts.query or parts.fragment:
        return Text(
            "it must hold no user, password, query or fragment",
            "不能包含用户名、密码、查询或片段",
        )

    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return Text(
            "plain http is for loopback only; the token would travel in clear",
            "明文 http 仅限本机；否则令牌会以明文传输",
        )

    return None


def web_address(value: str | None) -> Any:
    """
    Return an http(s) address as text, and anything else hidden.
    """
    given = concealed(value)

    if isinstance(given, Secret) and given.reveal().startswith(_URL_BEGINNINGS):
        return given.reveal()

    return given


def is_web_address(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise ConfigError.of(
            field.name,
            "it must begin with http:// or https://",
            "必须以 http(s):// 开头",
        )


def is_proxy(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return

    if not isinstance(value, Secret):
        raise ConfigError.of(field.name, "it must be text", "必须是文本")

    if _split(value.reveal()) is None:
        raise ConfigError.of(
            field.name,
            "it must be http://host:port or http://user:password@host:port, user and"
            " password percent-encoded",
            "必须是 http://host:port 或 http://user:password@host:port，"
            "用户名和密码需百分号编码",
        )


def _split(url: str) -> SplitResult | None:
    """
    Return the parts of an http(s) address whose host can be called, else None.

    It never raises, for *url* may hold a password.
    """
    if " " in url or not url.isprintable():
        return None

    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None

    if parts.scheme not in _SCHEMES or port == 0:
        return None

    # A name of numbers only is taken for an IPv4 address everywhere.
    if "[" in parts.netloc or _HOST_NUMBERS.fullmatch(host):
        return parts if _is_number(host) else None

    return parts if _HOST_NAME.fullmatch(host) else None


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False

    return True
