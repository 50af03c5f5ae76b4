"""
Single flight: one search for a token, and the callers that wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os

import attrs

from umfpay.errors import UMFError
from umfpay.tokens._record import TokenRecord


@attrs.frozen
class UsableToken:
    """
    A token and the monotonic time from which no call starts with it.
    """

    record: TokenRecord
    due: float


SearchResult = UsableToken | UMFError | None
Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[SearchResult]"]


class SingleFlight:
    """
    One search for a token: a task of one cache, awaited by callers of any loop.
    """

    def __init__(self, owner: object, *, loop: asyncio.AbstractEventLoop) -> None:
        self.owner = owner
        self.loop = loop
        self.task: asyncio.Task[UsableToken] | None = None
        self.waiters: list[Waiter] = []
        _running_flights.add(self)

    def notify_waiters(self, outcome: SearchResult) -> None:
        """
        End, and wake all that wait, each in its own loop.
        """
        _running_flights.discard(self)

        for loop, future in self.waiters:
            if loop is self.loop:
                _resolve(future, outcome)
            else:
                # A loop that was closed meanwhile has nobody left to wake.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(_resolve, future, outcome)

    def discard(self) -> None:
        """
        Throw the task of a closed loop away, so that it gives its locks back.
        """
        _running_flights.discard(self)
        coroutine = self.task.get_coro() if self.task is not None else None

        if coroutine is not None:
            # What the clean-up of a dead loop does is of no interest any more.
            with contextlib.suppress(Exception):
                coroutine.close()


def _resolve(future: asyncio.Future[SearchResult], outcome: SearchResult) -> None:
    if not future.done():
        future.set_result(outcome)


def new_copy(error: UMFError) -> UMFError:
    """
    Return *error* as a new exception, for one more caller to raise.
    """
    fresh: UMFError = copy.copy(error)
    fresh.__cause__ = error.__cause__
    fresh.__suppress_context__ = True

    return fresh


# Flights that run are kept here: an event loop holds its tasks only weakly.
_running_flights: set[SingleFlight] = set()
# Closing a coroutine of the parent would write to the parent's connections.
_inherited_flights: list[SingleFlight] = []


def _after_fork() -> None:
    _inherited_flights.extend(_running_flights)
    _running_flights.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
