"""
Card payments: the SMS code and the money (gateway.md 5.4, 5.5).
"""

from __future__ import annotations

import secrets
from typing import Final

from umfpay.emulator._cards import (
    CARD_METHODS,
    FAILING_ENDING,
    LOW_BALANCE_ENDING,
    check_card,
)
from umfpay.emulator._gateway_state import GatewayState, Members
from umfpay.emulator._member_aliases import members, text
from umfpay.emulator._payment_answers import executed_answer
from umfpay.emulator._refusal import Refusal
from umfpay.emulator._store import Document


_SMS_PAUSE_SECONDS: Final = 60.0
_MAX_SMS: Final = 5


def verify(
    gateway_state: GatewayState, merchant: str, key: str, body: Members
) -> Members:
    """
    Send the SMS code: it can be read in the control API.
    """
    payment = gateway_state.payment(key, merchant=merchant)
    _check_waiting(payment)

    if payment["method"] not in CARD_METHODS:
        raise Refusal("00060700", "verify is for cards only")

    payer = members(body, "payer")
    payment["card"] = _card(gateway_state, payer, payment)
    now = gateway_state.clock.time()
    sms = payment["sms"]

    if sms is not None and now - sms["sent_at"] < _SMS_PAUSE_SECONDS:
        raise Refusal("00080706", "a code was sent less than a minute ago")

    if payment["sms_count"] >= _MAX_SMS:
        raise Refusal("00080707", f"{_MAX_SMS} codes were sent for this order")

    payment["sms_count"] += 1
    payment["sms"] = {"code": f"{secrets.randbelow(1_000_000):06d}", "sent_at": now}
    gateway_state.store.put("payment", key, payment)
    path = f"/payments/payment/{key}"

    return {
        "links": [
            gateway_state.link("self", "GET", path),
            gateway_state.link("confirm", "POST", f"{path}/execute"),
        ]
    }


def _check_waiting(payment: Document) -> None:
    if payment["state"] == "TRADE_PENDING":
        raise Refusal("00060761", "the money is under way")

    if payment["state"] == "TRADE_CLOSED":
        raise Refusal("00060762", "the order has expired")

    if payment["state"] != "WAIT_BUYER_PAY":
        raise Refusal("00060763", f"the payment is {payment['state']}")


def execute(
    gateway_state: GatewayState, merchant: str, key: str, body: Members
) -> Members:
    """
    Take the money: once.
    """
    payment = gateway_state.payment(key, merchant=merchant)
    _check_waiting(payment)

    if payment["method"] not in CARD_METHODS:
        raise Refusal("00060700", "execute is for cards only")

    payer = members(body, "payer")
    info = members(payer, "payer_info")
    code = text(members(info, "bank_card").get("verify_code")) or text(
        info.get("verify_code")
    )

    if payment["sms"] is None or code != payment["sms"]["code"]:
        raise Refusal("00200005", "verify_code is not the code that was sent")

    card = _card(gateway_state, payer, payment)

    if card != payment["card"]:
        raise Refusal("00200025", "the SMS code was sent for another card")

    if gateway_state.was_paid(merchant, text(payment["order"].get("mer_reference_id"))):
        raise Refusal("00060763", "mer_reference_id was paid with another payment")

    if card["last_four"] == LOW_BALANCE_ENDING:
        raise Refusal(
            "00060730",
            f"a card number that ends in {LOW_BALANCE_ENDING} has no balance",
        )

    if gateway_state.settings.execute == "pending":
        payment["settles_at"] = (
            gateway_state.clock.time() + gateway_state.settings.settle_after
        )
        payment["settles_to"] = _result(card)
        gateway_state.move(payment, "TRADE_PENDING")
    else:
        settle(gateway_state, payment, _result(card))

    return {
        "payment": executed_answer(payment),
        "links": [
            gateway_state.link("self", "GET", f"/payments/payment/{key}"),
            gateway_state.link("refund", "POST", f"/payments/payment/{key}/refund"),
        ],
    }


def _card(
    gateway_state: GatewayState, payer: Members, payment: Document
) -> dict[str, str]:
    """
    Return what is kept of the card, or of the agreement that stands for it.
    """
    agreement = members(payer, "payer_info", "payer_agreement")
    key = text(agreement.get("usr_pay_agreement_id"))

    # The samples send blank agreements next to a card.
    if not key:
        return check_card(gateway_state, payer, method=payment["method"])

    return {
        "last_four": "0000",
        "agreement": key,
        "business_agreement": text(agreement.get("usr_busi_agreement_id")),
    }


def _result(card: dict[str, str]) -> str:
    return "TRADE_FAIL" if card["last_four"] == FAILING_ENDING else "TRADE_SUCCESS"


def settle(gateway_state: GatewayState, payment: Document, state: str) -> None:
    """
    End a payment as *state* and tell the merchant.
    """
    if state == "TRADE_SUCCESS":
        payment["paid_at"] = gateway_state.clock.now().isoformat()
        payment["settle_date"] = gateway_state.clock.today()

        if payment["business"] == "B2B":
            # The papers have to be approved within a day (gateway.md 5.20).
            payment["papers_due"] = gateway_state.clock.time() + 24 * 3600

    if state == "TRADE_CANCEL":
        payment.pop("papers_due", None)

    payment.pop("settles_at", None)
    gateway_state.move(payment, state)
    gateway_state.notify("payment", payment["id"])
