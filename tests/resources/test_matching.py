"""
What an answer names is compared with what was asked for; what it leaves out passes.

All classes of answers stand in ``end_to_end/about_something_else.py``.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from umfpay.errors import MismatchedResponseError
from umfpay.models import Amount, Order
from umfpay.resources import (
    KnownOrder,
    must_match,
    must_name_only,
)


DAY = date(2026, 11, 23)
ORDERED = KnownOrder(
    mer_reference_id="O1", mer_date=DAY, total=Decimal("10.00"), currency="USD"
)


def named(**changes):
    given = {
        "mer_reference_id": "O1",
        "mer_date": DAY,
        "amount": Amount(total=Decimal(10), currency="USD"),
        **changes,
    }

    return Order(**given)


@pytest.mark.parametrize(
    ("asked", "answered"), [("a", "a"), ("a", None), (None, "a"), (None, None)]
)
def test_what_matches_passes(asked, answered):
    """
    What one side does not name cannot differ.
    """
    assert must_match("payment", asked, answered) is None


def test_what_differs_is_named():
    """
    Both sides are named, in both languages, and nothing reaches the terminal raw.
    """
    with pytest.raises(MismatchedResponseError) as caught:
        must_match("payment", "PAY_A", "PAY_B\x1b[2J" + "x" * 999)

    assert "another payment: PAY_B\\x1b[2J" in caught.value.what.en
    assert "asked was PAY_A" in caught.value.what.en
    assert "PAY_B" in caught.value.what.zh
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("order", [None, Order(), named(), named(amount=None)])
def test_an_order_fits_what_was_ordered(order):
    """
    Amounts are compared as numbers; what is missing does not differ.
    """
    assert ORDERED.fits(order)
    assert KnownOrder().fits(order)
    assert (order == named()) is ORDERED.is_named_by(order)


@pytest.mark.parametrize(
    "changes",
    [
        {"mer_reference_id": "o1"},
        {"mer_date": date(2026, 11, 24)},
        {"amount": Amount(total=Decimal("10.01"))},
        {"amount": Amount(currency="EUR")},
    ],
)
def test_another_order_does_not(changes):
    """
    One member is enough.
    """
    assert not ORDERED.fits(named(**changes))
    assert KnownOrder().fits(named(**changes))


def test_ids_are_found_at_any_depth():
    """
    In links and in objects; addresses of other systems are none of the gateway's.
    """
    upay = {"ref": "upay", "href": "https://x/payments/payment/PAY_BBBB"}
    members = {"a": [{"b": {"links": [{"href": "/payments/payment/PAY_BBBB"}]}}]}

    must_name_only({"links": [upay, {"href": 5}, {"ref": ["self"]}]}, PAY="PAY_AAAA")
    must_name_only(members, REFUND="REFUND_AAAA", PAY=None)

    with pytest.raises(MismatchedResponseError, match="PAY_BBBB"):
        must_name_only(members, PAY="PAY_AAAA")

    with pytest.raises(MismatchedResponseError, match="PAY_BBBB"):
        must_name_only({"x": {"payment_id": "PAY_BBBB"}}, PAY="PAY_AAAA")
