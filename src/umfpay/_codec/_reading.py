"""
Deserialize: JSON values to received models, leniently, without losing anything.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from umfpay.models import ExchangeRate, OpenEnum, PayInfo, Received
from umfpay.protocol import JSONRefusedError, parse_json
from umfpay.sensitive import Private


if TYPE_CHECKING:
    from cattrs import Converter

_DATE_TEXT: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
# What amounts and rates look like: nothing absurd has room in it.
_PLAIN_NUMBER: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
_NUMBER_TEXT: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_MAX_TEXT_CHARACTERS: Final = 256
_MAX_DIGITS: Final = 64
_MAX_EXPONENT: Final = 100
_TRUTH_WORDS: Final = {
    **dict.fromkeys(("true", "y", "1"), True),
    **dict.fromkeys(("false", "n", "0"), False),
}


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
        where = ".".join(reversed(self.path)).replace(".[", "[")

        return f"{where or 'the object'} is {self.found}"


class OddDateError(Exception):
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
    if isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value) is not None:
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


class ObjectReader:
    """
    Makes one class of objects from objects of the wire.

    Names are stripped of blanks (gateway.md, trap 5), variants mapped, the unknown kept
    in *extra*.
    """

    def __init__(self, converter: Converter, cls: type[Received]) -> None:
        self._class = cls
        self._members: dict[str, str] = {}
        self._read: dict[str, Callable[[Any], Any]] = {}
        # Of a class that checks and converts nothing, a copy of these is an object.
        self._defaults: dict[str, Any] = {}
        self._required: set[str] = set()
        hints = typing.get_type_hints(cls)

        for field in attrs.fields(cls):
            if field.name == "extra":
                continue

            self._read[field.name] = _member_hook(converter, hints[field.name])

            if field.default is attrs.NOTHING:
                self._required.add(field.name)
            else:
                self._defaults[field.name] = field.default

            for name in (*field.metadata.get("wire", ()), field.name):
                self._members[name] = field.name

    def __call__(self, value: Any, _: Any = None) -> Any:
        given = value if isinstance(value, dict) else _as_object(value, self._class)
        members: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        find = self._read.get

        # Nearly every answer: recommended names only, so that no two mean the same.
        for name, one in given.items():
            read = find(name)

            if read is None:
                return self._read_unusual(given)

            if type(one) is str:
                if not one or one.isspace():
                    continue

                if read is read_text:
                    members[name] = one

                    continue
            elif one is None:
                continue

            try:
                members[name] = read(one)
            except OddDateError:
                extra[name] = one
            except MisfitError as misfit:
                misfit.path.append(name)
                raise

        return self._build(members, extra, value)

    def _read_unusual(self, given: dict[str, Any]) -> Any:
        members: dict[str, Any] = {}
        extra: dict[str, Any] = {}

        for name, member in self._recommended_first(given):
            if member is not None and is_absent(given[name]):
                continue

            if member is None or member in members or member in extra:
                # Unknown, or another spelling of a member that is there.
                extra[name] = given[name]

                continue

            try:
                members[member] = self._read[member](given[name])
            except OddDateError:
                # By its own name, so that another spelling does not take its place.
                extra[member] = given[name]
            except MisfitError as misfit:
                misfit.path.append(name.strip())
                raise

        return self._build(members, extra, given)

    def _build(
        self, members: dict[str, Any], extra: dict[str, Any], value: object
    ) -> Any:
        if not self._required <= members.keys():
            raise MisfitError("an object with an id", value)

        # What __init__ would do, at a fifth of its cost (docs: benchmarks).
        made = object.__new__(self._class)
        made.__dict__.update({**self._defaults, **members, "extra": extra})

        return made

    def _recommended_first(self, given: dict[str, Any]) -> list[tuple[str, str | None]]:
        names = [
            (name, self._members.get(name) or self._members.get(name.strip()))
            for name in given
        ]

        return sorted(names, key=lambda pair: pair[0] != pair[1])


def _as_object(value: object, cls: type[Received]) -> dict[str, Any]:
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


def _member_hook(converter: Converter, hint: Any) -> Callable[[Any], Any]:
    options = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]

    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        if options == [date, datetime]:
            return read_moment

        (hint,) = options

    if typing.get_origin(hint) is tuple:
        one = _member_hook(converter, typing.get_args(hint)[0])

        return lambda value: _read_several(value, one)

    if isinstance(hint, type) and issubclass(hint, OpenEnum):
        return _enum_hook(hint)

    hook = converter.get_structure_hook(hint)

    # Ours need no class: a layer less, many times in each answer.
    if isinstance(hook, ObjectReader | types.FunctionType):
        return cast("Callable[[Any], Any]", hook)

    return lambda value: hook(value, hint)


def _enum_hook(cls: type[OpenEnum]) -> Callable[[Any], Any]:
    known: dict[Any, OpenEnum] = {str(member): member for member in cls}

    def read(value: Any) -> Any:
        found = known.get(value) if isinstance(value, str) else None

        return read_enum(value, cls) if found is None else found

    return read


def _read_several(value: object, one: Callable[[Any], Any]) -> tuple[Any, ...]:
    # One object may stand for a list of one (gateway.md 5: singular and plural).
    values = value if isinstance(value, list) else [value]
    results = []

    for index, given in enumerate(values):
        if is_absent(given):
            continue

        try:
            results.append(one(given))
        except MisfitError as misfit:
            misfit.path.append(f"[{index}]")
            raise

    return tuple(results)
