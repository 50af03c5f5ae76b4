"""
Field encryption (sealed fields): RSA under the gateway's key, base64 (gateway.md 4).
"""

from __future__ import annotations

import base64
import contextlib

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
from umfpay.sensitive import Sealed, Secret, fitting


_PADDING_BYTES = 11  # bytes that PKCS#1 v1.5 needs for itself


class Sealer:
    """
    Seals secrets so that only the gateway can open them. Safe to share between threads.

    Args:
        key: The gateway's key.
        charset: What the gateway reads: UTF-8, in old set-ups GBK.
        backend: ``"auto"`` takes cryptography where it is installed.

    Attributes:
        off_loop: Whether sealing takes too long for an event loop.
        limit: Longest plaintext in bytes.

    Raises:
        ConfigError: There is no such charset or backend.
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

    Attributes:
        off_loop: Whether opening takes too long for an event loop.
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
        raise ConfigError(
            f"sealing_charset: there is no charset {charset!r}.",
            f"sealing_charset：没有字符集 {charset!r}。",
        ) from None
