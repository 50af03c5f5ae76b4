"""
The inbox's workers: run the handlers of due events once, each whole or not at all.

Events of several objects share a transaction while their handlers are quick, each in
a savepoint of its own, so that one that fails takes nothing else with it. Where that
cannot be (a deadlock, a lost connection), they are applied anew one by one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import Any, Final

import attrs
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._background import gather_all, pause_after
from umfpay._callbacks import call
from umfpay.errors import CommitUnknownError, DatabaseError, DatabaseUnavailableError
from umfpay.errors.database_errors import ended_error
from umfpay.errors.inbox_errors import too_slow_error
from umfpay.notifications._decision import Decision, Status, decide
from umfpay.notifications._ready_events import ChangedError, ReadyEvents
from umfpay.notifications._receiver import Kind, NotificationEvent
from umfpay.notifications._stored_events import Read, StoredEvent
from umfpay.notifications._waiting_events import BATCH
from umfpay.sql import Transaction


Handler = Callable[[NotificationEvent, Transaction], Awaitable[None]]

# Seconds: what a worker needs besides its handler.
MARGIN_SECONDS: Final = 20.0
# What takes longer shares no transaction, and lets others into a SQLite file.
_LONG_SECONDS: Final = 0.1
_LET_OTHERS_SECONDS: Final = 0.15
_PATIENCE_SECONDS: Final = 10.0
_MAX_TOGETHER: Final = 32

_log = logging.getLogger("umfpay")


class _End(Enum):
    """
    What became of an object whose oldest event was to be applied.
    """

    APPLIED = "applied"
    # Or its turn did not come: it is looked at again at once.
    DECIDED = "decided"
    # It failed, nobody here has a handler, or somebody else works on it.
    WAITS = "waits"


@attrs.define(eq=False)
class _Trial:
    """
    An event in a transaction, and what it came to.

    Attributes:
        decision: None while it was not decided; READY if there is no handler here.
        error: Of the handler, or of reading the event.
        is_cut: Its connection was thrown away, which looks like a database that is away.
    """

    stored: StoredEvent
    event: NotificationEvent | None = None
    decision: Decision | None = None
    error: Exception | None = None
    is_cut: bool = False


@attrs.define(eq=False, kw_only=True)
class Applier:
    """
    Applies events, those of one object one after another.

    Args:
        read: Makes the event of stored bytes.
        workers: How many transactions at a time.
        on_applied: Called with the object's id when its event is committed.
        on_waiting: Called when an event was decided and not applied.
    """

    _ready: ReadyEvents
    _read: Read
    _handler_timeout: float
    _workers: int
    _on_applied: Callable[[str], None]
    _on_waiting: Callable[[], None]
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _handlers: list[tuple[Kind | None, Handler]] = attrs.field(factory=list, init=False)
    # Events that wait for a process with a handler: looked at once.
    _left: set[str] = attrs.field(factory=set, init=False)
    # Events whose handler lost the connection, once.
    _lost: set[str] = attrs.field(factory=set, init=False)
    _running: set[asyncio.Timeout] = attrs.field(factory=set, init=False)
    # How many objects share a transaction: fewer while handlers are slow.
    _together: int = attrs.field(default=_MAX_TOGETHER, init=False)
    _stopped: bool = attrs.field(default=False, init=False)

    def add_handler(self, handler: Handler, kind: Kind | None) -> None:
        """
        Have *handler* called, too, with events of *kind* or with all.
        """
        self._handlers.append((kind, handler))
        self._left.clear()

    def start(self) -> None:
        """
        Apply from now on.
        """
        self._stopped = False
        # Perhaps in another loop than before.
        self._turn = asyncio.Lock()

    async def stop(self) -> None:
        """
        Begin no event any more, stop the handlers that run, and wait for their end.
        """
        self._stopped = True
        now = asyncio.get_running_loop().time()

        for scope in self._running:
            scope.reschedule(now)

        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS), self._turn:
                pass

    async def apply_due(self) -> int:
        """
        Apply all events that are due; return how many were applied.

        Raises:
            DatabaseError: The database is down.
        """
        async with self._turn:
            return await self._apply_all()

    async def apply_now(self, key: str) -> int:
        """
        Apply the event with *key*, and those of its object before it.
        """
        stored = await self._ready.find(key)
        applied = 0

        async with self._turn:
            while stored and [*(await self._apply([stored])).values()] == [
                _End.APPLIED
            ]:
                applied += 1

        return applied

    async def _apply_all(self) -> int:
        applied, after = 0, None
        waiting, due = set[str](), set[str]()

        while not self._stopped:
            batch = await self._ready.due(Status.READY, time.time(), after=after)
            due.update(one.key for one in batch)
            # One event of each object: the oldest one is applied.
            objects = {
                one.name: one
                for one in batch
                if one.name not in waiting and one.key not in self._left
            }

            if not objects:
                if len(batch) < BATCH:
                    self._left &= due

                    break

                after = batch[-1]

                continue

            ends: dict[str, _End] = {}
            queue = deque(objects.values())
            share = -(-len(queue) // self._workers)
            await gather_all(
                self._take_from(queue, share, ends) for _ in range(self._workers)
            )
            applied += [*ends.values()].count(_End.APPLIED)
            waiting |= {name for name, end in ends.items() if end is _End.WAITS}

        return applied

    async def _take_from(
        self, queue: deque[Row[Any]], share: int, ends: dict[str, _End]
    ) -> None:
        """
        Apply what is in *queue*, with other workers; keep in *ends* what became of it.
        """
        while queue and not self._stopped:
            count = min(self._together, share, len(queue))
            ends.update(await self._apply([queue.popleft() for _ in range(count)]))

    async def _apply(self, some: Sequence[Row[Any] | StoredEvent]) -> dict[str, _End]:
        """
        Apply the oldest event of the object of each of *some*.
        """
        trials: dict[str, _Trial] = {}
        begun = asyncio.get_running_loop().time()
        ends: dict[str, _End] = {}

        try:
            await self._ready.run(
                partial(self._transact, some, trials),
                timeout=self._handler_timeout + MARGIN_SECONDS,
            )
        except Exception as raised:  # noqa: BLE001 (it is raised, or the event's)
            if len(some) == 1:
                name = some[0].name

                return {name: await self._end_of_failure(raised, trials.get(name))}

            alone = [*some]
        else:
            # Alone, it may be made again after a deadlock.
            alone = [
                one
                for one in some
                if one.name in trials
                and isinstance(trials[one.name].error, SQLAlchemyError | DatabaseError)
            ]
        finally:
            await self._let_others(begun)

        for one in some:
            if one not in alone:
                ends[one.name] = await self._end(trials.get(one.name))
            elif self._stopped:
                ends[one.name] = _End.WAITS
            else:
                ends |= await self._apply([one])

        return ends

    async def _let_others(self, begun: float) -> None:
        took = asyncio.get_running_loop().time() - begun

        if took <= _LONG_SECONDS:
            self._together = min(2 * self._together, _MAX_TOGETHER)

            return

        self._together = max(self._together // 4, 1)

        # SQLite lets in who looks at the right moment.
        if self._ready.has_one_writer and not self._stopped:
            await asyncio.sleep(_LET_OTHERS_SECONDS)

    async def _end(self, trial: _Trial | None) -> _End:
        """
        Say what became of an object in a transaction that was committed.
        """
        if trial is None:
            return _End.WAITS

        if trial.error is not None:
            return await self._postpone(trial.stored, trial.error)

        status = None if trial.decision is None else trial.decision.status

        if status is Status.READY:
            return _End.WAITS

        if status is Status.APPLIED:
            self._lost.discard(trial.stored.event_key)
            self._on_applied(trial.stored.name)

            return _End.APPLIED

        if status not in (None, Status.SAME):
            self._on_waiting()

        return _End.DECIDED

    async def _end_of_failure(self, raised: Exception, trial: _Trial | None) -> _End:
        """
        Say what became of one event whose transaction was undone.

        Raises:
            Exception: It is no fault of the handler: the database is away.
        """
        if self._stopped or isinstance(raised, ChangedError):
            return _End.WAITS

        error = raised if trial is None or not trial.is_cut else trial.error

        if trial is None or error is None:
            raise raised

        # A handler that meets deadlocks again and again is one that fails.
        if error is not trial.error and (
            isinstance(error, DatabaseUnavailableError | CommitUnknownError)
            or (isinstance(error, DatabaseError) and trial.error is None)
        ):
            key = trial.stored.event_key

            # Servers end what idles: a handler that lost its connection again fails.
            if trial.error is None or key not in self._lost:
                self._lost.update([key] if trial.error is not None else [])

                raise error

            self._lost.discard(key)

        return await self._postpone(trial.stored, error)

    async def _postpone(self, stored: StoredEvent, error: Exception) -> _End:
        _log.error(
            "the handler of a notification failed; it is tried again", exc_info=error
        )
        until = time.time() + pause_after(stored.attempts)
        reason = f"failed: {type(error).__name__}"
        await self._ready.postpone(stored.event_key, until, reason)
        self._on_waiting()

        return _End.WAITS

    async def _transact(
        self,
        some: Sequence[Row[Any] | StoredEvent],
        trials: dict[str, _Trial],
        connection: AsyncConnection,
    ) -> None:
        # Together they would disturb others again.
        if trials and len(some) > 1:
            raise ChangedError

        trials.clear()
        loop = asyncio.get_running_loop()
        end = loop.time() + _LONG_SECONDS
        numbers = set[str | None]()

        for stored in await self._ready.take(connection, some):
            trial = trials[stored.name] = _Trial(stored)
            is_late = len(trials) > 1 and loop.time() > end

            # What is applied of a number decides about the next event of it.
            if self._stopped or is_late or stored.number in numbers:
                continue

            numbers.update({stored.number} - {None})
            await self._decide(trial, connection, alone=len(some) == 1)

        await self._ready.settle(
            connection,
            [
                (one.stored, one.decision)
                for one in trials.values()
                if one.decision is not None and one.decision.status is not Status.READY
            ],
        )

    async def _decide(
        self, trial: _Trial, connection: AsyncConnection, *, alone: bool
    ) -> None:
        stored = trial.stored

        try:
            trial.event = None if stored.kind is None else self._read(stored)
        except Exception as error:  # noqa: BLE001 (it is the event's)
            trial.error = error

            return

        trial.decision = decide(
            trial.event, stored.known, number=stored.mer_reference_id
        )

        if trial.decision.status is not Status.APPLIED:
            return

        handlers = [one for kind, one in self._handlers if kind in (None, stored.kind)]

        if not handlers:
            if not self._left:
                _log.warning(
                    "this process has no handler: a notification waits for one that has"
                )

            self._left.add(stored.event_key)
            trial.decision = Decision(Status.READY)

            return

        if not alone:
            await connection.exec_driver_sql("SAVEPOINT umf_event")

        try:
            await self._run(handlers, trial, connection)
        except Exception as error:
            trial.error, trial.decision = error, None

            if alone or trial.is_cut:
                raise

            await connection.exec_driver_sql("ROLLBACK TO SAVEPOINT umf_event")

        if not alone:
            await connection.exec_driver_sql("RELEASE SAVEPOINT umf_event")

    async def _run(
        self, handlers: list[Handler], trial: _Trial, connection: AsyncConnection
    ) -> None:
        scope = asyncio.timeout(self._handler_timeout)
        transaction = Transaction(connection)
        self._running.add(scope)

        try:
            async with scope:
                for handler in handlers:
                    await call(handler, trial.event, transaction)
        except Exception:
            if not scope.expired():
                raise
        finally:
            self._running.discard(scope)

            # A statement may have been cut off.
            if scope.expired() and not connection.closed:
                trial.is_cut = True
                await connection.invalidate()
            else:
                with suppress(Exception):
                    await transaction.close_sessions()

        # The handler may have caught the cancellation, or the refusal of a rollback.
        if scope.expired():
            raise too_slow_error(self._handler_timeout)

        if connection.closed or not connection.in_transaction():
            raise ended_error()
