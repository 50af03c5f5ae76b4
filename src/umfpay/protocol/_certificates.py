"""
Make certificates that load everywhere: for the emulator's key (gateway.md, trap 37).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from umfpay.errors import ConfigError
from umfpay.protocol._keys import PrivateKey
from umfpay.protocol._rsa import from_numbers


_VALIDITY: Final = timedelta(days=3650)


def make_certificate(key: PrivateKey, *, common_name: str) -> bytes:
    """
    Return a self-signed X.509 certificate of *key* as PEM.

    It needs `cryptography` (extra ``emulator``).

    Raises:
        ConfigError: cryptography is not installed, or the name is none.
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

    own = from_numbers(key.hidden)
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
