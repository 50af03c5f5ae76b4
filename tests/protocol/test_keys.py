"""
Keys show size and fingerprint, and nothing else; certificates that we make of them load
everywhere.
"""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.openssl import openssl
from umfpay.errors import ConfigError
from umfpay.protocol import PrivateKey, PublicKey, check_key_pair, make_certificate


VECTORS = Path(__file__).parent.parent / "vectors"


def test_a_pair_shares_its_fingerprint(sized_gateway, bits):
    """
    It is the SHA-256 of the SubjectPublicKeyInfo, as openssl writes that.
    """
    der = openssl(
        *("pkey", "-pubin", "-outform", "DER"),
        given=(VECTORS / f"gateway_{bits}.pub.pem").read_bytes(),
    )

    public = PublicKey.load(VECTORS / f"gateway_{bits}.cert.crt")

    assert hashlib.sha256(der).hexdigest()[:16] == sized_gateway.fingerprint
    assert sized_gateway.fingerprint == public.fingerprint
    assert bits == sized_gateway.bits == public.bits


def test_the_repr_tells_size_and_fingerprint(gateway):
    """
    Enough to recognise a key in a log.
    """
    assert "PrivateKey(1024 bits, 709ced98c7f60bd9)" == repr(gateway)
    assert "PublicKey(1024 bits, 709ced98c7f60bd9)" == repr(gateway.public)


def test_a_private_key_is_never_stored_or_copied(gateway):
    """
    pickle, copy and deepcopy refuse, and JSON has no form for it.
    """
    for copier in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            copier(gateway)


def test_keys_are_equal_by_their_numbers(gateway):
    """
    Whatever file they came from; a private key is no public one.
    """
    again = PrivateKey.load(VECTORS / "gateway_1024.key.p8")
    other = PrivateKey.load(VECTORS / "merchant_1024.key.p8")

    assert gateway == again
    assert hash(gateway) == hash(again)
    assert gateway != other
    assert gateway.public == PublicKey.load(VECTORS / "gateway_1024.cert.crt")
    assert hash(gateway.public) == hash(again.public)
    assert gateway.public != other.public
    assert gateway != gateway.public
    assert gateway.public != gateway


def test_a_loaded_key_loads_as_itself(gateway):
    """
    Settings take keys that somebody loaded already.
    """
    assert gateway is PrivateKey.load(gateway)
    assert gateway.public is PublicKey.load(gateway.public)


def test_a_new_key_goes_through_a_p8_file():
    """
    What is written is what is read.
    """
    key = PrivateKey.generate(1024)

    assert 1024 == key.bits
    assert key == PrivateKey.load(key.to_der_pkcs8())
    assert key != PrivateKey.generate(1024)


@pytest.mark.parametrize("bits", [0, 512, 1023, 100_000])
def test_a_new_key_has_a_size_that_keys_have(bits):
    """
    Other sizes are refused before anything is computed.
    """
    with pytest.raises(ConfigError, match=str(bits)):
        PrivateKey.generate(bits)


def test_importing_the_room_loads_no_cryptography():
    """
    It is looked for when a backend is chosen, and nothing else is slow to load.
    """
    code = "import sys, umfpay.protocol; print('cryptography' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "False\n" == result.stdout


def test_your_own_public_key_is_not_the_gateways(gateway):
    """
    The commonest mistake is named; with UMF's certificate all is well.
    """
    merchant = PrivateKey.load(VECTORS / "merchant_1024.key.p8")
    own = PublicKey.load(VECTORS / "merchant_1024.pub.pem")

    check_key_pair(merchant, [gateway.public])

    with pytest.raises(ConfigError, match="your own public key"):
        check_key_pair(merchant, [gateway.public, own])


def test_a_certificate_loads_here_in_openssl_and_in_cryptography(sized_gateway):
    """
    Three readers see the same key, and the self-signature is good.
    """
    from cryptography import x509

    pem = make_certificate(sized_gateway, common_name="umfpay 测试")
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
        make_certificate(gateway, common_name=name)


def test_without_cryptography_the_extra_is_named(gateway, monkeypatch):
    """
    pycryptodome cannot make certificates.
    """
    monkeypatch.setitem(sys.modules, "cryptography", None)

    with pytest.raises(ConfigError, match=r"umfpay\[emulator\]"):
        make_certificate(gateway, common_name="x")
