"""
Generate writers of request objects: the fast path of serializing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import Any, Final

import attrs

from umfpay._codec._classes import (
    Member,
    UnusualError,
    compile_function,
    members_of,
)
from umfpay._codec._converter import wire_text, write_money
from umfpay._codec._forms import EncodeOptions, form_of
from umfpay.models import Money, Received
from umfpay.sensitive import Sealed


# Of days and spans of time.
_text_of: Final = lru_cache(1024)(wire_text)

_WRITER: Final = """\
def write_{cls}(value):
    if type(value) is not {cls}:
        raise UnusualError

    body = {{}}

{members}
    return {result}
"""
_MEMBER: Final = """\
one = value.{member}

{ways}\
else:
    raise UnusualError

"""
_WAY: Final = """\
if {usual}:
    {statement}
"""
# What is written of a value; words and what is hidden stay what they are until the
# bytes are written.
_TEXTS: Final[dict[Any, str]] = {
    int: "str(one)",
    bool: '"TRUE" if one else "FALSE"',
    Sealed: "one.ciphertext",
    Money: "write_money(one)",
    date: "text_of(one)",
    timedelta: "text_of(one)",
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

    form = form_of(cls, options)
    namespace: dict[str, Any] = {
        cls.__name__: cls,
        "UnusualError": UnusualError,
        "form": form,
        "text_of": _text_of,
        "write_money": write_money,
    }
    lines = ""

    for member in members_of(cls):
        lines += _MEMBER.format(member=member.name, ways="el".join(_ways(member)))

        for kind in member.kinds:
            namespace[kind.__name__] = kind

            if _is_model(kind):
                namespace[f"write_{kind.__name__}"] = writer(kind, options)

    source = _WRITER.format(
        cls=cls.__name__,
        members=textwrap.indent(lines, " " * 4),
        result="body" if form is None else "form(body)",
    )

    return compile_function(f"write_{cls.__name__}", source, namespace)


def _plain_object(value: Any) -> Any:
    # Some queries are but names and text.
    if type(value) is dict and {*map(type, (*value, *value.values()))} == {str}:
        return value

    raise UnusualError


def _ways(member: Member) -> list[str]:
    """
    Return what is done with a value of each kind, None and nothing at all among them.
    """
    ways = [("one is None", "pass")] if member.optional else []

    if member.several:
        ways.append(("one == ()", "pass"))

    for kind in member.kinds:
        usual = f"type(one) is {kind.__name__}"
        written = _TEXTS.get(kind, "one")

        if _is_model(kind):
            written = f"write_{kind.__name__}(one)"

        if member.several:
            # A model's writer looks at its class.
            usual = "type(one) is tuple"
            usual += (
                ""
                if _is_model(kind)
                else f" and {{*map(type, one)}} == {{{kind.__name__}}}"
            )
            written = f"[{written} for one in one]"

        ways.append((usual, f'body["{member.name}"] = {written}'))

    return [_WAY.format(usual=usual, statement=way) for usual, way in ways]


def _is_model(kind: type[Any]) -> bool:
    ours = attrs.has(kind) and kind.__module__.startswith("umfpay.")

    return ours and not issubclass(kind, Received | Money)
