"""
Exchange rates.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from umfpay.errors import MismatchedResponseError
from umfpay.resources._exchange_rates import ExchangeRates


async def test_a_rate(sender):
    """
    What one unit costs in CNY, digits kept.
    """
    sender.answers = [{"exchangeRates": [{"rate": "6.9020", "currency": "USD"}]}]
    rate = await ExchangeRates(sender).get("USD")

    assert "6.9020" == str(rate.rate)
    assert Decimal("6.902") == rate.rate
    assert "USD" == rate.currency
    assert ["exchange_rate?currency=USD"] == sender.targets


async def test_the_rate_of_another_currency(sender):
    """
    It is not taken for the one that was asked for.
    """
    sender.answers = [{"exchangeRates": [{"rate": "0.9", "currency": "HKD"}]}]

    with pytest.raises(MismatchedResponseError, match="holds no rate of USD"):
        await ExchangeRates(sender).get("USD")
