"""
Generate readers of received objects: the fast path of deserializing.
"""

from __future__ import annotations

import textwrap
import types
import typing
from collections.abc import Callable, Set
from decimal import Decimal
from functools import cache, lru_cache, partial
from typing import Any, Final

import attrs

from umfpay._codec import _reading as reading
from umfpay._codec._converter import make_converter
from umfpay._codec._source import UnusualError, compile_function, deferred, member_hints
from umfpay.models import OpenEnum, Received
from umfpay.sensitive import Private


# How many days and words of a kind are remembered; nothing long or private is.
_REMEMBERED_TEXTS: Final = 1024

_READER: Final = """\
def read_{cls}(given):
    try:
        if type(given) is not dict:
            given = as_object(given, {cls})

        result = new({cls})
        members = result.__dict__
        members |= defaults
        members["extra"] = {{}}
        found = 0

{members}
        if found != len(given):
            members["extra"] = unknown_members(given, found)

{required}\
        return result
    except UnusualError:
        pass

    return read_carefully(given, {cls})
"""
_NAME: Final = """\
if "{name}" in given:
    found += 1
    one = given["{name}"]
"""
_NO_NAME: Final = """\
else:
    one = None

"""
_SCALAR: Final = """\
if type(one) is str and {usual}:
    members["{member}"] = {value}
elif one not in ("", None) and not is_absent(one):
    members["{member}"] = {read}(one)
"""
_OBJECT: Final = """\
if type(one) is dict or not is_absent(one):
    members["{member}"] = {read}(one)
"""
_OBJECTS: Final = """\
if type(one) is list:
    members["{member}"] = tuple(map({read}, one))
elif not is_absent(one):
    raise UnusualError
"""
_REQUIRED: Final = """\
if members["{member}"] is None:
    raise UnusualError

"""
# What text of a kind usually is, and what is made of it.
_TEXT: Final = "one and not one.isspace()"
_SHORT_TEXT: Final = "0 < len(one) < 64 and not one.isspace()"
_SCALARS: Final = {
    str: (_TEXT, "one"),
    Private: (_TEXT, "Private(one)"),
    Decimal: ("is_plain_number(one)", "Decimal(one)"),
}


@cache
def reader(cls: type[Received]) -> Callable[[Any], Any]:
    """
    Return the function that reads a *cls* from parsed JSON.
    """
    return compile_function(f"read_{cls.__name__}", *generate_reader(cls))


def generate_reader(cls: type[Received]) -> tuple[str, dict[str, Any]]:
    """
    Return the source of the reader of *cls*, and its globals.
    """
    hints = member_hints(cls)
    members = reading.member_names(cls)
    known_names = {name for names in members.values() for name in names}
    defaults = {
        field.name: None if field.default is attrs.NOTHING else field.default
        for field in attrs.fields(cls)
    }
    namespace: dict[str, Any] = {
        cls.__name__: cls,
        "UnusualError": UnusualError,
        "Decimal": Decimal,
        "Private": Private,
        "as_object": reading.as_object,
        "is_absent": reading.is_absent,
        "is_plain_number": reading.is_plain_number,
        "unknown_members": partial(_unknown_members, known_names),
        "read_carefully": read_carefully,
        # What __init__ would do, at a fifth of its cost (docs: benchmarks).
        "new": object.__new__,
        "defaults": defaults,
    }
    lines = ""

    for member, names in members.items():
        first, *others = (_NAME.format(name=name) for name in names)
        taken = _lines(hints[member], member)
        namespace |= _functions(hints[member], namespace)

        if others:
            lines += first + "".join(f"el{other}" for other in others)
            lines += f"{_NO_NAME}{taken}\n"
        else:
            lines += f"{first}\n{textwrap.indent(taken, '    ')}\n"

    required = "".join(
        _REQUIRED.format(member=field.name)
        for field in attrs.fields(cls)
        if field.default is attrs.NOTHING
    )
    source = _READER.format(
        cls=cls.__name__,
        members=textwrap.indent(lines, " " * 8),
        required=textwrap.indent(required, " " * 8),
    )

    return source, namespace


def _kind(hint: Any) -> Any:
    """
    Return the class of a member, or of what it is a tuple of; datetime for moments.
    """
    kinds = [
        kind
        for kind in typing.get_args(hint) or (hint,)
        if kind not in (types.NoneType, ...)
    ]

    return kinds[-1]


def _lines(hint: Any, member: str) -> str:
    """
    Return the lines that take the value *one* of a member.
    """
    kind = _kind(hint)
    read = f"read_{kind.__name__}"
    usual, value = _SCALARS.get(kind, (_SHORT_TEXT, f"{read}_of(one)"))
    lines = _SCALAR

    if reading.is_tuple(hint) and issubclass(kind, Received):
        lines = _OBJECTS
    elif reading.is_tuple(hint) or issubclass(kind, int | Received):
        lines = _OBJECT

    return lines.format(member=member, read=read, usual=usual, value=value)


def _functions(hint: Any, namespace: dict[str, Any]) -> dict[str, Any]:
    """
    Return what the lines of a member in *namespace* call, by name.
    """
    kind = _kind(hint)
    name = f"read_{kind.__name__}"

    if issubclass(kind, Received):
        return {name: deferred(namespace, name, partial(reader, kind))}

    read = (
        partial(reading.read_enum, cls=kind)
        if issubclass(kind, OpenEnum)
        else reading.SCALARS[kind]
    )

    if reading.is_tuple(hint):
        return {name: partial(reading.read_several, read=read)}

    return {name: read, f"{name}_of": lru_cache(_REMEMBERED_TEXTS)(read)}


def _unknown_members(
    names: Set[str], given: dict[str, Any], found: int
) -> dict[str, Any]:
    """
    Return the members of *given* that have none of *names*; *found* of the others were
    read.
    """
    unknown = {name: one for name, one in given.items() if name.strip() not in names}

    # Two spellings of one member, or blanks around a name.
    if len(unknown) + found != len(given):
        raise UnusualError

    return unknown


def read_carefully(given: Any, cls: type[Received]) -> Any:
    """
    Read an odd object: cattrs does it.
    """
    return make_converter().structure(given, cls)
