"""
Inspect a key file for people; never the key itself.

Nothing that a certificate says is checked by anybody: the gateway's are expired, odd or
written against the rules (gateway.md 1). So this reads what is there, and passes over what
it cannot read.
"""

from __future__ import annotations

from typing import Final

import attrs

from umfpay.errors import Text
from umfpay.protocol._key_files import (
    KeyContent,
    KeySource,
    certificate_fields,
    elements_of,
    is_private,
    payload_of,
)
from umfpay.protocol._keys import PrivateKey, PublicKey
from umfpay.sensitive import Secret, concealed


_SMALL_BITS: Final = 2048
_ANY_KEY: Final = Text("private key, certificate or public key", "私钥、证书或公钥")
_USUAL_VERSION: Final = 3
_UTC_TIME_TAG: Final = 0x17
# UTF8String, PrintableString, IA5String, BMPString
_CHARSETS: Final = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x1E: "utf-16-be"}
_OLD_DIGESTS: Final = {
    bytes.fromhex("06092a864886f70d010104"): "MD5",
    bytes.fromhex("06092a864886f70d010105"): "SHA-1",
}
_STRANGE_REMARK: Final = (
    "the certificate has an unusual structure; umfpay takes the key only"
    " | 证书结构异常；umfpay 只取其公钥"
)
_UNCHECKED_REMARK: Final = (
    "umfpay checks no date, chain or name | umfpay 不检查日期、证书链和名称"
)


@attrs.frozen(kw_only=True)
class KeyReport:
    """
    What can be said of a key without showing it.

    Attributes:
        kind: Private key, certificate or public key.
        bits: Size of the modulus.
        fingerprint: The same for both halves of a pair.
        remarks: What is unusual; nothing of it is an error.
    """

    kind: str
    bits: int
    fingerprint: str
    remarks: tuple[str, ...] = ()


def inspect_key(source: KeySource, *, passphrase: Secret | None = None) -> KeyReport:
    """
    Tell kind, size and fingerprint of a key file, and what is unusual about it.

    Args:
        source: As for `PrivateKey.load()` and `PublicKey.load()`.
        passphrase: For an encrypted private key.

    Raises:
        ConfigError: It is no key file that umfpay can use.
    """
    passphrase = concealed(passphrase)
    content = KeyContent.of(source)
    # A frame that an error leaves must not show a key.
    del source
    content.must_be_usable()

    if is_private(content, passphrase=passphrase):
        private = PrivateKey.of(content, passphrase=passphrase)
        encrypted = ("encrypted | 已加密",) if content.is_encrypted else ()

        return KeyReport(
            kind="private key (the merchant's .p8)",
            bits=private.bits,
            fingerprint=private.fingerprint,
            remarks=(*_size_remarks(private.bits), *encrypted),
        )

    public = PublicKey.of(content, wanted=_ANY_KEY)

    if not content.is_certificate:
        return KeyReport(
            kind="public key",
            bits=public.bits,
            fingerprint=public.fingerprint,
            remarks=_size_remarks(public.bits),
        )

    return KeyReport(
        kind="certificate (UMF's .crt)",
        bits=public.bits,
        fingerprint=public.fingerprint,
        remarks=(
            *_size_remarks(public.bits),
            *_certificate_facts(content.der("CERTIFICATE")),
        ),
    )


def _size_remarks(bits: int) -> tuple[str, ...]:
    if bits >= _SMALL_BITS:
        return ()

    remark = (
        f"{bits} bits: small by today's standards, usual for UMF"
        f" | {bits} 位：按今天的标准偏短，联动优势常用"
    )

    return (remark,)


def _certificate_facts(der: bytes) -> tuple[str, ...]:
    """
    Return remarks on the X.509 certificate *der*, one fact each.
    """
    try:
        return (*_facts(der), _UNCHECKED_REMARK)
    except (ValueError, IndexError):
        return (_STRANGE_REMARK, _UNCHECKED_REMARK)


def _facts(der: bytes) -> tuple[str, ...]:
    version, fields = certificate_fields(der)
    serial, algorithm, _, validity, subject = fields[:5]
    start, end = (_date(time) for time in elements_of(validity))
    names, as_declared = _names(subject)
    facts = [f"subject | 主体: {', '.join(names)}", f"dated | 有效期: {start} - {end}"]

    if not as_declared:
        facts.append(
            "its names break the rules of X.509: strict readers refuse it"
            " | 名称编码不合 X.509 规范：严格的程序会拒绝"
        )

    if version != _USUAL_VERSION:
        facts.append(f"X.509 version {version} | X.509 第 {version} 版")

    if not any(payload_of(serial)):
        facts.append("serial number 0 | 序列号为 0")

    digest = _OLD_DIGESTS.get(elements_of(algorithm)[0])

    if digest is not None:
        facts.append(f"signed with {digest} | 使用 {digest} 签名")

    return tuple(facts)


def _date(time: bytes) -> str:
    """
    Return the day of a UTCTime (two digits of the year) or a GeneralizedTime.
    """
    digits = payload_of(time).decode("ascii")

    if time[0] == _UTC_TIME_TAG:
        # RFC 5280: 50 and above is the last century.
        digits = ("19" if digits[:2] >= "50" else "20") + digits

    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"


def _names(name: bytes) -> tuple[list[str], bool]:
    """
    Return the values of a distinguished name, and whether each is in its charset.
    """
    values = []
    as_declared = True

    for attributes in elements_of(name):
        for attribute in elements_of(attributes):
            value = elements_of(attribute)[1]
            text, charset = _text(payload_of(value), tag=value[0])
            values.append(text)
            as_declared = as_declared and charset == _CHARSETS.get(value[0], charset)

    return values, as_declared


def _text(raw: bytes, *, tag: int) -> tuple[str, str]:
    """
    Return *raw* as text, and the charset that could read it.
    """
    charset = next(
        charset
        for charset in (_CHARSETS.get(tag, "ascii"), "utf-8", "gbk", "latin-1")
        if _can_read(raw, charset)
    )
    text = raw.decode(charset)

    return "".join(part if part.isprintable() else "?" for part in text), charset


def _can_read(raw: bytes, charset: str) -> bool:
    try:
        raw.decode(charset)
    except UnicodeDecodeError:
        return False

    return True
