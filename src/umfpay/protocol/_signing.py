"""
Signatures: SHA256withRSA, PKCS#1 v1.5, base64 in one line (protocol notes 3.1).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from functools import cached_property

from umfpay.protocol._keys import PrivateKey, PublicKey
from umfpay.protocol._rsa import (
    BackendName,
    choose,
    is_slow,
    private_backend,
    public_backend,
)


class Signer:
    """
    Signs bytes. Safe to share between threads.

    Attributes:
        backend: ``pycryptodome`` or ``cryptography``.
        off_loop: Whether a signature takes too long for an event loop.
    """

    def __init__(self, key: PrivateKey, *, backend: BackendName = "auto") -> None:
        self.backend = choose(backend)
        self.off_loop = is_slow(self.backend, key.bits)
        self._rsa = private_backend(key, self.backend)

    def sign(self, data: bytes, /) -> str:
        """
        Return the signature of *data*: base64 in one line.
        """
        return base64.b64encode(self._rsa.sign(data)).decode("ascii")


class Verifier:
    """
    Verifies signatures with any of several keys. Safe to share between threads.

    Attributes:
        keys: The keys, all valid at once.
        off_loop: Whether a check takes too long for an event loop.
    """

    def __init__(
        self, keys: Sequence[PublicKey], *, backend: BackendName = "auto"
    ) -> None:
        self.keys = tuple(keys)
        self.backend = choose(backend)
        # Verifying uses a small exponent: cheap up to sizes nobody uses here.
        self.off_loop = any(key.bits > 4096 for key in keys)

    @cached_property
    def _backends(self) -> list[tuple[int, object]]:
        return [
            ((key.bits + 7) // 8, public_backend(key, self.backend))
            for key in self.keys
        ]

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
            len(raw) == size and rsa.verify(digest, raw)  # type: ignore[attr-defined]
            for size, rsa in self._backends
        )
