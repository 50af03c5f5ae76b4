"""
Manual state transitions: what a customer, a bank or UMF does by the control API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from umfpay.emulator import _customs as customs
from umfpay.emulator import _executions as executions
from umfpay.emulator import _payments as payments
from umfpay.emulator import _refunds as refunds
from umfpay.emulator._gateway_state import GatewayState, Members
from umfpay.emulator._member_aliases import text
from umfpay.emulator._refusal import Refusal
from umfpay.emulator._store import Document


_PAYMENT_TRANSITIONS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    # To this state, from these.
    "pay": ("TRADE_SUCCESS", ("WAIT_BUYER_PAY", "TRADE_PENDING")),
    "fail": ("TRADE_FAIL", ("WAIT_BUYER_PAY", "TRADE_PENDING")),
    "close": ("TRADE_CLOSED", ("WAIT_BUYER_PAY",)),
    "cancel": ("TRADE_CANCEL", ("TRADE_SUCCESS",)),
}
_REFUND_STATE_OF_VERB: Final = {
    "succeed": "REFUND_SUCCESS",
    "fail": "REFUND_FAIL",
    "close": "REFUND_CLOSE",
}
_CUSTOMS_STATE_OF_VERB: Final = {
    "submit": "SUBMITTED",
    "succeed": "SUCCESS",
    "fail": "FAIL",
}
_ENTERPRISE_STATE_OF_VERB: Final = {"enable": "ENABLE", "disable": "DISABLE"}


class NotHereError(Exception):
    """
    Raised when the control API is asked for what it does not have, or cannot do now.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def cashier_payment(
    gateway_state: GatewayState, merchant: str, given: Members
) -> Document:
    """
    Create a payment at the cashier as *merchant* would, by number, amount, notify_url.
    """
    amount = given.get("amount")
    reference = text(given.get("mer_reference_id"))
    part = {
        "mer_sub_reference_id": reference,
        "trans_code": "02223022",
        "amount": amount,
    }
    body = {
        "payer": {
            "payment_method": "NOT_APPLICABLE",
            "interface_type": "SERVER_TO_WEB",
            "business_type": "B2C",
        },
        "order": {
            "mer_reference_id": reference,
            "mer_date": text(given.get("mer_date")) or gateway_state.clock.today(),
            "amount": amount,
            "sub_orders": [part],
        },
        "notify_url": given.get("notify_url"),
    }

    try:
        answered = payments.create(gateway_state, merchant, body)
    except Refusal as refusal:
        raise NotHereError(400, refusal.detail) from None

    return gateway_state.payment(answered["payment"]["id"])


def move_payment(gateway_state: GatewayState, key: str, verb: str) -> dict[str, Any]:
    """
    Pay, fail, close or cancel a payment, or approve its papers.
    """
    payment = gateway_state.payment(key)

    if verb == "approve_papers":
        return _approve(gateway_state, payment)

    if verb not in _PAYMENT_TRANSITIONS:
        raise NotHereError(404, f"no such verb: {verb}")

    state, before = _PAYMENT_TRANSITIONS[verb]

    if payment["state"] not in before:
        raise NotHereError(409, f"the payment is {payment['state']}")

    if (verb, payment["state"]) == ("pay", "WAIT_BUYER_PAY") and gateway_state.was_paid(
        payment["merchant"], text(payment["order"].get("mer_reference_id"))
    ):
        raise NotHereError(409, "mer_reference_id was paid with another payment")

    executions.settle(gateway_state, payment, state)

    return {"payment": payment}


def _approve(gateway_state: GatewayState, payment: Document) -> dict[str, Any]:
    if payment["business"] != "B2B" or payment["state"] != "TRADE_SUCCESS":
        raise NotHereError(409, "no papers are due: it is no B2B payment that was paid")

    payment["papers_approved"] = True
    payment.pop("papers_due", None)
    gateway_state.store.put("payment", payment["id"], payment)

    return {"payment": payment}


def move_refund(gateway_state: GatewayState, key: str, verb: str) -> dict[str, Any]:
    """
    Let a refund succeed or fail, or close it.
    """
    refund = refunds.find(gateway_state, key)

    if verb not in _REFUND_STATE_OF_VERB:
        raise NotHereError(404, f"no such verb: {verb}")

    if refund["state"] != "REFUND_PROCESS":
        raise NotHereError(409, f"the refund is {refund['state']}")

    refunds.settle(gateway_state, refund, _REFUND_STATE_OF_VERB[verb])

    return {"refund": refund}


def move_customs(gateway_state: GatewayState, key: str, verb: str) -> dict[str, Any]:
    """
    Let a customs declaration be submitted, succeed or fail.
    """
    declaration = customs.find(gateway_state, key)

    if verb not in _CUSTOMS_STATE_OF_VERB:
        raise NotHereError(404, f"no such verb: {verb}")

    if declaration["state"] in ("SUCCESS", "FAIL"):
        raise NotHereError(409, f"the declaration is {declaration['state']}")

    customs.settle(gateway_state, declaration, _CUSTOMS_STATE_OF_VERB[verb])

    return {"customs_declaration": declaration}


def move_enterprise(gateway_state: GatewayState, key: str, verb: str) -> dict[str, Any]:
    """
    Enable or disable a company.
    """
    company = gateway_state.store.get("enterprise", key)

    if company is None or verb not in _ENTERPRISE_STATE_OF_VERB:
        raise NotHereError(404, f"no enterprise {key}, or no such verb: {verb}")

    company["enterprise_status"] = _ENTERPRISE_STATE_OF_VERB[verb]
    company["rank"] = "A" if verb == "enable" else "UNKNOWN"
    gateway_state.store.put("enterprise", key, company)

    return {"enterprise_qualification": company}
