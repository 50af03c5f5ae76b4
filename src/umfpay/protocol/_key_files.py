"""
Key files as the gateway mails them and as people pass them on.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path
from typing import Final

from Crypto.PublicKey import RSA
from Crypto.PublicKey.RSA import RsaKey

from umfpay.errors import ConfigError, Text
from umfpay.sensitive import Secret


KeySource = str | bytes | os.PathLike[str]

MIN_BITS: Final = 1024

_LARGEST: Final = 64 * 1024
_ONE_LINE: Final = re.compile(r"[A-Za-z0-9+/\s]{300,}={0,2}\s*")
_PUBLIC_WORDS: Final = (b"CERTIFICATE", b"PUBLIC KEY")


def content_of(source: KeySource) -> tuple[str, bytes]:
    """
    Return a name for messages, and the bytes that *source* holds or names.

    Raises:
        ConfigError: The file cannot be read, or is empty.
    """
    name, content = "the key", b""

    if isinstance(source, bytes):
        content = source
    elif isinstance(source, str) and _is_content(source):
        content = source.encode()
    else:
        name = os.fspath(source)
        content = _read(name)

    del source

    if not content.strip():
        raise _refusal(name, "it is empty", "为空")

    return name, _plain(content)


def _is_content(text: str) -> bool:
    return "-----BEGIN" in text or _ONE_LINE.fullmatch(text) is not None


def _read(name: str) -> bytes:
    try:
        path = Path(name)

        if path.is_file() and path.stat().st_size <= _LARGEST:
            return path.read_bytes()

        exists = path.exists()
    except (OSError, ValueError) as error:
        raise _refusal(
            _short(name), f"it cannot be read ({type(error).__name__})", "无法读取"
        ) from None

    if exists:
        raise _refusal(name, "it is not a key file", "不是密钥文件")

    raise _refusal(_short(name), "no such file", "文件不存在")


def _short(name: str) -> str:
    # A key that lost its header looks like a path: never repeat much of it.
    return name if len(name) <= 100 else f"{name[:20]}..."


def _plain(content: bytes) -> bytes:
    """
    Return *content* as a library reads it: DER, or PEM with plain line ends.
    """
    if b"-----BEGIN" in content:
        pem = content.replace(b"\\r", b"").replace(b"\\n", b"\n")

        return b"\n".join(line.strip() for line in pem.split(b"\n") if line.strip())

    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        return content

    if _ONE_LINE.fullmatch(text) is None:
        return content

    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        return content


def read_private(source: KeySource, *, passphrase: Secret | None) -> RsaKey:
    """
    Read a private key.
    """
    name, content = content_of(source)
    del source
    encrypted = b"ENCRYPTED" in content
    is_public = any(word in content for word in _PUBLIC_WORDS)
    key = _imported(content, passphrase)

    if key is None and passphrase is None and not encrypted:
        # An encrypted PKCS#8 in DER names no encryption; its algorithm is PBES2.
        encrypted = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05" in content

    del content

    if key is None and encrypted:
        raise _refusal(
            name,
            "it is encrypted; give merchant_key_passphrase, or check it",
            "已加密；请提供或检查 merchant_key_passphrase",
        )

    if key is None:
        raise _refusal(name, "it is no RSA key", "不是 RSA 密钥")

    if not key.has_private():
        kind = "a certificate or public key" if is_public else "a public key"
        raise _refusal(
            name,
            f"this is {kind} (certificate); the merchant key is the .p8 file",
            "这是证书或公钥；商户私钥是 .p8 文件",
        )

    _check_size(name, key)

    return key


def read_public(source: KeySource) -> RsaKey:
    """
    Read the public key out of a certificate or a public key file.
    """
    name, content = content_of(source)
    del source
    key = _imported(content, None)
    del content

    if key is None:
        raise _refusal(
            name,
            "it is no certificate or public key with an RSA key",
            "不是含 RSA 密钥的证书或公钥",
        )

    if key.has_private():
        del key
        raise _refusal(
            name,
            "this is a private key; the gateway's certificate is the .crt file",
            "这是私钥；平台证书是 .crt 文件",
        )

    _check_size(name, key)

    return key


def _imported(content: bytes, passphrase: Secret | None) -> RsaKey | None:
    try:
        return RSA.import_key(
            content, None if passphrase is None else passphrase.reveal()
        )
    except (ValueError, IndexError, TypeError):
        return None


def _check_size(name: str, key: RsaKey) -> None:
    if key.size_in_bits() < MIN_BITS:
        bits = key.size_in_bits()
        del key
        raise _refusal(
            name,
            f"{bits} bits are too few; {MIN_BITS} are the least",
            f"{bits} 位太短；至少 {MIN_BITS} 位",
        )


def _refusal(name: str, en: str, zh: str) -> ConfigError:
    return ConfigError(Text(f"{name}: {en}.", f"{name}：{zh}。"))
