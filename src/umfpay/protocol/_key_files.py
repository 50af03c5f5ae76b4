"""
Read key files as they are mailed and passed on: PEM, DER or base64 text.

cryptography reads them if it is there, else pycryptodome. What cryptography refuses
pycryptodome may read; and what both refuse, our own look at the DER: the certificates
that the gateway really uses are among it (gateway.md 1).
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from umfpay.errors import ConfigError, Text
from umfpay.protocol._rsa import HiddenKey, read_by_cryptography, read_by_pycryptodome
from umfpay.sensitive import NeverStored, Secret, looks_like_address


KeySource = str | bytes | os.PathLike[str]

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
_SEQUENCE: Final = b"\x30"
_VERSION_TAG: Final = 0xA0

_GIVEN_KEY: Final = Text("the key", "密钥")

_MAX_FILE_BYTES: Final = 64 * 1024
_PEM_BEGIN: Final = "-----BEGIN"
# No other block begins in one: that would be read again and again.
_PEM_FRAME: Final = re.compile(
    r"-----BEGIN ([A-Z0-9 ]+)-----((?:(?!-----BEGIN ).)*?)-----END \1-----", re.S
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_MIN_KEY_CHARACTERS: Final = 64  # base64 characters
_CERTAIN_KEY_CHARACTERS: Final = 300  # base64 characters that no path has

_Block = tuple[str, bytes, bytes]  # label, PEM, DER


class KeyContent(NeverStored):
    """
    The bytes of a key file and a name for messages; it shows neither.

    Attributes:
        name: The path, or that the content was given.
        labels: The labels of its PEM blocks; none if it is DER.
    """

    __slots__ = ("_blocks", "_content", "_refusal", "labels", "name")

    name: Text
    labels: tuple[str, ...]

    def __init__(
        self, name: Text, content: bytes, *, refusal: ConfigError | None = None
    ) -> None:
        self.name = name
        self._refusal = refusal
        self._blocks = _pem_blocks(content)
        self._content = _der(content)
        self.labels = tuple(label for label, _, _ in self._blocks)

    @classmethod
    def of(cls, source: KeySource) -> KeyContent:
        """
        Read what *source* holds or names; what is wrong is told by `must_be_usable()`.

        Until then the caller can let go of *source*, which may be a key.

        Args:
            source: A path, or the content: bytes, PEM text, or base64 in one line.
        """
        if isinstance(source, bytes | bytearray | memoryview):
            return cls(_GIVEN_KEY, bytes(source))

        if isinstance(source, str) and is_key_text(source):
            return cls(_GIVEN_KEY, source.encode("utf-8", "replace"))

        if isinstance(source, str | os.PathLike):
            return _read(os.fsdecode(source))

        return _unusable_error(
            _GIVEN_KEY,
            f"give a path, bytes or text, not {type(source).__name__}",
            "请给出路径、字节或文本",
        )

    def must_be_usable(self) -> None:
        """
        Raise unless there is content of a size that a key has.

        Raises:
            ConfigError: The file cannot be read, is empty or too large.
        """
        if self._refusal is not None:
            raise self._refusal

        if not self._content.strip():
            raise ConfigError.of(self.name, "it is empty", "为空")

        if len(self._content) > _MAX_FILE_BYTES:
            raise ConfigError.of(
                self.name, "it is too large for a key", "过大，不是密钥文件"
            )

    def block(self, *endings: str) -> bytes:
        """
        Return the first PEM block whose label has one of *endings*, or the DER.

        Returns:
            Empty when it is PEM without such a block.
        """
        if not self._blocks:
            return self._content

        return next((pem for label, pem, _ in self._with(endings)), b"")

    def der(self, *endings: str) -> bytes:
        """
        Return the same without the PEM around it.
        """
        if not self._blocks:
            return self._content

        return next((der for _, _, der in self._with(endings)), b"")

    @property
    def is_certificate(self) -> bool:
        """
        Whether a readable public key came in a certificate.
        """
        if self.labels:
            return any(label.endswith("CERTIFICATE") for label in self.labels)

        # A bare public key holds no name.
        return _X520_OID in self.block()

    @property
    def is_encrypted(self) -> bool:
        """
        Whether it is a private key under a passphrase.
        """
        block = self.block(_PRIVATE_LABEL)

        if self.labels:
            return b"ENCRYPTED" in block

        return not self.is_pkcs12 and any(oid in block[:48] for oid in _ENCRYPTION_OIDS)

    @property
    def is_cut(self) -> bool:
        """
        Whether its DER says that it is larger.
        """
        # Under the old encryption of PKCS#1 the bytes are no DER, and may look like it.
        if b"Proc-Type:" in self.block(_PRIVATE_LABEL):
            return False

        der = self.der("")
        size = _sequence_size(der)

        return size is not None and size > len(der)

    @property
    def is_pkcs12(self) -> bool:
        """
        Whether it is a PKCS#12 file, by its version.
        """
        # SEQUENCE { INTEGER 3, ... }
        block = self.block(_PRIVATE_LABEL)

        return block[:1] == _SEQUENCE and block[4:7] == b"\x02\x01\x03"

    def _with(self, endings: tuple[str, ...]) -> Iterator[_Block]:
        return (block for block in self._blocks if block[0].endswith(endings))

    def __repr__(self) -> str:
        return "KeyContent(***)"


def _plain(text: str) -> str:
    # Environment variables and .env files spell line ends out.
    return text.replace("\\r", "\n").replace("\\n", "\n")


def is_key_text(text: str) -> bool:
    """
    Tell whether *text* is the content of a key file, and no path: PEM, or base64 in one
    line: more than 300 characters, or fewer that are a whole DER SEQUENCE.
    """
    if _PEM_BEGIN in text:
        return True

    compact = "".join(_plain(text).split())

    if _BASE64.fullmatch(compact) is None or len(compact) < _MIN_KEY_CHARACTERS:
        return False

    return len(compact) > _CERTAIN_KEY_CHARACTERS or _is_sequence(
        _decode_base64(compact)
    )


def _decode_base64(compact: str) -> bytes:
    try:
        return base64.b64decode(compact, validate=True)
    except ValueError:
        return b""


def _der(content: bytes) -> bytes:
    """
    Return *content*, or what it is the base64 of.
    """
    if content.isascii():
        compact = "".join(_plain(content.decode("ascii")).split())

        if (
            len(compact) >= _MIN_KEY_CHARACTERS
            and _BASE64.fullmatch(compact) is not None
        ):
            decoded = _decode_base64(compact)

            if _is_sequence(decoded):
                return decoded

    return content


def _pem_blocks(content: bytes) -> tuple[_Block, ...]:
    """
    Return the PEM blocks with plain line ends, whatever line ends they had.
    """
    text = _plain(content.decode("latin-1"))

    return tuple(_block(found[1], found[2]) for found in _PEM_FRAME.finditer(text))


def _block(label: str, body: str) -> _Block:
    lines = [line.strip() for line in body.splitlines()]
    # "Proc-Type: 4,ENCRYPTED" and "DEK-Info: ..." of the old encryption.
    headers = [line for line in lines if ":" in line]
    data = "".join("".join(line.split()) for line in lines if ":" not in line)
    pem = "\n".join(
        (f"-----BEGIN {label}-----", *headers, data, f"-----END {label}-----")
    )

    return label, pem.encode("latin-1"), _decode_base64(data)


def _read(name: str) -> KeyContent:
    shown = _display_name(name)

    try:
        path = Path(name)

        if path.is_file():
            with path.open("rb") as file:
                return KeyContent(shown, file.read(_MAX_FILE_BYTES + 1))

        if path.exists():
            return _unusable_error(shown, "it is not a file", "不是文件")
    except (OSError, ValueError) as error:
        kind = type(error).__name__

        return _unusable_error(
            shown, f"it cannot be read ({kind})", f"无法读取（{kind}）"
        )

    return _unusable_error(shown, "no such file", "文件不存在")


def _unusable_error(name: Text, en: str, zh: str) -> KeyContent:
    return KeyContent(name, b"", refusal=ConfigError.of(name, en, zh))


def _display_name(name: str) -> Text:
    """
    Return *name* for messages, unless it may be a key that lost its frame.
    """
    # A name that is not UTF-8 is shown with its bytes escaped.
    name = name.encode("utf-8", "backslashreplace").decode("utf-8")
    is_long = len(name) >= _MIN_KEY_CHARACTERS and _BASE64.fullmatch(name) is not None

    if is_long or len(name) > 255 or not name.isprintable() or looks_like_address(name):
        return Text("the given text, taken for a path", "给出的文本（视为路径）")

    return Text(name, name)


def is_private(content: KeyContent, *, passphrase: Secret | None) -> bool:
    """
    Tell whether it is meant as a private key: by its label, or by what it holds.
    """
    if content.labels:
        return not any(label.endswith(_PUBLIC_LABELS) for label in content.labels)

    key = _import_key(content.block(), passphrase)

    return content.is_encrypted if key is None else key.value.has_private


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

    if content.is_encrypted and not content.is_cut:
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
        if content.is_certificate
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

    if key is not None or is_private or content.is_encrypted:
        raise ConfigError.of(
            content.name,
            "this is a private key; the gateway's certificate is the .crt file",
            "这是私钥；平台证书是 .crt 文件",
        )

    raise _no_key_error(content, wanted)


def _import_public(content: KeyContent) -> HiddenKey | None:
    # Where a certificate holds the key, also one of a version that no standard knows.
    info = _public_key_info(content.der(*_PUBLIC_LABELS))

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


def _no_key_error(content: KeyContent, wanted: Text) -> ConfigError:
    label = next(iter(content.labels), "")

    if label.startswith("EC ") or _EC_OID in content.der(""):
        return ConfigError.of(
            content.name,
            "it holds an elliptic curve key; UMF's keys are RSA",
            "这是椭圆曲线密钥；联动优势的密钥是 RSA",
        )

    if content.is_pkcs12:
        return ConfigError.of(
            content.name,
            "this is a PKCS#12 file (.pfx); take the key or the certificate out of it",
            "这是 PKCS#12 文件（.pfx）；请先导出密钥或证书",
        )

    if content.is_cut:
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


def _sequence_size(content: bytes) -> int | None:
    """
    Return the size that *content* says it has, None if it does not begin as a SEQUENCE.
    """
    with contextlib.suppress(ValueError):
        if content[:1] == _SEQUENCE:
            return _payload_span(content)[1]

    return None


def _is_sequence(content: bytes) -> bool:
    return _sequence_size(content) == len(content)


def _payload_span(der: bytes) -> tuple[int, int]:
    """
    Return where the payload of the element at the begin of *der* begins and ends, by the
    length that it says (X.690, 8.1.3).

    Raises:
        ValueError: It is cut before it says so.
    """
    length = der[1] if len(der) > 1 else 0
    start = 2 + (length & 0x7F if length >= 0x80 else 0)

    if len(der) < start:
        raise ValueError("cut")

    return start, start + (int.from_bytes(der[2:start]) if length >= 0x80 else length)


def payload_of(der: bytes) -> bytes:
    """
    Return what the DER element at the begin of *der* holds.

    Raises:
        ValueError: It is cut.
    """
    start, end = _payload_span(der)

    return der[start:end]


def elements_of(der: bytes) -> list[bytes]:
    """
    Return the elements of a SEQUENCE or SET, each as DER.

    Raises:
        ValueError: It is cut.
    """
    payload = payload_of(der)
    elements = []

    while payload:
        _, end = _payload_span(payload)
        elements.append(payload[:end])
        payload = payload[end:]

    return elements


def certificate_fields(der: bytes) -> tuple[int, list[bytes]]:
    """
    Return the version of an X.509 certificate, and its fields from the serial number on
    (RFC 5280, 4.1).

    Raises:
        ValueError, IndexError: It is none.
    """
    fields = elements_of(elements_of(der)[0])

    if fields[0][0] != _VERSION_TAG:
        return 1, fields

    # The number in it counts from 0.
    return payload_of(payload_of(fields[0]))[-1] + 1, fields[1:]


def _public_key_info(der: bytes) -> bytes:
    """
    Return the SubjectPublicKeyInfo of the X.509 certificate *der*, empty if it is none.
    """
    try:
        return certificate_fields(der)[1][5]
    except (ValueError, IndexError):
        return b""
