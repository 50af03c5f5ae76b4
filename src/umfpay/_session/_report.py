"""
`CallReport`: what a call did, for logs, metrics and tracing spans.
"""

from __future__ import annotations

from typing import Final

import attrs

from umfpay.errors import escape
from umfpay.transport import CallEnd, CallState, CallVerdict


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
