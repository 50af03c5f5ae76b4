"""
Retry policy: which calls are sent again after a failure or a refusal of their token.

It says after which backoff, too.

A read is replayed once after any refusal of its token. A write only after one that names
00280703: a bare HTTP 401 may be the page of a firewall, after the gateway worked. Where
the refusal is not signed, only a signed success of the replay is an end; any refusal of
it may be due to the first copy, so that the end is unclear.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from umfpay.protocol import Verdict
from umfpay.transport._call import CallState, Effect
from umfpay.transport._exchange import Failure, HTTPExchangeError


RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})
"""The server is busy or away, and says so itself (gateway.md 8.6)."""

# "Bad/expired token: JSON with meta.ret_code 00280703" (gateway.md 2.2)
TOKEN_REFUSED_CODE: Final = "00280703"  # noqa: S105 (a return code)

# With these every attempt would end.
_PERMANENT_FAILURES: Final = frozenset({Failure.ADDRESS, Failure.TOO_LARGE})

_MAX_ATTEMPTS: Final = 3
_FIRST_WAIT_SECONDS: Final = 0.25


def wait_before_retry(
    state: CallState, error: HTTPExchangeError | None, *, random: Callable[[], float]
) -> float:
    """
    Return the seconds to wait before the next attempt, infinity to make none.

    Full jitter: a wait is drawn below a limit that doubles; Retry-After comes on top.
    It is asked only where another attempt can do no harm.

    Args:
        error: None if the gateway answered with one of `RETRIED_STATUSES`.
        random: Draws a number from 0 to 1.
    """
    if state.attempts >= _MAX_ATTEMPTS:
        return math.inf

    wait = random() * _FIRST_WAIT_SECONDS * 2.0 ** (state.attempts - 1)

    return wait if error is not None else wait + retry_after(state, now=time.time())


def retry_after(state: CallState, *, now: float) -> float:
    """
    Return the seconds that the last answer asks us to wait; 0.0 if it does not.

    Args:
        now: Seconds since the epoch, for the form that names a date.
    """
    text = (state.response_header(b"retry-after") or "").strip()

    if text.isascii() and text.isdigit():
        return float(text)

    moment = state.response_date(b"retry-after")

    return 0.0 if moment is None else max(0.0, moment.timestamp() - now)


def is_busy(state: CallState) -> bool:
    """
    Tell whether a read was answered by a server that is busy or away.
    """
    return state.call.effect is Effect.READ and state.status in RETRIED_STATUSES


def may_repeat(state: CallState, error: HTTPExchangeError) -> bool:
    """
    Tell whether another attempt can do no harm after *error*.
    """
    if error.failure in _PERMANENT_FAILURES:
        return False

    effect = state.call.effect

    # A token request kills the old token: only the token cache repeats it.
    return effect is Effect.READ or (
        effect is not Effect.TOKEN and not state.may_have_been_sent(error.failure)
    )


def is_token_refused(state: CallState) -> bool:
    """
    Tell whether the gateway refused the token, signed or not.

    The status line is signed by nobody: it never outweighs a verified answer.
    """
    code, status = ret_code_of(state), state.status or 0

    if is_verified(state):
        return code == TOKEN_REFUSED_CODE

    # A server that failed may have worked before.
    if (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        and state.call.effect is not Effect.READ
    ):
        return False

    return code == TOKEN_REFUSED_CODE or (
        status == HTTPStatus.UNAUTHORIZED and not code
    )


def may_replay(state: CallState) -> bool:
    """
    Tell whether the call may be sent again after its token was refused.
    """
    return state.call.effect is Effect.READ or ret_code_of(state) == TOKEN_REFUSED_CODE


def is_verified(state: CallState) -> bool:
    """
    Tell whether the last answer is signed by the gateway.
    """
    return state.envelope is not None and state.envelope.verdict is Verdict.VERIFIED


def ret_code_of(state: CallState) -> str:
    """
    Return the code of the last answer, "" if it has none.
    """
    return "" if state.envelope is None else state.envelope.ret_code
