"""
Deserialize: JSON values to received models, leniently, without losing anything.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from umfpay._codec._classes import UnusualError, members_of
from umfpay.models import ExchangeRate, OpenEnum, PayInfo, Received
from umfpay.protocol import JSONRefusedError, parse_json
from umfpay.sensitive import Private


_DATE_TEXT: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
# What amounts and rates look like: nothing absurd has room in it.
is_plain_number: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?").fullmatch
_NUMBER_TEXT: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_NO_NUMBER: Final = Decimal("NaN")
_MAX_TEXT_CHARACTERS: Final = 256
_MAX_DIGITS: Final = 64
MAX_EXPONENT: Final = 100
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

    Raises:
        MisfitError: It is neither; true and false are no numbers.
    """
    if isinstance(value, str):
        return value

    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise MisfitError("text", value)

    return str(value)


def read_decimal(value: object, _: Any = None) -> Decimal:
    """
    Take a number from text, int or Decimal, digits kept.

    Raises:
        MisfitError: It is none, is not finite, or has more than 64 digits or an exponent
            beyond 100.
    """
    number = _NO_NUMBER

    if isinstance(value, str):
        text = value.strip()

        if len(text) <= _MAX_TEXT_CHARACTERS and _NUMBER_TEXT.fullmatch(text):
            number = Decimal(text)
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)

    if (
        not number.is_finite()
        or abs(number.adjusted()) > MAX_EXPONENT
        or len(number.as_tuple().digits) > _MAX_DIGITS
    ):
        raise MisfitError("a number", value)

    return number


def read_int(value: object, _: Any = None) -> int:
    """
    Take a whole number.

    Raises:
        MisfitError: It is none.
    """
    number = read_decimal(value)

    if number != number.to_integral_value():
        raise MisfitError("a whole number", value)

    return int(number)


def read_bool(value: object, _: Any = None) -> bool:
    """
    Take true, "TRUE", "Y" and the like (gateway.md, trap 23).

    Raises:
        MisfitError: It is no such word.
    """
    if isinstance(value, bool):
        return value

    # A sample of the reference has curly quotes inside the text (gateway.md, trap 5).
    text = value.strip(' "“”') if isinstance(value, str) else ""
    word = _TRUTH_WORDS.get(text.lower())

    if word is None:
        raise MisfitError("true or false", value)

    return word


def read_moment(value: object, _: Any = None) -> date | datetime:
    """
    Take ``YYYYMMDD``, with or without dashes, or a moment in ISO 8601 (gateway.md, trap
    21).

    Raises:
        MisfitError: It is neither text nor a number.
        OddDateError: It is text of another form, or a day that no calendar has.
    """
    text = read_text(value).strip()
    day = _DATE_TEXT.fullmatch(text)

    try:
        return date(*map(int, day.groups())) if day else datetime.fromisoformat(text)
    except ValueError:
        raise OddDateError from None


def read_date(value: object, _: Any = None) -> date:
    """
    Take a date without a time.

    Raises:
        MisfitError: It is neither text nor a number.
        OddDateError: It is no date, or has a time.
    """
    day = read_moment(value)

    if isinstance(day, datetime):
        raise OddDateError

    return day


def read_enum(value: object, cls: type[OpenEnum]) -> OpenEnum:
    """
    Take a word, known or not.

    Raises:
        MisfitError: It is neither text nor a number.
    """
    return cls(read_text(value).strip())


def as_object(value: object, cls: type[Received]) -> dict[str, Any]:
    """
    Take an object, or the scalar that stands for one (gateway.md 6, amount, pay_info).

    Raises:
        MisfitError: It is neither.
    """
    found = value

    if cls is ExchangeRate and isinstance(value, str | int | Decimal):
        found = {"rate": value}
    elif cls is PayInfo and isinstance(value, str):
        with contextlib.suppress(JSONRefusedError):
            found = parse_json(value.encode("utf-8", "replace"))

    if isinstance(found, dict):
        return found

    raise MisfitError("an object", value)


SCALARS: Final[dict[type[Any], Callable[..., Any]]] = {
    str: read_text,
    Private: lambda value, _=None: Private(read_text(value)),
    Decimal: read_decimal,
    int: read_int,
    bool: read_bool,
    date: read_date,
    datetime: read_moment,
    OpenEnum: read_enum,
}


def read_several(value: object, read: Callable[[Any], Any]) -> tuple[Any, ...]:
    """
    Take a list; one object may stand for a list of one (gateway.md 5).

    Raises:
        MisfitError: An element does not fit; the error knows at which index.
    """
    results = []

    for index, given in enumerate(value if isinstance(value, list) else [value]):
        try:
            results += [] if is_absent(given) else [read(given)]
        except MisfitError as misfit:
            misfit.path.append(f"[{index}]")
            raise

    return tuple(results)


def read_object(structure: Callable[..., Any], value: Any, cls: Any) -> Any:
    """
    Read an object, whatever the names of its members.

    What is unknown, and a date of an odd form, is kept in *extra*.

    Args:
        structure: Called with a value and ``cl=``, the class of a member.

    Raises:
        MisfitError: A member does not fit, or one that is needed is missing.
    """
    given = as_object(value, cls)
    spellings = {name: one for one in members_of(cls) for name in one.names}
    recommended = {one.name for one in members_of(cls)}
    members: dict[str, Any] = {}
    extra: dict[str, Any] = {}

    for name in sorted(given, key=lambda name: name not in recommended):
        one = given[name]
        member = spellings.get(name.strip())

        if member is not None and is_absent(one):
            continue

        if member is None or member.name in members or member.name in extra:
            # Unknown, or another spelling of a member that is there.
            extra[name] = one

            continue

        try:
            read = partial(structure, cl=member.kinds[-1])
            members[member.name] = (
                read_several(one, read) if member.several else read(one)
            )
        except OddDateError:
            # By its own name, so that another spelling does not take its place.
            extra[member.name] = one
        except MisfitError as misfit:
            misfit.path.append(name.strip())
            raise

    if any(one.needed and one.name not in members for one in members_of(cls)):
        raise MisfitError("an object with an id", value)

    return cls(**members, extra=extra)
