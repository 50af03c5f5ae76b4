"""
Files for TLS.
"""

from __future__ import annotations

import ssl

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from umfpay.errors import ConfigError
from umfpay.transport import tls_context


@pytest.fixture(name="authority", scope="module")
def _authority():
    return trustme.CA()


def test_without_files_the_usual_authorities_are_trusted():
    """And nobody else; the name of the server is compared."""
    context = tls_context()

    assert ssl.CERT_REQUIRED is context.verify_mode
    assert context.check_hostname
    assert context.get_ca_certs() == ssl.create_default_context().get_ca_certs()


def test_the_authorities_of_a_file_stand_in_place_of_the_usual_ones(
    authority, tmp_path
):
    """Only they are trusted."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)

    assert 1 == len(tls_context(ca_file=file).get_ca_certs())


def test_the_usual_authorities_stay_with_a_client_certificate(authority, tmp_path):
    """A client certificate alone changes nobody's trust."""
    file = tmp_path / "client.pem"
    authority.issue_cert("merchant").private_key_and_cert_chain_pem.write_to_path(file)
    context = tls_context(certificate=file)

    assert ssl.CERT_REQUIRED is context.verify_mode
    assert context.check_hostname


def test_key_and_certificate_may_be_two_files(authority, tmp_path):
    """The key is found in its own file."""
    issued = authority.issue_cert("merchant")
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)

    assert isinstance(
        tls_context(certificate=certificate, certificate_key=key), ssl.SSLContext
    )

    with pytest.raises(ConfigError, match="client_certificate"):
        tls_context(certificate=certificate)


def test_an_encrypted_key_is_refused_without_a_question(authority, tmp_path):
    """No process waits at a terminal that nobody sees."""
    issued = authority.issue_cert("merchant")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"word"),
    )
    certificate, file = tmp_path / "client.pem", tmp_path / "client.key"
    issued.cert_chain_pems[0].write_to_path(certificate)
    file.write_bytes(encrypted)

    with pytest.raises(ConfigError, match="must not be encrypted"):
        tls_context(certificate=certificate, certificate_key=file)


def test_a_file_that_is_no_pem_is_named(tmp_path):
    """The message names setting and file."""
    file = tmp_path / "ca.pem"
    file.write_text("nothing")

    with pytest.raises(ConfigError, match=r"ca_file: .*ca\.pem"):
        tls_context(ca_file=file)

    with pytest.raises(ConfigError, match=r"ca_file: .*missing\.pem"):
        tls_context(ca_file=tmp_path / "missing.pem")
