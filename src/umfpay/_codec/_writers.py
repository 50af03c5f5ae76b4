"""
Generate writers of request objects: the fast path of serializing.
"""

from __future__ import annotations

import textwrap
import types
import typing
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import cache, lru_cache, partial
from typing import Any, Final

import attrs

from umfpay._codec._source import UnusualError, compile_function, deferred, member_hints
from umfpay._codec._writing import EncodeOptions, form_of, wire_text, write_money
from umfpay.models import Money, Received
from umfpay.sensitive import Private, Sealed, Secret


_REMEMBERED_TEXTS: Final = 1024

_WRITER: Final = """\
def write_{cls}(value):
    if type(value) is not {cls}:
        raise UnusualError

    body = {{}}

{members}
    return {result}
"""
_MEMBER: Final = "one = value.{member}\n\n"
_OPTIONAL: Final = "if one is not None:\n"
_KIND: Final = """\
if type(one) is {kind}:
    body["{member}"] = {text}
"""
_OTHERWISE: Final = """\
else:
    raise UnusualError
"""
_SEVERAL: Final = """\
if type(one) is not tuple:
    raise UnusualError

if one:
    body["{member}"] = list(map({write}, one))
"""
# What is written of a value; words and what is hidden stay what they are until the
# bytes are written.
_TEXTS: Final[dict[Any, str]] = {
    int: "str(one)",
    bool: '"TRUE" if one else "FALSE"',
    Sealed: "one.ciphertext",
    Money: "write_Money(one)",
    date: "text_of(one)",
    timedelta: "text_of(one)",
}
_FUNCTIONS: Final[dict[str, Any]] = {
    "UnusualError": UnusualError,
    "text_of": lru_cache(_REMEMBERED_TEXTS)(wire_text),
}


@cache
def writer(cls: Any, options: EncodeOptions) -> Callable[[Any], Any]:
    """
    Return the function that writes a *cls* as JSON values; it leaves to the careful
    writer what is neither a model of ours nor an object of text alone.

    Its result holds each `Secret` and `Private` as it is.
    """
    if not _is_model(cls):
        return _plain_object

    return compile_function(f"write_{cls.__name__}", *generate_writer(cls, options))


def _plain_object(value: Any) -> Any:
    # Some queries are but names and text.
    if type(value) is dict and {*map(type, (*value, *value.values()))} == {str}:
        return value

    raise UnusualError


def generate_writer(cls: Any, options: EncodeOptions) -> tuple[str, dict[str, Any]]:
    """
    Return the source of the writer of *cls*, and its globals.
    """
    form = form_of(cls, options)
    namespace: dict[str, Any] = {**_FUNCTIONS, cls.__name__: cls, "form": form}
    lines = []
    kind: Any

    for member, hint in member_hints(cls).items():
        lines.append(_MEMBER.format(member=member) + _lines(hint, member))

        for kind in _kinds(hint):
            name = f"write_{kind.__name__}"
            namespace[kind.__name__] = kind
            namespace[name] = (
                deferred(namespace, name, partial(writer, kind, options))
                if _is_model(kind)
                else _exactly(kind)
            )

    namespace["write_Money"] = write_money
    source = _WRITER.format(
        cls=cls.__name__,
        members=textwrap.indent("\n".join(lines), " " * 4),
        result="body" if form is None else "form(body)",
    )

    return source, namespace


def _lines(hint: Any, member: str) -> str:
    kinds = _kinds(hint)

    if typing.get_origin(hint) is Sequence:
        return _SEVERAL.format(member=member, write=f"write_{kinds[0].__name__}")

    lines = "el".join(
        _KIND.format(
            kind=kind.__name__,
            member=member,
            text=f"write_{kind.__name__}(one)"
            if _is_model(kind)
            else _TEXTS.get(kind, "one"),
        )
        for kind in kinds
    )
    lines += _OTHERWISE

    return (
        _OPTIONAL + textwrap.indent(lines, " " * 4)
        if types.NoneType in typing.get_args(hint)
        else lines
    )


def _kinds(hint: Any) -> list[type[Any]]:
    """
    Return the classes of a member, None aside, and text where it is hidden at once.
    """
    kinds = typing.get_args(hint) or (hint,)
    others = {types.NoneType, str} if {Secret, Private} & {*kinds} else {types.NoneType}

    return [kind for kind in kinds if kind not in others]


def _is_model(kind: Any) -> bool:
    ours = attrs.has(kind) and kind.__module__.startswith("umfpay.")

    return ours and not issubclass(kind, Received | Money)


def _exactly(kind: type[Any]) -> Callable[[Any], Any]:
    def write(value: Any) -> Any:
        if type(value) is not kind:
            raise UnusualError

        return value

    return write
