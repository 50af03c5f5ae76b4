"""
The token state that all caches of one process share.
"""

from __future__ import annotations

import asyncio
import os
import threading
from weakref import WeakValueDictionary

from umfpay.errors import UMFError
from umfpay.tokens._contention import Contention, growing_pause
from umfpay.tokens._single_flight import (
    SearchResult,
    SingleFlight,
    UsableToken,
    new_copy,
)
from umfpay.tokens._store import TokenStore


class SharedToken:
    """
    The token of one store inside this process, shared by threads and their loops.

    Attributes:
        usable: The token for the next call; None while a search runs.
        latest: The newest token this process has seen.
        refused: The largest generation that the gateway refused.
        flight: The search that runs.
        failure: Why the last search failed.
        failures: How many failed in a row.
        quiet_until: Monotonic time until which *failure* is the answer.
        guess_reported: Whether it was said that tokens come without a lifetime.
        contention: What is known of somebody outside who takes tokens away.
    """

    def __init__(self) -> None:
        self.usable: UsableToken | None = None
        self.latest: UsableToken | None = None
        self.refused = 0
        self.flight: SingleFlight | None = None
        self.failure: UMFError | None = None
        self.failures = 0
        self.quiet_until = 0.0
        self.guess_reported = False
        self.contention = Contention()
        self._seen_at = 0.0
        self._lock = threading.Lock()

    @property
    def newest(self) -> int:
        """
        The largest generation this process has seen.
        """
        return 0 if self.latest is None else self.latest.record.generation

    def join(
        self, owner: object, *, loop: asyncio.AbstractEventLoop, now: float
    ) -> UsableToken | tuple[SingleFlight, asyncio.Future[SearchResult], bool]:
        """
        Return the token if there is one by now, else the running flight or a new one.

        Args:
            owner: Whose flight a new one is.
            now: Monotonic time.

        Returns:
            With a flight, a future for its end and whether it is new.
        """
        future: asyncio.Future[SearchResult] = loop.create_future()
        dead = None

        with self._lock:
            # A flight may have landed since the caller looked without the lock.
            if self.usable is not None and now < self.usable.due:
                return self.usable

            flight = self.flight

            if flight is not None and flight.loop.is_closed():
                dead, flight = flight, None

            new = flight is None

            if flight is None:
                self.usable = None
                flight = self.flight = SingleFlight(owner, loop=loop)

            flight.waiters.append((loop, future))

        if dead is not None:
            dead.discard()

        return flight, future, new

    def complete(
        self, flight: SingleFlight, outcome: SearchResult, *, now: float
    ) -> None:
        """
        Take the result of *flight* and wake the callers.

        Args:
            outcome: None if it was cancelled.
            now: Monotonic time.
        """
        with self._lock:
            if self.flight is flight:
                self.flight = None

                if isinstance(outcome, UsableToken):
                    self._take(outcome, now=now)

        flight.notify_waiters(outcome)

    def _take(self, usable: UsableToken, *, now: float) -> None:
        if usable.record.generation > self.newest:
            self.latest = usable
            self._seen_at = now

        if usable.record.generation > self.refused:
            self.usable = usable

    def refuse(self, generation: int, *, now: float) -> bool:
        """
        Note that *generation* was refused; no older one is usable either.

        A generation that nobody in this process was given is ignored.

        Args:
            now: Monotonic time.

        Returns:
            Whether this is news about the newest token.
        """
        with self._lock:
            if not self.refused < generation <= self.newest:
                return False

            self.refused = generation

            if generation < self.newest:
                return False

            self.usable = None

            # While a search runs the old token dies of it; that is no sign of trouble.
            if self.flight is None:
                self.contention.refused(generation, lived=now - self._seen_at)

            return True

    def fail(self, error: UMFError, *, now: float, longest: float) -> None:
        """
        Let *error* be the answer for a while: 1 s, 2 s, 4 s ... at most *longest*.
        """
        self.failures += 1
        # A copy: the original's traceback would keep a whole search alive.
        self.failure = new_copy(error)
        self.quiet_until = now + growing_pause(self.failures, longest)

    def succeed(self) -> None:
        """
        Forget earlier failures.
        """
        self.failure = None
        self.failures = 0
        self.quiet_until = 0.0

    def after_fork(self) -> None:
        """
        Drop what belongs to the threads and loops of the parent process.
        """
        self._lock = threading.Lock()
        self.flight = None


_tokens: WeakValueDictionary[TokenStore, SharedToken] = WeakValueDictionary()
_tokens_lock = threading.Lock()


def shared_token(store: TokenStore) -> SharedToken:
    """
    Return what this process knows of the token in *store*; the same for equal stores.
    """
    with _tokens_lock:
        shared = _tokens.get(store)

        if shared is None:
            shared = _tokens[store] = SharedToken()

        return shared


def _after_fork() -> None:
    global _tokens_lock

    _tokens_lock = threading.Lock()

    for shared in list(_tokens.values()):
        shared.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
