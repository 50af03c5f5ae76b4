"""
Inspect a key file for people; never the key itself.
"""

from __future__ import annotations

import attrs

from umfpay.errors import Text
from umfpay.protocol._certificate_facts import certificate_facts
from umfpay.protocol._key_files import KeyContent, KeySource
from umfpay.protocol._keys import PrivateKey, PublicKey
from umfpay.protocol._rsa_keys import (
    is_certificate,
    is_encrypted,
    is_private,
)
from umfpay.sensitive import Secret, concealed


_SMALL_BITS = 2048
_ANY_KEY = Text("private key, certificate or public key", "私钥、证书或公钥")


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
        encrypted = ("encrypted | 已加密",) if is_encrypted(content) else ()

        return KeyReport(
            kind="private key (the merchant's .p8)",
            bits=private.bits,
            fingerprint=private.fingerprint,
            remarks=(*_size_remarks(private.bits), *encrypted),
        )

    public = PublicKey.of(content, wanted=_ANY_KEY)

    if not is_certificate(content):
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
            *certificate_facts(content.der("CERTIFICATE")),
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
