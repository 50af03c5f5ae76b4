"""
Middleware that retries calls, where that cannot do a thing twice (retry policy).
"""

from __future__ import annotations

import asyncio
import email.utils
import random as _random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Final

import httpx

from umfpay.transport._call import CallState, Effect, call_state
from umfpay.transport._messages import build_request


# The server is busy or away, and says so itself (gateway.md 8.6).
RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})

# Anything else of httpx.TransportError is our own mistake and would only repeat.
_TRANSIENT_ERRORS: Final = (
    httpx.NetworkError,
    httpx.TimeoutException,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
)

RetryPolicy = Callable[[CallState, httpx.TransportError | None], float | None]
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

    def policy(state: CallState, error: httpx.TransportError | None) -> float | None:
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
    text = state.response_header(b"retry-after")

    if text is None:
        return 0.0

    text = text.strip()

    if text.isascii() and text.isdigit():
        return float(text)

    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0

    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)

    return max(0.0, moment.timestamp() - now)


class RetryingTransport(httpx.AsyncBaseTransport):
    """
    Makes reads again that failed, and writes of which no byte left.

    Args:
        wrapped: The next layer.
        policy: How often and after which wait; `full_jitter` by default.
        sleep: Waits.
    """

    def __init__(
        self,
        wrapped: httpx.AsyncBaseTransport,
        *,
        policy: RetryPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._wrapped = wrapped
        self._policy = policy or full_jitter()
        self._sleep = sleep

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Pass the call on until it ends well, may not be repeated, or time is short.
        """
        state = call_state(request)

        while True:
            state.attempts += 1

            try:
                response = await self._wrapped.handle_async_request(request)
            except _TRANSIENT_ERRORS as error:
                wait = self._wait(state, error) if _repeatable(state, error) else None

                if wait is None:
                    raise
            else:
                wait = self._wait(state, None) if _busy(state) else None

                if wait is None:
                    return response

            await self._sleep(wait)
            state.start_again()
            request = build_request(state)

    def _wait(
        self, state: CallState, error: httpx.TransportError | None
    ) -> float | None:
        """
        Return the seconds until the next attempt, None if there is to be none.
        """
        wait = self._policy(state, error)

        if wait is None:
            return None

        # An attempt that starts at the deadline can only fail.
        if asyncio.get_running_loop().time() + wait >= state.deadline:
            return None

        return wait

    async def aclose(self) -> None:
        """
        Close the next layer.
        """
        await self._wrapped.aclose()


def _busy(state: CallState) -> bool:
    """
    Tell whether a read was answered by a server that is busy or away.
    """
    return state.effect is Effect.READ and state.status in RETRIED_STATUSES


def _repeatable(state: CallState, error: httpx.TransportError) -> bool:
    """
    Tell whether another attempt can do no harm after *error*.
    """
    if state.effect is Effect.READ:
        return True

    # A token request kills the old token: only the token cache repeats it.
    if state.effect is Effect.TOKEN:
        return False

    return not state.may_have_been_sent(error)
