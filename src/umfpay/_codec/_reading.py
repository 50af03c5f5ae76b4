"""
From JSON values to what we read: lenient, and nothing is lost.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.models import ExchangeRate, OpenEnum, PayInfo, Received
from umfpay.protocol import JSONRefusedError, parse_json
from umfpay.sensitive import Private


if TYPE_CHECKING:
    from cattrs import Converter

Hook = Callable[[Any, Any], Any]

_DAY: Final = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_WORDS: Final = {"true": True, "y": True, "1": True, "false": False, "n": False}
_WORDS["0"] = False


class MisfitError(Exception):
    """
    Raised when a value cannot be what its place asks for; *path* grows outward.
    """

    def __init__(self, wanted: str, value: object) -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.found = type(value).__name__
        self.path: list[str] = []

    def __str__(self) -> str:
        return f"{'.'.join(reversed(self.path)) or 'the answer'} is {self.found}"


class OddDateError(Exception):
    """
    Raised when a date has a form nobody documented; the member then stays in *extra*.
    """


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
    if isinstance(value, Decimal):
        return value

    if isinstance(value, str | int) and not isinstance(value, bool):
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value)
        except InvalidOperation:
            raise MisfitError("a number", value) from None

        if number.is_finite() and abs(number.adjusted()) <= 100:
            return number

    raise MisfitError("a number", value)


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
    Take true, "TRUE", "Y" and the like (trap 23).
    """
    if isinstance(value, bool):
        return value

    word = _WORDS.get(value.strip().lower()) if isinstance(value, str) else None

    if word is None:
        raise MisfitError("true or false", value)

    return word


def read_date(value: object, _: Any = None) -> date:
    """
    Take ``YYYYMMDD``, with or without dashes.
    """
    match = _DAY.fullmatch(read_text(value).strip())

    if match is None:
        raise OddDateError

    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        raise OddDateError from None


def read_moment(value: object, _: Any = None) -> date | datetime:
    """
    Take a date, or a moment in ISO 8601 (trap 21).
    """
    text = read_text(value).strip()

    if _DAY.fullmatch(text) is not None:
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


def read_mapping(value: object, _: Any = None) -> Mapping[str, Any]:
    """
    Take an object as it stands.
    """
    if not isinstance(value, dict):
        raise MisfitError("an object", value)

    return value


def received_hook(converter: Converter, cls: type[Received]) -> Hook:
    """
    Return the function that makes *cls* from an object of the wire.

    Names are stripped of blanks (trap 5), variants mapped, the unknown kept in *extra*.
    """
    hints = typing.get_type_hints(cls)
    table: dict[str, tuple[str, Callable[[Any], Any]]] = {}

    for field in attrs.fields(cls):
        if field.name == "extra":
            continue

        read = _member_hook(converter, hints[field.name])

        for name in (*field.metadata.get("wire", ()), field.name):
            table[name] = (field.name, read)

    def make(value: Any, _: Any = None) -> Any:
        if not isinstance(value, dict):
            value = _as_object(value, cls)

        members: dict[str, Any] = {}
        extra: dict[str, Any] = {}

        for name, given in value.items():
            entry = table.get(name) or table.get(name.strip())

            if entry is None:
                extra[name] = given

                continue

            member, read = entry

            if given is None or given == "":
                continue

            if member in members:
                # Two spellings of one member: the recommended one wins.
                extra[name] = given

                continue

            try:
                members[member] = read(given)
            except OddDateError:
                extra[name] = given
            except MisfitError as misfit:
                misfit.path.append(name)
                raise

        try:
            return cls(extra=extra, **members)
        except TypeError:
            raise MisfitError("an object with an id", value) from None

    return make


def _as_object(value: object, cls: type[Received]) -> dict[str, Any]:
    if cls is ExchangeRate and isinstance(value, str | int | Decimal):
        return {"rate": value}

    if cls is PayInfo and isinstance(value, str):
        try:
            parsed = parse_json(value.encode())
        except JSONRefusedError:
            parsed = None

        if isinstance(parsed, dict):
            return parsed

    raise MisfitError("an object", value)


def _member_hook(converter: Converter, hint: Any) -> Callable[[Any], Any]:
    options = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]

    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        if options == [date, datetime]:
            return read_moment

        (hint,) = options

    if typing.get_origin(hint) is tuple:
        one = _member_hook(converter, typing.get_args(hint)[0])

        return lambda value: _read_several(value, one)

    hook = converter.get_structure_hook(hint)

    return lambda value: hook(value, hint)


def _read_several(value: object, one: Callable[[Any], Any]) -> tuple[Any, ...]:
    # One object may stand for a list of one (notes 5: singular and plural).
    values = value if isinstance(value, list) else [value]
    results = []

    for index, given in enumerate(values):
        if given is None or given == "":
            continue

        try:
            results.append(one(given))
        except MisfitError as misfit:
            misfit.path.append(f"[{index}]")
            raise

    return tuple(results)
