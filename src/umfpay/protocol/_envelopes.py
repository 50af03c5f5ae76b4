"""
Envelopes: what an answer holds, and whether the gateway said it (protocol notes 3.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in typeshed
from typing import Any, Final, Literal

import attrs

from umfpay.protocol._json import (
    DECODER,
    JSONRefusedError,
    check_text,
    decode_text,
    dump_json,
)
from umfpay.protocol._signing import Signer, Verifier


SUCCESS: Final = "0000"

Place = Literal["meta", "header", "both", "none"]

# The C scanner: one value from an index on, and the index after it.
_scan_once: Final[Callable[[str, int], tuple[Any, int]]] = DECODER.scan_once  # type: ignore[attr-defined]  # not in typeshed

_SPACE: Final = " \t\n\r"
_BLANKS: Final = re.compile(r"[ \t\n\r]*")
_HAS_BLANK: Final = re.compile(r"[ \t\n\r]")
_STRING_OR_BLANKS: Final = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\n\r]+')


class Verdict(StrEnum):
    """
    What the signature of an answer says.
    """

    VERIFIED = "verified"
    UNSIGNED = "unsigned"
    UNREADABLE = "unreadable"
    FORGED = "forged"


@attrs.frozen(kw_only=True)
class Envelope:
    """
    An answer, opened.

    Attributes:
        verdict: Only a verified answer may give something.
        members: The members of the answer, numbers as int or `Decimal`.
        ret_code: ``0000``, or what the gateway complains of; "" if it says nothing.
        ret_msg: The gateway's words.
        reason: Why it is forged or unreadable; never a part of it.
    """

    verdict: Verdict
    members: dict[str, Any] = attrs.field(factory=dict, repr=False)
    ret_code: str = ""
    ret_msg: str = ""
    reason: str = ""


_NOT_AN_OBJECT: Final = "not a JSON object"


def _members(
    text: str, index: int
) -> tuple[dict[str, Any], dict[str, tuple[int, int]], int]:
    """
    Step through the object that begins at *index*.

    Returns:
        Its members, where each one (name and value) stands, and the index after it.
    """
    members: dict[str, Any] = {}
    places: dict[str, tuple[int, int]] = {}
    skip = _BLANKS.match
    index = skip(text, index + 1).end()  # type: ignore[union-attr]

    if text[index : index + 1] == "}":
        return members, places, index + 1

    while True:
        start = index

        if text[index : index + 1] != '"':
            raise JSONRefusedError("not JSON")

        name, index = scanstring(text, index + 1, True)  # noqa: FBT003 (C function)
        index = skip(text, index).end()  # type: ignore[union-attr]

        if text[index : index + 1] != ":":
            raise JSONRefusedError("not JSON")

        index = skip(text, index + 1).end()  # type: ignore[union-attr]

        if name in members:
            raise JSONRefusedError("a member is repeated")

        members[name], index = _scan_once(text, index)
        places[name] = (start, index)
        index = skip(text, index).end()  # type: ignore[union-attr]
        mark = text[index : index + 1]

        if mark == "}":
            return members, places, index + 1

        if mark != ",":
            raise JSONRefusedError("not JSON")

        index = skip(text, index + 1).end()  # type: ignore[union-attr]


def _read(body: bytes) -> tuple[str, dict[str, Any], dict[str, tuple[int, int]]]:
    text = decode_text(body)
    start = _BLANKS.match(text).end()  # type: ignore[union-attr]

    if text[start : start + 1] != "{":
        raise JSONRefusedError(_NOT_AN_OBJECT)

    try:
        members, places, end = _members(text, start)
    except JSONRefusedError:
        raise
    except (ValueError, StopIteration, RecursionError):
        raise JSONRefusedError("not JSON") from None

    if text[end:].strip(_SPACE):
        raise JSONRefusedError("something stands after the object")

    check_text(text, members)

    return text, members, places


def _signed_text(text: str, places: dict[str, tuple[int, int]]) -> bytes:
    """
    Return what the gateway signed: compact, without the member sign of meta.
    """
    if "meta" in places:
        start, _ = places["meta"]
        # The value begins after the name and the colon; meta is an object here.
        opening = text.index("{", start)
        inner, inner_places, _ = _members(text, opening)

        if "sign" in inner:
            text = _without(text, inner_places["sign"])

    if _HAS_BLANK.search(text) is not None:
        text = _STRING_OR_BLANKS.sub(r"\1", text)

    return text.encode("utf-8")


def _without(text: str, place: tuple[int, int]) -> str:
    """
    Cut the member at *place* and one neighbouring comma.
    """
    start, end = place
    after = _BLANKS.match(text, end).end()  # type: ignore[union-attr]

    if text[after] == ",":
        return text[:start] + text[after + 1 :]

    before = start - 1

    while text[before] in _SPACE:
        before -= 1

    if text[before] == ",":
        start = before

    return text[:start] + text[end:]


def open_envelope(
    body: bytes, *, header_signature: str | None, verifier: Verifier
) -> Envelope:
    """
    Read and verify an answer in one step (protocol notes 3.2).

    Args:
        body: The answer as received.
        header_signature: The header Signature, None if there was none.

    Returns:
        The envelope; anything unusual is a verdict, never an exception.
    """
    try:
        text, members, places = _read(body)
    except JSONRefusedError as refusal:
        reason = str(refusal)
        # A page of HTML may hold the word; only what begins as an object claims it.
        begins = body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
        claims = header_signature is not None or (begins and b'"sign"' in body)

        return Envelope(
            verdict=Verdict.FORGED if claims else Verdict.UNREADABLE, reason=reason
        )

    meta = members.get("meta")
    has_meta = isinstance(meta, dict)
    verdict, reason = _verdict(
        body, text, members, places, header_signature, verifier, has_meta=has_meta
    )

    if verdict is Verdict.FORGED:
        return Envelope(verdict=verdict, reason=reason)

    return Envelope(
        verdict=verdict,
        members=members,
        ret_code=_ret_code(meta) if isinstance(meta, dict) else "",
        ret_msg=_ret_msg(meta.get("ret_msg")) if isinstance(meta, dict) else "",
    )


def _verdict(
    body: bytes,
    text: str,
    members: dict[str, Any],
    places: dict[str, tuple[int, int]],
    header_signature: str | None,
    verifier: Verifier,
    *,
    has_meta: bool,
) -> tuple[Verdict, str]:
    if header_signature is not None:
        if verifier.verify(body, header_signature) or verifier.verify(
            _signed_text(text, places if has_meta else {}), header_signature
        ):
            return Verdict.VERIFIED, ""

        return Verdict.FORGED, "the header Signature does not verify"

    if not has_meta or "sign" not in members["meta"]:
        return Verdict.UNSIGNED, ""

    sign = members["meta"]["sign"]

    if not isinstance(sign, str):
        return Verdict.FORGED, "meta.sign is not text"

    if verifier.verify(_signed_text(text, places), sign):
        return Verdict.VERIFIED, ""

    return Verdict.FORGED, "meta.sign does not verify"


def _ret_code(meta: Mapping[str, Any]) -> str:
    """
    Return the first code that complains, else ``0000``, else "" (notes 8.1).
    """
    codes = [_text(meta.get(name)) for name in ("error_code", "ret_code")]

    for code in codes:
        if code and code != SUCCESS:
            return code

    return SUCCESS if SUCCESS in codes else ""


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value).strip()


def _ret_msg(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_text(part) for part in value)

    return _text(value)


def verify_notification(
    body: bytes, *, header_signature: str | None, verifier: Verifier
) -> Envelope:
    """
    Read and verify a notification: the header covers the raw body (notes 3.3).
    """
    if header_signature is None:
        try:
            _, members, _ = _read(body)
        except JSONRefusedError as refusal:
            return Envelope(verdict=Verdict.UNREADABLE, reason=str(refusal))

        return Envelope(verdict=Verdict.UNSIGNED, members=members)

    if not verifier.verify(body, header_signature):
        return Envelope(
            verdict=Verdict.FORGED, reason="the header Signature does not verify"
        )

    try:
        _, members, _ = _read(body)
    except JSONRefusedError as refusal:
        return Envelope(verdict=Verdict.FORGED, reason=str(refusal))

    meta = members.get("meta")

    return Envelope(
        verdict=Verdict.VERIFIED,
        members=members,
        ret_code=_ret_code(meta) if isinstance(meta, dict) else "",
        ret_msg=_ret_msg(meta.get("ret_msg")) if isinstance(meta, dict) else "",
    )


def sign_envelope(
    members: Mapping[str, Any], *, signer: Signer, place: Place
) -> tuple[bytes, str | None]:
    """
    Write an answer as the gateway does: sign first in meta, over the text without it.

    Returns:
        The body, and the header Signature over it, None if *place* has none.
    """
    body = dump_json(members)

    if place in ("meta", "both") and isinstance(members.get("meta"), Mapping):
        signed = {"sign": signer.sign(body), **members["meta"]}
        body = dump_json(
            {
                name: signed if name == "meta" else value
                for name, value in members.items()
            }
        )

    return body, signer.sign(body) if place in ("header", "both") else None
