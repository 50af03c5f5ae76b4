"""
The two RSA backends: pycryptodome always works, cryptography is faster.

Both give the same bytes, and both get the numbers of keys: who read them is another
matter. Each library is imported by whoever works with it.

Where a library fails, its frames hold keys or clear text: the failure is dropped and
told anew.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final, Literal, Protocol, get_args

from umfpay.errors import ConfigError
from umfpay.protocol._keys import PrivateKey, PublicKey
from umfpay.protocol._rsa_keys import HiddenKey
from umfpay.sensitive import Secret


BackendName = Literal["auto", "pycryptodome", "cryptography"]
Chosen = Literal["pycryptodome", "cryptography"]

# Measured on two cores: what takes longer than a loop should wait goes to a thread.
_PRIVATE_OFF_LOOP_BITS: Final[dict[Chosen, int]] = {
    "pycryptodome": 2048,
    "cryptography": 3072,
}
_PUBLIC_OFF_LOOP_BITS: Final = 3072


class PrivateOperations(Protocol):
    """
    What a backend does with a private key.
    """

    def sign(self, digest: bytes) -> bytes:
        """
        Sign a SHA-256 digest.
        """


class PublicOperations(Protocol):
    """
    What a backend does with a public key.
    """

    def verify(self, digest: bytes, signature: bytes) -> bool:
        """
        Tell whether *signature* is one of the SHA-256 *digest*.
        """

    def seal(self, secret: Secret, charset: str) -> bytes:
        """
        Encrypt what *secret* reveals.
        """


def choose(backend: BackendName) -> Chosen:
    """
    Return the backend to use.

    Raises:
        ConfigError: There is no such backend, or it is not installed.
    """
    if backend not in get_args(BackendName):
        raise ConfigError(
            f"rsa_backend: it must be one of {', '.join(get_args(BackendName))}.",
            f"rsa_backend：必须是 {'、'.join(get_args(BackendName))} 之一。",
        )

    if backend == "pycryptodome":
        return "pycryptodome"

    if _is_installed():
        return "cryptography"

    if backend == "auto":
        return "pycryptodome"

    raise ConfigError(
        'rsa_backend: cryptography is not installed: pip install "umfpay[fast]".',
        'rsa_backend：未安装 cryptography：pip install "umfpay[fast]"。',
    )


def _is_installed() -> bool:
    try:
        import cryptography  # noqa: F401
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: F401
    except ImportError:
        return False

    return True


def private_off_loop(backend: Chosen, bits: int) -> bool:
    """
    Tell whether a private key operation keeps an event loop waiting for too long.
    """
    return bits >= _PRIVATE_OFF_LOOP_BITS[backend]


def public_off_loop(bits: int) -> bool:
    """
    Tell the same of a public key operation, which is cheap in both backends.
    """
    return bits >= _PUBLIC_OFF_LOOP_BITS


def private_operations(key: PrivateKey, backend: Chosen) -> PrivateOperations:
    """
    Return what *backend* does with *key*.
    """
    if backend == "cryptography":
        return _CryptographyPrivate(key)

    return _PycryptodomePrivate(key)


def public_operations(key: PublicKey, backend: Chosen) -> PublicOperations:
    """
    Return what *backend* does with *key*.
    """
    if backend == "cryptography":
        return _CryptographyPublic(key)

    return _PycryptodomePublic(key)


class _Digest:
    """
    A SHA-256 made by hashlib, in the shape that pycryptodome asks for.
    """

    __slots__ = ("_value",)

    oid = "2.16.840.1.101.3.4.2.1"
    digest_size = 32

    def __init__(self, value: bytes) -> None:
        self._value = value

    def digest(self) -> bytes:
        return self._value


class _PycryptodomePrivate:
    def __init__(self, key: PrivateKey) -> None:
        from Crypto.Signature import pkcs1_15

        self._key = pycryptodome_key(key.hidden)
        self._scheme = pkcs1_15

    def sign(self, digest: bytes) -> bytes:
        with contextlib.suppress(Exception):
            # The library's stubs know digests of its own only.
            signature: bytes = self._scheme.new(self._key.value).sign(_Digest(digest))

            return signature

        raise _unusable_backend_error()


class _PycryptodomePublic:
    def __init__(self, key: PublicKey) -> None:
        from Crypto.Cipher import PKCS1_v1_5
        from Crypto.PublicKey import RSA
        from Crypto.Signature import pkcs1_15

        self._key = RSA.construct(key.numbers, consistency_check=False)
        self._scheme = pkcs1_15
        self._cipher = PKCS1_v1_5

    def verify(self, digest: bytes, signature: bytes) -> bool:
        try:
            self._scheme.new(self._key).verify(
                _Digest(digest),
                signature,
            )
        except ValueError:
            return False

        return True

    def seal(self, secret: Secret, charset: str) -> bytes:
        with contextlib.suppress(Exception):
            return self._cipher.new(self._key).encrypt(secret.reveal().encode(charset))

        raise _unsealed_error()


class _CryptographyPrivate:
    def __init__(self, key: PrivateKey) -> None:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, utils

        self._key = from_numbers(key.hidden)
        self._padding = padding.PKCS1v15()
        self._hash = utils.Prehashed(hashes.SHA256())

    def sign(self, digest: bytes) -> bytes:
        with contextlib.suppress(Exception):
            signature: bytes = self._key.sign(digest, self._padding, self._hash)

            return signature

        raise _unusable_backend_error()


class _CryptographyPublic:
    def __init__(self, key: PublicKey) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

        n, e = key.numbers

        try:
            self._key = rsa.RSAPublicNumbers(e, n).public_key()
        except ValueError:
            raise _unusable_backend_error() from None

        self._padding = padding.PKCS1v15()
        self._hash = utils.Prehashed(hashes.SHA256())
        self._invalid = InvalidSignature

    def verify(self, digest: bytes, signature: bytes) -> bool:
        try:
            self._key.verify(signature, digest, self._padding, self._hash)
        except self._invalid:
            return False

        return True

    def seal(self, secret: Secret, charset: str) -> bytes:
        with contextlib.suppress(Exception):
            return self._key.encrypt(secret.reveal().encode(charset), self._padding)

        raise _unsealed_error()


def from_numbers(key: HiddenKey) -> Any:  # cryptography is typed, and optional
    """
    Return the private key of cryptography with the numbers of *key*.
    """
    from cryptography.hazmat.primitives.asymmetric import rsa

    n, e, d, p, q = key.value.private

    with contextlib.suppress(ValueError, ArithmeticError):
        if _fits(n, e, d, p, q):
            # Its primes were tested when it was read; to do that again would keep the
            # loop of a new session waiting for 46 ms at 2048 bits, 259 ms at 4096.
            return rsa.RSAPrivateNumbers(
                p=p,
                q=q,
                d=d,
                dmp1=rsa.rsa_crt_dmp1(d, p),
                dmq1=rsa.rsa_crt_dmq1(d, q),
                iqmp=rsa.rsa_crt_iqmp(p, q),
                public_numbers=rsa.RSAPublicNumbers(e, n),
            ).private_key(unsafe_skip_rsa_key_validation=True)

    raise _unusable_backend_error()


def pycryptodome_key(key: HiddenKey) -> HiddenKey:
    """
    Return the private key of pycryptodome with the numbers of *key*.
    """
    from Crypto.PublicKey import RSA

    with contextlib.suppress(ValueError, ArithmeticError):
        return HiddenKey(RSA.construct(key.value.private, consistency_check=False))

    raise _unusable_backend_error()


def _fits(n: int, e: int, d: int, p: int, q: int) -> bool:
    """
    Tell whether what is encrypted with one half can be decrypted with the other.
    """
    return p * q == n and e * d % (p - 1) == 1 and e * d % (q - 1) == 1


def _unusable_backend_error() -> ConfigError:
    return ConfigError(
        "The RSA library cannot work with this key; its numbers do not fit.",
        "RSA 库无法使用该密钥；其参数不匹配。",
    )


def _unsealed_error() -> ConfigError:
    return ConfigError(
        "A sensitive field could not be sealed with this key.",
        "无法用该密钥加密敏感字段。",
    )
