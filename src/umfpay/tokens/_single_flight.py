"""
Single flight: what a process knows of one store's token, and its one search for it.

All that its caches, threads and loops share stands here; `SharedToken` alone changes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import threading
from weakref import WeakValueDictionary

import attrs

from umfpay._background import pause_after
from umfpay.errors import UMFError
from umfpay.tokens._contention import Contention
from umfpay.tokens._record import TokenRecord
from umfpay.tokens._store import TokenStore


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


class SharedToken:
    """
    The token of one store inside this process, shared by threads and their loops.

    Moments are those of the cache's monotonic clock, unless they are called *wall*.

    Attributes:
        usable: The token for the next call; None while a search runs.
        latest: The newest token this process has seen.
        refused: The largest generation that the gateway refused.
        flight: The search that runs.
        contention: What is known of somebody outside who takes tokens away.
    """

    def __init__(self) -> None:
        self.usable: UsableToken | None = None
        self.latest: UsableToken | None = None
        self.refused = 0
        self.flight: SingleFlight | None = None
        self.contention = Contention()
        # When the newest token was seen first.
        self._seen_at = 0.0
        # Why the last search failed, how many did in a row, and until when it is the
        # answer to whoever asks.
        self._failure: UMFError | None = None
        self._failures = 0
        self._quiet_until = 0.0
        self._is_guess_reported = False
        self._lock = threading.Lock()

    @property
    def newest(self) -> int:
        """
        The largest generation this process has seen.
        """
        return 0 if self.latest is None else self.latest.record.generation

    def usable_from(
        self, record: TokenRecord | None, *, wall: float, now: float
    ) -> UsableToken | None:
        """
        Return a stored record with its monotonic due time, or None if nobody may use it.
        """
        if (
            record is None
            or record.refused
            or record.generation <= self.refused
            or record.generation < self.newest
        ):
            return None

        # The wall clock may have jumped: nothing lives longer than it was given, and
        # what this process has seen grow old does not become young again.
        due = now + min(record.due_at - wall, record.fresh_for)

        if self.latest is not None and record.generation == self.newest:
            due = min(due, self.latest.due)

        return UsableToken(record, due) if due > now else None

    def next_generation(self, stored: TokenRecord | None, *, wall: float) -> int:
        """
        Return the generation of a token that is newer than all that are known.

        It is time, so that it still grows when somebody deletes the store.
        """
        known = max(stored.generation if stored else 0, self.newest)

        return max(known + 1, int(wall * 1000))

    def pause(
        self, stored: TokenRecord | None, *, wall: float, longest: float
    ) -> float:
        """
        Return the seconds to wait before the token is replaced; see `Contention.judge`.
        """
        last = stored

        # What could not be saved is newer than what is stored.
        if self.latest is not None and self.newest > (
            stored.generation if stored else 0
        ):
            last = self.latest.record

        return self.contention.judge(
            last,
            is_refused=last is not None
            and (last.refused or last.generation <= self.refused),
            wall=wall,
            longest=longest,
        )

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

    def failure(self, now: float) -> UMFError | None:
        """
        Return the error that is the answer now, for one more caller to raise.
        """
        if self._failure is None or now >= self._quiet_until:
            return None

        return new_copy(self._failure)

    def fail(self, error: UMFError, *, now: float, longest: float) -> None:
        """
        Let *error* be the answer for a while: 1 s, 2 s, 4 s ... at most *longest*.
        """
        pause = pause_after(self._failures, longest=longest)
        self._failures += 1
        self.refuse_to_search(error, until=now + pause)

    def refuse_to_search(self, error: UMFError, *, until: float) -> None:
        """
        Let *error* be the answer to whoever finds no token.
        """
        # A copy: the original's traceback would keep a whole search alive.
        self._failure = new_copy(error)
        self._quiet_until = until

    def succeed(self) -> None:
        """
        Forget earlier failures.
        """
        self._failure = None
        self._failures = 0
        self._quiet_until = 0.0

    def is_first_guess(self) -> bool:
        """
        Return whether nobody has asked before: a guessed lifetime is reported once.
        """
        reported, self._is_guess_reported = self._is_guess_reported, True

        return not reported

    def after_fork(self) -> None:
        """
        Drop what belongs to the threads and loops of the parent process.
        """
        self._lock = threading.Lock()
        self.flight = None


# Flights that run are kept here: an event loop holds its tasks only weakly.
_running_flights: set[SingleFlight] = set()
# Closing a coroutine of the parent would write to the parent's connections.
_inherited_flights: list[SingleFlight] = []
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

    _inherited_flights.extend(_running_flights)
    _running_flights.clear()
    _tokens_lock = threading.Lock()

    for shared in list(_tokens.values()):
        shared.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
