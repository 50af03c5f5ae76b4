"""
Generate readers and writers: straight lines for what nearly every object holds.

Each is made from the members of a class when that is first used. For anything else it
raises an `UnusualError`, and the careful reader or writer decides (`_converter`).
"""

from __future__ import annotations

import linecache
import textwrap
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, lru_cache, partial
from typing import Any, Final

import attrs

from umfpay._codec import _reading as reading
from umfpay._codec._classes import Member, UnusualError, members_of
from umfpay._codec._converter import make_converter, wire_text, write_money
from umfpay._codec._forms import DEFAULT_OPTIONS, EncodeOptions, form_of
from umfpay.models import Money, Received
from umfpay.sensitive import Private, Sealed


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
            members["extra"] = unknown = {{
                name: one for name, one in given.items() if name.strip() not in names
            }}

            # Two spellings of one member, or blanks around a name.
            if found + len(unknown) != len(given):
                raise UnusualError

        return result
    except UnusualError:
        pass

    return read_carefully(given, {cls})
"""
# What a value usually is, and what is made of it.
_TEXT: Final = "type(one) is str and one and not one.isspace()"
_SHORT_TEXT: Final = "type(one) is str and 0 < len(one) < 64 and not one.isspace()"
_VALUES: Final = {
    str: (_TEXT, "one"),
    Private: (_TEXT, "Private(one)"),
    Decimal: ("type(one) is str and is_plain_number(one)", "Decimal(one)"),
}

_WRITER: Final = """\
def write_{cls}(value):
    if type(value) is not {cls}:
        raise UnusualError

    body = {{}}

{members}
    return {result}
"""
# What is written of a value; words and what is hidden stay what they are until the
# bytes are written.
_WRITTEN: Final[dict[Any, str]] = {
    int: "str(one)",
    bool: "text_of(one)",
    date: "text_of(one)",
    timedelta: "text_of(one)",
    Sealed: "one.ciphertext",
    Money: "write_money(one)",
}
_text_of: Final = lru_cache(_REMEMBERED_TEXTS)(wire_text)


@cache
def reader(cls: Any) -> Callable[[Any], Any]:
    """
    Return the function that reads a *cls* from parsed JSON.
    """
    members = members_of(cls)
    namespace = {
        **vars(reading),
        cls.__name__: cls,
        "names": {name for one in members for name in one.names},
        "read_carefully": read_carefully,
        # What __init__ would do, at a fifth of its cost (docs: benchmarks).
        "new": object.__new__,
        "defaults": {"extra": None, **{one.name: one.default for one in members}},
    }
    lines = [_reading_lines(one, namespace) for one in members]
    source = _READER.format(cls=cls.__name__, members=_indented(lines, 8))

    return _compiled(f"read_{cls.__name__}", source, namespace)


def _reading_lines(member: Member, namespace: dict[str, Any]) -> str:
    """
    Return the lines that read a member; what they call goes into *namespace*.
    """
    kind = member.kinds[-1]  # datetime for days and moments
    read = f"read_{kind.__name__}"
    usual, value = _VALUES.get(kind, (_SHORT_TEXT, f"{read}_of(one)"))
    otherwise = f"{read}(one)"

    if issubclass(kind, Received):
        usual, value = "type(one) is dict", otherwise
        namespace[read] = reader(kind)
    else:
        function = reading.SCALARS.get(kind) or partial(reading.read_enum, cls=kind)
        namespace[read] = function
        namespace[f"{read}_of"] = lru_cache(_REMEMBERED_TEXTS)(function)

    if member.several:
        # An object that is absent is unusual; an absent word is nothing.
        some = "" if issubclass(kind, Received) else " if not is_absent(item)"
        usual, value = (
            "type(one) is list",
            f"tuple([{read}(item) for item in one{some}])",
        )
        otherwise = f"({otherwise},)"

    name = "name" if member.names[1:] else f'"{member.name}"'
    spelled = '(name := "{}") in given' if member.names[1:] else '"{}" in given'

    needed = f'if members["{member.name}"] is None:\n    raise UnusualError\n'
    lines = textwrap.dedent(f"""\
        if {" or ".join(map(spelled.format, member.names))}:
            found += 1
            one = given[{name}]

            if {usual}:
                members["{member.name}"] = {value}
            elif one not in ("", None) and not is_absent(one):
                members["{member.name}"] = {otherwise}
        """)

    return f"{lines}\n{needed}" if member.needed else lines


def read_carefully(given: Any, cls: type[Received]) -> Any:
    """
    Read an odd object: cattrs does it.
    """
    return make_converter(DEFAULT_OPTIONS).structure(given, cls)


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
    members = members_of(cls)
    namespace = {
        "UnusualError": UnusualError,
        "form": form,
        "text_of": _text_of,
        "write_money": write_money,
        **{kind.__name__: kind for one in members for kind in (cls, *one.kinds)},
    }

    for kind in [kind for one in members for kind in one.kinds if _is_model(kind)]:
        namespace[f"write_{kind.__name__}"] = writer(kind, options)

    source = _WRITER.format(
        cls=cls.__name__,
        members=_indented([_writing_lines(one) for one in members], 4),
        result="body" if form is None else "form(body)",
    )

    return _compiled(f"write_{cls.__name__}", source, namespace)


def _plain_object(value: Any) -> Any:
    # Some queries are but names and text.
    if type(value) is dict and {*map(type, (*value, *value.values()))} == {str}:
        return value

    raise UnusualError


def _writing_lines(member: Member) -> str:
    """
    Return the lines that write a value of each kind, None and nothing at all among them.
    """
    ways = [("one is None", "pass")] if member.optional else []
    ways += [("one == ()", "pass")] if member.several else []

    for kind in member.kinds:
        usual = f"type(one) is {kind.__name__}"
        written = _WRITTEN.get(kind, "one")

        if _is_model(kind):
            written = f"write_{kind.__name__}(one)"

        if member.several:
            usual = "type(one) is tuple"
            # The writer of a model looks at its class.
            usual += (
                ""
                if _is_model(kind)
                else f" and {{*map(type, one)}} == {{{kind.__name__}}}"
            )
            written = f"[{written} for one in one]"

        ways.append((usual, f'body["{member.name}"] = {written}'))

    lines = "el".join(f"if {usual}:\n    {way}\n" for usual, way in ways)

    return f"one = value.{member.name}\n\n{lines}else:\n    raise UnusualError\n"


def _is_model(kind: Any) -> bool:
    ours = attrs.has(kind) and kind.__module__.startswith("umfpay.")

    return ours and not issubclass(kind, Received | Money)


def _indented(lines: list[str], width: int) -> str:
    return textwrap.indent("\n".join(lines), " " * width)


def _compiled(
    name: str, source: str, namespace: dict[str, Any]
) -> Callable[[Any], Any]:
    """
    Return the function *name* of *source*; debuggers and tracebacks show its lines.
    """
    # Another of the same name has other options.
    filename = f"<umfpay {name} {len(linecache.cache)}>"
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 (our own text)
    function: Callable[[Any], Any] = namespace[name]

    return function
