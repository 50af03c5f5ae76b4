"""
Sealed fields: only the gateway opens them, and nobody sees them on the way; private text
that a merchant stores: unreadable and unchangeable without the secret.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.openssl import openssl
from umfpay.errors import ConfigError
from umfpay.protocol import LocalCipher, Opener, PrivateKey, Sealer
from umfpay.sensitive import Private, Sealed, Secret


VECTORS = Path(__file__).parent.parent / "vectors"
FIELDS = json.loads((VECTORS / "sealed_fields.json").read_text())
CANARY = "6217-canary-9d41-张三"
PHONE = Private("15210838198")


@pytest.mark.parametrize("case", FIELDS, ids=range(len(FIELDS)))
def test_each_sealed_vector_opens(case):
    """
    They were made with openssl.
    """
    opener = Opener(PrivateKey.load(VECTORS / case["private_key"]))

    assert Secret(case["plaintext"]) == opener.open(case["sealed"])
    assert Secret(case["plaintext"]) == opener.open(Sealed(case["sealed"]))


@pytest.mark.parametrize("case", FIELDS, ids=range(len(FIELDS)))
def test_what_we_seal_openssl_opens(case, backend, tmp_path):
    """
    RSA/ECB/PKCS1Padding, as the official SDK does it (gateway.md 4).
    """
    path = VECTORS / case["private_key"]
    sealer = Sealer(PrivateKey.load(path).public, backend=backend)
    sealed = sealer.seal(Secret(case["plaintext"]))
    (tmp_path / "sealed").write_bytes(base64.b64decode(sealed.ciphertext))

    assert case["plaintext"].encode() == openssl(
        *("pkeyutl", "-decrypt", "-keyform", "DER", "-inkey", str(path)),
        *("-pkeyopt", "rsa_padding_mode:pkcs1", "-in", str(tmp_path / "sealed")),
    )
    assert "\n" not in sealed.ciphertext


def test_the_same_text_is_sealed_otherwise_each_time(gateway, backend):
    """
    Nobody can tell two customers with the same card.
    """
    sealer = Sealer(gateway.public, backend=backend)
    sealed = {sealer.seal(Secret("123")).ciphertext for _ in range(20)}

    assert 20 == len(sealed)


@pytest.mark.parametrize(
    ("charset", "raw"),
    [("utf-8", "张三".encode()), ("gbk", "张三".encode("gbk"))],
)
def test_names_are_written_in_the_charset(gateway, backend, charset, raw):
    """
    UTF-8, or GBK for old set-ups.
    """
    sealed = Sealer(gateway.public, charset=charset, backend=backend).seal(
        Secret("张三")
    )
    opener = Opener(gateway, charset=charset)
    key = ("-keyform", "DER", "-inkey", str(VECTORS / "gateway_1024.key.p8"))

    assert Secret("张三") == opener.open(sealed)
    assert raw == openssl(
        *("pkeyutl", "-decrypt", *key), given=base64.b64decode(sealed.ciphertext)
    )


def test_the_longest_text_fits_exactly(sized_gateway, bits, backend):
    """
    The key's bytes less 11; Chinese takes three each.
    """
    sealer = Sealer(sized_gateway.public, backend=backend)
    opener = Opener(sized_gateway)
    longest = "张" * (sealer.limit // 3) + "x" * (sealer.limit % 3)

    assert bits // 8 - 11 == sealer.limit
    assert Secret(longest) == opener.open(sealer.seal(Secret(longest)))

    with pytest.raises(ConfigError, match=f"at most {sealer.limit}"):
        sealer.seal(Secret(longest + "x"))


@pytest.mark.parametrize(
    ("text", "charset", "wanted"),
    [
        (CANARY * 20, "utf-8", "has 460 bytes"),
        (CANARY + "\udc80", "utf-8", "cannot be written in utf-8"),
        (CANARY + "\N{PILE OF POO}", "gbk", "cannot be written in gbk"),
    ],
)
def test_what_cannot_be_sealed_is_not_shown(
    gateway, backend, text, charset, wanted, shown_by
):
    """
    Neither words nor frames of the error hold the text.
    """
    sealer = Sealer(gateway.public, charset=charset, backend=backend)

    with pytest.raises(ConfigError, match=wanted) as caught:
        sealer.seal(Secret(text))

    assert caught.value.__context__ is None
    assert "canary" not in shown_by(caught.value)


@pytest.mark.parametrize("charset", ["klingon", "", "hex", "a\0b", None, 5])
def test_a_charset_that_is_none_is_a_config_error(gateway, charset):
    """
    Before anything is sealed or opened.
    """
    with pytest.raises(ConfigError, match="there is no charset"):
        Sealer(gateway.public, charset=charset)

    with pytest.raises(ConfigError, match="there is no charset"):
        Opener(gateway, charset=charset)


@pytest.mark.parametrize(
    "sealed",
    [
        *("", " ", "AAAA", "no base64", "签", "\ud800", "=" * 172),
        base64.b64encode(b"\0" * 128).decode(),
        base64.b64encode(b"\xff" * 128).decode(),
        FIELDS[5]["sealed"],
        FIELDS[0]["sealed"] + "\n",
        FIELDS[0]["sealed"][:-4],
        "A" + FIELDS[0]["sealed"][1:],
    ],
)
def test_what_was_not_sealed_for_this_key_does_not_open(gateway, sealed):
    """
    None, not an error: the emulator says so in its own words.
    """
    assert Opener(gateway).open(sealed) is None


def test_text_in_another_charset_does_not_open(gateway):
    """
    GBK bytes are rarely UTF-8.
    """
    sealed = Sealer(gateway.public, charset="gbk").seal(Secret("张三"))

    assert Opener(gateway).open(sealed) is None


@given(text=st.text(max_size=39).filter(lambda text: text.isprintable()))
def test_what_fits_comes_back(gateway, text):
    """
    39 characters of UTF-8 below U+10000 fit into 117 bytes; longer ones are refused.
    """
    secret = Secret(text)
    sealer = Sealer(gateway.public)

    if len(text.encode()) > sealer.limit:
        with pytest.raises(ConfigError):
            sealer.seal(secret)
    else:
        assert secret == Opener(gateway).open(sealer.seal(secret))


def test_large_keys_work_off_the_loop(sized_gateway, bits):
    """
    Opening is a private operation of pycryptodome; sealing is cheap up to 2048 bits.
    """
    large = PrivateKey.load(openssl("genrsa", "3072"))

    assert (bits >= 2048) is Opener(sized_gateway).off_loop
    assert not Sealer(sized_gateway.public).off_loop
    assert Sealer(large.public).off_loop


@pytest.fixture(name="cipher")
def _cipher():
    return LocalCipher(Secret("s3cret"), purpose="test")


def test_what_is_kept_is_read_by_whoever_knows_the_secret(cipher):
    """
    Another process derives the same key.
    """
    kept = cipher.encrypt(PHONE, about="PAY_A")

    assert PHONE == LocalCipher(Secret("s3cret"), purpose="test").decrypt(
        kept, about="PAY_A"
    )
    assert b"1521" not in base64.b64decode(kept)


def test_the_same_text_never_looks_the_same(cipher):
    """
    Nobody can tell two payments of one customer by their stores.
    """
    assert cipher.encrypt(PHONE, about="A") != cipher.encrypt(PHONE, about="A")


@pytest.mark.parametrize(
    ("secret", "purpose", "about"),
    [("other", "test", "A"), ("s3cret", "other", "A"), ("s3cret", "test", "B")],
)
def test_it_is_not_read_for_anything_else(cipher, secret, purpose, about):
    """
    Secret, purpose and subject all belong to it.
    """
    kept = cipher.encrypt(PHONE, about="A")

    assert (
        LocalCipher(Secret(secret), purpose=purpose).decrypt(kept, about=about) is None
    )


@pytest.mark.parametrize("cut", [0, 5, 12, 20, 28])
def test_what_was_cut_is_not_read(cipher, cut):
    """
    Neither is anything shorter than its own frame.
    """
    raw = base64.b64decode(cipher.encrypt(PHONE, about="A"))[:cut]

    assert cipher.decrypt(base64.b64encode(raw).decode(), about="A") is None


def test_what_was_changed_is_not_read(cipher):
    """
    One bit is enough.
    """
    raw = bytearray(base64.b64decode(cipher.encrypt(PHONE, about="A")))
    raw[-1] ^= 1

    assert cipher.decrypt(base64.b64encode(raw).decode(), about="A") is None


def test_what_is_no_base64_is_not_read(cipher):
    """
    It is no error of the reader's.
    """
    assert cipher.decrypt("not base64!", about="A") is None


def test_the_key_is_not_shown(cipher):
    """
    Neither in repr nor by its members.
    """
    assert "s3cret" not in repr(vars(cipher))
