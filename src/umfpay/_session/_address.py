"""
URLs of calls: the path that the caller of `request()` writes, checked and encoded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from umfpay.errors import ConfigError, Text
from umfpay.protocol import Operation, object_id_from_href, operation_of


_TOKEN_PATH: Final = ["oauth", "authorize"]
_MONEY_PATH: Final = (Operation.EXECUTE, Operation.REFUND)

# A proxy may decode a path, and the gateway once more.
_MAX_DECODINGS: Final = 3

_URL_CHARACTERS: Final = "%/:?#[]@!$&'()*+,;=~"
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# No longer one fits into the requests of httpx.
MAX_URL_CHARACTERS: Final = 65_536


def local_path(path: Any) -> str:
    """
    Return *path*, an address below the base URL.

    Raises:
        ConfigError: It leads elsewhere, holds a query, which would get into logs, or is
            that of the token.
    """
    if (
        not isinstance(path, str)
        or not path.startswith("/")
        or path.startswith("//")
        or "://" in path
        or not {".", ".."}.isdisjoint(_decoded(path).split("/"))
    ):
        raise ConfigError(
            Text(
                "path: it starts with / and stays below base_url.",
                "path：必须以 / 开头且位于 base_url 之下。",
            )
        )

    decoded = _decoded(path)

    if (
        any(mark in path for mark in "?#")
        or any(mark in decoded for mark in "\\;")
        or not decoded.isprintable()
    ):
        raise ConfigError(
            Text(
                "path: no query, fragment, semicolon, backslash or control character;"
                " give query= instead.",
                "path：不得包含查询参数、片段、分号、反斜杠或控制字符；请使用 query=。",
            )
        )

    if [one for one in decoded.lower().split("/") if one.strip()] == _TOKEN_PATH:
        raise ConfigError(
            Text(
                "path: a token that is fetched there ends the session's at once"
                " (gateway.md 2.2).",
                "path：在此获取令牌会使会话的令牌立即失效（gateway.md 2.2）。",
            ),
            advice=Text(
                "Let the session fetch its token; several processes share one by"
                " token_store.",
                "请由会话获取令牌；多个进程可通过 token_store 共用一个令牌。",
            ),
        )

    return path


def moves_money(path: str) -> bool:
    """
    Tell whether a POST to *path* moves money, however it is written.
    """
    return operation_of(path) in _MONEY_PATH


def _decoded(path: str) -> str:
    """
    Return what servers make of *path*, one behind the other.
    """
    for _ in range(_MAX_DECODINGS):
        path = unquote(path)

    return path


def text_query(query: Any) -> Mapping[str, str]:
    """
    Return *query*, parameters of an address.

    Raises:
        ConfigError: It is no mapping of names to text.
    """
    if query is None:
        return {}

    if isinstance(query, Mapping) and all(
        isinstance(name, str) and isinstance(text, str) for name, text in query.items()
    ):
        return query

    raise ConfigError(
        Text(
            "query: it must be a mapping of names to text.",
            "query：必须是名称到文本的映射。",
        )
    )


@lru_cache(maxsize=256)
def encoded_address(address: str) -> str:
    """
    Return *address* percent-encoded; what is encoded already stays.

    Raises:
        ConfigError: It is longer than a request can carry.
    """
    quoted = quote(address, safe=_URL_CHARACTERS)

    quoted = _STRAY_PERCENT.sub("%25", quoted)

    if len(quoted) <= MAX_URL_CHARACTERS:
        return quoted

    raise _too_long()


def base_address(base_url: str) -> str:
    """
    Return the configured *base_url* in the form that is sent (RFC 3986, 6.2.2).
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""

    if ":" in host:
        host = f"[{host}]"

    if parts.port not in (None, DEFAULT_PORTS[parts.scheme]):
        host = f"{host}:{parts.port}"

    return f"{parts.scheme}://{host}{encoded_address(parts.path)}"


def origin_of(address: str) -> str:
    """
    Return scheme, host and port of *address*, with a slash behind.

    With the slash: a longer host or port is another origin.
    """
    return "/".join(address.split("/", 3)[:3]) + "/"


def _too_long() -> ConfigError:
    return ConfigError(
        Text(
            f"The address is no URL of at most {MAX_URL_CHARACTERS} characters.",
            f"地址不是长度不超过 {MAX_URL_CHARACTERS} 个字符的有效 URL。",
        ),
        advice=Text("Shorten ids, path and query.", "请缩短编号、path 和 query。"),
    )


def payment_in(path: str) -> str | None:
    """
    Return the payment that *path* names, None if it names none.
    """
    found = object_id_from_href(path)

    return found if found is not None and found.startswith("PAY_") else None
