"""
The rules of an order (gateway.md 5.3).
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from umfpay.emulator._clock import CHINA_ZONE
from umfpay.emulator._gateway_state import GatewayState
from umfpay.emulator._member_aliases import entries, members, text
from umfpay.emulator._money import amount_of
from umfpay.emulator._refusal import Refusal


_MINUTES_TEXT: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,20})?")
_DATE_TEXT: Final = re.compile(r"[0-9]{8}")
_DEFAULT_MINUTES: Final = 24 * 60


def required_text(value: Any, name: str) -> str:
    """
    Return the text of a member that must be there.
    """
    found = text(value)

    if not found:
        raise Refusal("00060700", f"{name} is missing")

    return found


def wire_day(value: Any, name: str) -> str:
    """
    Return a date ``YYYYMMDD``.
    """
    found = required_text(value, name)

    try:
        if _DATE_TEXT.fullmatch(found) is None:
            raise ValueError

        datetime.strptime(found, "%Y%m%d")  # noqa: DTZ007 (a business date)
    except ValueError:
        raise Refusal("00060700", f"{name} is not YYYYMMDD") from None

    return found


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
