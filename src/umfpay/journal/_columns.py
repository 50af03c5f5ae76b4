"""
What the columns of a call's row hold: its intent, its facts, its end.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import attrs
from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import APIError, DuplicateIntentError, Intent, UMFError
from umfpay.journal._entry import (
    Decider,
    JournalEntry,
    JournalOutcome,
    JournalState,
    write_intent,
)
from umfpay.transport import Call, CallEnd, CallVerdict


if TYPE_CHECKING:
    from umfpay.journal._journal import Journal


# An answer to an execute proves nothing (gateway.md, traps 18 and 19), and data lag.
FOLLOW_SECONDS: Final = 10
# What may be wrong is the SMS code, or a first copy has used it up: `tables.md` 2 tells
# when another one may be sent.
WRONG_SMS_CODE: Final = "00200005"

SECOND: Final = 1_000_000
_MAX_INTENT_CHARACTERS: Final = 191
_MAX_CALL_CHARACTERS: Final = 64
_MAX_WORD_CHARACTERS: Final = 32


def default_intent_id(call: Call[Any]) -> str:
    """
    Return what names the intent of *call* if the shop does not, "" if nothing can.
    """
    intent = call.intent
    assert intent is not None

    if call.name == "payments.execute":
        # A flow names its attempts.
        parts = [call.name, intent.payment_id, "1"]
    elif call.name == "refunds.create":
        parts = [call.name, intent.payment_id, intent.mer_reference_id]
    elif call.name == "payments.create":
        parts = [call.name, intent.mer_reference_id, intent.mer_date]
    else:
        return ""

    text = " ".join(part or "" for part in parts)

    if len(text) > _MAX_INTENT_CHARACTERS:
        return f"{call.name} {hashlib.sha256(text.encode()).hexdigest()}"

    return text


def seconds_to_pay(call: Call[Any]) -> float | None:
    """
    Return how long the order of a create may be paid, None if it does not say so.
    """
    order = getattr(call.body, "order", None)
    expire_time = getattr(order, "expire_time", None)

    return None if expire_time is None else expire_time.total_seconds()


def facts_of(call: Call[Any], intent: Intent) -> dict[str, Any]:
    """
    Return the columns that say what is asked.
    """
    details = intent.details

    return {
        "call": call.name[:_MAX_CALL_CHARACTERS],
        "effect": str(call.effect),
        "mer_reference_id": intent.mer_reference_id,
        "mer_date": intent.mer_date,
        "payment_id": intent.payment_id,
        "amount": None if intent.amount is None else str(intent.amount),
        "currency": intent.currency,
        "intent": write_intent(intent),
        "known_refunds": details.get("known_refunds", "")
        if "all_refunds_known" in details
        else None,
    }


def end_values(
    call_verdict: CallVerdict, result: object, intent: Intent
) -> dict[str, Any]:
    """
    Return the columns of a row whose call ended so.
    """
    error = call_verdict.error

    if call_verdict.ending is CallEnd.GOOD:
        return {"outcome": JournalOutcome.EXECUTED, **named_by(result, intent)}

    if call_verdict.ending is CallEnd.UNCLEAR:
        reason = call_verdict.reason
        values = unknown_values(intent, None if reason is None else reason.en)
    elif isinstance(error, APIError) and error.ret_code == WRONG_SMS_CODE:
        details = {
            **intent.details,
            "refused_with": error.ret_code,
            "decided_by": "query",
        }
        values = unknown_values(
            attrs.evolve(intent, details=details), "the SMS code was refused"
        )
    elif isinstance(error, APIError):
        values = {
            "outcome": JournalOutcome.REFUSED,
            "decided_by": Decider.ANSWER,
            "reason": error.what.en,
        }
    else:
        values = not_sent_values(error)

    if isinstance(error, APIError):
        values["refusal_code"] = error.ret_code[:_MAX_WORD_CHARACTERS]

    return values


def named_by(result: object, intent: Intent) -> dict[str, Any]:
    """
    Return what a good answer says of what it made.
    """
    object_id = getattr(result, "id", None)
    object_state = getattr(result, "state", None)
    values: dict[str, Any] = {
        "decided_by": Decider.ANSWER,
        "object_id": object_id if isinstance(object_id, str) else None,
        "object_state": None if object_state is None else str(object_state)[:64],
    }

    if intent.call == "payments.create" and isinstance(object_id, str):
        # Its execute finds here until when it can be paid.
        values["payment_id"] = object_id

    return values


def not_sent_values(error: BaseException | None = None) -> dict[str, Any]:
    """
    Return the columns of a row whose call did not leave.
    """
    what = error.what.en if isinstance(error, UMFError) else type(error).__name__

    return {
        "outcome": JournalOutcome.NOT_SENT,
        "reason": "its caller gave up" if error is None else what,
    }


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


def ending(journal: Journal, values: dict[str, Any]) -> dict[str, Any]:
    """
    Return *values* with what goes along with an outcome.

    The intent stays taken if it was carried out, whoever says so.
    """
    now = journal.database.now
    outcome = values.get("outcome")
    common: dict[str, Any] = {"updated_at": now, "next_at": now, "lease_until": None}

    if outcome is None:
        return {**common, **values}

    common |= {"state": JournalState.ENDED, "ended_at": now, "attempts": 0}

    if outcome is JournalOutcome.EXECUTED:
        common["next_at"] = now + FOLLOW_SECONDS * SECOND
    else:
        common["open_intent"] = None

    return {**common, **values}


async def open_row(
    journal: Journal, connection: AsyncConnection, intent_id: str
) -> Row[Any] | None:
    """
    Return the row that holds *intent_id*, None if it is free.
    """
    table = journal.database.tables.journal
    rows = await connection.execute(
        select(table).where(
            table.c.merchant == journal.merchant, table.c.open_intent == intent_id
        )
    )

    return rows.one_or_none()


async def forget_sealed(
    journal: Journal, connection: AsyncConnection, payment_id: str | None
) -> None:
    """
    Delete what was kept of a payment.
    """
    table = journal.database.tables.sealed
    await connection.execute(
        delete(table).where(
            table.c.merchant == journal.merchant, table.c.payment_id == payment_id
        )
    )


def duplicate_error(holder: JournalEntry, *, name: str) -> DuplicateIntentError:
    """
    Return the error for an intent that *holder* has.
    """
    end = holder.outcome or holder.state
    zh = {"executed": "已执行", "unknown": "结果未知"}.get(end, "进行中")

    return DuplicateIntentError(
        f"{name} is not sent: the intent {holder.intent_id!r} is {end} in row"
        f" {holder.position}, written at {holder.created_at:%Y-%m-%d %H:%M:%S} UTC.",
        f"{name} 未发送：意图 {holder.intent_id!r} 已在第 {holder.position} 行"
        f"（{zh}），写入时间 {holder.created_at:%Y-%m-%d %H:%M:%S} UTC。",
        intent_id=holder.intent_id,
        row=holder.position,
        state=str(holder.state),
        outcome=None if holder.outcome is None else str(holder.outcome),
        at=holder.created_at,
        payment_id=holder.payment_id,
        mer_reference_id=holder.mer_reference_id,
        object_id=holder.object_id,
        money_may_have_moved=holder.moves_money,
    )
