"""
The wrong kind of key is named.
"""

from __future__ import annotations

import contextlib
import copy
import pickle
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from umfpay.errors import ConfigError
from umfpay.protocol import PrivateKey, PublicKey
from umfpay.protocol._key_files import KeyContent
from umfpay.protocol._rsa_keys import (
    HiddenKey,
    read_by_cryptography,
    read_by_pycryptodome,
)
from umfpay.sensitive import Secret


VECTORS = Path(__file__).parent.parent / "vectors"
EC = ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


@pytest.fixture(name="strange", scope="session")
def _strange(openssl, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("strange")
    (folder / "gateway.crt").write_bytes(
        (VECTORS / "gateway_2048.cert.crt").read_bytes()
    )
    (folder / "gateway.pem").write_bytes(
        openssl(
            *("pkey", "-inform", "DER"),
            given=(VECTORS / "gateway_2048.key.p8").read_bytes(),
        )
    )
    ec = openssl(*EC)
    (folder / "ec.pem").write_bytes(ec)
    request = ("req", "-key", str(folder / "ec.pem"), "-subj", "/CN=x")

    return {
        "pkcs12": openssl(
            *("pkcs12", "-export", "-inkey", str(folder / "gateway.pem")),
            *("-in", str(folder / "gateway.crt"), "-passout", "pass:x"),
        ),
        "ec": ec,
        "ec_der": openssl("pkey", "-outform", "DER", given=ec),
        "ec_sec1": openssl("ec", given=ec),
        "ec_public": openssl("pkey", "-pubout", given=ec),
        "ec_certificate": openssl(*request, "-x509", "-new"),
        "ec_certificate_der": openssl(*request, "-x509", "-new", "-outform", "DER"),
        "ed25519": openssl("genpkey", "-algorithm", "ED25519"),
        "request": openssl(
            "req", "-new", "-key", str(folder / "gateway.pem"), "-subj", "/CN=x"
        ),
        "small": openssl("genrsa", "512"),
        "small_public": openssl(
            "pkey", "-pubout", given=openssl("genrsa", "-traditional", "512")
        ),
        "html": b"<html><body>502 Bad Gateway</body></html>",
        "noise": bytes(range(256)),
    }


WRONG_PRIVATE = [
    ("pkcs12", "PKCS#12"),
    ("ec", "elliptic curve"),
    ("ec_der", "elliptic curve"),
    ("ec_sec1", "elliptic curve"),
    ("ec_certificate", "elliptic curve"),
    ("ed25519", "no RSA private key but private key"),
    ("request", "certificate request"),
    ("small", "512 bits"),
    ("html", "no RSA private key"),
    ("noise", "no RSA private key"),
]
WRONG_PUBLIC = [
    ("pkcs12", "PKCS#12"),
    ("ec", "this is a private key"),
    ("ec_public", "elliptic curve"),
    ("ec_certificate", "elliptic curve"),
    ("ec_certificate_der", "elliptic curve"),
    ("request", "certificate request"),
    ("small_public", "512 bits"),
    ("html", "no RSA certificate"),
    ("noise", "no RSA certificate"),
]


@pytest.mark.parametrize(("name", "wanted"), WRONG_PRIVATE)
def test_what_is_no_merchant_key_is_named(strange, name, wanted):
    """
    The message says what the file is instead.
    """
    with pytest.raises(ConfigError) as caught:
        PrivateKey.load(strange[name])

    assert wanted in caught.value.what.en
    assert caught.value.what.zh.startswith("密钥：")


@pytest.mark.parametrize("loader", [PrivateKey.load, PublicKey.load])
@pytest.mark.parametrize("file", ["merchant_2048.key.p8", "gateway_1024.cert.der"])
def test_a_file_without_its_end_is_called_so(loader, file):
    """
    A copy that broke off is no other kind of file.
    """
    with pytest.raises(ConfigError, match="its end is missing"):
        loader((VECTORS / file).read_bytes()[:300])


def test_an_encrypted_key_without_its_end_has_no_wrong_passphrase(openssl):
    """
    The file is at fault, not who types.
    """
    encrypted = openssl(
        *(
            "pkcs8",
            "-topk8",
            "-inform",
            "DER",
            "-in",
            str(VECTORS / "merchant_2048.key.p8"),
        ),
        *("-outform", "DER", "-passout", "pass:x"),
    )

    with pytest.raises(ConfigError, match="its end is missing"):
        PrivateKey.load(encrypted[:500], passphrase=Secret("x"))


@pytest.mark.parametrize(("name", "wanted"), WRONG_PUBLIC)
def test_what_is_no_gateway_key_is_named(strange, name, wanted):
    """
    The message says what the file is instead.
    """
    with pytest.raises(ConfigError) as caught:
        PublicKey.load(strange[name])

    assert wanted in caught.value.what.en


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("gateway_2048.cert.crt", "this is a certificate; the merchant key is the .p8"),
        ("gateway_2048.cert.der", "this is a certificate; the merchant key is the .p8"),
        ("merchant_2048.pub.pem", "this is a public key; the merchant key is the .p8"),
    ],
)
def test_a_public_file_is_no_merchant_key(file, wanted):
    """
    The two files are often mistaken for one another.
    """
    with pytest.raises(ConfigError) as caught:
        PrivateKey.load(VECTORS / file)

    assert wanted in caught.value.what.en
    assert file in caught.value.what.en


