"""
Envelopes: parse an answer and check the gateway's signature (gateway.md 3.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Any, Final, Literal

import attrs

from umfpay.protocol._json import JSONRefusedError, dump_json, parse_exact
from umfpay.protocol._scanning import scan_carefully
from umfpay.protocol._signing import Signer, Verifier


SUCCESS: Final = "0000"

Place = Literal["meta", "header", "both", "none"]

_OBJECT_BEGIN: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\n\r]*\{")
# How the gateway writes: meta first, sign first in it, no white space, no escapes.
_USUAL_SIGN: Final = re.compile(rb'\{"meta":\{"sign":"[A-Za-z0-9+/=]*"([,}])')
_SIGN_START: Final = len('{"meta":{')
_BAD_HEADER_REASON: Final = "the header Signature does not verify"
_NO_HEADER_REASON: Final = "there is no header Signature"


class Verdict(StrEnum):
    """
    What the signature of an answer says.
    """

    VERIFIED = "verified"
    UNSIGNED = "unsigned"
    UNREADABLE = "unreadable"
    FORGED = "forged"


# Not frozen: each call makes one, and that would double its time.
@attrs.define(kw_only=True)
class Envelope:
    """
    An answer, opened.

    Attributes:
        verdict: Only a verified answer may give something.
        members: The members of the answer, numbers as int or `Decimal`; none if it is
            forged or unreadable.
        ret_code: ``0000``, or what the gateway complains of; "" if it says nothing.
        other_codes: Codes of the same answer that say something else; it contradicts
            itself, unless all of them are refusals.
        ret_msg: The gateway's words.
        reason: Why it is forged or unreadable; never a part of it.
    """

    verdict: Verdict
    members: dict[str, Any] = attrs.field(factory=dict, repr=False)
    ret_code: str = ""
    other_codes: tuple[str, ...] = ()
    ret_msg: str = ""
    reason: str = ""

    @property
    def codes(self) -> tuple[str, ...]:
        """
        All codes of the answer.
        """
        return (self.ret_code, *self.other_codes)


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
        return ScannedAnswer(*scan_carefully(body))

    usual = _USUAL_SIGN.match(body)

    if usual is not None:
        # A comma goes with the member that it follows, a "}" ends meta.
        sign = (_SIGN_START, usual.end() - (usual[1] == b"}"))

        return ScannedAnswer(members, partial(_cut_exact, body, sign))

    meta = members.get("meta")

    if type(meta) is dict and "sign" in meta:
        return ScannedAnswer(*scan_carefully(body))

    return ScannedAnswer(members, lambda: body)


def _cut_exact(body: bytes, sign: tuple[int, int]) -> bytes:
    # It has the form of signed text already, without any white space.
    return body[: sign[0]] + body[sign[1] :]


def open_envelope(
    body: bytes, *, header_signature: str | None, verifier: Verifier
) -> Envelope:
    """
    Read and verify an answer in one step (gateway.md 3.2).

    Args:
        body: The answer as received.
        header_signature: The header Signature, None if there was none.
        verifier: Holds the gateway's keys.

    Returns:
        The envelope; anything unusual is a verdict, never an exception.
    """
    try:
        scanned = scan(body)
    except JSONRefusedError as refusal:
        return _refused_envelope(body, header_signature, verifier, reason=str(refusal))

    if header_signature is not None:
        return _verify_by_header(body, scanned, header_signature, verifier)

    meta = scanned.members.get("meta")

    if isinstance(meta, dict):
        return _verify_by_meta(scanned, meta, verifier)

    if meta is not None:
        return _refused_envelope(body, None, verifier, reason="meta is not an object")

    # The token's answer is documented without meta (gateway.md 2.2).
    return _envelope(Verdict.UNSIGNED, scanned)


def verify_notification(
    body: bytes, *, header_signature: str | None, verifier: Verifier
) -> Envelope:
    """
    Read and verify a notification: the header covers the raw body (gateway.md 3.3).

    Args:
        body: The request body as received.
        header_signature: The header Signature, None if there was none.
        verifier: Holds the gateway's keys.

    Returns:
        The envelope; anything unusual is a verdict, never an exception.
    """
    # Anybody can post to a notify_url: nothing is parsed that nobody has signed.
    if header_signature is None:
        return Envelope(verdict=Verdict.UNSIGNED, reason=_NO_HEADER_REASON)

    if not verifier.verify(body, header_signature):
        return Envelope(verdict=Verdict.FORGED, reason=_BAD_HEADER_REASON)

    try:
        scanned = scan(body)
    except JSONRefusedError as refusal:
        return Envelope(verdict=Verdict.UNREADABLE, reason=str(refusal))

    return _envelope(Verdict.VERIFIED, scanned)


def sign_envelope(
    members: Mapping[str, Any], *, signer: Signer, place: Place
) -> tuple[bytes, str | None]:
    """
    Write an answer as the gateway does: sign first in meta, over the text without it.

    Args:
        members: The answer; a sign in its meta is replaced, a missing meta is added
            where *place* asks for one.
        signer: Holds the gateway's key.
        place: Where the signature goes. The header covers the final body.

    Returns:
        The body, and the header Signature, None if *place* has none.
    """
    if place in ("meta", "both"):
        meta = dict(members.get("meta") or {})
        meta.pop("sign", None)
        unsigned = {"meta": meta} | dict(members) | {"meta": meta}
        meta = {"sign": signer.sign(dump_json(unsigned)), **meta}
        body = dump_json(unsigned | {"meta": meta})
    else:
        body = dump_json(members)

    return body, signer.sign(body) if place in ("header", "both") else None


def _refused_envelope(
    body: bytes, header_signature: str | None, verifier: Verifier, *, reason: str
) -> Envelope:
    """
    Return the verdict on bytes that cannot be read: those that claim to be signed lie.
    """
    if header_signature is not None:
        lies = not verifier.verify(body, header_signature)
    else:
        # A page of a proxy may hold the word; an answer that is an object claims it.
        lies = _OBJECT_BEGIN.match(body) is not None and b'"sign"' in body

    return Envelope(
        verdict=Verdict.FORGED if lies else Verdict.UNREADABLE, reason=reason
    )


def _verify_by_header(
    body: bytes, scanned: ScannedAnswer, signature: str, verifier: Verifier
) -> Envelope:
    # Nobody has seen which bytes the header covers: the raw body is the natural
    # reading, the text under meta.sign the other.
    if verifier.verify(body, signature):
        return _envelope(Verdict.VERIFIED, scanned)

    signed_text = scanned.signed_text()

    if signed_text != body and verifier.verify(signed_text, signature):
        return _envelope(Verdict.VERIFIED, scanned)

    return Envelope(verdict=Verdict.FORGED, reason=_BAD_HEADER_REASON)


def _verify_by_meta(
    scanned: ScannedAnswer, meta: dict[str, Any], verifier: Verifier
) -> Envelope:
    if "sign" not in meta:
        return _envelope(Verdict.UNSIGNED, scanned)

    if not isinstance(meta["sign"], str):
        return Envelope(verdict=Verdict.FORGED, reason="meta.sign is not text")

    if verifier.verify(scanned.signed_text(), meta["sign"]):
        return _envelope(Verdict.VERIFIED, scanned)

    return Envelope(verdict=Verdict.FORGED, reason="meta.sign does not verify")


def _envelope(verdict: Verdict, scanned: ScannedAnswer) -> Envelope:
    meta = scanned.members.get("meta")

    if not isinstance(meta, dict):
        return Envelope(verdict=verdict, members=scanned.members)

    if meta.get("ret_code") == SUCCESS and not meta.get("error_code"):
        # Nearly every answer.
        code, others = SUCCESS, []
    else:
        code, *others = _ret_codes(meta) or ("",)

    words = meta.get("ret_msg", "")

    return Envelope(
        verdict=verdict,
        members=scanned.members,
        ret_code=code,
        other_codes=tuple(others),
        ret_msg=(words.strip() if isinstance(words, str) else ", ".join(_texts(words))),
    )


def _ret_codes(meta: Mapping[str, Any]) -> list[str]:
    """
    Return each code once, those that complain first (gateway.md 8.1).

    An ``error_code`` of 0000 alone says nothing.
    """
    ret_codes = _texts(meta.get("ret_code"))
    codes = dict.fromkeys([*_texts(meta.get("error_code")), *ret_codes])
    refusals = [code for code in codes if code != SUCCESS]

    return [*refusals, SUCCESS] if SUCCESS in ret_codes else refusals


def _texts(value: object) -> list[str]:
    """
    Return the words of a value that is text in one place and a list in another.
    """
    parts = value if isinstance(value, list) else [value]
    words = ("" if part is None else str(part).strip() for part in parts)

    return [word for word in words if word]
