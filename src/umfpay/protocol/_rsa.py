"""
The two RSA libraries: pycryptodome always works, cryptography is faster.

Both read the numbers of a key, and both give the same bytes made with them: who read
them is another matter. Each library is imported by whoever works with it. To import
pycryptodome takes longer than all else that a session needs.

Where a library fails, its frames hold keys or clear text: the failure is dropped, and an
error of ours is raised.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final, Literal, Protocol, get_args

import attrs

from umfpay.errors import ConfigError
from umfpay.sensitive import NeverStored, Secret


BackendName = Literal["auto", "pycryptodome", "cryptography"]
Chosen = Literal["pycryptodome", "cryptography"]

# Measured on two cores: what takes longer than a loop should wait goes to a thread.
_PRIVATE_OFF_LOOP_BITS: Final[dict[Chosen, int]] = {
    "pycryptodome": 2048,
    "cryptography": 3072,
}
_PUBLIC_OFF_LOOP_BITS: Final = 3072


@attrs.frozen(repr=False, eq=False)
class KeyNumbers:
    """
    What a key is made of (RFC 8017, 3): d, p and q are None for a public one.
    """

    n: int
    e: int
    d: int | None = None
    p: int | None = None
    q: int | None = None

    @property
    def has_private(self) -> bool:
        """
        Whether it is a private key.
        """
        return self.d is not None

    @property
    def private(self) -> tuple[int, int, int, int, int]:
        """
        All numbers of a private key.
        """
        assert self.d is not None
        assert self.p is not None
        assert self.q is not None

        return self.n, self.e, self.d, self.p, self.q


class HiddenKey(NeverStored):
    """
    Holds a key, whose own repr would print the private exponent.

    Args:
        value: Its numbers, or a library's object made of them.
    """

    # A closure: tools that walk the slots of an object find no key.
    __slots__ = ("_revealed",)

    # Any: a library that may not be installed has no name here.
    _revealed: Callable[[], Any]

    def __init__(self, value: Any) -> None:
        self._revealed = lambda: value

    @property
    def value(self) -> Any:
        """
        The key.
        """
        return self._revealed()

    def __repr__(self) -> str:
        return "HiddenKey(***)"


def read_by_cryptography(
    content: bytes, passphrase: Secret | None
) -> KeyNumbers | None:
    """
    Return the numbers of a key, None if it holds none or if it is not RSA.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    is_pem = content.lstrip().startswith(b"-----BEGIN")
    key: Any = None

    # Its reader of certificates is not asked: to import it takes as long as all else.
    with contextlib.suppress(Exception):
        key = (
            serialization.load_pem_private_key(content, _password(passphrase))
            if is_pem
            else serialization.load_der_private_key(content, _password(passphrase))
        )

    if key is None:
        with contextlib.suppress(Exception):
            key = (
                serialization.load_pem_public_key(content)
                if is_pem
                else serialization.load_der_public_key(content)
            )

    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        public = numbers.public_numbers

        return KeyNumbers(public.n, public.e, numbers.d, numbers.p, numbers.q)

    if isinstance(key, rsa.RSAPublicKey):
        public = key.public_numbers()

        return KeyNumbers(public.n, public.e)

    return None


def read_by_pycryptodome(
    content: bytes, passphrase: Secret | None
) -> KeyNumbers | None:
    """
    Return the numbers of a key; raise whatever the library does if it holds none.
    """
    from Crypto.PublicKey import RSA

    key = RSA.import_key(content, _password(passphrase))

    return _numbers_of(key) if key.has_private() else KeyNumbers(int(key.n), int(key.e))


def _numbers_of(key: Any) -> KeyNumbers:  # the library types it loosely
    return KeyNumbers(*(int(one) for one in (key.n, key.e, key.d, key.p, key.q)))


def _password(passphrase: Secret | None) -> bytes | None:
    # The bytes that OpenSSL would take from the environment, UTF-8 or not.
    if passphrase is None:
        return None

    return passphrase.reveal().encode("utf-8", "surrogateescape")


def generate_numbers(bits: int) -> KeyNumbers:
    """
    Return the numbers of a new private key.

    Raises:
        ValueError: The library makes no key of so few *bits*.
    """
    from Crypto.PublicKey import RSA

    return _numbers_of(RSA.generate(bits))


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
        raise ConfigError.of(
            "rsa_backend",
            f"it must be one of {', '.join(get_args(BackendName))}",
            f"必须是 {'、'.join(get_args(BackendName))} 之一",
        )

    if backend == "pycryptodome":
        return "pycryptodome"

    if _is_installed():
        return "cryptography"

    if backend == "auto":
        return "pycryptodome"

    raise ConfigError.of(
        "rsa_backend",
        'cryptography is not installed: pip install "umfpay[fast]"',
        '未安装 cryptography：pip install "umfpay[fast]"',
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


def private_operations(key: HiddenKey, backend: Chosen) -> PrivateOperations:
    """
    Return what *backend* does with the numbers of a private *key*.

    Raises:
        ConfigError: They do not fit together.
    """
    if backend == "cryptography":
        return _CryptographyPrivate(key)

    return _PycryptodomePrivate(key)


def public_operations(n: int, e: int, backend: Chosen) -> PublicOperations:
    """
    Return what *backend* does with a public key: modulus and exponent.

    Raises:
        ConfigError: They are none that the library can work with.
    """
    if backend == "cryptography":
        return _CryptographyPublic(n, e)

    return _PycryptodomePublic(n, e)


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
    def __init__(self, key: HiddenKey) -> None:
        from Crypto.Signature import pkcs1_15

        self._key = pycryptodome_key(key)
        self._scheme = pkcs1_15

    def sign(self, digest: bytes) -> bytes:
        with contextlib.suppress(Exception):
            # The library's stubs know digests of its own only.
            signature: bytes = self._scheme.new(self._key.value).sign(_Digest(digest))

            return signature

        raise _unusable_backend_error()


class _PycryptodomePublic:
    def __init__(self, n: int, e: int) -> None:
        from Crypto.Cipher import PKCS1_v1_5
        from Crypto.PublicKey import RSA
        from Crypto.Signature import pkcs1_15

        self._key = RSA.construct((n, e), consistency_check=False)
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
    def __init__(self, key: HiddenKey) -> None:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, utils

        self._key = cryptography_key(key)
        self._padding = padding.PKCS1v15()
        self._hash = utils.Prehashed(hashes.SHA256())

    def sign(self, digest: bytes) -> bytes:
        with contextlib.suppress(Exception):
            signature: bytes = self._key.sign(digest, self._padding, self._hash)

            return signature

        raise _unusable_backend_error()


class _CryptographyPublic:
    def __init__(self, n: int, e: int) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

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


def cryptography_key(key: HiddenKey) -> Any:  # cryptography is typed, and optional
    """
    Return the private key of cryptography with the numbers of *key*.

    Raises:
        ConfigError: They do not fit together.
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

    Raises:
        ConfigError: They make no key.
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
