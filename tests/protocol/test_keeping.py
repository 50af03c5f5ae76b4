"""
Private text that a merchant stores: unreadable and unchangeable without the secret.
"""

from __future__ import annotations

import base64

import pytest

from umfpay.protocol import Keeper
from umfpay.sensitive import Private, Secret


PHONE = Private("15210838198")


@pytest.fixture(name="keeper")
def _keeper():
    return Keeper(Secret("s3cret"), purpose="test")


def test_what_is_kept_is_read_by_whoever_knows_the_secret(keeper):
    """
    Another process derives the same key.
    """
    kept = keeper.keep(PHONE, about="PAY_A")

    assert PHONE == Keeper(Secret("s3cret"), purpose="test").read(kept, about="PAY_A")
    assert b"1521" not in base64.b64decode(kept)


def test_the_same_text_never_looks_the_same(keeper):
    """
    Nobody can tell two payments of one customer by their stores.
    """
    assert keeper.keep(PHONE, about="A") != keeper.keep(PHONE, about="A")


@pytest.mark.parametrize(
    ("secret", "purpose", "about"),
    [("other", "test", "A"), ("s3cret", "other", "A"), ("s3cret", "test", "B")],
)
def test_it_is_not_read_for_anything_else(keeper, secret, purpose, about):
    """
    Secret, purpose and subject all belong to it.
    """
    kept = keeper.keep(PHONE, about="A")

    assert Keeper(Secret(secret), purpose=purpose).read(kept, about=about) is None


@pytest.mark.parametrize("cut", [0, 5, 12, 20, 28])
def test_what_was_cut_is_not_read(keeper, cut):
    """
    Neither is anything shorter than its own frame.
    """
    raw = base64.b64decode(keeper.keep(PHONE, about="A"))[:cut]

    assert keeper.read(base64.b64encode(raw).decode(), about="A") is None


def test_what_was_changed_is_not_read(keeper):
    """
    One bit is enough.
    """
    raw = bytearray(base64.b64decode(keeper.keep(PHONE, about="A")))
    raw[-1] ^= 1

    assert keeper.read(base64.b64encode(raw).decode(), about="A") is None


def test_what_is_no_base64_is_not_read(keeper):
    """
    It is no error of the reader's.
    """
    assert keeper.read("not base64!", about="A") is None


def test_the_key_is_not_shown(keeper):
    """
    Neither in repr nor by its members.
    """
    assert "s3cret" not in repr(vars(keeper))
