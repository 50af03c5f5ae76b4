"""
Raise how a call ended: its error, or `OutcomeUnknownError` with its `Intent`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, NoReturn

import attrs

from umfpay.errors import (
    APIError,
    Intent,
    OutcomeUnknownError,
    SignatureError,
    Text,
    UnsignedResponseError,
)
from umfpay.resources import Call
from umfpay.transport import CallEnd, CallVerdict


@attrs.frozen
class CallStart:
    """
    When a call was begun, by the clock that is set and by the one that is not.
    """

    at: datetime
    started: float

    @classmethod
    def now(cls) -> CallStart:
        """
        Return this moment.
        """
        return cls(datetime.now(UTC), time.monotonic())


def raise_call_end(
    call: Call[Any], call_verdict: CallVerdict, beginning: CallStart
) -> NoReturn:
    """
    Raise what *call_verdict* says of *call*.
    """
    error = call_verdict.error
    assert error is not None

    if call_verdict.ending is CallEnd.FAILED:
        raise error

    assert call_verdict.reason is not None
    raise OutcomeUnknownError(
        Text(
            f"{call.name}: {call_verdict.reason.en}; nobody can say whether it was"
            " carried out.",
            f"{call.name}：{call_verdict.reason.zh}，无法确定是否已执行。",
        ),
        intent=intent_of(call, beginning, call_verdict),
        reason=call_verdict.reason.en,
        money_may_have_moved=call_verdict.money_may_have_moved,
        advice=_advice(error),
    ) from error


def _advice(error: BaseException) -> Text | None:
    """
    Return what to do after an answer that nobody can trust.

    Most refusals are genuine, and most signatures that never verify are the fault of
    the settings: with a wrong certificate the first write ends here.
    """
    usual = OutcomeUnknownError.default_advice

    if isinstance(error, SignatureError | UnsignedResponseError):
        return Text(
            f"{usual.en} If every call ends like this: {error.advice.en}",
            f"{usual.zh}若每次调用都如此：{error.advice.zh}",
        )

    if not isinstance(error, APIError) or error.verified or not error.ret_code:
        return None

    return Text(
        f"{usual.en} If the refusal is genuine: {error.what.en} {error.advice.en}",
        f"{usual.zh}若拒绝属实：{error.what.zh}{error.advice.zh}",
    )


def intent_of(
    call: Call[Any], beginning: CallStart, call_verdict: CallVerdict
) -> Intent:
    """
    Return what *call* wanted, as plain data.

    Its details name a signed refusal that may mean "done already": what is not found
    afterwards was refused, then. They also tell if two copies left.
    """
    subject = call.subject
    details = dict(subject.details)
    error = call_verdict.error

    if (
        call_verdict.decided_by is not None
        and isinstance(error, APIError)
        and error.verified
        and not call_verdict.sent_twice
    ):
        details["refused_with"] = error.ret_code
        details["decided_by"] = str(call_verdict.decided_by)

    if call_verdict.sent_twice:
        details["copies"] = "2"

    return Intent(
        call=call.name,
        at=beginning.at,
        started=beginning.started,
        payment_id=subject.payment_id,
        mer_reference_id=subject.mer_reference_id,
        mer_date=None if subject.mer_date is None else f"{subject.mer_date:%Y%m%d}",
        amount=subject.amount,
        currency=subject.currency,
        details=details,
    )
