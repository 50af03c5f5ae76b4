"""
Key files in every shape that people pass them on in, and the wrong kind of key is named.
"""

from __future__ import annotations

import base64
import copy
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.openssl import openssl
from umfpay.errors import ConfigError
from umfpay.protocol import PrivateKey, PublicKey, is_key_text
from umfpay.sensitive import Secret


VECTORS = Path(__file__).parent.parent / "vectors"
P8 = VECTORS / "merchant_2048.key.p8"
CERTIFICATE = VECTORS / "gateway_2048.cert.der"
EC = ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
PASSPHRASE = "canary-passphrase-51c2"


@pytest.fixture(name="pem", scope="session")
def _pem() -> dict[str, bytes]:
    given = P8.read_bytes()
    der = ("-inform", "DER")

    return {
        "pkcs1": openssl("rsa", *der, "-traditional", given=given),
        "pkcs8": openssl("pkey", *der, given=given),
        "encrypted_pkcs8": openssl(
            *("pkcs8", *der, "-topk8", "-v2", "aes-256-cbc"),
            *("-passout", f"pass:{PASSPHRASE}"),
            given=given,
        ),
        "encrypted_pkcs8_der": openssl(
            *("pkcs8", *der, "-topk8", "-v2", "aes-256-cbc", "-outform", "DER"),
            *("-passout", f"pass:{PASSPHRASE}"),
            given=given,
        ),
        "encrypted_pkcs1": openssl(
            *("rsa", *der, "-traditional", "-aes128"),
            *("-passout", f"pass:{PASSPHRASE}"),
            given=given,
        ),
        "pkcs1_der": openssl(
            "rsa", *der, "-traditional", "-outform", "DER", given=given
        ),
        "public": openssl("pkey", *der, "-pubout", given=given),
        "public_der": openssl("pkey", *der, "-pubout", "-outform", "DER", given=given),
        "public_pkcs1": openssl("rsa", *der, "-RSAPublicKey_out", given=given),
        "certificate": openssl(
            "x509", "-inform", "DER", given=CERTIFICATE.read_bytes()
        ),
    }


def _spellings(content: bytes) -> dict[str, str | bytes]:
    """
    Return *content*, a PEM, as editors, shells and chats leave it.
    """
    text = content.decode()
    inner = "".join(line for line in text.splitlines() if "-----" not in line)

    return {
        "bytes": content,
        "text": text,
        "crlf": text.replace("\n", "\r\n"),
        "cr": text.replace("\n", "\r"),
        "escaped": text.replace("\n", "\\n"),
        "escaped_crlf": text.replace("\n", "\\r\\n"),
        "blanks_for_line_ends": text.replace("\n", " "),
        "indented": text.replace("\n", "\n    "),
        "one_line_base64": inner,
        "one_line_base64_bytes": inner.encode(),
        "base64_lines": "\n".join(inner[at : at + 76] for at in range(0, 3000, 76)),
        "byte_order_mark": b"\xef\xbb\xbf" + content,
        "words_before": "Bag Attributes\n  friendlyName: x\n" + text,
        "bytearray": bytearray(content),
        "der": base64.b64decode(inner),
    }


SPELLINGS = sorted(_spellings(b""))


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("form", ["pkcs1", "pkcs8"])
def test_a_private_key_loads_in_every_spelling(pem, form, spelling):
    """
    PKCS#1 and PKCS#8, whatever became of the line ends, are the key of the ``.p8``.
    """
    loaded = PrivateKey.load(_spellings(pem[form])[spelling])

    assert PrivateKey.load(P8) == loaded
    assert P8.read_bytes() == loaded.to_der_pkcs8()


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("form", ["public", "public_pkcs1"])
def test_a_public_key_loads_in_every_spelling(pem, form, spelling):
    """
    A bare public key will do in place of a certificate.
    """
    loaded = PublicKey.load(_spellings(pem[form])[spelling])

    assert PrivateKey.load(P8).public == loaded


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_certificate_loads_in_every_spelling(pem, spelling):
    """
    The key in a certificate is the key of the file openssl took it out of.
    """
    loaded = PublicKey.load(_spellings(pem["certificate"])[spelling])

    assert PublicKey.load(VECTORS / "gateway_2048.pub.pem") == loaded


@pytest.mark.parametrize("bits", [1024, 2048])
def test_a_small_public_key_in_one_line_is_content(bits):
    """
    216 characters of base64 are no path: they decode to one whole DER SEQUENCE.
    """
    path = VECTORS / f"gateway_{bits}.pub.pem"
    line = "".join(path.read_text().splitlines()[1:-1])

    assert PublicKey.load(path) == PublicKey.load(line)


@pytest.mark.parametrize("kind", [str, Path, os.fspath])
def test_a_key_loads_from_a_path(kind):
    """
    A path is text or a path object; DER and PEM are told apart by what they hold.
    """
    assert PrivateKey.load(kind(P8)).public == PublicKey.load(
        kind(VECTORS / "merchant_2048.pub.pem")
    )
    assert PublicKey.load(kind(CERTIFICATE)) == PublicKey.load(
        kind(VECTORS / "gateway_2048.cert.crt")
    )


