"""
The gateway's words: known ones, other spellings, and words that are new.
"""

from __future__ import annotations

import copy
import pickle

import pytest

from umfpay import models
from umfpay.models import (
    CardState,
    CitizenIdType,
    Currency,
    CustomsState,
    InterfaceType,
    ItemType,
    LinkRef,
    OpenEnum,
    PaymentMethod,
    PaymentState,
    RefundState,
)


ENUMS = [
    value
    for value in vars(models).values()
    if isinstance(value, type) and issubclass(value, OpenEnum) and value is not OpenEnum
]


@pytest.mark.parametrize("cls", ENUMS)
def test_an_unknown_word_survives(cls):
    """
    It equals its text, shows itself, and comes back from pickle and copy.
    """
    word = cls("A_NEW_WORD")

    assert "A_NEW_WORD" == word == str(word)
    assert hash(word) == hash("A_NEW_WORD")
    assert not word.known
    assert "A_NEW_WORD" in repr(word)
    assert word == pickle.loads(pickle.dumps(word)) == copy.deepcopy(word)
    assert word not in list(cls)


@pytest.mark.parametrize("cls", ENUMS)
def test_known_words_are_their_text(cls):
    """
    Each member is found by its value, and says that it is known.
    """
    assert list(cls)
    assert all(cls(one.value) is one and one.known for one in cls)
    assert all(one == one.value and str(one) == one.value for one in cls)


@pytest.mark.parametrize(
    ("cls", "given", "meant"),
    [
        (CustomsState, "SUBMITED", CustomsState.SUBMITTED),
        (ItemType, "ELECTRONICS", ItemType.ELECTRONIC),
        (CitizenIdType, "1", CitizenIdType.IDENTITY_CARD),
    ],
)
def test_other_spellings_mean_the_recommended_word(cls, given, meant):
    """
    Two editions of the reference disagree (gateway.md, trap 12): one member.
    """
    assert cls(given) is meant


def test_a_number_is_no_word():
    """
    What is not text is refused.
    """
    with pytest.raises(ValueError, match="5"):
        Currency(5)


@pytest.mark.parametrize("word", ["B2B_ONLINE_BANKING", "B2C_ONLINE_BANKING", "ALIPAY"])
def test_old_methods_are_read_and_not_offered(word):
    """
    They are gone from the reference (gateway.md, trap 33).
    """
    assert not PaymentMethod(word).known


def test_old_interfaces_are_read_and_not_offered():
    """
    The cashier had another name once.
    """
    assert not InterfaceType("CHECKOUT_COUNTER_WEB").known


def test_final_payment_states():
    """
    Waiting is over, unless the state is open or nobody knows it (gateway.md 7.1).
    """
    final = {state.value for state in PaymentState if state.final}

    assert final == {
        "TRADE_SUCCESS",
        "TRADE_CLOSED",
        "TRADE_CANCEL",
        "TRADE_FAIL",
        "TRADE_REVERSE",
    }
    assert not PaymentState("TRADE_PARKED").final


def test_final_refund_states():
    """
    Three words end a refund (gateway.md 7.2).
    """
    final = {state.value for state in RefundState if state.final}

    assert final == {"REFUND_SUCCESS", "REFUND_FAIL", "REFUND_CLOSE"}
    assert not RefundState("REFUND_PARKED").final


def test_final_customs_states():
    """
    The customs have decided.
    """
    final = {state.value for state in CustomsState if state.final}

    assert final == {"SUCCESS", "FAIL"}


def test_decimals_of_currencies():
    """
    Yen and won have none, unknown currencies two.
    """
    assert {"JPY", "KRW"} == {one.value for one in Currency if one.decimals == 0}
    assert 2 == Currency("XAU").decimals


def test_currencies_of_the_reference():
    """
    The list of gateway.md 8.4, with the two from single sources.
    """
    words = "CNY HKD USD EUR JPY GBP AUD CAD NZD SGD MOP CHF SEK DKK NOK KRW"

    assert words.split() == [one.value for one in Currency]


def test_refs_of_links():
    """
    The words of gateway.md 7.8, in the gateway's letters.
    """
    words = "self sms_verify confirm refund apply_to_customs parent_payment upay weChat"

    assert words.split() == [one.value for one in LinkRef]


def test_states_of_a_stored_card():
    """
    Three words of the official SDK.
    """
    assert {"ok", "expired", "unavailable"} == {one.value for one in CardState}


@pytest.mark.parametrize("cls", ENUMS)
def test_an_unknown_word_is_shown_and_not_obeyed(cls):
    """
    An object stands in logs and on terminals; the word itself stays as it came.
    """
    word = "\x1b[2J\x9b31m\u202e\nPAID" + "A" * 10_000
    shown = repr(cls(word))

    assert shown.isprintable()
    assert len(shown) < 1_000
    assert word == cls(word)
    assert repr(next(iter(cls))) == repr(cls(str(next(iter(cls)))))


PAYMENTS = {
    "WAIT_BUYER_PAY": {"open"},
    "TRADE_PENDING": {"open", "executed"},
    "TRADE_SUCCESS": {"paid", "executed", "final"},
    "TRADE_FAIL": {"never_paid", "failed", "final"},
    "TRADE_CLOSED": {"never_paid", "failed", "final"},
    "TRADE_CANCEL": {"failed", "final"},
    "TRADE_REVERSE": {"failed", "final"},
    "PRE_AUTHORIZATION_TRANSFER": set(),
    "A_NEW_WORD": set(),
}
REFUNDS = {state.value: set() for state in RefundState} | {
    "REFUND_PROCESS": {"open"},
    "REFUND_SUCCESS": {"final"},
    "REFUND_FAIL": {"failed", "final"},
    "REFUND_CLOSE": {"failed", "final"},
    "A_NEW_WORD": set(),
}


@pytest.mark.parametrize(
    ("state", "true"),
    [(PaymentState(word), true) for word, true in PAYMENTS.items()]
    + [(RefundState(word), true) for word, true in REFUNDS.items()],
)
def test_a_state_says_what_became_of_the_money(state, true):
    """
    Each state of gateway.md 7.1 and 7.2; of a word that nobody knows nothing is said.
    """
    names = ["open", "executed", "paid", "never_paid", "failed", "final"]
    found = {name for name in names if getattr(state, name, False)}

    assert true == found


def test_every_state_of_a_payment_is_judged():
    """
    A state added to the enum has to say what it means for the money.
    """
    assert {state.value for state in PaymentState} == PAYMENTS.keys() - {"A_NEW_WORD"}


METHODS = {
    "CREDIT_CARD": {"by_card"},
    "DEBIT_CARD": {"by_card"},
    "WECHAT_SCAN": {"by_scan"},
    "ALIPAY_SCAN": {"by_scan"},
    "WECHAT_IN_APP": {"in_wechat"},
    "WECHAT_WEB": {"in_wechat"},
    "WECHAT_H5": {"in_wechat"},
    "NOT_APPLICABLE": set(),
}


@pytest.mark.parametrize("word", [*PaymentMethod, "A_NEW_WORD"])
def test_a_method_says_what_the_customer_does(word):
    """
    Each method of gateway.md 7.4; of a word that nobody knows nothing is said.
    """
    method = PaymentMethod(word)
    names = ["by_card", "by_scan", "in_wechat"]

    assert METHODS.get(word, set()) == {one for one in names if getattr(method, one)}
    assert method.known == (word in METHODS)
