"""
`Binding`: the engine of one process and event loop, and the transactions that run in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._loop_binding import LoopBinding
from umfpay.errors import DatabaseTablesError, DatabaseTimeoutError
from umfpay.errors.database_errors import replaced_file_error, tables_error
from umfpay.sql._engine import Place
from umfpay.sql._schema import create, differences
from umfpay.sql._tables import Tables
from umfpay.sql._transaction import Attempt, Outcome, Work, watch


_T = TypeVar("_T")

_FIRST_PAUSE_SECONDS: Final = 0.01
_MAX_PAUSE_SECONDS: Final = 0.5
_CLOSE_SECONDS: Final = 1.0
# Of the processes that forked this one: collected here, their connections would be closed
# there as well.
_PARENTS: Final[list[Binding]] = []


class Binding(LoopBinding):
    """
    The part of a database that cannot leave its process and loop.

    Connections that are open when their loop is closed cannot be closed any more: they
    end when they are collected, with a `ResourceWarning` of their driver.
    """

    def __init__(
        self, place: Place, tables: Tables, *, timeout: float, pool_size: int
    ) -> None:
        super().__init__()
        self.place = place
        self.engine = place.open(pool_size)
        self.tasks: set[asyncio.Task[Any]] = set()
        # The transactions that other code runs in, by the connection they have.
        self.attempts: dict[Connection | None, Attempt] = {}
        # SQLite has one writer, and waits in a thread for the others.
        self.writing = asyncio.Lock()
        self._preparing = asyncio.Lock()
        self._identity: tuple[int, int] | None = None
        self._tables = tables
        self._timeout = timeout
        self._pool_size = pool_size
        watch(self)

    async def run(
        self, work: Work[_T], *, timeout: float | None = None, **options: bool
    ) -> _T:
        """
        Return what *work* returned in a transaction; see `Database.run()`.

        Args:
            options: Of an `Attempt`.
        """
        seconds = self._timeout if timeout is None else timeout
        # Nobody else may wait for it any more: whoever closes the database does.
        task = self.loop.create_task(self._transact(work, seconds, **options))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

        return await asyncio.shield(task)

    async def create_tables(self, timeout: float | None) -> None:
        """
        Make the tables that are missing, and check all.
        """
        await self._with_tables(create, timeout)
        await self.check_tables(timeout)

    async def check_tables(self, timeout: float | None) -> None:
        """
        Look whether the tables are those of this version.
        """
        found = await self._with_tables(differences, timeout, read_only=True)

        if found:
            raise tables_error(self.place.shown, found)

    def check_file(self) -> None:
        """
        Look whether the SQLite file is the one that was opened: the others are written
        to, and nobody ever reads it.

        Raises:
            DatabaseUnavailableError: It was removed or replaced.
        """
        found = self.place.identity()
        self._identity = self._identity or found

        if found != self._identity:
            raise replaced_file_error(self.place.shown)

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

    def abandon(self) -> None:
        """
        Give way to another one; of a process that forked this one it is kept.
        """
        if os.getpid() != self.pid:
            _PARENTS.append(self)

    async def _with_tables(
        self,
        act: Callable[[Connection, Tables], _T],
        timeout: float | None,
        *,
        read_only: bool = False,
    ) -> _T:
        async def work(connection: AsyncConnection) -> _T:
            return await connection.run_sync(act, self._tables)

        return await self.run(work, timeout=timeout, read_only=read_only, ours=True)

    async def _transact(
        self, work: Work[_T], seconds: float, *, ours: bool = False, **options: bool
    ) -> _T:
        if not ours:
            await self._prepare(seconds)

        end = self.loop.time() + seconds
        pause = _FIRST_PAUSE_SECONDS
        disturbed: Outcome[_T] | None = None

        while True:
            attempt = Attempt(
                binding=self, end=end, seconds=seconds, ours=ours, **options
            )
            outcome = await attempt.make(work)
            # Not a secret: so that those who disturbed each other do not meet again.
            wait = pause * random.uniform(0.5, 1.5)  # noqa: S311

            if not outcome.again or self.loop.time() + wait >= end:
                break

            disturbed = outcome
            await asyncio.sleep(wait)
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)

        ran_out = not outcome.again and isinstance(outcome.error, DatabaseTimeoutError)

        # What came before says more than that time ran out.
        return (disturbed if ran_out and disturbed else outcome).result()

    async def _prepare(self, seconds: float) -> None:
        """
        Check the tables before the first transaction; SQLite makes its own.
        """
        async with self._preparing:
            if self.place.has_tables():
                return

            try:
                await self.check_tables(seconds)
            except DatabaseTablesError:
                if self.place.dialect != "sqlite":
                    raise

                await self.create_tables(seconds)

            self.place.note_tables()

    async def _close(self) -> None:
        if self.tasks:
            await asyncio.wait(self.tasks)

        # A shop's own engine is a copy that shares the pool.
        if self.place.engine is not None:
            return

        # One after another, and each may wait for a server that says nothing.
        for _ in range(self._pool_size + 1):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self.engine.dispose()

                break
