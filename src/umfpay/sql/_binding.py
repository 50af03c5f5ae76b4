"""
The engine of one process and event loop, and the transactions that run in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from typing import Any, Final, Self

import attrs
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from umfpay.errors.database_errors import replaced_file_error
from umfpay.sql._engine import Place


_CLOSE_SECONDS: Final = 1.0
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
    pool_size: int
    tasks: set[asyncio.Task[Any]] = attrs.field(factory=set)
    # Any: the `Attempt` that a connection is lent to.
    attempts: dict[Connection | None, Any] = attrs.field(factory=dict)
    # SQLite has one writer, and waits in a thread for the others.
    writing: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    preparing: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    prepared: bool = False
    identity: tuple[int, int] | None = None

    def check_file(self) -> None:
        """
        Look whether the SQLite file is the one that was opened: the others are written
        to, and nobody ever reads it.

        Raises:
            DatabaseUnavailableError: It was removed or replaced.
        """
        found = self.place.identity()
        self.identity = self.identity or found

        if found != self.identity:
            raise replaced_file_error(self.place.shown)

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
            pool_size=pool_size,
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

        # A shop's own engine is a copy that shares the pool.
        if self.place.engine is not None:
            return

        # One after another, and each may wait for a server that says nothing.
        for _ in range(self.pool_size + 1):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self.engine.dispose()

                break

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

    Any: a connection of one of the drivers.
    """
    with contextlib.suppress(Exception):
        stop = getattr(driver, "stop", None)

        if stop is not None:
            # Elsewhere it would report to a loop that may be closed before it has ended.
            outside = threading.Thread(target=stop)
            outside.start()
            outside.join()

            return

        # Neither asyncio nor asyncpg has a public way; where these are missing, only a
        # ResourceWarning is left.
        inner = driver._transport

        if hasattr(driver, "_aborted"):
            driver._aborted = True

        while hasattr(inner, "_ssl_protocol"):
            inner._closed = True
            inner = getattr(inner._ssl_protocol, "_transport", None)

        inner._sock.close()
        inner._sock = None
