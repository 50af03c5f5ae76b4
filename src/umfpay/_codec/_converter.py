"""
The careful reader and writer, a cattrs converter: the only door to cattrs.

Generated code does the ordinary work (`_readers`, `_writers`). This decides what becomes
of odd objects, and makes all errors; cattrs is imported when the first of them comes.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs

from umfpay._codec import _reading as reading
from umfpay._codec._source import member_hints
from umfpay._codec._writing import (
    EncodeOptions,
    Members,
    cannot_be_sent,
    digits,
    form_of,
    refuse,
    wire_text,
    write_money,
)
from umfpay.models import Money, OpenEnum, Received
from umfpay.sensitive import Private, Sealed, Secret


if TYPE_CHECKING:
    from cattrs import Converter

DEFAULT_OPTIONS = EncodeOptions()


def configure_converter(converter: Converter, options: EncodeOptions) -> None:
    """
    Teach *converter* the gateway's forms.
    """
    # By class, not by predicate: cattrs looks at its own hooks for str and int first,
    # and bool and every StrEnum would fall to those. OpenEnum is nearer than str.
    for kind, hook in reading.SCALARS.items():
        converter.register_structure_hook(kind, hook)

    converter.register_structure_hook(date | datetime | None, reading.read_moment)
    converter.register_structure_hook(OpenEnum, reading.read_enum)
    converter.register_structure_hook_factory(
        _is_a(Received), lambda t: ObjectReader(converter, t)
    )
    converter.register_structure_hook_func(
        reading.is_tuple,
        lambda value, t: reading.read_several(
            value, lambda one: converter.structure(one, typing.get_args(t)[0])
        ),
    )
    Writer(converter, options).register(converter)


def _is_a(kind: type[Any]) -> Callable[[Any], bool]:
    # Hints are no classes always.
    return lambda hint: isinstance(hint, type) and issubclass(hint, kind)


def make_converter(options: EncodeOptions = DEFAULT_OPTIONS) -> Converter:
    """
    Return the converter for *options*, made once.
    """
    return _converter(options)


@cache
def _converter(options: EncodeOptions) -> Converter:
    # Imported when it is used: an ordinary call has no need of it.
    from cattrs import Converter

    converter = Converter()
    configure_converter(converter, options)

    return converter


class ObjectReader:
    """
    Reads objects of one class, whatever their names; cattrs reads each member.
    """

    def __init__(self, converter: Converter, cls: type[Received]) -> None:
        self._structure = converter.structure
        self._class = cls
        self._hints = member_hints(cls)
        self._members = {
            name: member
            for member, names in reading.member_names(cls).items()
            for name in names
        }

    def __call__(self, value: Any, _: Any = None) -> Any:
        given = reading.as_object(value, self._class)
        members: dict[str, Any] = {}
        extra: dict[str, Any] = {}

        for name, member in self._recommended_first(given):
            if member is not None and reading.is_absent(given[name]):
                continue

            if member is None or member in members or member in extra:
                # Unknown, or another spelling of a member that is there.
                extra[name] = given[name]

                continue

            try:
                members[member] = self._structure(given[name], self._hints[member])
            except reading.OddDateError:
                # By its own name, so that another spelling does not take its place.
                extra[member] = given[name]
            except reading.MisfitError as misfit:
                misfit.path.append(name.strip())
                raise

        try:
            return self._class(**members, extra=extra)
        except TypeError:
            raise reading.MisfitError("an object with an id", value) from None

    def _recommended_first(self, given: dict[str, Any]) -> list[tuple[str, str | None]]:
        names = [
            (name, self._members.get(name) or self._members.get(name.strip()))
            for name in given
        ]

        return sorted(names, key=lambda pair: pair[0] != pair[1])


class Writer:
    """
    Turns whatever we send, and everything read, into JSON values, or refuses it.
    """

    def __init__(self, converter: Converter, options: EncodeOptions) -> None:
        self._write = converter.unstructure
        self._options = options

    def register(self, converter: Converter) -> None:
        """
        Make *converter* write by these methods.
        """
        # What no hook below knows is refused: cattrs would take sets and floats.
        converter.register_unstructure_hook_func(lambda _: True, refuse)
        converter.register_unstructure_hook_func(attrs.has, self.members)
        converter.register_unstructure_hook_func(_is_a(Received), self.received)
        converter.register_unstructure_hook_func(_is_a(OpenEnum), str.__str__)
        converter.register_unstructure_hook_func(_is_a(Mapping), self.mapping)
        hooks: dict[type[Any], Callable[[Any], Any]] = {
            Money: write_money,
            Sealed: lambda value: value.ciphertext,
            # These stay hidden until the bytes are written: see encode().
            Private: lambda value: value,
            Secret: lambda value: value,
            Decimal: digits,
            datetime: wire_text,
            date: wire_text,
            timedelta: wire_text,
            tuple: self.several,
            list: self.several,
            dict: self.mapping,
            str: str.__str__,
            int: lambda value: value,
            type(None): lambda value: value,
            bytes: refuse,
        }

        for cls, hook in hooks.items():
            converter.register_unstructure_hook(cls, hook)

    def members(self, value: Any) -> Members:
        """
        Write what is there; numbers and truth values of ours are text on the wire.
        """
        result: Members = {}

        for field in attrs.fields(type(value)):
            given = getattr(value, field.name)

            if given is None or given == ():
                continue

            if isinstance(given, int):
                given = wire_text(given)

            result[field.name] = self._write(given)

        form = form_of(type(value), self._options)

        return result if form is None else form(result)

    def received(self, value: Received) -> Members:
        """
        Write an object that was read, unknown members as they came.
        """
        result: Members = {}

        for field in attrs.fields(type(value)):
            given = getattr(value, field.name)

            if field.name == "extra" or given is None or given == ():
                continue

            # All digits as they came, an exponent too.
            result[field.name] = (
                str(given) if isinstance(given, Decimal) else self._write(given)
            )

        return {**value.extra, **result}

    def several(self, value: Any) -> list[Any]:
        """
        Write a list.
        """
        return [self._write(one) for one in value]

    def mapping(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        """
        Write an object that the caller built, without what is None.
        """
        if not all(isinstance(name, str) for name in value):
            raise cannot_be_sent("dict")

        return {
            name: self._write(one) for name, one in value.items() if one is not None
        }
