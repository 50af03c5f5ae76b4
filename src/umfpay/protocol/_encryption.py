"""
Encryption: RSA for fields that the gateway reads, AES-GCM for texts that are stored.

Fields are encrypted with the gateway's key (gateway.md 4), private texts of this
merchant with a derived one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import secrets
import unicodedata
from typing import Any, Final

from umfpay.errors import ConfigError
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
    public_off_loop,
    public_operations,
    pycryptodome_key,
)
from umfpay.sensitive import Private, Sealed, Secret, concealed, fitting


_PADDING_BYTES: Final = 11  # bytes that PKCS#1 v1.5 needs for itself
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_KEY_BYTES: Final = 32


class Sealer:
    """
    Seals secrets so that only the gateway can open them (gateway.md 4). Safe to share
    between threads.

    Args:
        key: The gateway's key.
        charset: What the gateway reads: UTF-8, in old set-ups GBK.
        backend: ``"auto"`` takes cryptography where it is installed.

    Attributes:
        off_loop: Whether sealing takes too long for an event loop.
        limit: Longest plaintext in bytes.

    Raises:
        ConfigError: There is no such charset or backend, or *key* is no key that it can
            work with.
    """

    limit: int
    off_loop: bool

    def __init__(
        self, key: PublicKey, *, charset: str = "utf-8", backend: BackendName = "auto"
    ) -> None:
        # A frame that an error leaves must not show the text of a key.
        key = fitting(key, PublicKey)
        must_be_public([key])
        _check_charset(charset)
        self._charset = charset
        self._rsa = public_operations(*key.numbers, choose(backend))
        self.limit = (key.bits + 7) // 8 - _PADDING_BYTES
        self.off_loop = public_off_loop(key.bits)

    def seal(self, secret: Secret) -> Sealed:
        """
        Return *secret* as ciphertext; each call gives another one.

        Raises:
            ConfigError: It is too long for the key, or the charset cannot write it.
        """
        size = self._size(secret)

        if size is None:
            raise ConfigError(
                f"A sensitive field cannot be written in {self._charset}.",
                f"敏感字段无法用 {self._charset} 编码。",
            )

        if size > self.limit:
            raise ConfigError(
                f"A sensitive field has {size} bytes; the gateway's key seals at"
                f" most {self.limit}.",
                f"敏感字段有 {size} 字节，平台公钥最多加密 {self.limit} 字节。",
            )

        ciphertext = self._rsa.seal(secret, self._charset)

        return Sealed(base64.b64encode(ciphertext).decode("ascii"))

    def _size(self, secret: Secret) -> int | None:
        # The error of the codec holds the text: it must not be anybody's context.
        with contextlib.suppress(UnicodeError):
            return len(secret.reveal().encode(self._charset))

        return None


class Opener:
    """
    Opens what was sealed: the gateway's side. Safe to share between threads.

    It always works with pycryptodome: OpenSSL answers a wrong padding with random
    bytes, and a plaintext that nobody sealed would pass for one.

    Args:
        key: The gateway's key.
        charset: What the gateway reads: UTF-8, in old set-ups GBK.

    Attributes:
        off_loop: Whether opening takes too long for an event loop.

    Raises:
        ConfigError: There is no such charset, or *key* is no key that it can work with.
    """

    off_loop: bool

    def __init__(self, key: PrivateKey, *, charset: str = "utf-8") -> None:
        key = fitting(key, PrivateKey)
        must_be_private(key)
        _check_charset(charset)
        self._key = pycryptodome_key(key.hidden)
        self._charset = charset
        self.off_loop = private_off_loop("pycryptodome", key.bits)

    def open(self, sealed: Sealed | str) -> Secret | None:
        """
        Return the plaintext, None if it was not sealed for this key and charset.

        Args:
            sealed: What a `Sealer` returned, or its base64 text.
        """
        from Crypto.Cipher import PKCS1_v1_5

        text = sealed.ciphertext if isinstance(sealed, Sealed) else sealed

        # Whatever is wrong with it: the library's frames hold key and plaintext.
        with contextlib.suppress(Exception):
            raw = base64.b64decode(text, validate=True)
            plain = PKCS1_v1_5.new(self._key.value).decrypt(raw, None)

            return None if plain is None else Secret(plain.decode(self._charset))

        return None


def _check_charset(charset: str) -> None:
    try:
        "".encode(charset)
    except (LookupError, TypeError, ValueError):
        raise ConfigError.of(
            "sealing_charset",
            f"there is no charset {charset!r}",
            f"没有字符集 {charset!r}",
        ) from None


class LocalCipher:
    """
    Encrypts what the gateway wants in clear, so that it is not stored in clear: AES-256
    in GCM under a key that HKDF derives (RFC 5869).

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

        Args:
            kept: What `encrypt()` returned.
            about: What it was encrypted with.
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
