"""
Retry policy: which calls are made again, after which backoff, and which never.
"""

from __future__ import annotations

import random as _random
import time
from collections.abc import Callable
from typing import Final

from umfpay.transport._call import CallState, Effect
from umfpay.transport._exchange import Failure, HTTPExchangeError


# The server is busy or away, and says so itself (gateway.md 8.6).
RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})

# With these every attempt would end.
_PERMANENT_FAILURES: Final = frozenset({Failure.ADDRESS, Failure.TOO_LARGE})

RetryPolicy = Callable[[CallState, HTTPExchangeError | None], float | None]
"""
Seconds to wait before the next attempt, or None to stop.

It is asked only where another attempt can do no harm. The error is None if the gateway
answered with one of `RETRIED_STATUSES`.
"""


def full_jitter(
    *,
    attempts: int = 3,
    base: float = 0.25,
    cap: float = 8.0,
    random: Callable[[], float] = _random.random,
    wall_clock: Callable[[], float] = time.time,
) -> RetryPolicy:
    """
    Return the usual policy: waits grow, are drawn at random and honour Retry-After.

    Args:
        attempts: How often a call is made, the first time included.
        base: The longest first wait in seconds; it doubles with each attempt.
        cap: The longest wait of all that the gateway did not ask for.
    """

    def policy(state: CallState, error: HTTPExchangeError | None) -> float | None:
        if state.attempts >= attempts:
            return None

        wait = random() * min(cap, base * 2.0 ** (state.attempts - 1))

        if error is None:
            wait += retry_after(state, now=wall_clock())

        return wait

    return policy


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
