"""
`EndingWriter`: writes how calls ended, behind the back of their callers, until it works.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import (
    CommitUnknownError,
    DatabaseTablesError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
)
from umfpay.sql import Database


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

_log = logging.getLogger("umfpay")


@attrs.define(kw_only=True, eq=False)
class Ending:
    """
    Something to be written.

    Args:
        open_intent: Who waits for the same intent waits for this; None: whoever waits.
        write: Writes it in a transaction, and may be called again: it returns whether
            it has to be looked at again.
        what: For the log.
    """

    open_intent: str | None
    write: Callable[[AsyncConnection], Awaitable[bool]]
    what: str


class EndingWriter:
    """
    One task that lives as long as something is to be written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: deque[Ending] = deque()
        self._pid = os.getpid()
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._written = asyncio.Event()

    def put(self, ending: Ending) -> None:
        """
        Have *ending* written, after those that were put before.
        """
        with contextlib.suppress(RuntimeError):
            self._drop_foreign()

        self._queue.append(ending)
        # Of a call that is thrown away with its loop: the next one takes it along.
        with contextlib.suppress(RuntimeError):
            self._start(asyncio.get_running_loop())

    def spawn(self, work: Awaitable[Any]) -> asyncio.Task[Any]:
        """
        Return a task that does *work*, whoever is cancelled; `drain()` waits for it.
        """

        async def do() -> Any:  # Any: as *work* returns
            return await work

        self._drop_foreign()
        task = asyncio.get_running_loop().create_task(do())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

        return task

    async def wait_for(self, open_intent: str) -> None:
        """
        Return when nothing is left to be written about *open_intent*.
        """
        while any(one.open_intent in (open_intent, None) for one in self._queue):
            self._start(asyncio.get_running_loop())
            await self._written.wait()

    async def drain(self, seconds: float) -> int:
        """
        Wait until all is written, *seconds* at most; return what is left.
        """
        self._drop_foreign()

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._queue or self._tasks:
                    if self._tasks:
                        await asyncio.wait(self._tasks)
                        # What they leave behind is put before the next look.
                        await asyncio.sleep(0)
                    else:
                        self._start(asyncio.get_running_loop())
                        await self._written.wait()

        task, self._task = self._task, None

        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task})

        return len(self._queue) + len(self._tasks)

    def _drop_foreign(self) -> None:
        """
        Forget the tasks of another loop, and after a fork what the parent writes.
        """
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._queue.clear()
            self._tasks.clear()
            self._task = None

        loop = asyncio.get_running_loop()
        self._tasks -= {one for one in self._tasks if one.get_loop() is not loop}

        if self._task is not None and self._task.get_loop() is not loop:
            self._task = None

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        task = self._task

        if task is None or task.done() or task.get_loop() is not loop:
            # An event belongs to the loop in which it is first awaited.
            self._written = asyncio.Event()
            self._task = loop.create_task(self._write_all())

    async def _write_all(self) -> None:
        pause, is_warned = _FIRST_PAUSE_SECONDS, False

        while self._queue:
            batch = [self._queue[i] for i in range(min(_BATCH_SIZE, len(self._queue)))]

            try:
                again = await self._write(batch)
            except _PASSING_ERRORS as error:
                if not is_warned:
                    _log.warning(
                        "the journal cannot write how %s ended (%s); it goes on trying",
                        batch[0].what,
                        error.what.en,
                    )
                    is_warned = True

                await asyncio.sleep(pause)
                pause = min(2 * pause, _MAX_PAUSE_SECONDS)

                continue

            for _ in batch:
                self._queue.popleft()

            if again:
                self._queue.extend(again)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _MAX_PAUSE_SECONDS)
            else:
                pause, is_warned = _FIRST_PAUSE_SECONDS, False

            written, self._written = self._written, asyncio.Event()
            written.set()

    async def _write(self, batch: list[Ending]) -> list[Ending]:
        """
        Write *batch*; return those that are to be looked at again.
        """

        async def work(connection: AsyncConnection) -> list[Ending]:
            return [one for one in batch if await one.write(connection)]

        try:
            return await self._database.run(work, repeatable=True)
        except _PASSING_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 (one that cannot be written stops no other)
            if len(batch) == 1:
                # The row stays open: recovery asks the gateway.
                _log.error(
                    "the journal cannot write how %s ended: %s",
                    batch[0].what,
                    type(error).__name__,
                )

                return []

        again: list[Ending] = []

        for one in batch:
            again += await self._write([one])

        return again
