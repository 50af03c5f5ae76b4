"""
Money at the gateway: exact, half up.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from umfpay.emulator._members import amount_of, cents, in_cny
from umfpay.emulator._messages import Refusal


@pytest.mark.parametrize(
    ("total", "expected"),
    [("100.02", "100.02"), (7, "7.00"), (Decimal("0.5"), "0.50"), ("9999999.99", None)],
)
def test_text_and_numbers_are_amounts(total, expected):
    """
    Without a currency it is CNY.
    """
    assert (Decimal(expected or total), "CNY") == amount_of({"total": total})


@pytest.mark.parametrize("total", ["1,00", "1e2", "１", "1.", ".5", "NaN", "+1", True])
def test_anything_else_is_none(total):
    """
    Not even what Decimal would take.
    """
    with pytest.raises(Refusal, match="00060700"):
        amount_of({"total": total, "currency": "USD"})


def test_cny_is_half_up():
    """
    The guide's amount, and a tie.
    """
    assert Decimal("692.07") == in_cny(Decimal("100.02"), "USD")
    assert Decimal("0.05") == in_cny(Decimal("0.01"), "AUD")
    assert "69207" == cents(Decimal("692.07"))


def test_yen_have_no_decimals():
    """
    Zeros after the point are none.
    """
    assert (Decimal(100), "JPY") == amount_of({"total": "100.00", "currency": "JPY"})

    with pytest.raises(Refusal, match="00202002"):
        amount_of({"total": "100.50", "currency": "JPY"})
