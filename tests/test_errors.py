"""
Every error tells what happened, whether money moved and what to do, and pickles.
"""

from __future__ import annotations

import inspect
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from umfpay import errors
from umfpay.errors import (
    APIError,
    AuthenticationError,
    DuplicateIntentError,
    FlowError,
    Intent,
    OutcomeUnknownError,
    Text,
    TransportError,
    UMFError,
    UploadError,
    WrongCodeError,
)


WHAT = Text("Something happened.", "出了问题。")
INTENT = Intent(
    call="payments.execute",
    at=datetime(2017, 4, 10, tzinfo=UTC),
    payment_id="PAY_A",
    amount=Decimal("100.02"),
    currency="USD",
)
FIRST = SimpleNamespace(
    intent_id="return 42",
    position=7,
    state="unknown",
    outcome=None,
    created_at=INTENT.at,
    payment_id="PAY_A",
    mer_reference_id="1",
    object_id=None,
)


def _make(cls: type[UMFError]) -> UMFError:
    if issubclass(cls, WrongCodeError):
        return cls(*WHAT, ret_code="00200005", attempts_left=2, last="pending")

    if issubclass(cls, APIError):
        return cls(*WHAT, ret_code="00060700", ret_msg="bad", verified=True)

    if issubclass(cls, OutcomeUnknownError):
        return cls(*WHAT, intent=INTENT, reason="cut off", money_may_have_moved=True)

    if issubclass(cls, TransportError):
        return cls(*WHAT, request_sent=True)

    if issubclass(cls, AuthenticationError):
        return cls(*WHAT, ret_code="00280703", http_status=401)

    if issubclass(cls, FlowError):
        return cls(*WHAT, last="WAIT_BUYER_PAY")

    if issubclass(cls, DuplicateIntentError):
        return cls(*WHAT, first=FIRST)

    if issubclass(cls, UploadError):
        return cls(*WHAT, name="order-1202611230001.zip")

    return cls(*WHAT)


CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, UMFError)
]


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_pickles_with_all_it_knows(cls):
    """
    Workers of a task queue get the same error back.
    """
    error = _make(cls)
    again = pickle.loads(pickle.dumps(error))

    assert type(error) is type(again)
    assert vars(error) == vars(again)
    assert str(error) == str(again)


@pytest.mark.parametrize("cls", CLASSES)
def test_an_error_speaks_both_languages_and_of_money(cls):
    """
    One line holds what happened, the money and the advice, twice.
    """
    error = _make(cls)
    line = str(error)

    assert WHAT.en in line
    assert WHAT.zh in line
    assert error.advice.en in line
    assert error.advice.zh in line
    assert ("Money may have moved." in line) == error.money_may_have_moved
    assert ("No money has moved." in line) != error.money_may_have_moved
    assert "\n" not in line
    assert type(error).__name__ in repr(error)


def test_the_tree_in_the_docstring_names_every_class():
    """
    The picture at the top of the module is complete.
    """
    drawn = errors.__doc__

    assert [] == [cls.__name__ for cls in CLASSES if cls.__name__ not in drawn]


def test_an_advice_can_be_given_for_one_case():
    """
    The advice of the class is a default.
    """
    advice = Text("Ask UMF.", "请联系联动优势。")

    assert advice == UMFError(*WHAT, advice=advice).advice


@pytest.mark.parametrize(
    "cls", [cls for cls in CLASSES if cls is not UMFError], ids=lambda cls: cls.__name__
)
def test_every_error_says_what_to_do_next(cls):
    """
    A step, not "see the documentation", in both languages.
    """
    advice = _make(cls).advice

    assert UMFError.default_advice != advice
    assert "documentation" not in advice.en
    assert advice.en.endswith(".")
    assert advice.zh.endswith("。")


def test_the_root_names_the_page():
    """
    It is never raised directly, and so the last resort of whoever subclasses it.
    """
    assert "docs/reference/errors.md" in UMFError.default_advice.en
    assert "docs/reference/errors.md" in UMFError.default_advice.zh


def test_an_unknown_outcome_names_what_it_is_about_once():
    """Whoever reads a log needs the payment and the merchant's number to ask for."""
    intent = errors.Intent.now(
        "refunds.create", payment_id="PAY_A", mer_reference_id="7"
    )
    said = [
        errors.OutcomeUnknownError(
            en, zh, intent=intent, reason="r", money_may_have_moved=True
        ).what
        for en, zh in (("Unclear.", "不明。"), ("PAY_A is unclear.", "PAY_A 不明。"))
    ]

    assert "Unclear. It is about payment PAY_A, number 7." == said[0].en
    assert "不明。涉及支付 PAY_A、单号 7。" == said[0].zh
    assert "PAY_A is unclear. It is about number 7." == said[1].en
