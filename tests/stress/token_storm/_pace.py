"""
How often a caller calls: less often while the gateway is slow.

The storm is about tokens. On a busy machine callers that kept their pace would ask for
more than the emulator can answer, and a token would be over before its calls arrive.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import attrs

from umfpay.transport import Answer, CallState, Edge, Effect


# With so many times its last answer's time between two calls, a gateway that needs all of
# its time has a twentieth of the callers waiting.
_ANSWER_TIMES = 20.0


@attrs.define
class Pace:
    """
    When the coroutines of one process call.

    Args:
        pause: Seconds between two calls of one coroutine, on average, of a gateway that
            answers at once.
        answered_in: Seconds that the last answer took.
    """

    pause: float
    answered_in: float = 0.0

    def first_wait(self) -> float:
        """
        Return the seconds before the first call: over the whole pause, or all would call
        at once for ever.
        """
        return random.random() * self.pause

    def next_wait(self) -> float:
        """
        Return the seconds before another call.
        """
        share = random.uniform(0.5, 1.5)

        return share * (self.pause + _ANSWER_TIMES * self.answered_in)


class TimedEdge:
    """
    Connections that note in *pace* how long an answer takes.
    """

    def __init__(
        self,
        wrapped: Edge,
        pace: Pace,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wrapped = wrapped
        self._pace = pace
        self._clock = clock

    async def exchange(self, state: CallState) -> Answer:
        started = self._clock()

        try:
            return await self._wrapped.exchange(state)
        finally:
            if state.call.effect is not Effect.TOKEN:
                self._pace.answered_in = self._clock() - started

    async def aclose(self) -> None:
        await self._wrapped.aclose()

    def abandon(self) -> None:
        self._wrapped.abandon()
