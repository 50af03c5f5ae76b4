"""
Certificates that load everywhere: for the emulator's key.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from umfpay.protocol._keys import PrivateKey


_LIFETIME = timedelta(days=3650)


def make_certificate(key: PrivateKey, *, common_name: str) -> bytes:
    """
    Return a self-signed X.509 certificate of *key* as PEM.

    It needs `cryptography` (extra ``emulator``).
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    own = serialization.load_der_private_key(key.to_der_pkcs8(), password=None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own.public_key())  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .sign(own, hashes.SHA256())  # type: ignore[arg-type]
    )

    return certificate.public_bytes(serialization.Encoding.PEM)
