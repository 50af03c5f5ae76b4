"""
Careful scanner of unusual answers: members and signed text in one pass.

The standard library's scanner steps through the text, so that each offset is a token's:
nothing is searched for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in typeshed
from typing import Any, Final, cast

from umfpay.protocol._json import (
    JSONRefusedError,
    decode_text,
    refuse_half_pairs,
    scan_once,
)


Span = tuple[int, int]

_skip: Final[Callable[[str, int], re.Match[str]]] = cast(
    "Callable[[str, int], re.Match[str]]", re.compile(r"[ \t\n\r]*").match
)
_JSON_PIECE: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^" \t\n\r]+')


def scan_carefully(body: bytes) -> tuple[dict[str, Any], Callable[[], bytes]]:
    """
    Return the members of the answer *body*, and what returns its signed text.

    Raises:
        JSONRefusedError: It is no JSON object that we accept; says why.
    """
    text = decode_text(body)
    members, sign = _step_through(text)
    refuse_half_pairs(text, members)

    return members, partial(_cut, text, sign)


def _cut(text: str, sign: Span | None) -> bytes:
    if sign is not None:
        text = text[: sign[0]] + text[sign[1] :]

    # Only the blank may stand inside a string, where it stays.
    if " " in text or "\n" in text or "\r" in text or "\t" in text:
        text = "".join(_JSON_PIECE.findall(text))

    return text.encode("utf-8")


def _step_through(text: str) -> tuple[dict[str, Any], Span | None]:
    start = _skip(text, 0).end()

    if text[start : start + 1] != "{":
        raise JSONRefusedError("it is not a JSON object")

    broken = False

    try:
        members, sign, end = _members(text, start, top=True)
    except JSONRefusedError:
        raise
    except (ValueError, StopIteration, RecursionError):
        broken = True  # that error holds the text: it must not be anybody's context

    if broken:
        raise JSONRefusedError("it is not JSON")

    if _skip(text, end).end() != len(text):
        raise JSONRefusedError("something stands after the object")

    return members, sign


def _members(
    text: str, index: int, *, top: bool
) -> tuple[dict[str, Any], Span | None, int]:
    """
    Step through the object that begins at *index*: the answer itself, or its meta.

    Returns:
        Its members, where to cut to be without sign, and the index after it.
    """
    members: dict[str, Any] = {}
    sign: Span | None = None
    before = index = index + 1
    index = _skip(text, index).end()

    if text[index : index + 1] == "}":
        return members, sign, index + 1

    while True:
        start = index
        name, index = _name(text, index)

        if name in members:
            raise JSONRefusedError("a member is repeated")

        if top and name == "meta" and text[index : index + 1] == "{":
            members[name], sign, index = _members(text, index, top=False)
        else:
            members[name], index = scan_once(text, index)

        end = index
        index = _skip(text, index).end()
        mark = text[index : index + 1]

        if not top and name == "sign":
            # With the comma after it; the last member with the one before it.
            sign = (start, index + 1) if mark == "," else (before, end)

        if mark == "}":
            return members, sign, index + 1

        if mark != ",":
            raise JSONRefusedError("it is not JSON")

        before = index
        index = _skip(text, index + 1).end()


def _name(text: str, index: int) -> tuple[str, int]:
    """
    Return the name at *index*, and where its value begins.
    """
    if text[index : index + 1] != '"':
        raise JSONRefusedError("it is not JSON")

    name, index = scanstring(text, index + 1, True)  # noqa: FBT003 (C function)
    index = _skip(text, index).end()

    if text[index : index + 1] != ":":
        raise JSONRefusedError("it is not JSON")

    return name, _skip(text, index + 1).end()
