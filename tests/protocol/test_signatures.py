"""
Signatures: ours are openssl's, and nothing else than a signature passes for one.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.openssl import openssl
from umfpay.errors import ConfigError
from umfpay.protocol import PrivateKey, PublicKey, Signer, Verifier


VECTORS = Path(__file__).parent.parent / "vectors"
REQUESTS = json.loads((VECTORS / "request_signatures.json").read_text())
BODY = '{"meta":{"ret_code":"0000"},"name":"张三"}'.encode()


@pytest.fixture(name="signed", scope="session")
def _signed(gateway) -> str:
    return Signer(gateway).sign(BODY)


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case["name"] + case["key"])
def test_each_request_vector_is_signed_to_the_byte(case, backend):
    """
    PKCS#1 v1.5 has one signature per key and text: both backends give openssl's.
    """
    body = base64.b64decode(case["body_base64"])
    signer = Signer(PrivateKey.load(VECTORS / case["key"]), backend=backend)
    verifier = Verifier([PublicKey.load(VECTORS / case["public_key"])], backend=backend)

    assert case["signature"] == signer.sign(body)
    assert verifier.verify(body, case["signature"])
    assert not verifier.verify(body + b" ", case["signature"])
    assert backend == signer.backend == verifier.backend


def test_openssl_verifies_what_we_sign(sized_gateway, bits, backend, tmp_path):
    """
    The other side reads it without our code.
    """
    signature = Signer(sized_gateway, backend=backend).sign(BODY)
    (tmp_path / "signature").write_bytes(base64.b64decode(signature))

    assert "\n" not in signature
    assert b"Verified OK" in openssl(
        *("dgst", "-sha256", "-verify", str(VECTORS / f"gateway_{bits}.pub.pem")),
        *("-signature", str(tmp_path / "signature")),
        given=BODY,
    )


def test_we_verify_what_openssl_signs(sized_gateway, bits, backend):
    """
    And nothing of it when a bit of the text is another.
    """
    key = ("-keyform", "DER", "-sign", str(VECTORS / f"gateway_{bits}.key.p8"))
    signature = base64.b64encode(openssl("dgst", "-sha256", *key, given=BODY)).decode()
    verifier = Verifier([sized_gateway.public], backend=backend)

    assert verifier.verify(BODY, signature)
    assert not verifier.verify(BODY.replace(b"0000", b"0001"), signature)


def test_another_digest_is_no_signature(gateway, backend):
    """
    SHA-1 belongs to the older product (gateway.md 3.1).
    """
    key = ("-keyform", "DER", "-sign", str(VECTORS / "gateway_1024.key.p8"))
    sha1 = base64.b64encode(openssl("dgst", "-sha1", *key, given=BODY)).decode()

    assert not Verifier([gateway.public], backend=backend).verify(BODY, sha1)


SPELLINGS = {
    "empty": lambda text: "",
    "blank": lambda text: " ",
    "blank_before": lambda text: " " + text,
    "blank_after": lambda text: text + " ",
    "line_end_after": lambda text: text + "\n",
    "lines": lambda text: "\n".join((text[:76], text[76:])),
    "crlf_lines": lambda text: "\r\n".join((text[:76], text[76:])),
    "no_padding": lambda text: text.rstrip("="),
    "more_padding": lambda text: text + "=",
    "padding_before": lambda text: "=" + text,
    "url_alphabet": lambda text: text.replace("+", "-").replace("/", "_"),
    "loose_bits": lambda text: text[:-2] + chr(ord(text[-2]) + 1) + "=",
    "twice": lambda text: text + text,
    "listed": lambda text: f"{text}, {text}",
    "half": lambda text: text[: len(text) // 2],
    "one_byte_less": lambda text: _bytes(text, lambda raw: raw[:-1]),
    "one_byte_more": lambda text: _bytes(text, lambda raw: raw + b"\0"),
    "zero_before": lambda text: _bytes(text, lambda raw: b"\0" + raw),
    "zeros": lambda text: _bytes(text, lambda raw: b"\0" * len(raw)),
    "one": lambda text: _bytes(text, lambda raw: b"\0" * (len(raw) - 1) + b"\1"),
    "ones": lambda text: _bytes(text, lambda raw: b"\xff" * len(raw)),
    "not_ascii": lambda text: "签" + text,
    "half_a_pair": lambda text: "\ud800" + text,
    "zero_character": lambda text: text + "\0",
    "hex": lambda text: base64.b64decode(text).hex(),
}


def _bytes(text, change):
    return base64.b64encode(change(base64.b64decode(text))).decode()


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_a_signature_has_one_spelling(gateway, signed, backend, spelling):
    """
    Strict base64 in one line, of exactly the key's length.
    """
    verifier = Verifier([gateway.public], backend=backend)
    other = SPELLINGS[spelling](signed)

    assert verifier.verify(BODY, signed)
    assert other != signed
    assert not verifier.verify(BODY, other)


def test_a_signature_above_the_modulus_is_none(backend):
    """
    s and s + n are the same to RSA: only the smaller one is a signature.
    """
    key = PrivateKey.load(VECTORS / "gateway_1024.key.p8")
    n, _ = key.public.numbers
    signer, verifier = Signer(key), Verifier([key.public], backend=backend)
    tried = 0

    for number in range(64):
        body = str(number).encode()
        value = int.from_bytes(base64.b64decode(signer.sign(body)), "big") + n

        if value >= 1 << 1024:
            continue

        tried += 1

        assert not verifier.verify(
            body, base64.b64encode(value.to_bytes(128, "big")).decode()
        )

    assert tried > 0


@given(st.binary(max_size=200), st.binary(min_size=128, max_size=128))
def test_noise_is_never_a_signature(verifier, body, noise):
    """
    Whatever the numbers are.
    """
    assert not verifier.verify(body, base64.b64encode(noise).decode())


@given(at=st.integers(0, 127), change=st.integers(1, 255))
def test_no_changed_byte_is_a_signature(verifier, signed, at, change):
    """
    Each byte of it counts.
    """
    raw = bytearray(base64.b64decode(signed))
    raw[at] ^= change

    assert not verifier.verify(BODY, base64.b64encode(raw).decode())


def test_any_of_the_keys_may_have_signed(gateway, signed, backend):
    """
    For the days of a change of keys; without keys nothing verifies.
    """
    others = [
        PublicKey.load(VECTORS / "gateway_2048.cert.crt"),
        PublicKey.load(VECTORS / "merchant_1024.pub.pem"),
    ]
    verifier = Verifier([*others, gateway.public], backend=backend)

    assert verifier.verify(BODY, signed)
    assert (*others, gateway.public) == verifier.keys
    assert not Verifier(others, backend=backend).verify(BODY, signed)
    assert not Verifier([], backend=backend).verify(BODY, signed)


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_what_is_no_digest_is_not_verified(verifier, signed, size):
    """
    The digest of a download has 32 bytes.
    """
    try:
        good = verifier.verify_digest(b"x" * size, signed)
    except ValueError:
        good = False

    assert not good


def test_both_backends_share_a_signer_between_threads(gateway, backend):
    """
    Off the loop several threads sign with one key at once.
    """
    signer = Signer(gateway, backend=backend)
    bodies = [str(number).encode() for number in range(40)]
    expected = [signer.sign(body) for body in bodies]
    got = {}

    def work(name):
        got[name] = [signer.sign(body) for body in bodies]

    threads = [threading.Thread(target=work, args=(name,)) for name in range(3)]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join()

    assert [expected] * 3 == list(got.values())


@pytest.mark.parametrize(
    ("backend", "size", "signs", "verifies"),
    [
        ("pycryptodome", 1024, False, False),
        ("pycryptodome", 2048, True, False),
        ("cryptography", 2048, False, False),
        ("cryptography", 3072, True, True),
        ("pycryptodome", 3072, True, True),
    ],
)
def test_large_keys_work_off_the_loop(backend, size, signs, verifies):
    """
    By table, not by stopwatch.
    """
    key = PrivateKey.load(openssl("genrsa", str(size)))

    assert signs is Signer(key, backend=backend).off_loop
    assert verifies is Verifier([key.public], backend=backend).off_loop


def test_a_backend_that_is_none_is_a_config_error(gateway):
    """
    Before anything is signed.
    """
    with pytest.raises(ConfigError, match="rsa_backend: it must be one of auto"):
        Signer(gateway, backend="openssl")

    with pytest.raises(ConfigError, match="rsa_backend"):
        Verifier([gateway.public], backend=None)


def test_without_cryptography_pycryptodome_works(gateway, signed, monkeypatch):
    """
    ``auto`` takes what is there; asked for by name, the extra is told.
    """
    monkeypatch.setitem(sys.modules, "cryptography", None)

    assert "pycryptodome" == Signer(gateway).backend
    assert signed == Signer(gateway).sign(BODY)
    assert Verifier([gateway.public]).verify(BODY, signed)

    with pytest.raises(ConfigError, match=r"umfpay\[fast\]"):
        Signer(gateway, backend="cryptography")


def test_with_cryptography_auto_takes_it(gateway):
    """
    It is several times faster.
    """
    assert "cryptography" == Signer(gateway).backend
    assert "cryptography" == Verifier([gateway.public]).backend
