"""
Arguments of calls, checked before anything is sent: options, objects, counts, days.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, TypedDict, TypeVar

import attrs

from umfpay.config import Config
from umfpay.errors import ConfigError, InvalidValueError, Text
from umfpay.models import NewCustomsDeclaration, NewPayment, NewRefund
from umfpay.sensitive import kind_of
from umfpay.transport import RESERVED_HEADERS


T = TypeVar("T")
New = TypeVar("New", NewPayment, NewRefund, NewCustomsDeclaration)
HeaderLines = Sequence[tuple[bytes, bytes]]

# RFC 9110: the characters of a header's name.
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class CallOptions(TypedDict, total=False):
    """
    What every call takes.

    *timeout* is seconds for one attempt, *deadline* seconds for the whole call, token
    and retries included; *extra_headers* are added to the request and override none
    of ours.

    With a journal: *intent_id* is what the shop wants by a write, in its own words; while
    a call with it is open, or was carried out, no other one is sent. *take_over* goes on
    with the journal's row of the same intent if nobody knows its end.
    """

    timeout: float
    deadline: float
    extra_headers: Mapping[str, str]
    intent_id: str | None
    take_over: bool


_MAX_INTENT_CHARACTERS: Final = 150
_NAMES: Final = sorted(CallOptions.__annotations__)


def checked_options(
    options: CallOptions, config: Config
) -> tuple[float, float, HeaderLines]:
    """
    Return *options* with what the *config* says in their place.

    A deadline that has passed already is none of our business.

    Returns:
        Seconds for one attempt, seconds for the whole call, and headers to send.

    Raises:
        ConfigError: An option is unknown (a mistyped deadline is no deadline), or
            cannot be meant: a call without a deadline is not possible.
    """
    unknown = next((name for name in options if name not in _NAMES), None)

    if unknown is not None:
        near = difflib.get_close_matches(unknown, _NAMES, n=1) or _NAMES

        raise ConfigError.of(
            unknown,
            f"calls have no such option; there is {', '.join(near)}",
            f"没有此选项；可用的是 {', '.join(near)}",
            advice=Text("Correct the name of the argument.", "请更正参数名称。"),
        )

    timeout = options.get("timeout", config.timeout)
    deadline = options.get("deadline", config.deadline)
    extra = options.get("extra_headers", {})

    if not _is_finite(timeout) or timeout <= 0:
        raise ConfigError.of(
            "timeout", "it must be seconds above 0", "必须是大于 0 的秒数"
        )

    if not _is_finite(deadline):
        raise ConfigError.of(
            "deadline",
            "it must be a finite number of seconds",
            "必须是有限的秒数",
        )

    if not isinstance(extra, Mapping):
        raise ConfigError.of(
            "extra_headers",
            "it must be a mapping of names to text",
            "必须是名称到文本的映射",
        )

    _check_intent_id(options.get("intent_id"))
    headers = header_lines(extra.items(), config, option="extra_headers")

    return float(timeout), float(deadline), headers


def _check_intent_id(value: Any) -> None:
    if value is None or (
        isinstance(value, str)
        and value.strip()
        and value.isprintable()
        and len(value) <= _MAX_INTENT_CHARACTERS
    ):
        return

    raise ConfigError.of(
        "intent_id",
        f"printable text of 1 to {_MAX_INTENT_CHARACTERS} characters is needed",
        f"必须是 1 至 {_MAX_INTENT_CHARACTERS} 个可打印字符",
    )


def header_lines(
    given: Iterable[tuple[Any, Any]], config: Config, *, option: str
) -> HeaderLines:
    """
    Return *given* headers as they go out, and that of the *config* unless one has its
    name.

    Args:
        option: What errors call the place where they were given.

    Raises:
        ConfigError: One is ours, or is no header.
    """
    lines = [_header_line(name, value, option) for name, value in given]
    names = {name.lower() for name, _ in lines}

    if config.accept_language is None or b"accept-language" in names:
        return lines

    return [(b"Accept-Language", config.accept_language.encode()), *lines]


def _header_line(name: Any, value: Any, option: str) -> tuple[bytes, bytes]:
    if not isinstance(name, str) or _HEADER_NAME.fullmatch(name) is None:
        raise ConfigError.of(option, "a name is no token", "名称无效")

    if name.lower().encode() in RESERVED_HEADERS:
        raise ConfigError.of(
            option, f"{name} is set by umfpay", f"{name} 由 umfpay 设置"
        )

    if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
        raise ConfigError.of(
            option,
            f"{name} must be printable ASCII text",
            f"{name} 必须是可打印的 ASCII 文本",
        )

    return name.encode(), value.encode()


def _is_finite(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False

    try:
        return math.isfinite(value)
    except OverflowError:
        # An int that no float can hold.
        return False


def needed_object(name: str, value: T, kind: type[T]) -> T:
    """
    Return *value*, an object of *kind*.

    Raises:
        ConfigError: It is something else; the gateway would get an empty shell.
    """
    if isinstance(value, kind):
        return value

    # The type alone: the value may be a card number in a wrong place.
    given = kind_of(value)

    raise InvalidValueError.of(
        name,
        f"a {kind.__name__} is needed, not {given}",
        f"需要 {kind.__name__}，而不是 {given}",
    )


def needed_count(name: str, value: int) -> int:
    """
    Return *value*, a whole number from 1.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value

    raise InvalidValueError.of(
        name, "whole numbers start at 1", "必须是从 1 开始的整数"
    )


def wire_date(value: date) -> str:
    """
    Return *value* as ``YYYYMMDD``, the gateway's form of a business date.

    Raises:
        ConfigError: It is no day; a moment is the day before somewhere.
    """
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidValueError(
            "A datetime.date is needed.", "需要 datetime.date 日期。"
        )

    return value.isoformat().replace("-", "")


def with_addresses(new: New, **configured: str | None) -> New:
    """
    Return *new* with the addresses of the settings where it has none itself.

    Args:
        configured: By the name of the member; None is not configured.
    """
    missing: dict[str, Any] = {
        name: url
        for name, url in configured.items()
        if url is not None and getattr(new, name) is None
    }

    return attrs.evolve(new, **missing) if missing else new
