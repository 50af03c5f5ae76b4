"""
Local encryption of private text that this merchant stores: AES-GCM, derived key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import unicodedata
from typing import Any, Final

from umfpay.sensitive import Private, Secret, concealed


_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_KEY_BYTES: Final = 32


class LocalCipher:
    """
    Encrypts what the gateway wants in clear, so that it is not stored in clear.

    Every process that knows *secret* can read it; a new secret ends that.

    Args:
        secret: What the processes share: the client_secret.
        purpose: What it is for; texts kept for another purpose are not read.
    """

    def __init__(self, secret: Secret, *, purpose: str) -> None:
        # Text would be seen in the frames of an error.
        secret = concealed(secret)
        self._key = Secret(_derive_key(secret, purpose).hex())

    def encrypt(self, text: Private, *, about: str) -> str:
        """
        Return *text* as base64; each call gives another one.

        Args:
            about: What it belongs to; it is read only with the same.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext, tag = self._cipher(about, nonce).encrypt_and_digest(
            text.reveal().encode()
        )

        return base64.b64encode(nonce + tag + ciphertext).decode()

    def decrypt(self, kept: str, *, about: str) -> Private | None:
        """
        Return the text, None if it was changed or kept with another secret.
        """
        try:
            raw = base64.b64decode(kept, validate=True)
            nonce, tag = (
                raw[:_NONCE_BYTES],
                raw[_NONCE_BYTES : _NONCE_BYTES + _TAG_BYTES],
            )
            plain = self._cipher(about, nonce).decrypt_and_verify(
                raw[_NONCE_BYTES + _TAG_BYTES :], tag
            )
        except (binascii.Error, ValueError):
            return None

        return Private(plain.decode())

    def mark(self, text: Private, *, about: str) -> str:
        """
        Return a keyed hash of *text*, 64 hex digits, the same for the same text: blanks
        and full-width forms make no other one.

        Args:
            about: What it belongs to; the same text has another mark elsewhere.
        """
        key = bytes.fromhex(self._key.reveal())
        words = unicodedata.normalize("NFKC", f"mark\0{about}\0{text.reveal()}")
        words = "".join(words.split())

        return hmac.new(key, words.encode(), hashlib.sha256).hexdigest()

    def _cipher(self, about: str, nonce: bytes) -> Any:  # the library types it loosely
        from Crypto.Cipher import AES

        key = bytes.fromhex(self._key.reveal())
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
        cipher.update(about.encode())

        return cipher


def _derive_key(secret: Secret, purpose: str) -> bytes:
    from Crypto.Hash import SHA256
    from Crypto.Protocol.KDF import HKDF

    # HKDF's third argument is a salt; one key is asked for, so it is no list.
    key = HKDF(
        secret.reveal().encode(),
        _KEY_BYTES,
        b"umfpay",
        SHA256,
        context=purpose.encode(),
    )
    assert isinstance(key, bytes)

    return key
