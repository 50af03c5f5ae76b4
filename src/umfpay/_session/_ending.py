"""
How a call ends for its caller.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, NoReturn

from umfpay.errors import APIError, Intent, OutcomeUnknownError, Text
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
        advice=_advice(error),
    ) from error


def _advice(error: BaseException) -> Text | None:
    """
    Return what to do after a refusal that nobody can trust: most are genuine.
    """
    if not isinstance(error, APIError) or error.verified or not error.ret_code:
        return None

    usual = OutcomeUnknownError.default_advice

    return Text(
        f"{usual.en} If the refusal is genuine: {error.what.en} {error.advice.en}",
        f"{usual.zh}若拒绝属实：{error.what.zh}{error.advice.zh}",
    )


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