def test_a_bare_public_key_in_der_is_no_merchant_key(openssl):
    """
    DER has no label: what it holds decides.
    """
    der = openssl(
        *("pkey", "-pubin", "-outform", "DER"),
        given=(VECTORS / "merchant_2048.pub.pem").read_bytes(),
    )

    with pytest.raises(ConfigError) as caught:
        PrivateKey.load(der)

    assert "this is a public key" in caught.value.what.en


def test_an_encrypted_key_is_no_certificate(openssl):
    """
    A private key under a passphrase is still named.
    """
    der = openssl(
        *("pkcs8", "-inform", "DER", "-topk8", "-outform", "DER", "-passout", "pass:x"),
        given=(VECTORS / "merchant_2048.key.p8").read_bytes(),
    )

    with pytest.raises(ConfigError) as caught:
        PublicKey.load(der)

    assert "this is a private key" in caught.value.what.en


def test_a_small_private_key_is_not_shown(strange, openssl, must_not_show_key):
    """
    A key that is refused for its size stays secret all the same.
    """
    with pytest.raises(ConfigError) as caught:
        PrivateKey.load(strange["small"])

    must_not_show_key(
        caught.value, openssl("rsa", "-outform", "DER", given=strange["small"])
    )


@pytest.mark.parametrize("file", ["capture_dev.cert.crt", "capture_uat.cert.crt"])
def test_certificates_of_the_real_gateway_load(file):
    """
    Expired since 2005 and 2006, version 1, serial number 0 (gateway.md 1).
    """
    assert 1024 == PublicKey.load(VECTORS / file).bits


def test_a_certificate_that_strict_readers_refuse_loads():
    """
    GBK in a PrintableString and an odd version, as the production one has them.
    """
    from cryptography import x509

    name = "联动优势测试网关".encode("gbk")
    odd = (
        (VECTORS / "gateway_1024.cert.der")
        .read_bytes()
        .replace(b"\x0c\x10UMF test gateway", b"\x13\x10" + name)
        .replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07")
    )

    with pytest.raises(ValueError):
        x509.load_der_x509_certificate(odd).public_key()

    assert name in odd
    assert PublicKey.load(VECTORS / "gateway_1024.pub.pem") == PublicKey.load(odd)


def test_a_hidden_key_shows_nothing_and_is_not_copied():
    """
    The library's own repr would print the private exponent.
    """
    hidden = PrivateKey.load(VECTORS / "merchant_1024.key.p8").hidden

    assert "HiddenKey(***)" == repr(hidden)
    assert isinstance(hidden, HiddenKey)

    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never stored"):
            copier(hidden)


@pytest.mark.parametrize(
    "name",
    sorted(
        path.name
        for path in VECTORS.iterdir()
        if path.name.endswith((".crt", ".der", ".pem", ".p8"))
    ),
)
def test_both_libraries_read_the_same_numbers(name):
    """
    Where cryptography reads a file at all, it is the same key for both.
    """
    content = KeyContent.of(VECTORS / name)
    block = content.block("PRIVATE KEY", "CERTIFICATE", "PUBLIC KEY")
    ours = read_by_pycryptodome(block, None)

    with contextlib.suppress(ValueError):
        theirs = read_by_cryptography(block, None)

        assert theirs is None or attrs.astuple(ours) == attrs.astuple(theirs)


def test_what_the_gateway_really_uses_is_read():
    """
    cryptography refuses some of its certificates (gateway.md 1); pycryptodome reads on.
    """
    for name in ("capture_dev.cert.crt", "capture_uat.cert.crt"):
        assert PublicKey.load(VECTORS / name).bits >= 1024


def test_a_common_key_needs_no_pycryptodome(tmp_path):
    """
    To import it takes longer than all else that a session needs.
    """
    script = tmp_path / "load.py"
    script.write_text(
        f"""
import sys
from umfpay.protocol import PrivateKey, PublicKey, Sealer, Signer, Verifier

folder = {str(VECTORS)!r}
Signer(PrivateKey.load(folder + "/merchant_2048.key.p8")).sign(b"x")
key = PublicKey.load(folder + "/gateway_2048.cert.crt")
Verifier([key]).verify(b"x", "AAAA")
Sealer(key)
print("Crypto" in sys.modules)
"""
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True
    )

    assert "False" == done.stdout.strip()
