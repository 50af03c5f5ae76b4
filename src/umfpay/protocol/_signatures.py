"""
Signatures (SHA256withRSA), and the envelopes that carry them (gateway.md 3).

PKCS#1 v1.5, base64 in one line.

`Signer` and `Verifier` work on bytes; `open_envelope()` and `verify_notification()` say
of what the gateway sent whether it is signed. Every check of a signature, that of a
download too, ends in `Verifier.verify_digest()`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Literal

import attrs

from umfpay.protocol._json import JSONRefusedError, dump_json
from umfpay.protocol._keys import (
    PrivateKey,
    PublicKey,
    must_be_private,
    must_be_public,
)
from umfpay.protocol._rsa import (
    BackendName,
    choose,
    private_off_loop,
    private_operations,
    public_off_loop,
    public_operations,
)
from umfpay.protocol._signed_text import ScannedAnswer, scan
from umfpay.sensitive import fitting


_SUCCESS: Final = "0000"

Place = Literal["meta", "header", "both", "none"]

_OBJECT_BEGIN: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\n\r]*\{")
_BAD_HEADER_REASON: Final = "the header Signature does not verify"
_NO_HEADER_REASON: Final = "there is no header Signature"


class Signer:
    """
    Signs bytes (gateway.md 3.1). Safe to share between threads.

    Args:
        key: The merchant's key.
        backend: ``"auto"`` takes cryptography where it is installed.

    Attributes:
        backend: ``pycryptodome`` or ``cryptography``.
        off_loop: Whether a signature takes too long for an event loop.

    Raises:
        ConfigError: There is no such backend, or *key* is no key that it can work with.
    """

    backend: str
    off_loop: bool

    def __init__(self, key: PrivateKey, *, backend: BackendName = "auto") -> None:
        # A frame that an error leaves must not show the text of a key.
        key = fitting(key, PrivateKey)
        must_be_private(key)
        chosen = choose(backend)
        self.backend = chosen
        self.off_loop = private_off_loop(chosen, key.bits)
        self._rsa = private_operations(key.hidden, chosen)

    def sign(self, data: bytes, /) -> str:
        """
        Return the signature of *data*: base64 in one line.

        Raises:
            ConfigError: The numbers of the key do not fit together.
        """
        digest = hashlib.sha256(data).digest()

        return base64.b64encode(self._rsa.sign(digest)).decode("ascii")


class Verifier:
    """
    Verifies signatures with any of several keys (gateway.md 3.1). Safe to share between
    threads.

    Args:
        keys: All valid at once, for the days of a change of keys.
        backend: ``"auto"`` takes cryptography where it is installed.

    Attributes:
        keys: The keys.
        backend: ``pycryptodome`` or ``cryptography``.
        off_loop: Whether a check takes too long for an event loop.

    Raises:
        ConfigError: There is no such backend, or one of *keys* is no key that it can work
            with.
    """

    keys: tuple[PublicKey, ...]
    backend: str
    off_loop: bool

    def __init__(
        self, keys: Sequence[PublicKey], *, backend: BackendName = "auto"
    ) -> None:
        keys = fitting(tuple(keys), PublicKey)
        must_be_public(keys)
        chosen = choose(backend)
        self.keys = tuple(keys)
        self.backend = chosen
        self.off_loop = any(public_off_loop(key.bits) for key in self.keys)
        self._rsa = tuple(
            ((key.bits + 7) // 8, public_operations(*key.numbers, chosen))
            for key in self.keys
        )

    def verify(self, data: bytes, signature: str, /) -> bool:
        """
        Tell whether *signature* of *data* is one of our keys'.

        Args:
            signature: Strict base64 of exactly a key's length; anything else is False.
        """
        return self.verify_digest(hashlib.sha256(data).digest(), signature)

    def verify_digest(self, digest: bytes, signature: str, /) -> bool:
        """
        Tell the same of the SHA-256 *digest* of what was signed.

        Args:
            digest: 32 bytes.
            signature: As for `verify()`.
        """
        try:
            raw = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            return False

        # "AB==" and "AA==" are the same byte: only one spelling is a signature.
        if base64.b64encode(raw) != signature.encode("ascii"):
            return False

        return any(
            len(raw) == size and rsa.verify(digest, raw) for size, rsa in self._rsa
        )


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
    Write an answer as the gateway does (gateway.md 3.2): sign first in meta, over the text
    without it.

    Args:
        members: The answer; a sign in its meta is replaced, a missing meta is added
            where *place* asks for one.
        signer: Holds the gateway's key.
        place: Where the signature goes. The header covers the final body.

    Returns:
        The body, and the header Signature, None if *place* has none.

    Raises:
        JSONRefusedError: A number is not finite, or text has half of a surrogate pair.
        TypeError: A member has no JSON form.
        ConfigError: The numbers of the key do not fit together.
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

    if meta.get("ret_code") == _SUCCESS and not meta.get("error_code"):
        # Nearly every answer.
        code, others = _SUCCESS, []
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
    refusals = [code for code in codes if code != _SUCCESS]

    return [*refusals, _SUCCESS] if _SUCCESS in ret_codes else refusals


def _texts(value: object) -> list[str]:
    """
    Return the words of a value that is text in one place and a list in another.
    """
    parts = value if isinstance(value, list) else [value]
    words = ("" if part is None else str(part).strip() for part in parts)

    return [word for word in words if word]
