"""
What a key file is, for people; never the key.
"""

from __future__ import annotations

import attrs

from umfpay.errors import ConfigError
from umfpay.protocol._key_files import KeySource, content_of
from umfpay.protocol._keys import PrivateKey, PublicKey
from umfpay.sensitive import Secret


@attrs.frozen(kw_only=True)
class KeyReport:
    """
    What can be said of a key without showing it.
    """

    kind: str
    bits: int
    fingerprint: str
    remarks: tuple[str, ...] = ()


def inspect_key(source: KeySource, *, passphrase: Secret | None = None) -> KeyReport:
    """
    Tell kind, size and fingerprint of a key file, and what is unusual about it.

    Raises:
        ConfigError: It is no key file that umfpay can use.
    """
    name, content = content_of(source)

    try:
        public = PublicKey.load(content)
    except ConfigError:
        private = _private(content if name == "the key" else source, passphrase)

        return KeyReport(
            kind="private key (the merchant's .p8)",
            bits=private.bits,
            fingerprint=private.fingerprint,
            remarks=_size_remarks(private.bits),
        )

    is_certificate = _is_certificate(content)

    return KeyReport(
        kind="certificate (UMF's .crt)" if is_certificate else "public key",
        bits=public.bits,
        fingerprint=public.fingerprint,
        remarks=(
            *_size_remarks(public.bits),
            *(_certificate_remarks(content) if is_certificate else ()),
        ),
    )


def _private(source: KeySource, passphrase: Secret | None) -> PrivateKey:
    return PrivateKey.load(source, passphrase=passphrase)


def _is_certificate(content: bytes) -> bool:
    if b"-----BEGIN" in content:
        return b"CERTIFICATE" in content

    # A bare SubjectPublicKeyInfo or RSAPublicKey holds no name: no X.520 attribute.
    return b"\x06\x03\x55\x04" in content


def _size_remarks(bits: int) -> tuple[str, ...]:
    if bits < 2048:
        return (f"{bits} bits: small by today's standards, usual for UMF",)

    return ()


def _certificate_remarks(content: bytes) -> tuple[str, ...]:
    try:
        from cryptography import x509
    except ModuleNotFoundError:
        return ("dates are told where cryptography is installed",)

    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load = (
                x509.load_pem_x509_certificate
                if b"-----BEGIN" in content
                else x509.load_der_x509_certificate
            )
            certificate = load(content)
            end = certificate.not_valid_after_utc
            subject = certificate.subject.rfc4514_string()
    except ValueError:
        return ("strict readers refuse this certificate; umfpay takes the key only",)

    return (
        f"subject {subject}",
        f"dated until {end:%Y-%m-%d}; umfpay checks no date, chain or name",
    )
