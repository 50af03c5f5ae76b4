"""
State transitions (gateway.md 10): as time goes by, and by the control API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from umfpay.emulator import _customs as customs
from umfpay.emulator import _enterprises as enterprises
from umfpay.emulator import _payments as payments
from umfpay.emulator import _refunds as refunds
from umfpay.emulator._gateway_state import GatewayState
from umfpay.emulator._members import text
from umfpay.emulator._messages import NotHereError
from umfpay.emulator._store import Document


@attrs.frozen
class _Moves:
    """
    What a customer, a bank or UMF's staff can do with one kind of objects.

    Args:
        kind: Of the documents.
        settle: Puts a document into a state and notifies the merchant.
        verbs: The state that a verb leads to, and those that it leads from.
        member: What the answer calls the object.
        state: The member that holds the state.
    """

    kind: str
    settle: Callable[[GatewayState, Document, str], None]
    verbs: Mapping[str, tuple[str, tuple[str, ...]]]
    member: str = attrs.field(kw_only=True)
    state: str = attrs.field(default="state", kw_only=True)


_OPEN_CUSTOMS: Final = ("ACCEPTED", "SUBMITTED")
_MOVES_OF_NOUN: Final[Mapping[str, _Moves]] = {
    "payments": _Moves(
        "payment",
        payments.settle,
        {
            "pay": ("TRADE_SUCCESS", ("WAIT_BUYER_PAY", "TRADE_PENDING")),
            "fail": ("TRADE_FAIL", ("WAIT_BUYER_PAY", "TRADE_PENDING")),
            "close": ("TRADE_CLOSED", ("WAIT_BUYER_PAY",)),
            "cancel": ("TRADE_CANCEL", ("TRADE_SUCCESS",)),
        },
        member="payment",
    ),
    "refunds": _Moves(
        "refund",
        refunds.settle,
        {
            "succeed": ("REFUND_SUCCESS", ("REFUND_PROCESS",)),
            "fail": ("REFUND_FAIL", ("REFUND_PROCESS",)),
            "close": ("REFUND_CLOSE", ("REFUND_PROCESS",)),
        },
        member="refund",
    ),
    "customs": _Moves(
        "customs",
        customs.settle,
        {
            "submit": ("SUBMITTED", _OPEN_CUSTOMS),
            "succeed": ("SUCCESS", _OPEN_CUSTOMS),
            "fail": ("FAIL", _OPEN_CUSTOMS),
        },
        member="customs_declaration",
    ),
    "enterprises": _Moves(
        "enterprise",
        enterprises.settle,
        {
            "enable": ("ENABLE", ("DISABLE", "ENABLE")),
            "disable": ("DISABLE", ("DISABLE", "ENABLE")),
        },
        member="enterprise_qualification",
        state="enterprise_status",
    ),
}


def move(gateway_state: GatewayState, noun: str, key: str, verb: str) -> dict[str, Any]:
    """
    Do what *verb* says with one object, and notify the merchant.

    Args:
        noun: ``payments``, ``refunds``, ``customs`` or ``enterprises``.
        key: The object's id.
        verb: What is done: ``pay``, ``succeed``, ``approve_papers``, ...

    Returns:
        The object, under the name that answers give it.

    Raises:
        Refusal: There is no such object.
        NotHereError: There is no such verb, or the object is in no state for it.
    """
    moves = _MOVES_OF_NOUN[noun]
    document = gateway_state.find(moves.kind, key, merchant=None)

    if (noun, verb) == ("payments", "approve_papers"):
        _approve_papers(gateway_state, document)
    elif verb not in moves.verbs:
        raise NotHereError(404, f"no such verb: {verb}")
    else:
        state, before = moves.verbs[verb]

        if document[moves.state] not in before:
            raise NotHereError(409, f"the {moves.kind} is {document[moves.state]}")

        if (noun, verb) == ("payments", "pay"):
            _must_be_payable(gateway_state, document)

        moves.settle(gateway_state, document, state)

    return {moves.member: document}


def verbs_of(noun: str, document: Document) -> tuple[str, ...]:
    """
    Return the verbs that lead *document* into another state.
    """
    moves = _MOVES_OF_NOUN[noun]
    now = document[moves.state]
    papers = ("approve_papers",) if "papers_due" in document else ()

    return papers + tuple(
        verb
        for verb, (state, before) in moves.verbs.items()
        if now in before and now != state
    )


def _approve_papers(gateway_state: GatewayState, payment: Document) -> None:
    if payment["business"] != "B2B" or payment["state"] != "TRADE_SUCCESS":
        raise NotHereError(409, "no papers are due: it is no B2B payment that was paid")

    payment["papers_approved"] = True
    payment.pop("papers_due", None)
    gateway_state.store.put("payment", payment["id"], payment)


def _must_be_payable(gateway_state: GatewayState, payment: Document) -> None:
    # One that is pending holds the number itself.
    if payment["state"] == "WAIT_BUYER_PAY" and gateway_state.was_paid(
        payment["merchant"], text(payment["order"].get("mer_reference_id"))
    ):
        raise NotHereError(409, "mer_reference_id was paid with another payment")


def run_due(gateway_state: GatewayState) -> None:
    """
    Do all that is due by now: orders expire, what is pending ends.
    """
    now = gateway_state.clock.time()
    due = gateway_state.store.next_due()

    if due is None or due > now:
        return

    for payment in gateway_state.store.due("payment", now):
        if "expires_at" in payment:
            gateway_state.move(payment, "TRADE_CLOSED")
        elif "settles_at" in payment:
            payments.settle(gateway_state, payment, payment.pop("settles_to"))
        else:
            payments.settle(gateway_state, payment, "TRADE_CANCEL")

    for refund in gateway_state.store.due("refund", now):
        refunds.settle(gateway_state, refund, "REFUND_SUCCESS")

    for declaration in gateway_state.store.due("customs", now):
        following = "SUBMITTED" if declaration["state"] == "ACCEPTED" else "SUCCESS"
        customs.settle(gateway_state, declaration, following)