@pytest.mark.parametrize(
    "form", ["encrypted_pkcs8", "encrypted_pkcs8_der", "encrypted_pkcs1"]
)
def test_an_encrypted_key_loads_with_its_passphrase(pem, form):
    """
    New and old encryption of openssl, PEM and DER.
    """
    loaded = PrivateKey.load(pem[form], passphrase=Secret(PASSPHRASE))

    assert PrivateKey.load(P8) == loaded


def test_a_passphrase_for_an_open_key_does_no_harm():
    """
    A setting that is left over is not an error.
    """
    assert PrivateKey.load(P8, passphrase=Secret(PASSPHRASE)) == PrivateKey.load(P8)


@pytest.mark.parametrize(
    "form", ["encrypted_pkcs8", "encrypted_pkcs8_der", "encrypted_pkcs1"]
)
@pytest.mark.parametrize(
    "passphrase", [None, Secret(""), Secret("wrong-" + PASSPHRASE)]
)
def test_an_encrypted_key_asks_for_the_passphrase(pem, form, passphrase, shown_by):
    """
    Missing and wrong passphrases are told apart, and shown nowhere.
    """
    with pytest.raises(ConfigError) as caught:
        PrivateKey.load(pem[form], passphrase=passphrase)

    wanted = "passphrase is wrong" if passphrase else "give the passphrase"

    assert wanted in str(caught.value)
    assert PASSPHRASE not in shown_by(caught.value)


def test_a_bundle_gives_each_side_its_part(pem):
    """
    A file with key and certificates is read by label: the first that fits.
    """
    bundle = pem["certificate"] + pem["public"] + pem["pkcs8"]

    assert PublicKey.load(bundle) == PublicKey.load(CERTIFICATE)
    assert PrivateKey.load(bundle) == PrivateKey.load(P8)


MISSING = [
    ("no/such/file.p8", "no such file"),
    (VECTORS, "not a file"),
    ("a\0b", "no such file"),
    ("a\udcff\ud800", r"a\\udcff\\ud800: no such file"),
    ("x." * 5000, "cannot be read"),
    ("x" * 5000, "no RSA"),
    (b"", "empty"),
    (b" \r\n\t", "empty"),
    ("", "not a file"),
    ("-----BEGIN CERTIFICATE-----\n", "no RSA"),
    (b"x" * 100_000, "too large"),
    (5, "not int"),
    (None, "not NoneType"),
]


@pytest.mark.parametrize("loader", [PrivateKey.load, PublicKey.load])
@pytest.mark.parametrize(("source", "wanted"), MISSING)
def test_what_cannot_be_read_is_a_config_error(loader, source, wanted):
    """
    Files that are missing, empty or too large, and arguments that are none.
    """
    with pytest.raises(ConfigError, match=wanted) as caught:
        loader(source)

    assert caught.value.what.zh


def test_an_empty_file_is_named(tmp_path):
    """
    The path stands in the message, in both languages.
    """
    path = tmp_path / "merchant.key.p8"
    path.write_bytes(b"")

    with pytest.raises(ConfigError) as caught:
        PrivateKey.load(path)

    assert f"{path}: it is empty." == caught.value.what.en
    assert f"{path}：为空。" == caught.value.what.zh


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    """
    The operating system's refusal is told by its kind.
    """
    path = tmp_path / "merchant.key.p8"
    path.write_bytes(P8.read_bytes())

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(ConfigError, match="PermissionError") as caught:
        PrivateKey.load(path)

    assert str(path) in str(caught.value)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("form", ["pkcs1", "pkcs8"])
def test_a_private_key_in_the_wrong_place_is_not_shown(
    pem, form, spelling, must_not_show_key
):
    """
    Neither words nor frames of the error hold a part of the key.
    """
    key = _spellings(pem[form])["der"]

    with pytest.raises(ConfigError, match="private key") as caught:
        PublicKey.load(_spellings(pem[form])[spelling])

    must_not_show_key(caught.value, key)


def test_an_old_encryption_that_looks_cut_asks_for_the_passphrase():
    """
    Its bytes are random: one in a thousand begins as something longer.
    """
    body = base64.encodebytes(b"\x30\x82\xff\xff" + bytes(1200)).decode()
    pem = (
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        f"DEK-Info: AES-256-CBC,{'A5' * 16}\n\n{body}-----END RSA PRIVATE KEY-----\n"
    )

    with pytest.raises(ConfigError, match="give the passphrase"):
        PrivateKey.load(pem)


@pytest.mark.parametrize("cut", [10, 500, 1100])
def test_a_damaged_private_key_is_not_shown(pem, cut, must_not_show_key):
    """
    A key that lost its end is told as no key, in each spelling.
    """
    whole = P8.read_bytes()

    for source in (whole[:-cut], base64.b64encode(whole[:-cut]).decode()):
        with pytest.raises(ConfigError) as caught:
            PrivateKey.load(source)

        must_not_show_key(caught.value, whole)


