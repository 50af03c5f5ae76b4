"""
Parse RSA keys and certificates: by cryptography if it is there, else by pycryptodome.

What cryptography refuses pycryptodome may read: the certificates that the gateway really
uses are among it (gateway.md 1). To import pycryptodome takes longer than all else that a
session needs, so it is done only for these, and where cryptography is not installed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Final

import attrs

from umfpay.errors import ConfigError, Text
from umfpay.protocol._certificate_facts import public_key_info
from umfpay.protocol._der import is_cut
from umfpay.protocol._key_files import KeyContent
from umfpay.sensitive import NeverStored, Secret


MIN_BITS: Final = 1024
MAX_BITS: Final = 16384

CERTIFICATE_OR_KEY: Final = Text("certificate or public key", "证书或公钥")

_PUBLIC_LABELS: Final = ("CERTIFICATE", "PUBLIC KEY")
_PRIVATE_LABEL: Final = "PRIVATE KEY"
_EC_OID: Final = b"\x2a\x86\x48\xce\x3d"  # ansi-X9-62: curves and their keys
# PKCS#5 and PKCS#12 encryption, as an encrypted PKCS#8 begins with.
_ENCRYPTION_OIDS: Final = (
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x05",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01",
)
_X520_OID: Final = b"\x06\x03\x55\x04"  # an attribute of a name


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


def is_private(content: KeyContent, *, passphrase: Secret | None) -> bool:
    """
    Tell whether it is meant as a private key: by its label, or by what it holds.
    """
    if content.labels:
        return not any(label.endswith(_PUBLIC_LABELS) for label in content.labels)

    key = _import_key(content.block(), passphrase)

    return is_encrypted(content) if key is None else key.value.has_private


def read_private(content: KeyContent, *, passphrase: Secret | None) -> HiddenKey:
    """
    Read a private key: PKCS#8 or PKCS#1, encrypted or not.

    Raises:
        ConfigError: Names what it is instead.
    """
    content.must_be_usable()
    key = _import_key(content.block(_PRIVATE_LABEL), passphrase)

    if key is not None and key.value.has_private:
        _check_size(content, key)

        return key

    if is_encrypted(content) and not _is_cut(content):
        if passphrase:
            raise ConfigError.of(
                content.name,
                "the passphrase is wrong, or the encryption is not supported",
                "口令错误，或不支持该加密方式",
            )

        raise ConfigError.of(
            content.name,
            "it is encrypted: give the passphrase",
            "私钥已加密：请提供口令",
        )

    if key is None:
        key = _import_public(content)

    if key is None:
        raise _no_key_error(content, Text("private key", "私钥"))

    kind, kind_zh = (
        ("a certificate", "证书")
        if is_certificate(content)
        else ("a public key", "公钥")
    )

    raise ConfigError.of(
        content.name,
        f"this is {kind}; the merchant key is the .p8 file",
        f"这是{kind_zh}；商户私钥是 .p8 文件",
    )


def read_public(content: KeyContent, *, wanted: Text = CERTIFICATE_OR_KEY) -> HiddenKey:
    """
    Read the public key out of a certificate or a public key file.

    Args:
        wanted: What the caller would have taken, for the error.

    Raises:
        ConfigError: Names what it is instead.
    """
    content.must_be_usable()
    key = _import_public(content)

    if key is not None and not key.value.has_private:
        _check_size(content, key)

        return key

    is_private = any(label.endswith(_PRIVATE_LABEL) for label in content.labels)

    if key is not None or is_private or is_encrypted(content):
        raise ConfigError.of(
            content.name,
            "this is a private key; the gateway's certificate is the .crt file",
            "这是私钥；平台证书是 .crt 文件",
        )

    raise _no_key_error(content, wanted)


def is_certificate(content: KeyContent) -> bool:
    """
    Tell whether a readable public key came in a certificate.
    """
    if content.labels:
        return any(label.endswith("CERTIFICATE") for label in content.labels)

    # A bare public key holds no name.
    return _X520_OID in content.block()


def is_encrypted(content: KeyContent) -> bool:
    """
    Tell whether it is a private key under a passphrase.
    """
    block = content.block(_PRIVATE_LABEL)

    if content.labels:
        return b"ENCRYPTED" in block

    return not _is_pkcs12(content) and any(
        oid in block[:48] for oid in _ENCRYPTION_OIDS
    )


def _is_cut(content: KeyContent) -> bool:
    # Under the old encryption of PKCS#1 the bytes are no DER, and may look like it.
    return b"Proc-Type:" not in content.block(_PRIVATE_LABEL) and is_cut(
        content.der("")
    )


def _is_pkcs12(content: KeyContent) -> bool:
    # SEQUENCE { INTEGER 3, ... }
    block = content.block(_PRIVATE_LABEL)

    return block[:1] == b"\x30" and block[4:7] == b"\x02\x01\x03"


def _import_public(content: KeyContent) -> HiddenKey | None:
    # Where a certificate holds the key, also one of a version that no standard knows.
    info = public_key_info(content.der(*_PUBLIC_LABELS))

    return _import_key(content.block(*_PUBLIC_LABELS), None, info)


def _import_key(
    content: bytes, passphrase: Secret | None, info: bytes = b""
) -> HiddenKey | None:
    """
    Return the first key that a library reads out of *content*, or of *info*.
    """
    for read in (read_by_cryptography, read_by_pycryptodome):
        for one in (content, info):
            # Whatever the library says of a strange file, its frames hold the content.
            with contextlib.suppress(Exception):
                key = read(one, passphrase) if one else None

                if key is not None:
                    return HiddenKey(key)

    return None


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

    if key.has_private():
        return KeyNumbers(*(int(one) for one in (key.n, key.e, key.d, key.p, key.q)))

    return KeyNumbers(int(key.n), int(key.e))


def _password(passphrase: Secret | None) -> bytes | None:
    # The bytes that OpenSSL would take from the environment, UTF-8 or not.
    if passphrase is None:
        return None

    return passphrase.reveal().encode("utf-8", "surrogateescape")


def _no_key_error(content: KeyContent, wanted: Text) -> ConfigError:
    label = next(iter(content.labels), "")

    if label.startswith("EC ") or _EC_OID in content.der(""):
        return ConfigError.of(
            content.name,
            "it holds an elliptic curve key; UMF's keys are RSA",
            "这是椭圆曲线密钥；联动优势的密钥是 RSA",
        )

    if _is_pkcs12(content):
        return ConfigError.of(
            content.name,
            "this is a PKCS#12 file (.pfx); take the key or the certificate out of it",
            "这是 PKCS#12 文件（.pfx）；请先导出密钥或证书",
        )

    if _is_cut(content):
        return ConfigError.of(
            content.name,
            "its end is missing; copy the file again",
            "内容不完整（缺少结尾）；请重新复制该文件",
        )

    held = f" but {label.lower()}" if label else ""

    return ConfigError.of(
        content.name,
        f"it holds no RSA {wanted.en}{held}",
        f"不含 RSA {wanted.zh}",
    )


def _check_size(content: KeyContent, key: HiddenKey) -> None:
    bits = key.value.n.bit_length()

    if not MIN_BITS <= bits <= MAX_BITS:
        raise ConfigError.of(
            content.name,
            f"{bits} bits; a key has {MIN_BITS} to {MAX_BITS}",
            f"{bits} 位；密钥应为 {MIN_BITS} 至 {MAX_BITS} 位",
        )
