"""
Retry policy: which calls are made again, after which backoff, and which never.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from umfpay.transport._call import CallState, Effect
from umfpay.transport._exchange import Failure, HTTPExchangeError


RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})
"""The server is busy or away, and says so itself (gateway.md 8.6)."""

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
