"""
Checks of what the caller of one call may set.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from umfpay.errors import ConfigError, Text
from umfpay.protocol import object_id_from_href
from umfpay.transport import RESERVED_HEADERS


# RFC 9110: the characters of a header's name.
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_MONEY_CALLS: Final = ("/execute", "/refund")


def seconds_left(value: Any) -> float:
    """
    Return *value*, a deadline; one that has passed already is none of our business.

    Raises:
        ConfigError: It is no finite number: a call without a deadline is not possible.
    """
    if _is_finite(value):
        return float(value)

    raise ConfigError(
        Text(
            "deadline: it must be a finite number of seconds.",
            "deadline：必须是有限的秒数。",
        )
    )


def seconds_each(value: Any) -> float:
    """
    Return *value*, the time of one attempt.

    Raises:
        ConfigError: It is no finite number above 0.
    """
    if _is_finite(value) and value > 0:
        return float(value)

    raise ConfigError(
        Text("timeout: it must be seconds above 0.", "timeout：必须是大于 0 的秒数。")
    )


def _is_finite(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def header_lines(extra: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """
    Return *extra* headers as they go out.

    Raises:
        ConfigError: One is ours, or is no header.
    """
    if not isinstance(extra, Mapping):
        raise ConfigError(
            Text(
                "extra_headers: it must be a mapping of names to text.",
                "extra_headers：必须是名称到文本的映射。",
            )
        )

    return [_header_line(name, value) for name, value in extra.items()]


def _header_line(name: Any, value: Any) -> tuple[bytes, bytes]:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise ConfigError(
            Text("extra_headers: a name is no token.", "extra_headers：名称无效。")
        )

    if name.lower().encode() in RESERVED_HEADERS:
        raise ConfigError(
            Text(
                f"extra_headers: {name} is set by umfpay.",
                f"extra_headers：{name} 由 umfpay 设置。",
            )
        )

    if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
        raise ConfigError(
            Text(
                f"extra_headers: {name} must be printable ASCII text.",
                f"extra_headers：{name} 必须是可打印的 ASCII 文本。",
            )
        )

    return name.encode(), value.encode()


def local_path(path: Any) -> str:
    """
    Return *path*, an address below the base URL.

    Raises:
        ConfigError: It leads elsewhere, or holds a query, which would get into logs.
    """
    if (
        not isinstance(path, str)
        or not path.startswith("/")
        or path.startswith("//")
        or "://" in path
        or ".." in path.split("/")
    ):
        raise ConfigError(
            Text(
                "path: it starts with / and stays below base_url.",
                "path：必须以 / 开头且位于 base_url 之下。",
            )
        )

    if not path.isprintable() or any(mark in path for mark in "?#\\"):
        raise ConfigError(
            Text(
                "path: no query, fragment or control character; give query= instead.",
                "path：不得包含查询参数、片段或控制字符；请使用 query=。",
            )
        )

    return path


def moves_money(path: str) -> bool:
    """
    Tell whether a POST to *path* moves money.
    """
    return path.rstrip("/").endswith(_MONEY_CALLS)


def payment_in(path: str) -> str | None:
    """
    Return the payment that *path* names, None if it names none.
    """
    found = object_id_from_href(path)

    return found if found is not None and found.startswith("PAY_") else None
