"""
Describe the attrs classes: what both readers and both writers know of their members.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from functools import cache
from typing import Any

import attrs

from umfpay.sensitive import Private, Secret


class UnusualError(Exception):
    """
    Raised when something is not what nearly every object holds.
    """


@attrs.frozen(kw_only=True)
class Member:
    """
    A member of a class.

    Attributes:
        names: All its names on the wire, the recommended one first.
        kinds: Its classes, or those of its elements; not text where that is hidden at
            once.
        default: None where there is none.
    """

    name: str
    names: tuple[str, ...]
    kinds: tuple[Any, ...]
    several: bool
    optional: bool
    needed: bool
    default: Any


@cache
def members_of(cls: Any) -> tuple[Member, ...]:
    """
    Return the members of an attrs class, but not where it keeps what is unknown.
    """
    hints = typing.get_type_hints(cls)

    return tuple(
        _member(field, hints[field.name])
        for field in attrs.fields(cls)
        if field.name != "extra"
    )


def _member(field: attrs.Attribute[Any], hint: Any) -> Member:
    options = typing.get_args(hint) or (hint,)
    hidden = {str} if {Secret, Private} & {*options} else set()
    needed = field.default is attrs.NOTHING

    return Member(
        name=field.name,
        names=(field.name, *field.metadata.get("wire", ())),
        kinds=tuple(
            one for one in options if one not in {types.NoneType, ..., *hidden}
        ),
        several=typing.get_origin(hint) in (tuple, Sequence),
        optional=types.NoneType in options,
        needed=needed,
        default=None if needed else field.default,
    )