@pytest.mark.parametrize("loader", [PrivateKey.load, PublicKey.load])
@pytest.mark.parametrize("body", ["", "A", "AAA", "A=A=", "é", "\n\n", "Proc-Type: x"])
def test_a_frame_around_noise_is_no_key(loader, body):
    """
    PEM whose inside is no base64, or nothing.
    """
    for label in ("PRIVATE KEY", "CERTIFICATE"):
        with pytest.raises(ConfigError):
            loader(f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")


def test_text_that_lost_its_frame_is_not_quoted(must_not_show_key):
    """
    Base64 that is taken for a path does not come back in the message.
    """
    line = base64.b64encode(P8.read_bytes()).decode()[400:640]

    with pytest.raises(ConfigError, match="the given text") as caught:
        PrivateKey.load(line)

    assert line[:40] not in str(caught.value)


def test_half_characters_in_key_text_are_no_foreign_error():
    """
    Text that UTF-8 cannot write is refused like any other.
    """
    with pytest.raises(ConfigError):
        PrivateKey.load("-----BEGIN PRIVATE KEY-----\udc80")


def test_content_shows_nothing_and_is_not_copied():
    """
    What stands in our frames while a key is read is silent.
    """
    with pytest.raises(ConfigError) as caught:
        PublicKey.load(P8)

    (content,) = {
        frame.frame.f_locals["content"]
        for frame in caught.traceback
        if "content" in frame.frame.f_locals
    }

    assert "KeyContent(***)" == repr(content)

    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never stored"):
            copier(content)


@given(st.binary(max_size=300) | st.text(max_size=300).filter(lambda t: "\0" not in t))
def test_no_content_makes_a_foreign_error(content):
    """
    Whatever is given: a key or a ConfigError.
    """
    for loader in (PrivateKey.load, PublicKey.load):
        with pytest.raises(ConfigError):
            loader(content)


@given(st.integers(0, 1217), st.integers(1, 255))
def test_no_damage_makes_a_foreign_error(at, change):
    """
    One changed byte in a ``.p8``: a key or a ConfigError, whatever the library says.
    """
    content = bytearray(P8.read_bytes())
    content[at % len(content)] ^= change

    try:
        bits = PrivateKey.load(bytes(content)).bits
    except ConfigError:
        bits = None

    assert bits in (None, 2048)


def test_blocks_that_begin_and_never_end_cost_no_more_than_others():
    """
    64 KiB of them are looked through once, not once each.
    """
    many = b"-----BEGIN A-----\n" * 3_600
    begin = time.process_time()

    with pytest.raises(ConfigError, match="no RSA certificate or public key\\."):
        PublicKey.load(many)

    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize(
    ("header", "size", "wanted"),
    [
        (b"0\x30", 48, True),
        (b"0\x81\x30", 48, True),
        (b"0\x82\x00\x30", 48, True),
        (b"0\x31", 48, False),
        (b"0\x30", 49, False),
        (b"0\x00", 48, False),
        (b"1\x30", 48, False),
        (b"0\xff", 60, False),
        (b"0\x84\x01\x00\x00\x00", 48, False),
        (b"", 0, False),
    ],
)
def test_one_whole_sequence_in_base64_is_key_text(header, size, wanted):
    """
    The length in the header is the length that follows; anything else is a path.
    """
    line = base64.b64encode(header + bytes(size)).decode()

    assert wanted is is_key_text(line)


@pytest.mark.parametrize(
    ("der", "wanted"),
    [
        (b"\x30\x03\x02\x01\x05", "no RSA"),
        (b"\x30\x03\x02\x01", "its end is missing"),
        (b"\x30\x82\x02", "no RSA"),
        (b"\x30\x03\x02\x01\x05\x00", "no RSA"),
        (b"\x31\x03\x02", "no RSA"),
        (b"\x30", "no RSA"),
    ],
)
def test_a_sequence_without_its_end_is_cut(der, wanted):
    """
    It says that it is larger; what says nothing is something else.
    """
    for loader in (PrivateKey.load, PublicKey.load):
        with pytest.raises(ConfigError, match=wanted):
            loader(der)


@pytest.fixture(name="strange", scope="session")
def _strange(tmp_path_factory) -> dict[str, bytes]:
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


def test_an_encrypted_key_without_its_end_has_no_wrong_passphrase():
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


def test_a_bare_public_key_in_der_is_no_merchant_key():
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


def test_an_encrypted_key_is_no_certificate():
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


def test_a_small_private_key_is_not_shown(strange, must_not_show_key):
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
def test_both_libraries_read_the_same_numbers(name, monkeypatch):
    """
    Whichever of them is installed: it is the same key.
    """
    loader = PrivateKey if name.endswith(".p8") else PublicKey
    keys = []

    for missing in ("Crypto.PublicKey", "cryptography.hazmat.primitives"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, missing, None)
            keys.append(loader.load(VECTORS / name))

    assert keys[0] == keys[1]
    assert keys[0].fingerprint == keys[1].fingerprint


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
