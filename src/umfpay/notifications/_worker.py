"""
The inbox's workers: run the handlers of due events once, each in one transaction.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final

from umfpay.errors import (
    CommitUnknownError,
    DatabaseError,
    DatabaseUnavailableError,
    NotificationError,
    Text,
)
from umfpay.notifications._decision import (
    Decision,
    Status,
    decide,
    decide_unreadable,
)
from umfpay.notifications._event_store import BATCH, Candidate, EventStore
from umfpay.notifications._receiver import Kind, NotificationEvent
from umfpay.notifications._store import Read, StoredEvent, pause_after
from umfpay.sql import Transaction


Handler = Callable[[NotificationEvent, Transaction], Awaitable[None]]

# Seconds: what a worker needs besides its handler.
MARGIN_SECONDS: Final = 20.0
# After a handler that took longer, others come to write into a SQLite file.
_LONG_SECONDS: Final = 0.1
_LET_OTHERS_SECONDS: Final = 0.15

_log = logging.getLogger("umfpay")


class _NoHandlerError(Exception):
    """
    Raised to leave an event ready for a process that has a handler.
    """


class _StoppedError(Exception):
    """
    Raised when the inbox is closed while a handler runs.
    """


def is_own_cancellation() -> bool:
    """
    Tell whether the running task itself is cancelled, not something that it awaits.
    """
    task = asyncio.current_task()

    return task is None or task.cancelling() > 0


class _End(Enum):
    """
    What became of a candidate.
    """

    APPLIED = "applied"
    DECIDED = "decided"
    FAILED = "failed"
    # Somebody else works on its object, or has done so.
    MISSED = "missed"


class _Attempt:
    """
    What one attempt at one event came to.
    """

    def __init__(self) -> None:
        self.event: NotificationEvent | None = None
        self.stored: StoredEvent | None = None
        # Of the handler, or of reading the event.
        self.error: Exception | None = None
        # Its connection was thrown away, which looks like a database that is away.
        self.is_cut = False


class Applier:
    """
    Applies events, those of one object one after another.

    Args:
        read: Makes the event of stored bytes.
        workers: How many objects at a time.
        on_applied: Called with the object's id when its event is committed.
        on_waiting: Called when an event was decided and not applied.
    """

    def __init__(
        self,
        store: EventStore,
        read: Read,
        *,
        handler_timeout: float,
        workers: int,
        has_one_writer: bool,
        on_applied: Callable[[str], None],
        on_waiting: Callable[[], None],
    ) -> None:
        self._store = store
        self._read = read
        self._handler_timeout = handler_timeout
        self._workers = workers
        self._has_one_writer = has_one_writer
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
        stored = await self._store.find(key)

        if stored is None:
            return 0

        place = Candidate(0, stored.position, key, stored.object_id)
        applied = 0

        async with self._turn:
            while await self._apply(place) is _End.APPLIED:
                applied += 1

        return applied

    async def _apply_all(self) -> int:
        applied = 0
        tried, left = set[str](), set[str]()
        after = None
        crowded = False

        while not self._stopped:
            batch = await self._store.due(Status.READY, time.time(), after=after)
            left |= self._left.intersection(one.key for one in batch)
            groups: dict[str, list[Candidate]] = {}

            for candidate in batch:
                if candidate.key not in self._left and candidate.key not in tried:
                    group = groups.setdefault(candidate.object_id or candidate.key, [])
                    group.append(candidate)

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
        self, queue: deque[list[Candidate]], tried: set[str]
    ) -> tuple[int, bool]:
        """
        Apply what is in *queue*; return how many, and whether other workers are there.
        """
        applied = 0

        while queue and not self._stopped:
            group = queue.popleft()
            tried.update(one.key for one in group)

            for one in group:
                end = await self._apply(one)
                applied += end is _End.APPLIED

                if end is _End.MISSED:
                    queue.clear()

                    return applied, True

                if end is _End.FAILED:
                    break

        return applied, False

    async def _apply(self, candidate: Candidate) -> _End:
        attempt = _Attempt()

        async def work(stored: StoredEvent, transaction: Transaction) -> Decision:
            attempt.stored, attempt.error, attempt.is_cut = stored, None, False

            try:
                return await self._decide(attempt, stored, transaction)
            except asyncio.CancelledError:
                if is_own_cancellation():
                    raise

                # Something that the handler awaited was cancelled, not the inbox.
                attempt.error = RuntimeError("the handler was cancelled from inside")

                raise attempt.error from None
            except Exception as error:
                attempt.error = error

                raise

        begun = asyncio.get_running_loop().time()

        try:
            decision = await self._store.apply(
                candidate, work, timeout=self._handler_timeout + MARGIN_SECONDS
            )
        except Exception as raised:  # noqa: BLE001 (it is raised, or the event's)
            await self._fail(attempt, raised)

            return _End.FAILED
        finally:
            await self._let_others(begun)

        if decision is None:
            return _End.MISSED

        if decision.status is Status.APPLIED:
            assert attempt.event is not None
            self._on_applied(attempt.event.object_id)

            return _End.APPLIED

        if decision.status is not Status.SAME:
            self._on_waiting()

        return _End.DECIDED

    async def _let_others(self, begun: float) -> None:
        # SQLite lets in who looks at the right moment.
        took = asyncio.get_running_loop().time() - begun

        if self._has_one_writer and took > _LONG_SECONDS and not self._stopped:
            await asyncio.sleep(_LET_OTHERS_SECONDS)

    async def _fail(self, attempt: _Attempt, raised: Exception) -> None:
        stored = attempt.stored
        error = attempt.error if attempt.is_cut and attempt.error else raised

        if isinstance(error, _StoppedError):
            return

        if stored is None or _is_of_database(error, attempt):
            raise raised

        if isinstance(error, _NoHandlerError):
            self._leave(stored.key)

            return

        _log.error(
            "the handler of a notification failed; it is tried again", exc_info=error
        )
        until = time.time() + pause_after(stored.attempts)
        reason = f"failed: {type(error).__name__}"
        await self._store.postpone(stored.key, until, reason)
        self._on_waiting()

    def _leave(self, key: str) -> None:
        if not self._left:
            _log.warning(
                "this process has no handler: a notification waits for one that has"
            )

        self._left.add(key)

    async def _decide(
        self, attempt: _Attempt, stored: StoredEvent, transaction: Transaction
    ) -> Decision:
        event = None if stored.kind is None else self._read(stored)

        if event is None:
            return decide_unreadable(stored.number, stored.known)

        attempt.event = event
        decision = decide(event, stored.known)

        if decision.status is Status.APPLIED:
            handlers = [
                handler
                for kind, handler in self._handlers
                if kind in (None, event.kind)
            ]

            if not handlers:
                raise _NoHandlerError

            await self._run(handlers, attempt, transaction)

        return decision

    async def _run(
        self,
        handlers: list[Handler],
        attempt: _Attempt,
        transaction: Transaction,
    ) -> None:
        event = attempt.event
        assert event is not None
        scope = asyncio.timeout(self._handler_timeout)

        try:
            async with scope:
                self._running.add(scope)

                for handler in handlers:
                    await handler(event, transaction)

                await transaction.close_sessions()
        except TimeoutError:
            if not scope.expired():
                raise
        finally:
            self._running.discard(scope)

            # A statement may have been cut off.
            if scope.expired() and not transaction.connection.closed:
                attempt.is_cut = True
                await transaction.connection.invalidate()

        # The handler may have caught the cancellation.
        if scope.expired():
            raise (
                _StoppedError()
                if self._stopped
                else _too_slow_error(self._handler_timeout)
            )

        connection = transaction.connection

        # So may it have caught the refusal, or rolled back.
        if connection.closed or not connection.in_transaction():
            raise _ended_error()


def _is_of_database(error: Exception, attempt: _Attempt) -> bool:
    """
    Tell whether *error* is no fault of the handler: the database is away.
    """
    if error is attempt.error or not isinstance(error, DatabaseError):
        return False

    # A handler that meets deadlocks again and again is one that fails.
    return (
        isinstance(error, DatabaseUnavailableError | CommitUnknownError)
        or attempt.error is None
    )


def _ended_error() -> NotificationError:
    return NotificationError(
        "A handler ended the transaction from inside: commit, rollback and close are not"
        " for handlers.",
        "处理函数在内部结束了事务：处理函数不得提交、回滚或关闭连接。",
        advice=Text(
            "Nothing was kept, and it is tried again. Where a part may fail, use"
            " connection.begin_nested().",
            "未保存任何内容，稍后重试。若部分操作可能失败，请使用"
            " connection.begin_nested()。",
        ),
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
