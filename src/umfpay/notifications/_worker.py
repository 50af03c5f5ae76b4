"""
The inbox's workers: run the handlers of due events once, each whole or not at all.

Events of several objects share a transaction while their handlers are quick, each in
a savepoint of its own, so that one that fails takes nothing else with it. Where that
cannot be (a deadlock, a lost connection), they are applied anew one by one.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import Final

import attrs
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import (
    CommitUnknownError,
    DatabaseError,
    DatabaseUnavailableError,
    NotificationError,
    Text,
)
from umfpay.errors.database_errors import ended_error
from umfpay.notifications._decision import Decision, Status, decide
from umfpay.notifications._handlers import call
from umfpay.notifications._ready_events import ChangedError, ReadyEvents
from umfpay.notifications._receiver import Kind, NotificationEvent
from umfpay.notifications._stored_events import Read, StoredEvent, pause_after
from umfpay.notifications._waiting_events import BATCH, Candidate
from umfpay.sql import Transaction


Handler = Callable[[NotificationEvent, Transaction], Awaitable[None]]

# Seconds: what a worker needs besides its handler.
MARGIN_SECONDS: Final = 20.0
# What takes longer shares no transaction, and lets others into a SQLite file.
_LONG_SECONDS: Final = 0.1
_LET_OTHERS_SECONDS: Final = 0.15
_MAX_TOGETHER: Final = 32

_log = logging.getLogger("umfpay")


class _StoppedError(Exception):
    """
    Raised when the inbox is closed while a handler runs.
    """


class _DisturbedError(Exception):
    """
    Raised when a shared transaction would be begun again.
    """


class _End(Enum):
    """
    What became of a candidate.
    """

    APPLIED = "applied"
    DECIDED = "decided"
    FAILED = "failed"
    # Its turn did not come.
    LEFT = "left"
    # Somebody else works on its object, or has done so.
    MISSED = "missed"


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


class Applier:
    """
    Applies events, those of one object one after another.

    Args:
        read: Makes the event of stored bytes.
        workers: How many transactions at a time.
        on_applied: Called with the object's id when its event is committed.
        on_waiting: Called when an event was decided and not applied.
    """

    def __init__(
        self,
        ready: ReadyEvents,
        read: Read,
        *,
        handler_timeout: float,
        workers: int,
        on_applied: Callable[[str], None],
        on_waiting: Callable[[], None],
    ) -> None:
        self._ready = ready
        self._read = read
        self._handler_timeout = handler_timeout
        self._workers = workers
        self._on_applied = on_applied
        self._on_waiting = on_waiting
        self._turn = asyncio.Lock()
        self._handlers: list[tuple[Kind | None, Handler]] = []
        # Events that wait for a process with a handler: looked at once.
        self._left: set[str] = set()
        self._running: set[asyncio.Timeout] = set()
        self._stopped = False

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

    def stop(self) -> None:
        """
        Begin no event any more, and stop the handlers that run.
        """
        self._stopped = True
        now = asyncio.get_running_loop().time()

        for scope in self._running:
            scope.reschedule(now)

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

        if stored is None:
            return 0

        place = Candidate(0, stored.position, key, stored.object_id)
        applied = 0

        async with self._turn:
            while await self._apply([place]) == [_End.APPLIED]:
                applied += 1

        return applied

    async def _apply_all(self) -> int:
        applied = 0
        tried, left = set[str](), set[str]()
        after = None
        crowded = False

        while not self._stopped:
            batch = await self._ready.due(Status.READY, time.time(), after=after)
            left |= self._left.intersection(one.key for one in batch)
            groups: dict[str, deque[Candidate]] = {}

            for candidate in batch:
                if candidate.key not in self._left and candidate.key not in tried:
                    groups.setdefault(candidate.name, deque()).append(candidate)

            queue = deque(groups.values())

            # Other workers begin elsewhere.
            if crowded:
                queue.rotate(random.randrange(len(queue) or 1))  # noqa: S311

            crowded = False
            ended = await asyncio.gather(
                *(self._take_from(queue, tried) for _ in range(self._workers)),
                return_exceptions=True,
            )

            for one in ended:
                if isinstance(one, BaseException):
                    raise one

                applied += one[0]
                crowded = crowded or one[1]

            if crowded:
                continue

            if len(batch) < BATCH:
                self._left &= left | tried

                break

            after = batch[-1]

        return applied

    async def _take_from(
        self, queue: deque[deque[Candidate]], tried: set[str]
    ) -> tuple[int, bool]:
        """
        Apply what is in *queue*; return how many, and whether other workers are there.
        """
        loop = asyncio.get_running_loop()
        applied, together = 0, 1

        while queue and not self._stopped:
            groups = [queue.popleft()]

            while queue and len(groups) < together and groups[-1][0].object_id:
                groups.append(queue.popleft())

            tried.update(one.key for group in groups for one in group)
            begun = loop.time()
            ends = await self._apply([group[0] for group in groups])
            took = loop.time() - begun
            together = min(2 * together, _MAX_TOGETHER)

            if took > _LONG_SECONDS:
                together = max(together // 4, 1)

            for group, end in zip(groups, ends, strict=True):
                applied += end is _End.APPLIED

                if end in (_End.APPLIED, _End.DECIDED):
                    group.popleft()

                if group and end not in (_End.FAILED, _End.MISSED):
                    queue.append(group)

            if _End.MISSED in ends:
                queue.clear()

                return applied, True

        return applied, False

    async def _apply(self, some: Sequence[Candidate]) -> list[_End]:
        """
        Apply the oldest event of the object of each of *some*.
        """
        trials: dict[str, _Trial] = {}
        begun = asyncio.get_running_loop().time()

        try:
            await self._ready.run(
                partial(self._transact, some, trials),
                timeout=self._handler_timeout + MARGIN_SECONDS,
            )
        except Exception as raised:  # noqa: BLE001 (it is raised, or the event's)
            if len(some) > 1:
                return await self._apply_one_by_one(some, trials)

            return [await self._end_of_failure(raised, trials)]
        finally:
            await self._let_others(begun)

        return [await self._end(one, trials.get(one.name)) for one in some]

    async def _apply_one_by_one(
        self, some: Sequence[Candidate], trials: dict[str, _Trial]
    ) -> list[_End]:
        ends = []

        for one in some:
            trial = trials.get(one.name)

            if self._stopped:
                ends.append(_End.LEFT)
            elif trial is not None and trial.is_cut and trial.error is not None:
                ends.append(await self._postpone(trial.stored, trial.error))
            else:
                ends += await self._apply([one])

        return ends

    async def _let_others(self, begun: float) -> None:
        # SQLite lets in who looks at the right moment.
        took = asyncio.get_running_loop().time() - begun

        if self._ready.has_one_writer and took > _LONG_SECONDS and not self._stopped:
            await asyncio.sleep(_LET_OTHERS_SECONDS)

    async def _end(self, candidate: Candidate, trial: _Trial | None) -> _End:
        """
        Say what became of *candidate* in a transaction that was committed.
        """
        if trial is None:
            return _End.MISSED

        # Alone, it may be made again after a deadlock.
        if isinstance(trial.error, SQLAlchemyError | DatabaseError):
            return (await self._apply([candidate]))[0]

        if trial.error is not None:
            return await self._postpone(trial.stored, trial.error)

        if trial.decision is None:
            return _End.LEFT

        if trial.decision.status is Status.READY:
            return _End.FAILED

        if trial.decision.status is Status.APPLIED:
            self._on_applied(trial.stored.name)

            return _End.APPLIED

        if trial.decision.status is not Status.SAME:
            self._on_waiting()

        return _End.DECIDED

    async def _end_of_failure(
        self, raised: Exception, trials: dict[str, _Trial]
    ) -> _End:
        """
        Say what became of one event whose transaction was undone.
        """
        if isinstance(raised, ChangedError):
            return _End.MISSED

        for trial in trials.values():
            error = trial.error if trial.is_cut and trial.error else raised

            if isinstance(error, _StoppedError):
                return _End.FAILED

            if not _is_of_database(error, trial):
                return await self._postpone(trial.stored, error)

        raise raised

    async def _postpone(self, stored: StoredEvent, error: Exception) -> _End:
        _log.error(
            "the handler of a notification failed; it is tried again", exc_info=error
        )
        until = time.time() + pause_after(stored.attempts)
        reason = f"failed: {type(error).__name__}"
        await self._ready.postpone(stored.event_key, until, reason)
        self._on_waiting()

        return _End.FAILED

    async def _transact(
        self,
        some: Sequence[Candidate],
        trials: dict[str, _Trial],
        connection: AsyncConnection,
    ) -> None:
        if trials and len(some) > 1:
            raise _DisturbedError

        trials.clear()
        loop = asyncio.get_running_loop()
        end = loop.time() + _LONG_SECONDS
        numbers = set[str | None]()

        for stored in await self._ready.take(connection, some):
            trial = trials[stored.name] = _Trial(stored)

            # What is applied of a number decides about the next event of it.
            if self._stopped or stored.number in numbers or loop.time() > end:
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

        decision = decide(trial.event, stored.known, number=stored.mer_reference_id)
        handlers = self._handlers_of(trial)

        if decision.status is not Status.APPLIED:
            pass
        elif not handlers:
            self._leave(stored.event_key)
            decision = Decision(Status.READY)
        elif alone:
            await self._run(handlers, trial, connection)
        elif not await self._run_in_savepoint(handlers, trial, connection):
            return

        trial.decision = decision

    def _handlers_of(self, trial: _Trial) -> list[Handler]:
        return [
            one for kind, one in self._handlers if kind in (None, trial.stored.kind)
        ]

    def _leave(self, key: str) -> None:
        if not self._left:
            _log.warning(
                "this process has no handler: a notification waits for one that has"
            )

        self._left.add(key)

    async def _run_in_savepoint(
        self, handlers: list[Handler], trial: _Trial, connection: AsyncConnection
    ) -> bool:
        await connection.exec_driver_sql("SAVEPOINT umf_event")

        try:
            await self._run(handlers, trial, connection)
            await connection.exec_driver_sql("RELEASE SAVEPOINT umf_event")
        except Exception as error:
            if trial.is_cut:
                raise

            trial.error = error
            await connection.exec_driver_sql("ROLLBACK TO SAVEPOINT umf_event")

        return trial.error is None

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
        except Exception as error:
            if not scope.expired():
                trial.error = error

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
            trial.error = (
                _StoppedError()
                if self._stopped
                else _too_slow_error(self._handler_timeout)
            )
        elif connection.closed or not connection.in_transaction():
            trial.error = ended_error()

        if trial.error is not None:
            raise trial.error


def _is_of_database(error: Exception, trial: _Trial) -> bool:
    """
    Tell whether *error* is no fault of the handler: the database is away.
    """
    if error is trial.error or not isinstance(error, DatabaseError):
        return False

    # A handler that meets deadlocks again and again is one that fails.
    return (
        isinstance(error, DatabaseUnavailableError | CommitUnknownError)
        or trial.error is None
    )


def _too_slow_error(seconds: float) -> NotificationError:
    return NotificationError(
        f"A handler did not end within {seconds:g} s and was stopped.",
        f"处理函数未在 {seconds:g} 秒内结束，已被中止。",
        advice=Text(
            "Nothing was kept, and it is tried again. Let it write through its"
            " transaction only: a second connection waits for the rows that the first"
            " has changed. Or give a longer handler_timeout.",
            "未保存任何内容，稍后重试。处理函数应只通过其事务写入："
            "另一个连接会等待本事务已修改的行。也可加大 handler_timeout。",
        ),
    )
