"""
How a call ends for its caller.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, NoReturn

from umfpay.errors import Intent, OutcomeUnknownError, Text
from umfpay.resources import Call
from umfpay.transport import CallState, Ending, Judgement


def must_have_time(state: CallState) -> None:
    """
    Raise TimeoutError if the deadline has passed: the timeout itself comes too late.

    It works at the next pause, and a request may leave before there is one.
    """
    if asyncio.get_running_loop().time() >= state.deadline:
        raise TimeoutError


def raise_ending(call: Call[Any], judgement: Judgement, at: datetime) -> NoReturn:
    """
    Raise what *judgement* says of *call*.
    """
    error = judgement.error
    assert error is not None

    if judgement.ending is Ending.FAILED:
        raise error

    assert judgement.reason is not None
    raise OutcomeUnknownError(
        Text(
            f"{call.name}: {judgement.reason.en}; nobody can say whether it was"
            " carried out.",
            f"{call.name}：{judgement.reason.zh}，无法确定是否已执行。",
        ),
        intent=intent_of(call, at),
        reason=judgement.reason.en,
        money_may_have_moved=judgement.money_may_have_moved,
    ) from error


def intent_of(call: Call[Any], at: datetime) -> Intent:
    """
    Return what *call* wanted, as plain data.
    """
    subject = call.subject

    return Intent(
        call=call.name,
        at=at,
        payment_id=subject.payment_id,
        mer_reference_id=subject.mer_reference_id,
        mer_date=None if subject.mer_date is None else f"{subject.mer_date:%Y%m%d}",
        amount=subject.amount,
        currency=subject.currency,
        details=subject.details,
    )
