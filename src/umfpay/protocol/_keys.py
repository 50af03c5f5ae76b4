"""
`PrivateKey` and `PublicKey`: shown by size and fingerprint only.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence

from umfpay.errors import ConfigError, Text
from umfpay.protocol._der import key_info_of
from umfpay.protocol._key_files import KeyContent, KeySource
from umfpay.protocol._rsa_keys import (
    CERTIFICATE_OR_KEY,
    MAX_BITS,
    MIN_BITS,
    HiddenKey,
    KeyNumbers,
    read_private,
    read_public,
)
from umfpay.sensitive import NeverStored, Secret, concealed, shows_itself_half_made


@shows_itself_half_made
class PublicKey:
    """
    The gateway's key, taken out of its certificate; nothing else of that is believed.

    Attributes:
        bits: Size of the modulus.
        fingerprint: 16 hex digits of the SHA-256 of the SubjectPublicKeyInfo.
    """

    __slots__ = ("_e", "_n", "bits", "fingerprint")

    bits: int
    fingerprint: str

    def __init__(self, n: int, e: int) -> None:
        self._n = n
        self._e = e
        self.bits = n.bit_length()
        self.fingerprint = hashlib.sha256(key_info_of(n, e)).hexdigest()[:16]

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

        content = KeyContent.of(source)
        # It may be a private key, given by mistake.
        del source

        return cls.of(content)

    @classmethod
    def of(cls, content: KeyContent, *, wanted: Text = CERTIFICATE_OR_KEY) -> PublicKey:
        """
        Take the key out of *content*.

        Args:
            wanted: What the caller would have taken, for the error.

        Raises:
            ConfigError: Says what it is instead.
        """
        key = read_public(content, wanted=wanted)

        return cls(key.value.n, key.value.e)

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


@shows_itself_half_made
class PrivateKey(NeverStored):
    """
    A private key: the merchant's, or in the emulator the gateway's.

    It refuses pickle and copies, and its repr tells size and fingerprint.

    Attributes:
        bits: Size of the modulus.
        fingerprint: The same as of its public key.
        public: The other half.
    """

    __slots__ = ("_key", "bits", "fingerprint", "public")

    bits: int
    fingerprint: str
    public: PublicKey

    def __init__(self, key: HiddenKey) -> None:
        self._key = key
        self.public = PublicKey(key.value.n, key.value.e)
        self.bits = self.public.bits
        self.fingerprint = self.public.fingerprint

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
        passphrase = concealed(passphrase)
        if isinstance(source, PrivateKey):
            return source

        content = KeyContent.of(source)
        # A frame that an error leaves must not show a key.
        del source

        return cls.of(content, passphrase=passphrase)

    @classmethod
    def of(cls, content: KeyContent, *, passphrase: Secret | None = None) -> PrivateKey:
        """
        Take the key out of *content*.

        Raises:
            ConfigError: Says what it is instead.
        """
        return cls(read_private(content, passphrase=passphrase))

    @classmethod
    def generate(cls, bits: int = 2048) -> PrivateKey:
        """
        Make a new key.

        Raises:
            ConfigError: *bits* is not a size that keys have.
        """
        if MIN_BITS <= bits <= MAX_BITS:
            with contextlib.suppress(ValueError):
                return cls(HiddenKey(_generated(bits)))

        raise ConfigError(
            f"A key has {MIN_BITS} to {MAX_BITS} bits, not {bits}.",
            f"密钥应为 {MIN_BITS} 至 {MAX_BITS} 位，而不是 {bits} 位。",
        )

    def to_der_pkcs8(self) -> bytes:
        """
        Return the content of a ``.p8`` file: PKCS#8, DER, not encrypted.
        """
        from Crypto.PublicKey import RSA

        made = RSA.construct(self._key.value.private, consistency_check=False)

        return made.export_key("DER", pkcs=8)

    @property
    def hidden(self) -> HiddenKey:
        """
        The library's key, for the operations of this room.
        """
        return self._key

    def __repr__(self) -> str:
        return f"PrivateKey({self.bits} bits, {self.fingerprint})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PrivateKey):
            return NotImplemented

        # One modulus has one pair of primes.
        return self.public == other.public

    def __hash__(self) -> int:
        return hash((PrivateKey, self.public))


def must_be_private(key: object) -> None:
    """
    Refuse what is left of a key that was given as text, or anything else.

    Raises:
        ConfigError: *key* is no `PrivateKey`.
    """
    if not isinstance(key, PrivateKey):
        raise ConfigError(
            "key: a PrivateKey is needed: PrivateKey.load() reads one.",
            "key：需要 PrivateKey，可用 PrivateKey.load() 读取。",
        )


def must_be_public(keys: Sequence[object]) -> None:
    """
    Refuse what is left of keys that were given as text, or anything else.

    Raises:
        ConfigError: One of *keys* is no `PublicKey`.
    """
    if not all(isinstance(key, PublicKey) for key in keys):
        raise ConfigError(
            "key: a PublicKey is needed: PublicKey.load() reads one.",
            "key：需要 PublicKey，可用 PublicKey.load() 读取。",
        )


def check_key_pair(merchant: PrivateKey, gateway_keys: Sequence[PublicKey]) -> None:
    """
    Refuse a gateway certificate that is the merchant's own public key.

    Raises:
        ConfigError: It is.
    """
    if merchant.public in gateway_keys:
        raise ConfigError(
            "gateway_certificate: this is your own public key; give UMF's"
            " certificate (.crt).",
            "gateway_certificate：这是商户自己的公钥；请提供联动优势的证书（.crt）。",
        )


def _generated(bits: int) -> KeyNumbers:
    from Crypto.PublicKey import RSA

    key = RSA.generate(bits)

    return KeyNumbers(*(int(one) for one in (key.n, key.e, key.d, key.p, key.q)))
