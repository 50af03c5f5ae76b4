"""
What the columns of a call's row hold: its intent, its facts, its end.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import attrs

from umfpay.errors import APIError, Intent, UMFError
from umfpay.journal._entry import Decider, JournalOutcome, JournalState, write_intent
from umfpay.transport import Call, CallEnd, CallVerdict


WRONG_CODE_DETAIL: Final = "wrong_sms_code"

_WRONG_SMS_CODE: Final = "00200005"
_MAX_WORD_CHARACTERS: Final = 64
# What names the intent of a call if the shop does not.
_NAMED_BY: Final = {
    "payments.create": ("mer_reference_id", "mer_date"),
    "payments.execute": ("payment_id",),
    "refunds.create": ("payment_id", "mer_reference_id"),
}


def default_intent_id(call: Call[Any]) -> str:
    """
    Return what names the intent of *call* if the shop does not, "" if nothing can.
    """
    if call.name not in _NAMED_BY:
        return ""

    parts = [getattr(call.intent, name) or "" for name in _NAMED_BY[call.name]]
    # A flow numbers its attempts.
    number = ["1"] if call.name == "payments.execute" else []

    return " ".join([call.name, *parts, *number])


def asked_values(call: Call[Any]) -> dict[str, Any]:
    """
    Return the columns that say what *call* asks.
    """
    intent = call.intent
    assert intent is not None
    order = getattr(call.body, "order", None)
    known_refunds = intent.details.get("known_refunds", "")

    return {
        "call": short(call.name),
        "effect": str(call.effect),
        "mer_reference_id": intent.mer_reference_id,
        "mer_date": intent.mer_date,
        "payment_id": intent.payment_id,
        "amount": None if intent.amount is None else str(intent.amount),
        "currency": intent.currency,
        "intent": write_intent(intent),
        "known_refunds": known_refunds
        if "all_refunds_known" in intent.details
        else None,
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
        values = {
            "outcome": JournalOutcome.EXECUTED,
            "decided_by": Decider.ANSWER,
            **object_values(result),
        }

        if intent.call == "payments.create" and values["object_id"] is not None:
            # Its execute finds here until when it can be paid.
            values["payment_id"] = values["object_id"]

        return values

    if _is_wrong_code(error) and not is_second:
        # Signed or not, it may mean that a first copy has used the code up.
        details = {**intent.details, WRONG_CODE_DETAIL: "yes"}
        intent = attrs.evolve(intent, details=details)
        values = unknown_values(intent, "the SMS code was refused")
    elif call_verdict.ending is CallEnd.UNCLEAR or is_second:
        values = unknown_values(intent, None if reason is None else reason.en)
    elif not isinstance(error, APIError):
        values = not_sent_values(error)
    else:
        values = {
            "outcome": JournalOutcome.REFUSED,
            "decided_by": Decider.ANSWER,
            "reason": error.what.en,
        }

    if isinstance(error, APIError):
        values["refusal_code"] = error.ret_code[:32]

    return values


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


def not_sent_values(error: BaseException | None = None) -> dict[str, Any]:
    """
    Return the columns of a row whose call did not leave.
    """
    if error is None:
        reason = "its caller gave up"
    else:
        reason = error.what.en if isinstance(error, UMFError) else type(error).__name__

    return {"outcome": JournalOutcome.NOT_SENT, "reason": reason}


def unknown_values(
    intent: Intent | None = None, reason: str | None = None
) -> dict[str, Any]:
    """
    Return the columns of a row whose call left and whose end nobody knows.
    """
    values: dict[str, Any] = {"state": JournalState.UNKNOWN, "reason": reason}

    if intent is not None:
        values["intent"] = write_intent(intent)

    return values


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
