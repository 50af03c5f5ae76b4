"""
Deserialize: JSON values to received models, leniently, without losing anything.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import attrs

from umfpay._codec._source import UnusualError
from umfpay.models import ExchangeRate, OpenEnum, PayInfo, Received
from umfpay.protocol import JSONRefusedError, parse_json
from umfpay.sensitive import Private


_DATE_TEXT: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
# What amounts and rates look like: nothing absurd has room in it.
is_plain_number: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?").fullmatch
_NUMBER_TEXT: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_MAX_TEXT_CHARACTERS: Final = 256
_MAX_DIGITS: Final = 64
_MAX_EXPONENT: Final = 100
_TRUTH_WORDS: Final = {
    **dict.fromkeys(("true", "y", "1"), True),
    **dict.fromkeys(("false", "n", "0"), False),
}


class MisfitError(UnusualError):
    """
    Raised when a value cannot be what its place asks for; *path* grows outward.
    """

    def __init__(self, wanted: str, value: object) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.found = type(value).__name__
        self.path: list[str] = []

    def __str__(self) -> str:
        where = ".".join(reversed(self.path)).replace(".[", "[")

        return f"{where or 'the object'} is {self.found}"


class OddDateError(UnusualError):
    """
    Raised when a date has a form nobody documented; the member then stays in *extra*.
    """


def is_absent(value: object) -> bool:
    """
    Tell whether *value* stands for nothing: null, or text without a word (gateway.md,
    trap 40).
    """
    return value is None or (isinstance(value, str) and not value.strip())


def read_text(value: object, _: Any = None) -> str:
    """
    Take text, or a number whose text it is.
    """
    if isinstance(value, str):
        return value

    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise MisfitError("text", value)

    return str(value)


def read_decimal(value: object, _: Any = None) -> Decimal:
    """
    Take a number from text, int or Decimal, digits kept.
    """
    if isinstance(value, str) and is_plain_number(value):
        return Decimal(value)

    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise MisfitError("a number", value)

    if isinstance(value, str):
        text = value.strip()

        if len(text) > _MAX_TEXT_CHARACTERS or _NUMBER_TEXT.fullmatch(text) is None:
            raise MisfitError("a number", value)

        number = Decimal(text)
    else:
        number = Decimal(value)

    if _is_absurd(number):
        raise MisfitError("a number", value)

    return number


def _is_absurd(number: Decimal) -> bool:
    return (
        not number.is_finite()
        or abs(number.adjusted()) > _MAX_EXPONENT
        or len(number.as_tuple().digits) > _MAX_DIGITS
    )


def read_int(value: object, _: Any = None) -> int:
    """
    Take a whole number.
    """
    number = read_decimal(value)

    if number != number.to_integral_value():
        raise MisfitError("a whole number", value)

    return int(number)


def read_bool(value: object, _: Any = None) -> bool:
    """
    Take true, "TRUE", "Y" and the like (gateway.md, trap 23).
    """
    if isinstance(value, bool):
        return value

    # A sample of the reference has curly quotes inside the text (gateway.md, trap 5).
    text = value.strip(' "“”') if isinstance(value, str) else ""
    word = _TRUTH_WORDS.get(text.lower())

    if word is None:
        raise MisfitError("true or false", value)

    return word


def read_date(value: object, _: Any = None) -> date:
    """
    Take ``YYYYMMDD``, with or without dashes.
    """
    match = _DATE_TEXT.fullmatch(read_text(value).strip())

    if match is None:
        raise OddDateError

    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        raise OddDateError from None


def read_moment(value: object, _: Any = None) -> date | datetime:
    """
    Take a date, or a moment in ISO 8601 (gateway.md, trap 21).
    """
    text = read_text(value).strip()

    if _DATE_TEXT.fullmatch(text) is not None:
        return read_date(text)

    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise OddDateError from None


def read_private(value: object, _: Any = None) -> Private:
    """
    Take text that is hidden from logs.
    """
    return Private(read_text(value))


def read_enum(value: object, cls: type[OpenEnum]) -> OpenEnum:
    """
    Take a word, known or not.
    """
    return cls(read_text(value).strip())


def as_object(value: object, cls: type[Received]) -> dict[str, Any]:
    """
    Take an object, or the scalar that stands for one (gateway.md 6, amount, pay_info).
    """
    if isinstance(value, dict):
        return value

    if cls is ExchangeRate and isinstance(value, str | int | Decimal):
        return {"rate": value}

    if cls is PayInfo and isinstance(value, str):
        try:
            parsed = parse_json(value.encode("utf-8", "replace"))
        except JSONRefusedError:
            parsed = None

        if isinstance(parsed, dict):
            return parsed

    raise MisfitError("an object", value)


SCALARS: Final[dict[type[Any], Callable[..., Any]]] = {
    str: read_text,
    Private: read_private,
    Decimal: read_decimal,
    int: read_int,
    bool: read_bool,
    date: read_date,
    datetime: read_moment,
}


def member_names(cls: Any) -> dict[str, tuple[str, ...]]:
    """
    Return all names of each member of an attrs class, the recommended one first.
    """
    return {
        field.name: (field.name, *field.metadata.get("wire", ()))
        for field in attrs.fields(cls)
        if field.name != "extra"
    }


def is_tuple(hint: Any) -> bool:
    """
    Tell whether a member with that type *hint* holds several.
    """
    return typing.get_origin(hint) is tuple


def read_several(value: object, read: Callable[[Any], Any]) -> tuple[Any, ...]:
    """
    Take a list; one object may stand for a list of one (gateway.md 5).
    """
    values = value if isinstance(value, list) else [value]
    results = []

    for index, given in enumerate(values):
        if is_absent(given):
            continue

        try:
            results.append(read(given))
        except MisfitError as misfit:
            misfit.path.append(f"[{index}]")
            raise

    return tuple(results)
