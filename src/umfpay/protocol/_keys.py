"""
`PrivateKey` and `PublicKey`, shown by size and fingerprint only; a key's certificate.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from umfpay.errors import ConfigError, Text
from umfpay.protocol._key_files import (
    CERTIFICATE_OR_KEY,
    MAX_BITS,
    MIN_BITS,
    KeyContent,
    KeySource,
    read_private,
    read_public,
)
from umfpay.protocol._rsa import (
    HiddenKey,
    cryptography_key,
    generate_numbers,
    pycryptodome_key,
)
from umfpay.sensitive import NeverStored, Secret, concealed, shows_itself_half_made


_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_BIT_STRING: Final = 0x03

# AlgorithmIdentifier of rsaEncryption, with NULL for its parameters (RFC 3279, 2.3.1).
_RSA_ENCRYPTION: Final = bytes.fromhex("300d06092a864886f70d0101010500")

_VALIDITY: Final = timedelta(days=3650)


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
        self.fingerprint = hashlib.sha256(_key_info(n, e)).hexdigest()[:16]

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

        Args:
            bits: Size of the modulus.

        Raises:
            ConfigError: *bits* is not a size that keys have.
        """
        if MIN_BITS <= bits <= MAX_BITS:
            with contextlib.suppress(ValueError):
                return cls(HiddenKey(generate_numbers(bits)))

        raise ConfigError(
            f"A key has {MIN_BITS} to {MAX_BITS} bits, not {bits}.",
            f"密钥应为 {MIN_BITS} 至 {MAX_BITS} 位，而不是 {bits} 位。",
        )

    def to_der_pkcs8(self) -> bytes:
        """
        Return the content of a ``.p8`` file: PKCS#8 (RFC 5208), DER, not encrypted.

        Raises:
            ConfigError: Its numbers make no key.
        """
        der: bytes = pycryptodome_key(self._key).value.export_key("DER", pkcs=8)

        return der

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
        raise ConfigError.of(
            "key",
            "a PrivateKey is needed: PrivateKey.load() reads one",
            "需要 PrivateKey，可用 PrivateKey.load() 读取",
        )


def must_be_public(keys: Sequence[object]) -> None:
    """
    Refuse what is left of keys that were given as text, or anything else.

    Raises:
        ConfigError: One of *keys* is no `PublicKey`.
    """
    if not all(isinstance(key, PublicKey) for key in keys):
        raise ConfigError.of(
            "key",
            "a PublicKey is needed: PublicKey.load() reads one",
            "需要 PublicKey，可用 PublicKey.load() 读取",
        )


def check_key_pair(merchant: PrivateKey, gateway_keys: Sequence[PublicKey]) -> None:
    """
    Refuse a gateway certificate that is the merchant's own public key.

    Args:
        merchant: The merchant's private key.
        gateway_keys: All that were given as the gateway's.

    Raises:
        ConfigError: It is.
    """
    if merchant.public in gateway_keys:
        raise ConfigError.of(
            "gateway_certificate",
            "this is your own public key; give UMF's certificate (.crt)",
            "这是商户自己的公钥；请提供联动优势的证书（.crt）",
        )


def make_certificate(key: PrivateKey, *, common_name: str) -> bytes:
    """
    Return a self-signed X.509 certificate of *key* as PEM, which loads everywhere: for
    the emulator's key (gateway.md, trap 37).

    It needs `cryptography` (extra ``emulator``) and is valid for ten years.

    Args:
        common_name: 1 to 64 characters.

    Raises:
        ConfigError: cryptography is not installed, the name is none, or the numbers of
            *key* do not fit.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import NameOID
    except ImportError:
        raise ConfigError(
            'Making a certificate needs: pip install "umfpay[emulator]".',
            '生成证书需要：pip install "umfpay[emulator]"。',
        ) from None

    try:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    except ValueError:
        raise ConfigError(
            "The name of a certificate has 1 to 64 characters.",
            "证书名称应为 1 至 64 个字符。",
        ) from None

    own = cryptography_key(key.hidden)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALIDITY)
        .sign(own, hashes.SHA256())
    )

    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_info(n: int, e: int) -> bytes:
    """
    Return the SubjectPublicKeyInfo of an RSA key (RFC 5280, 4.1).
    """
    key = _element(_SEQUENCE, _integer(n) + _integer(e))

    return _element(_SEQUENCE, _RSA_ENCRYPTION + _element(_BIT_STRING, b"\0" + key))


def _integer(value: int) -> bytes:
    # One bit more than it has: it is not negative.
    return _element(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _element(tag: int, payload: bytes) -> bytes:
    size = len(payload)

    if size < 0x80:
        return bytes((tag, size)) + payload

    length = size.to_bytes((size.bit_length() + 7) // 8, "big")

    return bytes((tag, 0x80 | len(length))) + length + payload
