"""
JSON, read strictly and written compactly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec


MAX_DEPTH: Final = 64
MAX_NUMBER: Final = 64  # characters
MAX_EXPONENT: Final = 100

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class JSONRefusedError(ValueError):
    """
    Raised when bytes are not the JSON we accept; its text never quotes them.
    """


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)

    if len(members) != len(pairs):
        raise JSONRefusedError("a member is repeated")

    return members


def _number(text: str) -> Decimal:
    if len(text) > MAX_NUMBER:
        raise JSONRefusedError("a number is absurd")

    try:
        number = Decimal(text)
    except InvalidOperation:
        raise JSONRefusedError("a number is absurd") from None

    exponent = number.as_tuple().exponent

    if not isinstance(exponent, int) or abs(number.adjusted()) > MAX_EXPONENT:
        raise JSONRefusedError("a number is absurd")

    return number


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER:
        raise JSONRefusedError("a number is absurd")

    return int(text)


def _constant(text: str) -> Any:
    raise JSONRefusedError(f"{text} is not JSON")


DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_number,
    parse_int=_integer,
    parse_constant=_constant,
)


def decode_text(body: bytes) -> str:
    """
    Return *body* as text: strict UTF-8, no byte order mark, no absurd nesting.

    Raises:
        JSONRefusedError: It is none of that.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        raise JSONRefusedError("a byte order mark is not JSON")

    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise JSONRefusedError("not UTF-8") from None

    check_depth(text)

    return text


def check_depth(text: str) -> None:
    """
    Refuse nesting deeper than `MAX_DEPTH`.
    """
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return

    depth = 0

    for mark in _TOKEN.findall(text):
        if mark in "{[":
            depth += 1

            if depth > MAX_DEPTH:
                raise JSONRefusedError("nested too deep")
        elif mark in "}]":
            depth -= 1


def check_text(text: str, value: Any) -> None:
    """
    Refuse half of a surrogate pair in *value*, which *text* gave.
    """
    if "\\u" not in text or _SURROGATE.search(text) is None:
        return

    try:
        json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        raise JSONRefusedError("half of a surrogate pair") from None


def parse_json(body: bytes) -> Any:
    """
    Read *body* strictly.

    UTF-8 without byte order mark, one value and nothing after it, no member twice, no
    absurd nesting or number; fractions are `Decimal`.

    Raises:
        JSONRefusedError: Says what is wrong, without quoting it.
    """
    text = decode_text(body)

    try:
        value = DECODER.decode(text)
    except JSONRefusedError:
        raise
    except (ValueError, RecursionError):
        raise JSONRefusedError("not JSON") from None

    check_text(text, value)

    return value


def _encode(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)

    raise TypeError(f"{type(value).__name__} is not JSON")


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=_encode)


def dump_json(value: object) -> bytes:
    """
    Write *value* as compact UTF-8: no white space, slashes and Chinese as they are.

    A `Decimal` is written as a number with all its digits.
    """
    return _ENCODER.encode(value)
