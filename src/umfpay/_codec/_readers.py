"""
Generate readers of received objects: the fast path of deserializing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Set
from decimal import Decimal
from functools import cache, lru_cache, partial
from typing import Any, Final

from umfpay._codec import _reading as reading
from umfpay._codec._classes import (
    Member,
    UnusualError,
    compile_function,
    members_of,
)
from umfpay._codec._converter import make_converter
from umfpay._codec._forms import DEFAULT_OPTIONS
from umfpay.models import Received
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

{members}\
        if found != len(given):
            members["extra"] = unknown_members(given, found)

        return result
    except UnusualError:
        pass

    return read_carefully(given, {cls})
"""
_MEMBER: Final = """\
if {any_name}:
    found += 1
    one = given[{name}]

    if {usual}:
        members["{member}"] = {value}
    elif one not in ("", None) and not is_absent(one):
        members["{member}"] = {otherwise}

"""
_NEEDED: Final = """\
if members["{member}"] is None:
    raise UnusualError

"""
# What a value usually is, and what is made of it.
_TEXT: Final = "type(one) is str and one and not one.isspace()"
_SHORT_TEXT: Final = "type(one) is str and 0 < len(one) < 64 and not one.isspace()"
_SCALARS: Final = {
    str: (_TEXT, "one"),
    Private: (_TEXT, "Private(one)"),
    Decimal: ("type(one) is str and is_plain_number(one)", "Decimal(one)"),
}


@cache
def reader(cls: Any) -> Callable[[Any], Any]:
    """
    Return the function that reads a *cls* from parsed JSON.
    """
    members = members_of(cls)
    known_names = {name for one in members for name in one.names}
    namespace: dict[str, Any] = {
        **vars(reading),
        cls.__name__: cls,
        "unknown_members": partial(_unknown_members, known_names),
        "read_carefully": read_carefully,
        # What __init__ would do, at a fifth of its cost (docs: benchmarks).
        "new": object.__new__,
        "defaults": {"extra": None, **{one.name: one.default for one in members}},
    }
    lines = "".join(_lines(one, namespace) for one in members)
    source = _READER.format(cls=cls.__name__, members=textwrap.indent(lines, " " * 8))

    return compile_function(f"read_{cls.__name__}", source, namespace)


def _lines(member: Member, namespace: dict[str, Any]) -> str:
    """
    Return the lines that read a member; what they call goes into *namespace*.
    """
    kind = member.kind
    read = f"read_{kind.__name__}"
    usual, value = _SCALARS.get(kind, (_SHORT_TEXT, f"{read}_of(one)"))
    otherwise = f"{read}(one)"

    if issubclass(kind, Received):
        usual, value = "type(one) is dict", f"{read}(one)"
        namespace[read] = reader(kind)
    else:
        function = reading.SCALARS.get(kind) or partial(reading.read_enum, cls=kind)
        namespace[read] = function
        namespace[f"{read}_of"] = lru_cache(_REMEMBERED_TEXTS)(function)

    if member.several:
        usual, value = "type(one) is list", f"tuple(map({read}, one))"
        otherwise = f"({otherwise},)"

    spelled = '(name := "{}") in given' if member.names[1:] else '"{}" in given'
    lines = _MEMBER.format(
        any_name=" or ".join(map(spelled.format, member.names)),
        name="name" if member.names[1:] else f'"{member.name}"',
        member=member.name,
        usual=usual,
        value=value,
        otherwise=otherwise,
    )

    return lines + (_NEEDED.format(member=member.name) if member.needed else "")


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
    return make_converter(DEFAULT_OPTIONS).structure(given, cls)
