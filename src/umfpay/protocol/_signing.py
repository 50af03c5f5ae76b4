"""
Signatures: SHA256withRSA, PKCS#1 v1.5, base64 in one line (gateway.md 3.1).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence

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
from umfpay.sensitive import fitting


class Signer:
    """
    Signs bytes. Safe to share between threads.

    Args:
        key: The merchant's key.
        backend: ``"auto"`` takes cryptography where it is installed.

    Attributes:
        backend: ``pycryptodome`` or ``cryptography``.
        off_loop: Whether a signature takes too long for an event loop.
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
        """
        digest = hashlib.sha256(data).digest()

        return base64.b64encode(self._rsa.sign(digest)).decode("ascii")


class Verifier:
    """
    Verifies signatures with any of several keys. Safe to share between threads.

    Args:
        keys: All valid at once, for the days of a change of keys.
        backend: ``"auto"`` takes cryptography where it is installed.

    Attributes:
        keys: The keys.
        backend: ``pycryptodome`` or ``cryptography``.
        off_loop: Whether a check takes too long for an event loop.
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
