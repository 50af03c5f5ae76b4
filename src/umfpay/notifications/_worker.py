"""
The inbox's workers: call the shop's handlers with due events, in transactions.

What a handler writes in its transaction is committed together with the mark that the
event is applied, once; or both are undone, and the handler is called again later.

Events of several objects share a transaction while their handlers are quick, each in
a savepoint of its own, so that one that fails takes nothing else with it. Where that
cannot be (a deadlock, a lost connection), they are applied anew one by one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import attrs
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._background import gather_all
from umfpay._callbacks import call, check_callback
from umfpay.errors import CommitUnknownError, DatabaseError, DatabaseUnavailableError
from umfpay.errors.database_errors import ended_error
from umfpay.errors.notification_errors import too_slow_error
from umfpay.notifications._decision import Decision, Status, decide
from umfpay.notifications._event_store import BATCH, EventStore
from umfpay.notifications._ready_events import ChangedError, ReadyEvents
from umfpay.notifications._receiver import Kind, NotificationEvent
from umfpay.notifications._stored_events import Read, StoredEvent
from umfpay.sql import Transaction


Handler = Callable[[NotificationEvent, Transaction], Awaitable[None]]

# Seconds: what a worker needs besides its handler.
MARGIN_SECONDS: Final = 20.0
# What takes longer shares no transaction. It keeps all others out of a SQLite file, and
# on a server only those who want the same objects.
_LONG_SECONDS: Final = {"sqlite": 0.1}
_LET_OTHERS_SECONDS: Final = 0.15
_PATIENCE_SECONDS: Final = 10.0
_MAX_TOGETHER: Final = 32

_log = logging.getLogger("umfpay")


@attrs.define(eq=False)
class _Trial:
    """
    An event in a transaction, and what it came to.

    Attributes:
        decision: None if its turn did not come, it failed, or there is no handler here.
        error: Of the handler, or of reading the event.
        is_cut: Its connection was thrown away, which looks like a database that is away.
    """

    stored: StoredEvent
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
        on_waiting: Called with an event, as it was, and why it is not applied.
    """

    _store: EventStore
    _read: Read
    _handler_timeout: float
    _workers: int
    _on_applied: Callable[[str], None]
    _on_waiting: Callable[[StoredEvent, Decision], None]
    _ready: ReadyEvents = attrs.field(init=False)
    _long_seconds: float = attrs.field(init=False)
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
    # Of one look: how many were applied, and the objects that wait for the next one.
    _applied: int = attrs.field(default=0, init=False)
    _waiting: set[str] = attrs.field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        self._ready = ReadyEvents(self._store)
        self._long_seconds = _LONG_SECONDS.get(self._store.database.dialect, 1.0)

    def add_handler(self, name: str, handler: Handler, kind: Kind | None) -> Handler:
        """
        Have *handler* called, too, with events of *kind* or with all; return it.

        Raises:
            ConfigError: It is no coroutine function of event and transaction.
        """
        check_callback(name, handler, arguments=2)
        self._handlers.append((kind, handler))
        self._left.clear()

        return handler

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

        # One that has run out may still be ending, and is not to be moved.
        for scope in [one for one in self._running if not one.expired()]:
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
        after, due = None, set[str]()

        async with self._turn:
            self._applied, self._waiting = 0, set()

            while not self._stopped:
                batch = await self._store.due(Status.READY, after=after)
                due.update(one.key for one in batch)
                # One event of each object: the oldest one is applied.
                objects = {
                    one.name: one
                    for one in batch
                    if one.name not in self._waiting and one.key not in self._left
                }

                if objects:
                    queue = deque(objects.values())
                    share = -(-len(queue) // self._workers)
                    works = (self._work(queue, share) for _ in range(self._workers))
                    await gather_all(works)
                elif len(batch) < BATCH:
                    self._left &= due

                    break
                else:
                    after = batch[-1]

            return self._applied

    async def _work(self, queue: deque[Row[Any]], share: int) -> None:
        while queue and not self._stopped:
            count = min(self._together, share, len(queue))
            await self._apply([queue.popleft() for _ in range(count)])

    async def _apply(self, some: Sequence[Row[Any]]) -> None:
        """
        Apply the oldest event of the object of each of *some*, which differ.
        """
        trials: dict[str, _Trial] = {}
        begun = asyncio.get_running_loop().time()
        raised = None

        try:
            await self._store.database.run(
                partial(self._transact, some, trials),
                timeout=self._handler_timeout + MARGIN_SECONDS,
            )
        except Exception as error:  # noqa: BLE001 (it is raised, or the event's)
            raised = error
        finally:
            await self._let_others(begun)

        for one in some:
            trial = trials.get(one.name)
            is_broken = trial and isinstance(
                trial.error, SQLAlchemyError | DatabaseError
            )

            if raised is not None and len(some) == 1:
                self._waiting.add(one.name)
                await self._fail(raised, trial)
            elif len(some) > 1 and (raised is not None or is_broken):
                # Alone, it may be made again after a deadlock.
                if not self._stopped:
                    await self._apply([one])
            elif trial is None:
                self._waiting.add(one.name)
            else:
                await self._conclude(trial)

    async def _let_others(self, begun: float) -> None:
        took = asyncio.get_running_loop().time() - begun

        if took <= self._long_seconds:
            self._together = min(2 * self._together, _MAX_TOGETHER)

            return

        self._together = max(self._together // 4, 1)

        # SQLite lets in who looks at the right moment.
        if self._store.database.dialect == "sqlite" and not self._stopped:
            await asyncio.sleep(_LET_OTHERS_SECONDS)

    async def _conclude(self, trial: _Trial) -> None:
        """
        Do what follows a transaction that was committed, or was undone by a handler.
        """
        stored, decision = trial.stored, trial.decision

        if trial.error is not None:
            self._waiting.add(stored.name)
            _log.error(
                "the handler of a notification failed; it is tried again",
                exc_info=trial.error,
            )
            await self._store.postpone(stored, trial.error)
        elif decision is not None and decision.status is Status.APPLIED:
            self._applied += 1
            self._lost.discard(stored.event_key)
            self._on_applied(stored.name)
        elif decision is not None and decision.status is not Status.SAME:
            self._on_waiting(stored, decision)

    async def _fail(self, raised: Exception, trial: _Trial | None) -> None:
        """
        Postpone one event whose transaction was undone by its handler.

        Raises:
            Exception: It is no fault of the handler: the database is away.
        """
        if self._stopped or isinstance(raised, ChangedError):
            return

        error = (trial and trial.is_cut and trial.error) or raised

        if trial is None or not self._is_handlers_fault(trial, error):
            raise raised

        trial.error = error
        await self._conclude(trial)

    def _is_handlers_fault(self, trial: _Trial, error: Exception) -> bool:
        if error is trial.error or not isinstance(error, DatabaseError):
            return True

        if trial.error is None:
            return False

        # A handler that meets deadlocks again and again is one that fails.
        if not isinstance(error, DatabaseUnavailableError | CommitUnknownError):
            return True

        # Servers end what idles: a handler that lost its connection again fails.
        self._lost ^= {trial.stored.event_key}

        return trial.stored.event_key not in self._lost

    async def _transact(
        self,
        some: Sequence[Row[Any]],
        trials: dict[str, _Trial],
        connection: AsyncConnection,
    ) -> None:
        # Together they would disturb others again.
        if trials and len(some) > 1:
            raise ChangedError

        trials.clear()
        loop = asyncio.get_running_loop()
        end = loop.time() + self._long_seconds
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
            [(one.stored, one.decision) for one in trials.values() if one.decision],
        )

    async def _decide(
        self, trial: _Trial, connection: AsyncConnection, *, alone: bool
    ) -> None:
        stored = trial.stored

        try:
            event = None if stored.kind is None else self._read(stored)
        except Exception as error:  # noqa: BLE001 (it is the event's)
            trial.error = error

            return

        trial.decision = decide(event, stored.known, number=stored.mer_reference_id)

        if event is None or trial.decision.status is not Status.APPLIED:
            return

        handlers = [one for kind, one in self._handlers if kind in (None, stored.kind)]

        if not handlers:
            if not self._left:
                _log.warning(
                    "this process has no handler of a %s: it waits for one that has",
                    stored.kind,
                )

            self._left.add(stored.event_key)
            self._waiting.add(stored.name)
            trial.decision = None

            return

        # The next one's takes its place; the commit releases them.
        if not alone:
            await connection.exec_driver_sql("SAVEPOINT umf_event")

        try:
            await self._run(handlers, event, trial, connection)
        except Exception as error:
            trial.error, trial.decision = error, None

            if alone or trial.is_cut:
                raise

            await connection.exec_driver_sql("ROLLBACK TO SAVEPOINT umf_event")

    async def _run(
        self,
        handlers: list[Handler],
        event: NotificationEvent,
        trial: _Trial,
        connection: AsyncConnection,
    ) -> None:
        scope = asyncio.timeout(self._handler_timeout)
        transaction = Transaction(connection)
        self._running.add(scope)

        try:
            async with scope:
                for handler in handlers:
                    await call(handler, event, transaction)
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
