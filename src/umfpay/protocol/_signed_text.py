"""
The signed text of an answer, and its members (gateway.md 3.2).

Nearly every answer is read at once, and its text cut at two offsets that are known. An
unusual one is stepped through by the standard library's scanner, so that each offset is a
token's: nothing is searched for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in typeshed
from typing import Any, Final, cast

import attrs

from umfpay.protocol._json import (
    JSONRefusedError,
    decode_text,
    parse_exact,
    refuse_half_pairs,
    scan_once,
)


_Span = tuple[int, int]

_skip: Final[Callable[[str, int], re.Match[str]]] = cast(
    "Callable[[str, int], re.Match[str]]", re.compile(r"[ \t\n\r]*").match
)
_JSON_PIECE: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^" \t\n\r]+')

# How the gateway writes: meta first, sign first in it, no white space, no escapes.
_USUAL_SIGN: Final = re.compile(rb'\{"meta":\{"sign":"[A-Za-z0-9+/=]*"([,}])')
_SIGN_START: Final = len('{"meta":{')


# Not frozen: each call makes one, and that would double its time.
@attrs.define(eq=False)
class ScannedAnswer:
    """
    An answer that could be read.

    Attributes:
        members: Its members.
        signed_text: Returns what the gateway signed: the answer in compact form, as
            transmitted, without the member sign of the top-level meta (gateway.md 3.2).
    """

    members: dict[str, Any] = attrs.field(repr=False)
    signed_text: Callable[[], bytes] = attrs.field(repr=False)


def scan(body: bytes) -> ScannedAnswer:
    """
    Read the answer *body*.

    Nearly every answer is, byte for byte, what we would write of its members: that
    proves that none is repeated.

    Raises:
        JSONRefusedError: It is no JSON object that we accept; says why.
    """
    members = parse_exact(body)

    if members is None:
        return scan_carefully(body)

    usual = _USUAL_SIGN.match(body)

    if usual is not None:
        # A comma goes with the member that it follows, a "}" ends meta.
        sign = (_SIGN_START, usual.end() - (usual[1] == b"}"))

        return ScannedAnswer(members, partial(_cut_exact, body, sign))

    meta = members.get("meta")

    if type(meta) is dict and "sign" in meta:
        return scan_carefully(body)

    return ScannedAnswer(members, lambda: body)


def _cut_exact(body: bytes, sign: tuple[int, int]) -> bytes:
    # It has the form of signed text already, without any white space.
    return body[: sign[0]] + body[sign[1] :]


def scan_carefully(body: bytes) -> ScannedAnswer:
    """
    Read the answer *body* step by step.

    Raises:
        JSONRefusedError: It is no JSON object that we accept; says why.
    """
    text = decode_text(body)
    members, sign = _step_through(text)
    refuse_half_pairs(text, members)

    return ScannedAnswer(members, partial(_cut, text, sign))


def _cut(text: str, sign: _Span | None) -> bytes:
    if sign is not None:
        text = text[: sign[0]] + text[sign[1] :]

    # Only the blank may stand inside a string, where it stays.
    if " " in text or "\n" in text or "\r" in text or "\t" in text:
        text = "".join(_JSON_PIECE.findall(text))

    return text.encode("utf-8")


def _step_through(text: str) -> tuple[dict[str, Any], _Span | None]:
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
) -> tuple[dict[str, Any], _Span | None, int]:
    """
    Step through the object that begins at *index*: the answer itself, or its meta.

    Returns:
        Its members, where to cut to be without sign, and the index after it.
    """
    members: dict[str, Any] = {}
    sign: _Span | None = None
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
