"""
Money at the gateway: exact, half up, in CNY cents where it counts.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from umfpay.emulator._member_aliases import member, text
from umfpay.emulator._refusal import Refusal


# CNY for one unit. Invented, but for USD the rate that the guide prints.
CNY_RATES: Final = {
    "CNY": "1.0000",
    "HKD": "0.8912",
    "USD": "6.9193",
    "EUR": "7.3305",
    "JPY": "0.0629",
    "GBP": "8.6142",
    "AUD": "5.2190",
    "CAD": "5.1738",
    "NZD": "4.8421",
    "SGD": "4.9160",
    "MOP": "0.8637",
    "CHF": "6.8655",
    "SEK": "0.7674",
    "DKK": "0.9855",
    "NOK": "0.8033",
}

_FEE_RATE: Final = Decimal("0.01")
_CENT: Final = Decimal("0.01")
_AMOUNT_TEXT: Final = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")


def amount_of(value: Any) -> tuple[Decimal, str]:
    """
    Read an amount object: total (text or number) and currency.

    Raises:
        Refusal: It is none, not above 0, too long, or in a currency we do not know.
    """
    total = text(member(value, "total"))
    currency = text(member(value, "currency")) or "CNY"

    if currency not in CNY_RATES:
        raise Refusal("00281017", f"currency {currency[:3]} not accepted")

    if not total:
        raise Refusal("00202001", "amount empty")

    if len(total) > 10 or _AMOUNT_TEXT.fullmatch(total) is None:
        raise Refusal("00060700", "amount.total is not an amount")

    if Decimal(total) <= 0:
        raise Refusal("00202003", "amount must be above 0")

    if currency == "JPY" and Decimal(total) % 1:
        raise Refusal("00202002", "JPY has no decimals")

    return Decimal(total).quantize(_CENT), currency


def in_cny(total: Decimal, currency: str) -> Decimal:
    """
    Return *total* in CNY, half up.
    """
    return (total * Decimal(CNY_RATES[currency])).quantize(_CENT, ROUND_HALF_UP)


def fee_of(total_cny: Decimal) -> Decimal:
    """
    Return what UMF keeps of a payment, in CNY: 1 %, at least 0.01. Invented.
    """
    return max((total_cny * _FEE_RATE).quantize(_CENT, ROUND_HALF_UP), _CENT)


def cents(total: Decimal) -> str:
    """
    Return CNY as cents: the form of refund answers and cashier links.
    """
    return str(int((total * 100).to_integral_value(ROUND_HALF_UP)))
