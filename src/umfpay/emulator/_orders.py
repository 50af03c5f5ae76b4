"""
The rules of an order, its payer and the payer's card (gateway.md 4, 5.3).

Card numbers that end in these digits make the bank refuse, so that a shop can try it:
``0076`` card not supported, ``0875`` card BIN check failed, ``0502`` name and id number
do not match; in execute alone ``0730`` balance too low, ``0750`` the payment fails.
Invented.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from umfpay.emulator._gateway_state import CHINA_ZONE, GatewayState
from umfpay.emulator._members import (
    amount_of,
    entries,
    members,
    required_text,
    text,
    wire_day,
)
from umfpay.emulator._messages import Refusal


FAILING_ENDING: Final = "0750"
LOW_BALANCE_ENDING: Final = "0730"

_CARD_NUMBER: Final = re.compile(r"[0-9]{12,19}")
_EXPIRY_TEXT: Final = re.compile(r"[0-9]{2}(0[1-9]|1[0-2])")
_CVV_TEXT: Final = re.compile(r"[0-9]{3,4}")
_CITIZEN_ID: Final = re.compile(r"[0-9]{15}|[0-9]{17}[0-9Xx]")

_CODE_OF_ENDING: Final = {
    "0076": "00060076",
    "0875": "00060875",
    "0502": "00290502",
}
_MINUTES_TEXT: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,20})?")
_DEFAULT_MINUTES: Final = 24 * 60


def check_order(order: dict[str, Any]) -> tuple[Decimal, str]:
    """
    Check the rules of a new order; return its total and currency.

    Raises:
        Refusal: Names the rule in its detail.
    """
    required_text(order.get("mer_reference_id"), "order.mer_reference_id")
    wire_day(order.get("mer_date"), "order.mer_date")
    total, currency = amount_of(order.get("amount"))
    subs = entries(order, "sub_orders")

    if len(subs) > 10:
        raise Refusal("00060700", "more than 10 sub_orders")

    if not subs:
        raise Refusal("00202008", "order.sub_orders is empty")

    parts = Decimal(0)

    for sub in subs:
        required_text(sub.get("mer_sub_reference_id"), "sub_order.mer_sub_reference_id")
        code = required_text(sub.get("trans_code"), "sub_order.trans_code")
        part, part_currency = amount_of(sub.get("amount"))
        parts += part

        if part_currency != currency:
            raise Refusal("00060700", "a sub order in another currency")

        _check_items(sub, part, code, currency)

    names = [text(sub.get("mer_sub_reference_id")) for sub in subs]

    if len(set(names)) != len(names):
        raise Refusal("00060700", "two sub_orders with one mer_sub_reference_id")

    if parts != total:
        raise Refusal("00060700", "order.amount is not the sum of its sub orders")

    return total, currency


def _check_items(sub: dict[str, Any], part: Decimal, code: str, currency: str) -> None:
    items = entries(sub, "items")

    if code.startswith("01") and not items:
        raise Refusal("00060700", "a goods sub order without items")

    for item in items:
        required_text(item.get("mer_item_id"), "item.mer_item_id")
        required_text(item.get("type"), "item.type")

    amounts = [amount_of(item.get("amount")) for item in items]

    if any(one != currency for _, one in amounts):
        raise Refusal("00060700", "an item in another currency")

    if items and sum(total for total, _ in amounts) != part:
        raise Refusal("00060700", "sub_order.amount is not the sum of its items")


def expires_at(gateway_state: GatewayState, order: dict[str, Any]) -> float:
    """
    Return when an order ends: minutes from now, or an ISO moment (gateway.md, trap 22).

    Raises:
        Refusal: ``expire_time`` is neither.
    """
    given = text(order.get("expire_time"))
    now = gateway_state.clock.time()

    if not given:
        return now + _DEFAULT_MINUTES * 60

    # Clients that count what is left send fractions, too.
    if _MINUTES_TEXT.fullmatch(given) is not None:
        return now + float(given) * 60

    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise Refusal("00060700", "order.expire_time is not minutes") from None

    return (moment if moment.tzinfo else moment.replace(tzinfo=CHINA_ZONE)).timestamp()


def must_be_paid(payment: dict[str, Any]) -> None:
    """
    Refuse what can only be done with a stored *payment* that has succeeded.

    Raises:
        Refusal: It has not.
    """
    if payment["state"] != "TRADE_SUCCESS":
        raise Refusal("00060764", f"the payment is {payment['state']}")


def find_sub_order(order: dict[str, Any], key: str) -> dict[str, Any] | None:
    """
    Return the sub order *key* of a stored order.
    """
    for sub in entries(order, "sub_orders"):
        if text(sub.get("mer_sub_reference_id")) == key:
            return sub

    return None


def payer_method(payer: dict[str, Any]) -> tuple[str, str, str]:
    """
    Return method, interface and business type; old words mean new ones (gateway.md, trap 33).
    """
    method = text(payer.get("payment_method")) or "NOT_APPLICABLE"
    interface = text(payer.get("interface_type")) or "SERVER_TO_SERVER"
    business = text(payer.get("business_type")) or "B2C"

    if method == "B2B_ONLINE_BANKING":
        return "NOT_APPLICABLE", "DIRECT_TO_BANK", "B2B"

    old = {
        "CHECKOUT_COUNTER_WEB": "SERVER_TO_WEB",
        "SERVER_TO_BROWSER": "SERVER_TO_WEB",
        "SERVER_TO_MOBILE": "SERVER_TO_H5WEB",
    }

    return method, old.get(interface, interface), business


def payer_phone(payer: dict[str, Any]) -> str:
    """
    Return the phone, wherever the request puts it.
    """
    info = members(payer, "payer_info")

    return text(members(info, "bank_card").get("phone")) or text(info.get("phone"))


def check_card(
    gateway_state: GatewayState, payer: Any, *, method: str
) -> dict[str, str]:
    """
    Check the sealed card of a request; return what may be kept of it.

    Raises:
        Refusal: A member is missing, cannot be opened, or is wrong.
    """
    card = members(payer, "payer_info", "bank_card")
    number = gateway_state.unseal(
        card.get("number"), "bank_card.number", code="00200025"
    )
    name = gateway_state.unseal(card.get("payer_name"), "bank_card.payer_name")
    id_number = gateway_state.unseal(card.get("citizen_id_number"), "citizen_id_number")

    if _CARD_NUMBER.fullmatch(number) is None:
        raise Refusal("00200025", "bank_card.number is not 12 to 19 digits")

    if not name or _CITIZEN_ID.fullmatch(id_number) is None:
        raise Refusal("00060022", "citizen_id_number is not 15 or 18 characters")

    if method == "CREDIT_CARD":
        _check_credit(gateway_state, card)

    code = _CODE_OF_ENDING.get(number[-4:])

    if code is not None:
        raise Refusal(code, f"a card number that ends in {number[-4:]} is refused")

    return {"last_four": number[-4:], "hash": gateway_state.card_hash(number)}


def _check_credit(gateway_state: GatewayState, card: dict[str, Any]) -> None:
    valid = gateway_state.unseal(
        card.get("valid_date"), "bank_card.valid_date", code="00200025"
    )
    cvv = gateway_state.unseal(card.get("cvv2"), "bank_card.cvv2", code="00200025")
    match = _EXPIRY_TEXT.fullmatch(valid)

    if match is None or _CVV_TEXT.fullmatch(cvv) is None:
        raise Refusal("00200025", "valid_date must be YYMM, cvv2 3 or 4 digits")

    if match.group() < f"{gateway_state.clock.now():%y%m}":
        raise Refusal("00200026", "the card has expired")


def check_identity(gateway_state: GatewayState, payer: Any, *, holder: str) -> None:
    """
    Check name and id number of a QR or WeChat payment, where they are given.

    Nobody knows whether the gateway needs them (gateway.md 12.11); what is given must
    be sealed.

    Raises:
        Refusal: It is not, or the number is no id number.
    """
    info = members(payer, "payer_info")
    number = text(members(info, holder).get("citizen_id_number"))

    if text(info.get("name")):
        gateway_state.unseal(info.get("name"), "payer_info.name")

    if number:
        plain = gateway_state.unseal(number, f"{holder}.citizen_id_number")

        if _CITIZEN_ID.fullmatch(plain) is None:
            raise Refusal("00060022", "citizen_id_number is not 15 or 18 characters")
