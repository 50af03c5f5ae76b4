"""
`EndingWriter`: writes how calls ended, behind the back of their callers, until it works.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
import os
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import attrs
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import (
    CommitUnknownError,
    DatabaseTablesError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
)
from umfpay.journal._rows import Rows, Values
from umfpay.sql import Database


_T = TypeVar("_T")

_FIRST_PAUSE_SECONDS: Final = 0.05
_MAX_PAUSE_SECONDS: Final = 5.0
_BATCH_SIZE: Final = 50
# The database is away, or busy: that ends.
_PASSING_ERRORS: Final = (
    CommitUnknownError,
    DatabaseTablesError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
)
# Time that a suspended machine counts, too, where there is such a clock.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_log = logging.getLogger("umfpay")


def uptime() -> float:
    """
    Return seconds by a clock that neither a user nor a suspended machine stops.
    """
    return time.clock_gettime(_CLOCK)


@attrs.frozen(kw_only=True, eq=False)
class Ending:
    """
    The end of a call, to be written into its row.

    Args:
        what: For the log.
        which: What the row's columns hold until it is written, once; see `Rows.end()`.
        values: Likewise.
        paid: Likewise.
        open_intent: Who waits for the same intent waits for this; None: whoever waits.
        look_until: Until when the row may still come to be seen, by `uptime()`.
    """

    rows: Rows
    what: str
    which: Values
    values: Values
    paid: str | None = None
    open_intent: str | None = None
    look_until: float = 0.0

    async def write(self, connection: AsyncConnection) -> bool:
        """
        Write it; return whether the row has to be looked for again.
        """
        is_written = await self.rows.end(
            connection, self.which, self.values, paid=self.paid
        )

        return not is_written and uptime() < self.look_until


class EndingWriter:
    """
    One task that lives as long as something is to be written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: deque[Ending] = deque()
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._spawned: set[asyncio.Task[Any]] = set()
        self._written = asyncio.Event()

    def put(self, ending: Ending) -> None:
        """
        Have *ending* written, after those that were put before.
        """
        try:
            self._bind()
        except RuntimeError:
            # Of a call that is thrown away with its loop: the next one takes it along.
            self._queue.append(ending)
        else:
            self._queue.append(ending)
            self._start()

    def spawn(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """
        Return a task that does *work*, whoever is cancelled; `drain()` waits for it.
        """
        task = self._bind().create_task(work)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)

        return task

    async def wait_for(self, open_intent: str) -> None:
        """
        Return when nothing is left to be written about *open_intent*.
        """
        self._bind()

        while any(one.open_intent in (open_intent, None) for one in self._queue):
            self._start()
            await self._written.wait()

    async def drain(self, seconds: float) -> int:
        """
        Wait until all is written, *seconds* at most; return what is left.
        """
        self._bind()

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._queue or self._spawned:
                    if self._spawned:
                        await asyncio.wait(self._spawned)
                        # What they leave behind is put before the next look.
                        await asyncio.sleep(0)
                    else:
                        self._start()
                        await self._written.wait()

        task, self._task = self._task, None

        if task is not None:
            task.cancel()
            await asyncio.wait({task})

        return len(self._queue) + len(self._spawned)

    def _bind(self) -> asyncio.AbstractEventLoop:
        """
        Forget the tasks of another loop, and after a fork what the parent writes.

        Raises:
            RuntimeError: No loop is running.
        """
        if self._pid != os.getpid():
            self._pid, self._loop = os.getpid(), None
            self._queue.clear()

        loop = asyncio.get_running_loop()

        if loop is not self._loop:
            self._loop, self._written = loop, asyncio.Event()
            self._task, self._spawned = None, set()

        return loop

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        pause, is_warned, size = _FIRST_PAUSE_SECONDS, False, _BATCH_SIZE

        while self._queue:
            batch = [*itertools.islice(self._queue, size)]
            left, size = [], _BATCH_SIZE

            try:
                left = await self._database.run(
                    functools.partial(_write, batch), repeatable=True
                )
            except _PASSING_ERRORS as error:
                if not is_warned:
                    _log.warning(
                        "the journal cannot write how %s ended (%s); it goes on trying",
                        batch[0].what,
                        error.what.en,
                    )

                left, is_warned = batch, True
            except Exception as error:  # noqa: BLE001 (one that cannot be written stops no other)
                if len(batch) > 1:
                    size = 1

                    continue

                # The row stays open: recovery asks the gateway.
                _log.error(
                    "the journal cannot write how %s ended: %s",
                    batch[0].what,
                    type(error).__name__,
                )

            for _ in batch:
                self._queue.popleft()

            self._queue.extendleft(reversed(left))
            written, self._written = self._written, asyncio.Event()
            written.set()

            if left:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MAX_PAUSE_SECONDS)
            else:
                pause, is_warned = _FIRST_PAUSE_SECONDS, False


async def _write(batch: list[Ending], connection: AsyncConnection) -> list[Ending]:
    """
    Write *batch*; return those that are to be looked for again.
    """
    return [one for one in batch if await one.write(connection)]
