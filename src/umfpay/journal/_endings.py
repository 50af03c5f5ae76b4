"""
`EndingWriter`: writes in the background how calls ended, until it works.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import attrs
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._loop_binding import LoopBinding
from umfpay.errors import DatabaseError
from umfpay.journal._rows import Rows, Values
from umfpay.sql import Database


_T = TypeVar("_T")

_FIRST_PAUSE_SECONDS: Final = 0.05
_MAX_PAUSE_SECONDS: Final = 5.0
_BATCH_SIZE: Final = 50
# Time that a suspended machine counts, too, where there is such a clock.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_log = logging.getLogger("umfpay")


def uptime() -> float:
    """
    Return seconds by a clock that neither a user nor a suspended machine stops.
    """
    return time.clock_gettime(_CLOCK)


@attrs.frozen(eq=False)
class Ending:
    """
    The end of a call, to be written into its row.

    Args:
        what: For the log.
        which: What the row's columns hold until it is written, once; see `Rows.change()`.
        values: Likewise.
        open_intent: Who waits for the same intent waits for this; None: whoever waits.
        look_until: Until when the row may still come to be seen, by `uptime()`.
    """

    rows: Rows
    what: str
    which: Values
    values: Values
    open_intent: str | None = attrs.field(default=None, kw_only=True)
    look_until: float = attrs.field(default=0.0, kw_only=True)


class EndingWriter(LoopBinding):
    """
    One task that lives as long as something is to be written.

    What a loop leaves unwritten when it is closed is open in the journal: its rows are
    ended by `Recovery`, as those of a process that died.
    """

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._queue: deque[Ending] = deque()
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._written = asyncio.Event()

    def put(self, ending: Ending) -> None:
        """
        Have *ending* written, after those that were put before.
        """
        # Without its loop it is of a call that was thrown away.
        with contextlib.suppress(RuntimeError):
            if self.is_current():
                self._queue.append(ending)
                self._start()

    def spawn(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """
        Return a task that does *work*, whoever is cancelled; `drain()` waits for it.
        """
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

        return task

    async def wait_for(self, open_intent: str) -> None:
        """
        Return when nothing is left to be written about *open_intent*.
        """
        while any(one.open_intent in (open_intent, None) for one in self._queue):
            self._start()
            await self._written.wait()

    async def drain(self, seconds: float) -> int:
        """
        Wait until all is written, *seconds* at most; return what is left.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._queue or self._tasks:
                    self._start()
                    done, _ = await asyncio.wait(self._tasks)
                    # What they leave behind is put before the next look.
                    await asyncio.sleep(0)

                    if any(task.cancelled() for task in done):
                        # The loop is about to be closed.
                        break

        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

        return len(self._queue) + len(self._tasks)

    def _start(self) -> None:
        if self._queue and (self._task is None or self._task.done()):
            self._task = self.spawn(self._write_all())

    async def _write_all(self) -> None:
        pause, is_warned, size = _FIRST_PAUSE_SECONDS, False, _BATCH_SIZE

        while self._queue:
            batch = [*itertools.islice(self._queue, size)]
            left, size = [], _BATCH_SIZE

            try:
                left = await self._database.run(
                    functools.partial(_write, batch), repeatable=True
                )
            except Exception as error:  # noqa: BLE001 (logged; nobody waits for it)
                # The others say that the database is away, or busy: that ends.
                passes = isinstance(error, DatabaseError)
                passes = passes and type(error) is not DatabaseError

                if not passes and len(batch) > 1:
                    # One that cannot be written stops no other.
                    size = 1

                    continue

                if not (passes and is_warned):
                    _log.warning(
                        "the journal cannot write how %s ended (%s); %s",
                        batch[0].what,
                        type(error).__name__,
                        "it goes on trying" if passes else "recovery will ask",
                    )

                left, is_warned = (batch, True) if passes else ([], is_warned)

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
    left = []

    for one in batch:
        is_written = await one.rows.change(connection, one.which, one.values)

        if not is_written and uptime() < one.look_until:
            left.append(one)

    return left
