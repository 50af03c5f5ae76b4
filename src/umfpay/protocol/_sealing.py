"""
Sealed fields: RSA under the gateway's key, base64 (protocol notes 4).
"""

from __future__ import annotations

import base64
import binascii

from Crypto.Cipher import PKCS1_v1_5

from umfpay.errors import ConfigError, Text
from umfpay.protocol._keys import PrivateKey, PublicKey
from umfpay.protocol._rsa import BackendName, choose, public_backend
from umfpay.sensitive import Sealed, Secret


_PADDING = 11  # bytes that PKCS#1 v1.5 needs for itself


class Sealer:
    """
    Seals secrets so that only the gateway can open them.

    Attributes:
        off_loop: Whether sealing takes too long for an event loop.
        limit: Longest plaintext in bytes.
    """

    def __init__(
        self, key: PublicKey, *, charset: str = "utf-8", backend: BackendName = "auto"
    ) -> None:
        self._charset = charset
        self._rsa = public_backend(key, choose(backend))
        self.limit = (key.bits + 7) // 8 - _PADDING
        self.off_loop = key.bits > 4096

    def seal(self, secret: Secret) -> Sealed:
        """
        Return *secret* as ciphertext; each call gives another one.

        Raises:
            ConfigError: It is too long for the key, or the charset cannot write it.
        """
        size = self._size(secret)

        if size is None:
            raise ConfigError(
                Text(
                    f"A sensitive field cannot be written in {self._charset}.",
                    f"敏感字段无法用 {self._charset} 编码。",
                )
            )

        if size > self.limit:
            raise ConfigError(
                Text(
                    f"A sensitive field has {size} bytes; the gateway's key seals at"
                    f" most {self.limit}.",
                    f"敏感字段有 {size} 字节，平台公钥最多加密 {self.limit} 字节。",
                )
            )

        return Sealed(
            base64.b64encode(
                self._rsa.seal(secret.reveal().encode(self._charset))
            ).decode("ascii")
        )

    def _size(self, secret: Secret) -> int | None:
        try:
            return len(secret.reveal().encode(self._charset))
        except UnicodeEncodeError:
            return None


class Opener:
    """
    Opens what was sealed: the gateway's side.
    """

    def __init__(self, key: PrivateKey, *, charset: str = "utf-8") -> None:
        self._key = key
        self._charset = charset

    def open(self, sealed: Sealed | str) -> Secret | None:
        """
        Return the plaintext, None if it was not sealed for this key and charset.
        """
        text = sealed.ciphertext if isinstance(sealed, Sealed) else sealed

        try:
            raw = base64.b64decode(text, validate=True)
            plain = PKCS1_v1_5.new(self._key.rsa).decrypt(raw, b"\xff\xfe\xff")

            return Secret(plain.decode(self._charset))
        except (binascii.Error, ValueError, TypeError):
            return None
