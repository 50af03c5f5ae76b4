"""
Refunds (gateway.md 5.7, 5.8): part or all of a payment, several times, never too much.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from umfpay.emulator._gateway_state import GatewayState, Members, key_of
from umfpay.emulator._members import (
    amount_of,
    cents,
    entries,
    in_cny,
    member,
    members,
    required_text,
    text,
    wire_day,
)
from umfpay.emulator._messages import Refusal
from umfpay.emulator._orders import must_be_paid
from umfpay.emulator._store import Document


def create(
    gateway_state: GatewayState, merchant: str, key: str, body: Members
) -> Members:
    """
    Refund a payment; the shape is refund_info, order or orders[0] (gateway.md 5.7).

    Raises:
        Refusal: The payment is not paid, the number was used before, the amount is in
            another currency, more than what is left, or not the sum of its parts.
    """
    payment = gateway_state.payment(key, merchant=merchant)
    info = _info(body)
    reference = required_text(info.get("mer_reference_id"), "refund.mer_reference_id")
    # UMF's own tester leaves it out (gateway.md 11a).
    day = (
        wire_day(info.get("mer_date"), "refund.mer_date")
        if text(info.get("mer_date"))
        else gateway_state.clock.today()
    )
    total, currency = amount_of(info.get("amount"))

    must_be_paid(payment)

    if currency != payment["currency"]:
        raise Refusal("00202011", f"the payment is in {payment['currency']}")

    if (
        gateway_state.store.get("refund_number", key_of(merchant, reference))
        is not None
    ):
        raise Refusal("00060766", "the refund number was used before")

    left = Decimal(payment["total"]) - Decimal(payment["refunded"])

    if total > left:
        raise Refusal("00060768", f"{total} is more than the {left} that is left")

    _check_parts(info, total)
    cny = _cny(payment, total, left)

    refund: Document = {
        "id": gateway_state.new_id(
            "refund", "REFUND", f"{reference}{payment['order']['mer_date']}".encode()
        ),
        "merchant": merchant,
        "payment": key,
        "reference": reference,
        "mer_date": day,
        "order_date": text(payment["order"].get("mer_date")),
        "total": str(total),
        "currency": currency,
        "total_cny": str(cny),
        "summary": text(info.get("refund_summary")) or text(info.get("order_summary")),
        "notify_url": text(body.get("notify_url")) or payment["notify_url"],
        "state": "REFUND_PROCESS",
        "created_at": gateway_state.clock.time(),
    }
    gateway_state.store.put(
        "refund_number", key_of(merchant, reference), {"refund": refund["id"]}
    )
    _count(gateway_state, payment, total, cny)

    if gateway_state.settings.refund == "pending":
        refund["settles_at"] = gateway_state.settles_at()
        gateway_state.store.put("refund", refund["id"], refund)
    else:
        settle(gateway_state, refund, "REFUND_SUCCESS")

    return {
        "links": [
            gateway_state.link("parent_payment", "GET", f"/payments/payment/{key}"),
            gateway_state.link("self", "GET", f"/payments/refund/{refund['id']}"),
        ],
        "refund": {
            "orders": [
                {
                    # Wire-true oddity: CNY cents under the foreign currency
                    # (gateway.md, trap 15), and date and number of the original order.
                    "amount": {
                        "total": cents(Decimal(refund["total_cny"])),
                        "currency": currency,
                        "total_cny": "",
                    },
                    "mer_date": text(payment["order"].get("mer_date")),
                    "mer_reference_id": text(payment["order"].get("mer_reference_id")),
                }
            ],
            "state": refund["state"],
        },
    }


def _info(body: Members) -> dict[str, Any]:
    for path in (
        ("refund_info",),
        ("order",),
        ("refund", "order"),
        ("refund", "refund_info"),
    ):
        if members(body, *path):
            return members(body, *path)

    for path in (("orders",), ("refund", "orders")):
        if entries(body, *path):
            return entries(body, *path)[0]

    raise Refusal("00060700", "refund_info is missing")


def _check_parts(info: dict[str, Any], total: Decimal) -> None:
    parts = [sub for sub in entries(info, "sub_orders") if member(sub, "amount")]

    if parts and sum(amount_of(sub["amount"])[0] for sub in parts) != total:
        raise Refusal("00202010", "the sub orders do not add up to the refund")


def _cny(payment: Document, total: Decimal, left: Decimal) -> Decimal:
    """
    Return the CNY of a refund; the last one takes what rounding left.
    """
    rest = Decimal(payment["total_cny"]) - Decimal(payment["refunded_cny"])

    return rest if total == left else min(in_cny(total, payment["currency"]), rest)


def _count(
    gateway_state: GatewayState, payment: Document, total: Decimal, cny: Decimal
) -> None:
    payment["refunded"] = str(Decimal(payment["refunded"]) + total)
    payment["refunded_cny"] = str(Decimal(payment["refunded_cny"]) + cny)
    gateway_state.store.put("payment", payment["id"], payment)


def settle(gateway_state: GatewayState, refund: Document, state: str) -> None:
    """
    End a refund as *state* and tell the merchant; a failed one gives the amount back.
    """
    refund.pop("settles_at", None)
    refund["state"] = state

    if state == "REFUND_SUCCESS":
        refund["done_at"] = gateway_state.clock.now().isoformat()
        refund["settle_date"] = gateway_state.clock.today()
        refund["listed_on"] = refund["order_date"]
        refund["paid_out_on"] = refund["settle_date"]
        refund["net_cents"] = -int(cents(Decimal(refund["total_cny"])))
    else:
        _count(
            gateway_state,
            gateway_state.payment(refund["payment"]),
            -Decimal(refund["total"]),
            -Decimal(refund["total_cny"]),
        )

    gateway_state.store.put("refund", refund["id"], refund)
    gateway_state.notify("refund", refund["id"])


def query(gateway_state: GatewayState, merchant: str, key: str) -> Members:
    """
    Tell the state of a refund: an array with nothing but that (gateway.md 5.8).

    Raises:
        Refusal: There is no such refund.
    """
    refund = gateway_state.find("refund", key, merchant=merchant, asked=True)

    return {"refunds": [{"state": refund["state"]}]}


def notification_body(gateway_state: GatewayState, key: str) -> Members:
    """
    Return the body of a refund's notification; its shape is our reading (gateway.md
    12.5).
    """
    refund = gateway_state.find("refund", key, merchant=None)

    return {
        "refund": {
            "id": key,
            "state": refund["state"],
            "parent_payment": refund["payment"],
            "notify_url": refund["notify_url"],
            "order": {
                "mer_reference_id": refund["reference"],
                "mer_date": refund["mer_date"],
                "amount": {
                    "total": refund["total"],
                    "currency": refund["currency"],
                    "total_cny": refund["total_cny"],
                },
            },
        }
    }
