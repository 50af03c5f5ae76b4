"""
What the columns of a call's row hold: its intent, its facts, its end.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import attrs

from umfpay.errors import APIError, Intent, UMFError
from umfpay.journal._entry import Decider, JournalOutcome, JournalState, write_intent
from umfpay.journal._rows import NOW
from umfpay.transport import Call, CallEnd, CallVerdict


WRONG_CODE_DETAIL: Final = "wrong_sms_code"

_WRONG_SMS_CODE: Final = "00200005"
_MAX_WORD_CHARACTERS: Final = 64
# What names the intent of a call if the shop does not; a flow numbers its attempts.
_NAMES: Final = {
    "payments.create": "{0.mer_reference_id} {0.mer_date}",
    "payments.execute": "{0.payment_id} 1",
    "refunds.create": "{0.payment_id} {0.mer_reference_id}",
}


def default_intent_id(call: Call[Any]) -> str:
    """
    Return what names the intent of *call* if the shop does not, "" if nothing can.
    """
    name = _NAMES.get(call.name)

    return "" if name is None else f"{call.name} {name.format(call.intent)}"


def asked_values(call: Call[Any]) -> dict[str, Any]:
    """
    Return the columns that say what *call* asks.
    """
    intent = call.intent
    assert intent is not None
    order = getattr(call.body, "order", None)
    details = intent.details
    are_known = "all_refunds_known" in details

    return {
        "call": short(call.name),
        "effect": str(call.effect),
        "mer_reference_id": intent.mer_reference_id,
        "payment_id": intent.payment_id,
        "amount": None if intent.amount is None else str(intent.amount),
        "currency": intent.currency,
        "intent": write_intent(intent),
        "known_refunds": details.get("known_refunds", "") if are_known else None,
        "expires_at": getattr(order, "expire_time", None),
    }


def end_values(
    call_verdict: CallVerdict, result: object, intent: Intent
) -> dict[str, Any]:
    """
    Return the columns of a row whose call ended so.
    """
    error, reason = call_verdict.error, call_verdict.reason
    # What is refused now, or not sent, says nothing of a copy that left before.
    is_second = "copies" in intent.details

    if call_verdict.ending is CallEnd.GOOD:
        named = object_values(result)

        if intent.call == "payments.create" and named["object_id"] is not None:
            # Its execute finds here until when it can be paid.
            named["payment_id"] = named["object_id"]

        return ended_values(JournalOutcome.EXECUTED, Decider.ANSWER, **named)

    code = error.ret_code[:32] if isinstance(error, APIError) else None

    if _is_wrong_code(error) and not is_second:
        # Signed or not, it may mean that a first copy has used the code up.
        details = {**intent.details, WRONG_CODE_DETAIL: "yes"}
        values = unknown_values(
            attrs.evolve(intent, details=details), "the SMS code was refused"
        )
    elif call_verdict.ending is CallEnd.UNCLEAR or is_second:
        values = unknown_values(intent, None if reason is None else reason.en)
    else:
        is_refused = isinstance(error, APIError)
        values = ended_values(
            JournalOutcome.REFUSED if is_refused else JournalOutcome.NOT_SENT,
            Decider.ANSWER if is_refused else None,
            error.what.en if isinstance(error, UMFError) else type(error).__name__,
        )

    return {**values, "refusal_code": code}


def object_values(found: object) -> dict[str, Any]:
    """
    Return the columns that name what a call made, as far as *found*, an object of the
    gateway, says that.
    """
    object_id = getattr(found, "id", None) or getattr(found, "refund_id", None)
    state = getattr(found, "state", None)

    return {
        "object_id": object_id if isinstance(object_id, str) else None,
        "object_state": None if state is None else short(str(state)),
    }


def ended_values(
    outcome: JournalOutcome,
    decided_by: Decider | None = None,
    reason: str | None = None,
    **named: Any,  # as `object_values()` names it
) -> dict[str, Any]:
    """
    Return the columns of a row that has ended.
    """
    return {"outcome": outcome, "decided_by": decided_by, "reason": reason, **named}


def unknown_values(intent: Intent, reason: str | None = None) -> dict[str, Any]:
    """
    Return the columns of a row whose call left and whose end nobody knows.
    """
    return {
        "state": JournalState.UNKNOWN,
        "intent": write_intent(intent),
        "reason": reason,
        "next_at": NOW,
        "lease_until": None,
    }


def short(text: str) -> str:
    """
    Return *text* as its column takes it.
    """
    return text[:_MAX_WORD_CHARACTERS]


def _is_wrong_code(error: BaseException | None) -> bool:
    return (
        isinstance(error, APIError)
        and error.ret_code == _WRONG_SMS_CODE
        and error.http_status < HTTPStatus.INTERNAL_SERVER_ERROR
    )
