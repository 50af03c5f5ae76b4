"""
Customs declarations (gateway.md 5.9, 5.10, 5.21).
"""

from __future__ import annotations

from typing import Any

from umfpay.emulator._gateway_state import GatewayState, Members, key_of
from umfpay.emulator._members import (
    entries,
    is_true,
    member,
    members,
    required_text,
    text,
)
from umfpay.emulator._messages import Refusal
from umfpay.emulator._orders import find_sub_order, must_be_paid
from umfpay.emulator._store import Document
from umfpay.models import CustomsState
from umfpay.protocol import new_object_id


_MONTH_SECONDS = 31 * 86_400.0


def apply(
    gateway_state: GatewayState, merchant: str, key: str, body: Members
) -> Members:
    """
    Declare one sub order to the customs (gateway.md 5.9).

    Raises:
        Refusal: The payment is not paid or more than a month old, the sub order or an
            item is not one of its, or it was declared before.
    """
    payment = gateway_state.payment(key, merchant=merchant)

    must_be_paid(payment)

    if gateway_state.clock.time() - payment["created_at"] > _MONTH_SECONDS:
        raise Refusal("00202013", "more than a month after the order")

    given = members(body, "sub_order")
    sub_id = required_text(given.get("mer_sub_reference_id"), "mer_sub_reference_id")
    sub = find_sub_order(payment["order"], sub_id)

    if sub is None:
        raise Refusal("00202015", "no such sub order")

    if not is_true(sub.get("is_customs")):
        raise Refusal("00202014", "the sub order was created without is_customs")

    items = {text(item.get("mer_item_id")) for item in entries(sub, "items")}

    if any(
        text(item.get("mer_item_id")) not in items for item in entries(given, "items")
    ):
        raise Refusal("00202016", "an item that the sub order does not have")

    required_text(body.get("customs_id"), "customs_id")
    required_text(body.get("mer_customs_code"), "mer_customs_code")

    if any(
        one["sub_id"] == sub_id for one in gateway_state.store.about("customs", key)
    ):
        raise Refusal("00202013", "the sub order was declared before")

    name = f"{sub_id}{text(payment['order']['mer_date'])}"

    if (
        gateway_state.store.get("customs", new_object_id("CUST", name.encode()))
        is not None
    ):
        # Another payment has a sub order of this name.
        name += payment["trace"]

    declaration: Document = {
        "id": new_object_id("CUST", name.encode()),
        "merchant": merchant,
        "payment": key,
        "sub_id": sub_id,
        "body": _echo(body),
        "state": "ACCEPTED",
        "notify_url": text(body.get("notify_url")) or payment["notify_url"],
        "settles_at": gateway_state.settles_at(),
    }
    gateway_state.store.put("customs", declaration["id"], declaration)

    return {
        "links": [
            gateway_state.link("parent_payment", "GET", f"/payments/payment/{key}"),
            gateway_state.link(
                "self", "GET", f"/payments/customs_declarations/{declaration['id']}"
            ),
        ],
        "customs_declarations": [_echo(body)],
    }


def _echo(body: Members) -> Members:
    """
    Return the request as the answer echoes it: numbers are strings (gateway.md 5.9).
    """
    result: Members = {}

    for name in ("customs_id", "mer_customs_code", "ec_plat_id", "notify_url"):
        if name in body:
            result[name] = text(body[name])

    for name in ("freight_amount", "tax_amount", "sub_order_amount"):
        if isinstance(body.get(name), dict):
            result[name] = {key: text(one) for key, one in body[name].items()}

    given = members(body, "sub_order")
    result["sub_order"] = {
        "mer_sub_reference_id": text(given.get("mer_sub_reference_id")),
        "items": [
            {"mer_item_id": text(item.get("mer_item_id"))}
            for item in entries(given, "items")
        ],
    }
    result["customs_clearance_date"] = ""

    return result


def settle(gateway_state: GatewayState, declaration: Document, state: str) -> None:
    """
    Put a declaration into *state*; a final one is told to the merchant.
    """
    declaration.pop("settles_at", None)
    declaration["state"] = state

    if state == "SUBMITTED":
        declaration["settles_at"] = gateway_state.settles_at()
    elif state == "SUCCESS":
        declaration["clearance"] = declaration["listed_on"] = (
            gateway_state.clock.today()
        )

    gateway_state.store.put("customs", declaration["id"], declaration)

    if CustomsState(state).final:
        gateway_state.notify("customs", declaration["id"])


def _declaration_answer(declaration: Document) -> Members:
    return {
        "id": declaration["id"],
        **declaration["body"],
        "customs_clearance_date": declaration.get("clearance", ""),
        "state": declaration["state"],
    }


def query(gateway_state: GatewayState, merchant: str, key: str) -> Members:
    """
    Tell the state of a declaration; the shape is our reading (gateway.md 12.6).

    Raises:
        Refusal: There is no such declaration.
    """
    declaration = gateway_state.find("customs", key, merchant=merchant, asked=True)

    return {
        "customs_declarations": [_declaration_answer(declaration)],
        "links": [
            gateway_state.link(
                "parent_payment", "GET", f"/payments/payment/{declaration['payment']}"
            ),
            gateway_state.link("self", "GET", f"/payments/customs_declarations/{key}"),
        ],
    }


def notification_body(gateway_state: GatewayState, key: str) -> Members:
    """
    Return the body of a declaration's notification (gateway.md 3.3).
    """
    declaration = gateway_state.find("customs", key, merchant=None)

    return {"customs_declaration": _declaration_answer(declaration)}


def apply_only(gateway_state: GatewayState, merchant: str, body: Members) -> Members:
    """
    Declare a payment that was made elsewhere (gateway.md 5.21).

    Raises:
        Refusal: A member is missing, or not sealed for this gateway.
    """
    reference = required_text(body.get("mer_reference_id"), "mer_reference_id")
    required_text(member(body, "order_amount", "total"), "order_amount.total")
    required_text(body.get("customs_id"), "customs_id")
    gateway_state.unseal(body.get("name"), "name")
    gateway_state.unseal(body.get("citizen_id_number"), "citizen_id_number")
    trace = gateway_state.trace()
    document: dict[str, Any] = {
        "merchant": merchant,
        "reference": reference,
        "trace": trace,
        "again": 0,
    }
    gateway_state.store.put("declaration_only", key_of(merchant, reference), document)

    return {"customes_declaration_only": {"pay_trace": trace}}


def declare_again(gateway_state: GatewayState, merchant: str, body: Members) -> Members:
    """
    Send a declaration to the customs once more (gateway.md 5.21).

    Raises:
        Refusal: Nothing was declared under this number.
    """
    reference = required_text(body.get("mer_reference_id"), "mer_reference_id")
    document = gateway_state.store.get("declaration_only", key_of(merchant, reference))

    if document is not None:
        document["again"] += 1
        gateway_state.store.put(
            "declaration_only", key_of(merchant, reference), document
        )

        return {}

    # Only what was paid can be declared.
    payment = gateway_state.was_paid(merchant, reference)

    if payment is not None and gateway_state.store.about("customs", payment):
        return {}

    raise Refusal("00202008", "nothing was declared under this number")
