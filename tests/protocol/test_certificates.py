"""
Certificates that we make load everywhere.
"""

from __future__ import annotations

import sys

import pytest

from umfpay.errors import ConfigError
from umfpay.protocol import PublicKey, make_certificate


def test_a_certificate_loads_here_in_openssl_and_in_cryptography(
    sized_gateway, openssl
):
    """
    Three readers see the same key, and the self-signature is good.
    """
    from cryptography import x509

    pem = make_certificate(sized_gateway.private, common_name="umfpay 测试")
    read = x509.load_pem_x509_certificate(pem)
    read.verify_directly_issued_by(read)

    assert sized_gateway.public == PublicKey.load(pem)
    assert sized_gateway.public.numbers[0] == read.public_key().public_numbers().n
    assert sized_gateway.public == PublicKey.load(
        openssl("x509", "-noout", "-pubkey", given=pem)
    )


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_name_that_no_certificate_can_have_is_refused(gateway, name):
    """
    One to 64 characters.
    """
    with pytest.raises(ConfigError, match="1 to 64"):
        make_certificate(gateway.private, common_name=name)


def test_without_cryptography_the_extra_is_named(gateway, monkeypatch):
    """
    pycryptodome cannot make certificates.
    """
    monkeypatch.setitem(sys.modules, "cryptography", None)

    with pytest.raises(ConfigError, match=r"umfpay\[emulator\]"):
        make_certificate(gateway.private, common_name="x")
