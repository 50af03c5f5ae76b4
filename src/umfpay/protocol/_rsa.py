"""
The two RSA backends: pycryptodome always works, cryptography is faster.

Both give the same bytes. Keys are read by pycryptodome alone; cryptography gets their
numbers, because it refuses certificates that the gateway really uses.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Final, Literal

from Crypto.Cipher import PKCS1_v1_5
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.PublicKey.RSA import RsaKey
from Crypto.Signature import pkcs1_15

from umfpay.errors import ConfigError, Text
from umfpay.protocol._keys import PrivateKey, PublicKey


BackendName = Literal["auto", "pycryptodome", "cryptography"]

# Measured on two cores: what takes longer than a loop should wait goes to a thread.
_OFF_LOOP_BITS: Final = {"pycryptodome": 2048, "cryptography": 3072}


def choose(backend: BackendName) -> Literal["pycryptodome", "cryptography"]:
    """
    Return the backend to use.

    Raises:
        ConfigError: cryptography is asked for and not installed.
    """
    if backend == "pycryptodome":
        return "pycryptodome"

    if find_spec("cryptography") is not None:
        return "cryptography"

    if backend == "auto":
        return "pycryptodome"

    raise ConfigError(
        Text(
            'rsa_backend: cryptography is not installed: pip install "umfpay[fast]".',
            'rsa_backend：未安装 cryptography：pip install "umfpay[fast]"。',
        )
    )


def is_slow(backend: str, bits: int) -> bool:
    """
    Tell whether a private key operation keeps an event loop waiting for too long.
    """
    return bits >= _OFF_LOOP_BITS[backend]


class PycryptodomePrivate:
    """
    Private key operations of pycryptodome.
    """

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    def sign(self, data: bytes) -> bytes:
        return pkcs1_15.new(self._key.rsa).sign(SHA256.new(data))


class CryptographyPrivate:
    """
    Private key operations of cryptography.
    """

    def __init__(self, key: PrivateKey) -> None:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        self._key = _numbers(rsa, key.rsa)
        self._padding = padding.PKCS1v15()
        self._hash = hashes.SHA256()

    def sign(self, data: bytes) -> bytes:
        signature: bytes = self._key.sign(data, self._padding, self._hash)

        return signature


def _numbers(rsa: Any, key: RsaKey) -> Any:
    """
    Build the key of cryptography from numbers, without its slow consistency check.
    """
    d, p, q = int(key.d), int(key.p), int(key.q)

    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(int(key.e), int(key.n)),
    ).private_key()


class PycryptodomePublic:
    """
    Public key operations of pycryptodome.
    """

    def __init__(self, key: PublicKey) -> None:
        self._key = RSA.construct(key.numbers, consistency_check=False)

    def verify(self, digest: bytes, signature: bytes) -> bool:
        try:
            pkcs1_15.new(self._key).verify(_Digest(digest), signature)
        except ValueError:
            return False

        return True

    def seal(self, plaintext: bytes) -> bytes:
        return PKCS1_v1_5.new(self._key).encrypt(plaintext)


class _Digest:
    """
    A SHA-256 that was made elsewhere, in the shape pycryptodome asks for.
    """

    oid = "2.16.840.1.101.3.4.2.1"
    digest_size = 32

    def __init__(self, value: bytes) -> None:
        self._value = value

    def digest(self) -> bytes:
        return self._value


class CryptographyPublic:
    """
    Public key operations of cryptography.
    """

    def __init__(self, key: PublicKey) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

        n, e = key.numbers
        self._key = rsa.RSAPublicNumbers(e, n).public_key()
        self._padding = padding.PKCS1v15()
        self._hash = utils.Prehashed(hashes.SHA256())
        self._invalid = InvalidSignature

    def verify(self, digest: bytes, signature: bytes) -> bool:
        try:
            self._key.verify(signature, digest, self._padding, self._hash)
        except self._invalid:
            return False

        return True

    def seal(self, plaintext: bytes) -> bytes:
        return self._key.encrypt(plaintext, self._padding)


def private_backend(
    key: PrivateKey, backend: str
) -> PycryptodomePrivate | CryptographyPrivate:
    """
    Return the private key operations of *backend*.
    """
    return (CryptographyPrivate if backend == "cryptography" else PycryptodomePrivate)(
        key
    )


def public_backend(
    key: PublicKey, backend: str
) -> PycryptodomePublic | CryptographyPublic:
    """
    Return the public key operations of *backend*.
    """
    return (CryptographyPublic if backend == "cryptography" else PycryptodomePublic)(
        key
    )
