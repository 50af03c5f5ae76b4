"""
The engine of one process and event loop, and the transactions that run in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any, Final, Self

import attrs
from sqlalchemy.ext.asyncio import AsyncEngine

from umfpay.sql._engine import Place


# Of other processes: whoever collects their connections would close the parent's.
_ABANDONED: Final[list[Binding]] = []


@attrs.define(eq=False, kw_only=True)
class Binding:
    """
    What cannot leave its process and loop.
    """

    place: Place
    pid: int
    loop: asyncio.AbstractEventLoop
    engine: AsyncEngine
    tasks: set[asyncio.Task[Any]] = attrs.field(factory=set)
    # SQLite has one writer, and waits in a thread for the others.
    writing: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    preparing: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    prepared: bool = False

    @classmethod
    def open(cls, place: Place, *, pool_size: int) -> Self:
        """
        Return a binding to the running loop.
        """
        return cls(
            place=place,
            pid=os.getpid(),
            loop=asyncio.get_running_loop(),
            engine=place.open(pool_size),
        )

    def is_ours(self) -> bool:
        """
        Tell whether the caller runs in this binding's process and loop.
        """
        return asyncio.get_running_loop() is self.loop and os.getpid() == self.pid

    def keep(self, task: asyncio.Task[Any]) -> None:
        """
        Keep *task* until it has ended: nobody else may wait for it any more.
        """
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def aclose(self) -> None:
        """
        Wait for what runs, and close the connections; a cancellation waits, too.
        """
        closing = self.loop.create_task(self._close())

        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait({closing})

            raise

    async def _close(self) -> None:
        if self.tasks:
            await asyncio.wait(self.tasks)

        # Of a shop's own engine it is a copy that shares the pool.
        if self.place.engine is None:
            await self.engine.dispose()

    def abandon(self) -> None:
        """
        Drop everything without awaiting: the loop is closed or another process's.
        """
        if self.place.engine is not None:
            return

        if os.getpid() != self.pid:
            _ABANDONED.append(self)

            return

        pool: Any = self.engine.sync_engine.pool

        while (record := _take(pool)) is not None:
            _close_driver(record.driver_connection)


def _take(pool: Any) -> Any:  # Any: parts of the pool that have no public name
    with contextlib.suppress(Exception):
        return pool._pool.get_nowait()

    return None


def _close_driver(driver: Any) -> None:
    """
    Close what *driver* holds though its loop is closed: a thread or a socket.
    """
    with contextlib.suppress(Exception):
        stop = getattr(driver, "stop", None)

        if stop is not None:
            stop()
