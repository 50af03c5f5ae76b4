"""
Keys: numbers with a name, which show themselves by size and fingerprint only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NoReturn, Self

from Crypto.PublicKey import RSA
from Crypto.PublicKey.RSA import RsaKey

from umfpay.errors import ConfigError, Text
from umfpay.protocol._key_files import KeySource, read_private, read_public
from umfpay.sensitive import Secret


def _fingerprint(key: RsaKey) -> str:
    der = key.public_key().export_key("DER")

    return hashlib.sha256(der).hexdigest()[:16]


class PublicKey:
    """
    The gateway's key, taken out of its certificate; nothing else of that is believed.

    Attributes:
        bits: Size of the modulus.
        fingerprint: 16 hex digits of the SHA-256 of the SubjectPublicKeyInfo.
    """

    __slots__ = ("_e", "_n", "bits", "fingerprint")

    def __init__(self, n: int, e: int) -> None:
        self._n = n
        self._e = e
        self.bits = n.bit_length()
        self.fingerprint = _fingerprint(RSA.construct((n, e), consistency_check=False))

    @classmethod
    def load(cls, source: KeySource | PublicKey) -> PublicKey:
        """
        Read a certificate or a public key.

        Args:
            source: A path, or the content as bytes or text: PEM, DER, or base64 in one
                line; line ends of any kind, ``\\n`` spelt out, too.

        Raises:
            ConfigError: Says what is wrong with which file.
        """
        if isinstance(source, PublicKey):
            return source

        key = read_public(source)

        return cls(int(key.n), int(key.e))

    @property
    def numbers(self) -> tuple[int, int]:
        """
        Modulus and exponent.
        """
        return self._n, self._e

    def __repr__(self) -> str:
        return f"PublicKey({self.bits} bits, {self.fingerprint})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PublicKey):
            return NotImplemented

        return self.numbers == other.numbers

    def __hash__(self) -> int:
        return hash(self.numbers)


class PrivateKey:
    """
    A private key: the merchant's, or in the emulator the gateway's.

    It refuses pickle and copies, and its repr tells size and fingerprint.

    Attributes:
        bits: Size of the modulus.
        fingerprint: The same as of its public key.
    """

    __slots__ = ("_key", "bits", "fingerprint")

    def __init__(self, key: RsaKey) -> None:
        self._key = _Hidden(key)
        self.bits = key.size_in_bits()
        self.fingerprint = _fingerprint(key)

    @classmethod
    def load(
        cls, source: KeySource | PrivateKey, *, passphrase: Secret | None = None
    ) -> PrivateKey:
        """
        Read a private key: PKCS#8 (``.p8``) or PKCS#1.

        Args:
            source: A path, or the content as bytes or text: DER, PEM, or base64 in one
                line; line ends of any kind, ``\\n`` spelt out, too.
            passphrase: For an encrypted key.

        Raises:
            ConfigError: Says what is wrong with which file, and nothing of the key.
        """
        if isinstance(source, PrivateKey):
            return source

        return cls(read_private(source, passphrase=passphrase))

    @classmethod
    def generate(cls, bits: int = 2048) -> Self:
        """
        Make a new key.
        """
        return cls(RSA.generate(bits))

    @property
    def public(self) -> PublicKey:
        """
        The other half.
        """
        key = self._key.value

        return PublicKey(int(key.n), int(key.e))

    def to_der_pkcs8(self) -> bytes:
        """
        Return the content of a ``.p8`` file: PKCS#8, DER, not encrypted.
        """
        return self._key.value.export_key("DER", pkcs=8)

    @property
    def rsa(self) -> RsaKey:
        """
        The library's key, for the backends of this room.
        """
        return self._key.value

    def __repr__(self) -> str:
        return f"PrivateKey({self.bits} bits, {self.fingerprint})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PrivateKey):
            return NotImplemented

        return self._key.value == other._key.value

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a private key is never stored or copied")


class _Hidden:
    """
    Holds the library's key, whose own repr would print the private exponent.
    """

    __slots__ = ("value",)

    def __init__(self, value: RsaKey) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "***"


def check_key_pair(merchant: PrivateKey, gateway: Sequence[PublicKey]) -> None:
    """
    Refuse a gateway certificate that is the merchant's own public key.

    Raises:
        ConfigError: It is.
    """
    if merchant.public in gateway:
        raise ConfigError(
            Text(
                "gateway_certificate: this is your own public key; give UMF's"
                " certificate (.crt).",
                "gateway_certificate：这是商户自己的公钥；请提供联动优势的证书（.crt）。",
            )
        )
