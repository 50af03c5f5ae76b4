"""
What may not be seen stays unseen.
"""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from umfpay import Private, Sealed, Secret


CANARY = "6217000010045997833"


@pytest.mark.parametrize("cls", [Secret, Private])
def test_hidden_text_shows_itself_only_on_demand(cls):
    """
    repr, str, format and % give stars; `reveal()` gives the text.
    """
    hidden = cls(CANARY)
    shown = [repr(hidden), str(hidden), f"{hidden}", f"{hidden:>30}", "%s" % hidden]  # noqa: UP031

    assert all(CANARY not in text and "***" in text for text in shown)
    assert CANARY == hidden.reveal()


@pytest.mark.parametrize("cls", [Secret, Private])
def test_hidden_text_has_no_dict_and_cannot_be_changed(cls):
    """
    Neither `vars()` nor an assignment reaches the text.
    """
    hidden = cls(CANARY)

    with pytest.raises(TypeError):
        vars(hidden)

    with pytest.raises(AttributeError):
        hidden._text = "other"


@pytest.mark.parametrize("store", [pickle.dumps, json.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_never_stored(store):
    """
    Pickle, JSON and copies are refused, without the text in the refusal.
    """
    with pytest.raises(TypeError) as caught:
        store(Secret(CANARY))

    assert CANARY not in str(caught.value)


def test_a_secret_takes_text_only_and_does_not_quote_what_it_refuses():
    """
    A number is refused by its type, not by its value.
    """
    with pytest.raises(TypeError) as caught:
        Secret(6217000010045997833)

    assert "6217" not in str(caught.value)


def test_private_and_sealed_values_survive_pickle():
    """
    What may be stored comes back equal.
    """
    values = [Private("15210838198"), Sealed("aGVsbG8=")]

    assert values == pickle.loads(pickle.dumps(values))


def test_hidden_texts_are_equal_by_kind_and_text():
    """
    The same text in another kind is another value; hashes agree with equality.
    """
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != Private("a")
    assert Secret("a") != "a"
    assert 1 == len({Secret("a"), Secret("a")})
    assert not Secret("")


def test_a_sealed_value_shows_its_length_only():
    """
    Ciphertext is long and tells nothing: repr counts it.
    """
    sealed = Sealed("x" * 172)

    assert "Sealed(172 characters)" == repr(sealed)
    assert sealed != "x" * 172
    assert 1 == len({sealed, Sealed("x" * 172)})

    with pytest.raises(AttributeError):
        sealed.ciphertext = "y"
