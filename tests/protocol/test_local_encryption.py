"""
Private text that a merchant stores: unreadable and unchangeable without the secret.
"""

from __future__ import annotations

import base64

import pytest

from umfpay.protocol import LocalCipher
from umfpay.sensitive import Private, Secret


PHONE = Private("15210838198")


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
