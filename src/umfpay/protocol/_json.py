"""
Strict JSON parser and compact JSON writer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, cast

import msgspec


MAX_DEPTH: Final = 64
MAX_NUMBER_CHARACTERS: Final = 64  # characters
MAX_EXPONENT: Final = 100
MAX_EXPONENT_CHARACTERS: Final = (
    5  # characters: more is no number that Decimal can hold
)

# A string that never ends is one mark too: nothing is looked at twice.
_STRUCTURE_MARK: Final = re.compile(r'"(?>[^"\\]+|\\.)*"?|[\[\]{}]', re.S)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
# What a number is written as when it is not plain digits; strings may hold it too.
_UNUSUAL_NUMBER: Final = re.compile(rb"[0-9]E[-+0-9]|NaN|Infinity|null")


class JSONRefusedError(ValueError):
    """
    Raised when something is not the JSON we accept; its text never quotes it.
    """


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)

    if len(members) != len(pairs):
        raise JSONRefusedError("a member is repeated")

    return members


def _fraction(text: str) -> Decimal:
    exponent = text.lower().partition("e")[2]

    if len(text) <= MAX_NUMBER_CHARACTERS and len(exponent) <= MAX_EXPONENT_CHARACTERS:
        number = Decimal(text)

        # 1e999999999 is a Decimal, and as an int a way to fill the memory.
        if abs(number.adjusted()) <= MAX_EXPONENT:
            return number

    raise JSONRefusedError("a number is absurd")


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise JSONRefusedError("a number is absurd")

    return int(text)


def _constant(text: str) -> Any:
    raise JSONRefusedError(f"{text} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_fraction,
    parse_int=_integer,
    parse_constant=_constant,
)

# The C scanner: one value from an index on, and the index after it.
scan_once: Final[Callable[[str, int], tuple[Any, int]]] = _DECODER.scan_once  # type: ignore[attr-defined]  # not in typeshed


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
        text = None  # that error holds the body: it must not be anybody's context

    if text is None:
        raise JSONRefusedError("it is not UTF-8")

    _check_depth(text)

    return text


def _check_depth(text: str) -> None:
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return

    depth = 0

    for found in _STRUCTURE_MARK.finditer(text):
        mark = found[0]

        if mark in "{[":
            depth += 1

            if depth > MAX_DEPTH:
                raise JSONRefusedError("it is nested too deep")
        elif mark in "}]":
            depth -= 1


def refuse_half_pairs(text: str, value: Any) -> None:
    """
    Refuse half of a surrogate pair in *value*, which *text* gave.

    Raises:
        JSONRefusedError: Nobody could write that text again.
    """
    if "\\u" not in text or _SURROGATE.search(text) is None:
        return

    half = False

    try:
        json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError:
        half = True

    if half:
        raise JSONRefusedError("half of a surrogate pair")


# Digits are 0, brackets that open are {, all else is blank: what msgspec does not mind
# and we do, numbers and depths without end, is looked for in that.
_MARKS: Final = bytes(
    ord("0" if byte in b"0123456789" else "{" if byte in b"{[" else " ")
    for byte in range(256)
)
_EXACT_DECODER: Final = msgspec.json.Decoder(float_hook=_fraction)
_LONG_NUMBER: Final = b"0" * (MAX_NUMBER_CHARACTERS + 1)


def parse_exact(body: bytes) -> dict[str, Any] | None:
    """
    Return the object *body* if it is, byte for byte, how msgspec writes that object.

    It then has no white space and no member twice, and nothing stands after it. What
    is None may be JSON all the same.
    """
    marks = body.translate(_MARKS)

    if _LONG_NUMBER in marks:
        return None

    try:
        value = _EXACT_DECODER.decode(body)
        exact = type(value) is dict and _ENCODER.encode(value) == body
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None

    # Few answers hold so many brackets that they could be nested too deep.
    if not exact or (marks.count(b"{") > MAX_DEPTH and _is_nested_deep(value)):
        return None

    return cast("dict[str, Any]", value)


def _is_nested_deep(value: Any) -> bool:
    level = [value]

    for _ in range(MAX_DEPTH):
        level = [
            one
            for holder in level
            for one in (holder.values() if type(holder) is dict else holder)
            if type(one) is dict or type(one) is list
        ]

    return bool(level)


def parse_json(body: bytes) -> Any:
    """
    Read *body* strictly.

    UTF-8 without byte order mark, one value and nothing after it, no member twice, no
    absurd nesting or number; fractions are `Decimal`.

    Raises:
        JSONRefusedError: Says what is wrong, without quoting it.
    """
    value = parse_exact(body)

    if value is not None:
        return value

    text = decode_text(body)
    done = False

    try:
        value = _DECODER.decode(text)
        done = True
    except JSONRefusedError:
        raise
    except (ValueError, RecursionError):
        done = False  # that error holds the text: it must not be anybody's context

    if not done:
        raise JSONRefusedError("it is not JSON")

    refuse_half_pairs(text, value)

    return value


def _encode(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)

    raise TypeError(f"{type(value).__name__} is not JSON")


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=_encode)


def dump_json(value: object) -> bytes:
    """
    Write *value* as compact UTF-8: no white space, slashes and Chinese as they are.

    A `Decimal` is written as a number with all its digits: 100, never 1E+2.

    Raises:
        JSONRefusedError: A number is not finite, or text has half of a surrogate pair.
        TypeError: Something has no JSON form.
    """
    body, plain = b"", False

    try:
        body = _ENCODER.encode(value)
        plain = _UNUSUAL_NUMBER.search(body) is None
    except UnicodeEncodeError:
        plain = True  # that error holds the text: it must not be anybody's context
    except ValueError:
        pass  # msgspec 0.23 refuses numbers that are not finite, older ones write them

    if not plain:
        body = _encode_unusual(_with_plain_numbers(value))

    if not body:
        raise JSONRefusedError("half of a surrogate pair")

    return body


def _encode_unusual(value: Any) -> bytes:
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return b""


def _with_plain_numbers(value: Any) -> Any:
    """
    Return *value* with each `Decimal` as the digits to write.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise JSONRefusedError("a number is not finite")

    if isinstance(value, Decimal):
        if not value.is_finite():
            raise JSONRefusedError("a number is not finite")

        return msgspec.Raw(format(value, "f").encode("ascii"))

    if isinstance(value, Mapping):
        return {name: _with_plain_numbers(member) for name, member in value.items()}

    if isinstance(value, list | tuple):
        return [_with_plain_numbers(member) for member in value]

    return value
