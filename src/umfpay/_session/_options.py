"""
Options of one call: checked once.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from umfpay.config import Config
from umfpay.errors import ConfigError, Text
from umfpay.resources import CallOptions
from umfpay.transport import RESERVED_HEADERS


_OPTION_NAMES: Final = frozenset(CallOptions.__annotations__)

# RFC 9110: the characters of a header's name.
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


# Not frozen: each call makes one, and that would double its time.
@attrs.define
class CallLimits:
    """
    The options of one call, checked.

    Args:
        timeout: Seconds for one attempt.
        deadline: End of the whole call, in the running loop's time.
        headers: More headers to send.
    """

    timeout: float
    deadline: float
    headers: Sequence[tuple[bytes, bytes]] = attrs.field(default=(), repr=False)


def limits_of(options: CallOptions, config: Config, *, now: float) -> CallLimits:
    """
    Return *options* with what the *config* says in their place.

    Args:
        now: The running loop's time.

    Raises:
        ConfigError: An option is unknown or cannot be meant.
    """
    headers: Sequence[tuple[bytes, bytes]] = ()

    if config.accept_language is not None:
        headers = ((b"Accept-Language", config.accept_language.encode()),)

    must_be_known_options(options)
    extra = options.get("extra_headers")
    limits = CallLimits(
        timeout=checked_timeout(options.get("timeout", config.timeout)),
        deadline=now + checked_deadline(options.get("deadline", config.deadline)),
        headers=headers,
    )

    return limits if extra is None else with_headers(limits, header_lines(extra))


def with_headers(limits: CallLimits, more: Sequence[tuple[bytes, bytes]]) -> CallLimits:
    """
    Return *limits* with *more* headers, before which those of the Config give way.
    """
    names = {name.lower() for name, _ in more}
    kept = (one for one in limits.headers if one[0].lower() not in names)

    return attrs.evolve(limits, headers=[*kept, *more])


def must_be_known_options(options: Mapping[str, Any]) -> None:
    """
    Refuse *options* that no call has: a mistyped deadline is no deadline.

    Raises:
        ConfigError: One is unknown; it names the nearest one that is known.
    """
    for name in options:
        if name in _OPTION_NAMES:
            continue

        known = sorted(_OPTION_NAMES)
        near = ", ".join(difflib.get_close_matches(name, known, n=1) or known)

        raise ConfigError(
            f"{name}: calls have no such option; there is {near}.",
            f"{name}：没有此选项；可用的是 {near}。",
            advice=Text(
                "Correct the name of the argument.",
                "请更正参数名称。",
            ),
        )


def checked_deadline(value: Any) -> float:
    """
    Return *value*, a deadline; one that has passed already is none of our business.

    Raises:
        ConfigError: It is no finite number: a call without a deadline is not possible.
    """
    if _is_finite(value):
        return float(value)

    raise ConfigError(
        "deadline: it must be a finite number of seconds.",
        "deadline：必须是有限的秒数。",
    )


def checked_timeout(value: Any) -> float:
    """
    Return *value*, the time of one attempt.

    Raises:
        ConfigError: It is no finite number above 0.
    """
    if _is_finite(value) and value > 0:
        return float(value)

    raise ConfigError(
        "timeout: it must be seconds above 0.", "timeout：必须是大于 0 的秒数。"
    )


def _is_finite(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False

    try:
        return math.isfinite(value)
    except OverflowError:
        # An int that no float can hold.
        return False


def header_lines(extra: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """
    Return *extra* headers as they go out.

    Raises:
        ConfigError: One is ours, or is no header.
    """
    if not isinstance(extra, Mapping):
        raise ConfigError(
            "extra_headers: it must be a mapping of names to text.",
            "extra_headers：必须是名称到文本的映射。",
        )

    return [header_line(name, value) for name, value in extra.items()]


def header_line(
    name: Any, value: Any, *, option: str = "extra_headers"
) -> tuple[bytes, bytes]:
    """
    Return a header as it goes out.

    Args:
        option: What errors call the place where it was given.

    Raises:
        ConfigError: It is ours, or is no header.
    """
    if not isinstance(name, str) or _HEADER_NAME.fullmatch(name) is None:
        raise ConfigError(f"{option}: a name is no token.", f"{option}：名称无效。")

    if name.lower().encode() in RESERVED_HEADERS:
        raise ConfigError(
            f"{option}: {name} is set by umfpay.", f"{option}：{name} 由 umfpay 设置。"
        )

    if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
        raise ConfigError(
            f"{option}: {name} must be printable ASCII text.",
            f"{option}：{name} 必须是可打印的 ASCII 文本。",
        )

    return name.encode(), value.encode()
