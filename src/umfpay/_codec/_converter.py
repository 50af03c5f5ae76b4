"""
The careful reader and writer, a cattrs converter: the only door to cattrs.

Generated code does the ordinary work (`_readers`, `_writers`). This decides what becomes
of odd objects, and makes all errors; cattrs is imported when the first of them comes.
"""

from __future__ import annotations

import typing
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from umfpay._codec import _reading as reading
from umfpay._codec._source import member_hints
from umfpay._codec._writing import EncodeOptions, Writer
from umfpay.models import OpenEnum, Received


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
        lambda t: isinstance(t, type) and issubclass(t, Received),
        lambda t: ObjectReader(converter, t),
    )
    converter.register_structure_hook_func(
        reading.is_tuple,
        lambda value, t: reading.read_several(
            value, lambda one: converter.structure(one, typing.get_args(t)[0])
        ),
    )
    Writer(converter, options).register(converter)


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
