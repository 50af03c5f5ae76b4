"""
How a call ended: its error, the `Intent` of an unclear write, and the `CallReport`.

The error says what happened; an intent describes a write whose end is unclear; a report
is for logs, metrics and tracing spans.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from umfpay.errors import (
    APIError,
    Intent,
    OutcomeUnknownError,
    SignatureError,
    Text,
    UnsignedResponseError,
    escape,
)
from umfpay.transport import Call, CallEnd, CallState, CallVerdict


_CODE: Final = 40


@attrs.frozen(kw_only=True)
class CallReport:
    """
    What one call did, without anything it carried: for logs, metrics and spans.

    *path* is the template, so that it can name a span; *verdict* is what the signature
    said (``verified``, ``unsigned``, ``unreadable``, ``forged``, or "" without an
    answer); *seconds* is the whole call.
    """

    name: str
    method: str
    path: str
    status: int | None
    ret_code: str
    verdict: str
    attempts: int
    replays: int
    seconds: float
    error: str | None


def report_of(
    state: CallState, call_verdict: CallVerdict, seconds: float
) -> CallReport:
    """
    Return the report of a call that has ended.
    """
    call = state.call
    envelope = state.envelope

    if envelope is not None:
        verdict = str(envelope.verdict)
    elif call.download and call_verdict.ending is CallEnd.GOOD:
        verdict = "verified" if state.download_verified else "unsigned"
    else:
        verdict = ""

    error = call_verdict.error

    return CallReport(
        name=call.name,
        method=call.method,
        path=call.path,
        status=state.status,
        # Unsigned, it is whatever a stranger wrote.
        ret_code="" if envelope is None else escape(envelope.ret_code, limit=_CODE),
        verdict=verdict,
        attempts=state.attempts,
        replays=state.replays,
        seconds=seconds,
        error=None if error is None else type(error).__name__,
    )


def record_end(
    state: CallState, call_verdict: CallVerdict, result: Any
) -> Intent | None:
    """
    Have the end of a call written down; return its `Intent` if the end is unclear.

    Args:
        result: What a good answer gave.
    """
    record, is_unclear = state.record, call_verdict.ending is CallEnd.UNCLEAR

    if record is None and not is_unclear:
        return None

    intent = intent_of(state.call, call_verdict)

    if record is not None:
        intent = record.named(intent)
        record.end(call_verdict, result, intent)

    return intent if is_unclear else None


def error_of(
    call: Call[Any], call_verdict: CallVerdict, intent: Intent | None = None
) -> BaseException:
    """
    Return the error that says how *call* ended: not good.

    Args:
        intent: What `record_end()` returned.
    """
    error = call_verdict.error
    assert error is not None

    if call_verdict.reason is None:
        return error

    unknown = OutcomeUnknownError(
        f"{call.name}: {call_verdict.reason.en}; nobody can say whether it was"
        " carried out.",
        f"{call.name}：{call_verdict.reason.zh}，无法确定是否已执行。",
        intent=intent or intent_of(call, call_verdict),
        reason=call_verdict.reason.en,
        money_may_have_moved=call_verdict.money_may_have_moved,
        advice=_advice(error),
    )
    unknown.__cause__ = error

    return unknown


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


def intent_of(call: Call[Any], call_verdict: CallVerdict) -> Intent:
    """
    Return what *call*, a write, wanted, as plain data.

    Its details name a signed refusal that may mean "done already": what is not found
    afterwards was refused, then. They also tell if two copies left.
    """
    assert call.intent is not None
    details = dict(call.intent.details)
    error = call_verdict.error

    if call_verdict.sent_twice:
        details["copies"] = "2"
    elif (
        call_verdict.decided_by is not None
        and isinstance(error, APIError)
        and error.verified
    ):
        details["refused_with"] = error.ret_code
        details["decided_by"] = str(call_verdict.decided_by)

    return attrs.evolve(call.intent, details=details)
