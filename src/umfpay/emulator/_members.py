"""
Members of requests and answers: names old and new, texts, dates, amounts of money.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from umfpay.emulator._messages import Refusal


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

_TODAYS_NAME_OF: Final = {
    "bankCard": "bank_card",
    "busi_agreement_id": "usr_busi_agreement_id",
    "agreement_id": "usr_pay_agreement_id",
    "card_holder": "payer_name",
    "enterprise_contact": "enterprise_contacts",
    "item_quantity": "quantity",
    "last_four_cardId": "last_four_cardid",
    "mer_cust_id": "external_customer_id",
    "payerAgreement": "payer_agreement",
}
_OLD_NAME_OF: Final = {
    "bank_card": "bankCard",
    "customs_declarations": "customsDeclarations",
    "last_four_cardid": "last_four_cardId",
    "payer_agreement": "payerAgreement",
    "quantity": "item_quantity",
}
_FEE_RATE: Final = Decimal("0.01")
_CENT: Final = Decimal("0.01")
_AMOUNT_TEXT: Final = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")
_DATE_TEXT: Final = re.compile(r"[0-9]{8}")


def canonical(value: Any) -> Any:
    """
    Return a request with today's names, and without the blanks of the samples
    (gateway.md 11).
    """
    if isinstance(value, dict):
        result: dict[str, Any] = {}

        for name, one in value.items():
            key = name.strip()
            # Today's name wins where a client sends both.
            target = _TODAYS_NAME_OF.get(key, key)

            if key.lower() == "currency":
                target = "currency"

            if target == key or target not in result:
                result[target] = canonical(one)

        return result

    if isinstance(value, list):
        return [canonical(one) for one in value]

    return value.strip() if isinstance(value, str) else value


def with_old_names(value: Any) -> Any:
    """
    Return an answer with the names of April 2017 (gateway.md 11).
    """
    if isinstance(value, dict):
        return {
            _OLD_NAME_OF.get(name, name): with_old_names(one)
            for name, one in value.items()
        }

    if isinstance(value, list):
        return [with_old_names(one) for one in value]

    return value


def is_true(value: Any) -> bool:
    """
    Read a flag: true, "TRUE", "true", and in the curly quotes of the samples.
    """
    return text(value).strip('\u201c\u201d"').upper() == "TRUE"


def text(value: Any) -> str:
    """
    Return a scalar of a request as text; "" for anything else.
    """
    if value is None or isinstance(value, dict | list):
        return ""

    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"

    return str(value).strip()


def member(value: Any, *path: str) -> Any:
    """
    Return what stands at *path* inside *value*, None if anything is missing.
    """
    for name in path:
        if not isinstance(value, dict):
            return None

        value = value.get(name)

    return value


def members(value: Any, *path: str) -> dict[str, Any]:
    """
    Return the object at *path*, {} if there is none.
    """
    found = member(value, *path)

    return found if isinstance(found, dict) else {}


def entries(value: Any, *path: str) -> list[dict[str, Any]]:
    """
    Return the objects of the list at *path*.
    """
    found = member(value, *path)

    return (
        [one for one in found if isinstance(one, dict)]
        if isinstance(found, list)
        else []
    )


def required_text(value: Any, name: str) -> str:
    """
    Return the text of a member that must be there.

    Raises:
        Refusal: It is missing, or no text.
    """
    found = text(value)

    if not found:
        raise Refusal("00060700", f"{name} is missing")

    return found


def wire_day(value: Any, name: str) -> str:
    """
    Return a date ``YYYYMMDD``.

    Raises:
        Refusal: It is none.
    """
    found = required_text(value, name)

    try:
        if _DATE_TEXT.fullmatch(found) is None:
            raise ValueError

        datetime.strptime(found, "%Y%m%d")  # noqa: DTZ007 (a business date)
    except ValueError:
        raise Refusal("00060700", f"{name} is not YYYYMMDD") from None

    return found


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
