"""
What the shop tells of an order or a refund.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from umfpay.errors import ConfigError
from umfpay.models import Money, NewRefund
from umfpay.notifications._expectations import Expectation


MONEY = Money("1.00", "USD")


def test_a_refund_tells_its_kind():
    """
    Number, money and kind are its own, whatever is said besides.
    """
    refund = NewRefund(mer_reference_id="r1", mer_date=date(2026, 11, 23), amount=MONEY)

    assert Expectation.of(refund) == Expectation(
        kind="refund", mer_reference_id="r1", total=Decimal("1.00"), currency="USD"
    )


def test_a_number_is_an_orders_unless_it_is_said():
    """
    Orders are told most often.
    """
    assert Expectation.of("n1", amount=MONEY).kind == "payment"
    assert Expectation.of("n1", amount=MONEY, kind="refund").kind == "refund"


@pytest.mark.parametrize("what", ["", None, 7])
def test_nothing_is_no_number(what):
    """
    An event that names no order would wait for it.
    """
    with pytest.raises(ConfigError, match="a number"):
        Expectation.of(what, amount=MONEY)
