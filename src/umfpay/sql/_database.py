"""
`Database`: transactions in the merchant's own database, each whole or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import random
from typing import Any, Final, Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._background import retrieve_error, run_to_end
from umfpay._loop_binding import LoopBinding
from umfpay.errors import ConfigError, DatabaseTablesError, DatabaseTimeoutError, Text
from umfpay.errors.database_errors import replaced_file_error, tables_error
from umfpay.sql._dialects import now
from umfpay.sql._engine import Place
from umfpay.sql._tables import Tables, create, differences, tables
from umfpay.sql._transaction import Attempt, Work, watch


_T = TypeVar("_T")

_FIRST_PAUSE_SECONDS: Final = 0.01
_MAX_PAUSE_SECONDS: Final = 0.5
_CLOSE_SECONDS: Final = 1.0
# Of the processes that forked this one: collected here, their connections would be closed
# there as well.
_PARENTS: Final[list[DatabaseBinding]] = []
_WRONG_LOOP_ADVICE: Final = Text(
    "Use one Database per event loop.", "每个事件循环使用一个 Database。"
)


class Database:
    """
    The merchant's database: its tables of ours, and transactions in it.

    It may be used from a second `asyncio.run` and after a fork.

    Args:
        where: ``postgresql+asyncpg://user:password@host/name``, ``mysql+asyncmy://``,
            ``mariadb+asyncmy://``, ``sqlite+aiosqlite:///path``, the path of a SQLite
            file, or the shop's own `AsyncEngine`, which is never disposed of here.
            ``?pgbouncer=true`` after a PostgreSQL URL makes statements fit for a
            pgbouncer in transaction mode, and leaves pooling to it.
        schema: Of the tables, if it is not the default one.
        timeout: Seconds that a transaction may take, repetitions included.
        pool_size: Connections at most; nothing of a shop's own engine.

    Attributes:
        shown: Its address without user and password.
        dialect: ``sqlite``, ``postgresql``, ``mysql`` or ``mariadb``, as the address says.
        now: The database's clock, in microseconds since 1970, as an SQL expression.

    Raises:
        ConfigError: *where* is none of these.
        MissingExtraError: The driver is not installed.
    """

    shown: str = "?"
    now: Final = now()

    def __init__(
        self,
        where: Any,  # a setting is whatever the user gave
        *,
        schema: str | None = None,
        timeout: float = 10.0,
        pool_size: int = 5,
    ) -> None:
        place = Place(where)
        # An argument is a local of the frame that a traceback shows.
        del where

        if place.dialect == "sqlite" and schema is not None:
            raise ConfigError(
                "Database: SQLite has no schemas.", "数据库：SQLite 不支持 schema。"
            )

        self.shown = place.shown
        self.dialect: str = place.dialect
        self._place = place
        self._timeout = timeout
        self._pool_size = pool_size
        self._binding: DatabaseBinding | None = None
        self.tables: Tables = tables(schema)

    def __repr__(self) -> str:
        return f"Database({self.shown!r})"

    def another(self) -> Self:
        """
        Return the same database with connections of its own, for another event loop or
        for a while; of a shop's own engine, with those of the engine.

        The tables are looked at once for both.
        """
        other = copy.copy(self)
        other._binding = None

        return other

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, *_error: object
    ) -> None:
        # Of a coroutine that is thrown away nothing can be awaited.
        if exc_type is not GeneratorExit:
            await self.aclose()

    async def run(
        self,
        work: Work[_T],
        *,
        timeout: float | None = None,
        repeatable: bool = False,
        read_only: bool = False,
    ) -> _T:
        """
        Return what *work* returns, after its transaction was committed.

        It runs in a task of its own: whoever is cancelled while waiting for it leaves
        it to its end, a commit in most cases. It is called again after a deadlock or
        a lock that was waited for too long, in a new transaction, so what it does
        outside of the database must bear that.

        Args:
            work: Called with an `AsyncConnection` inside the transaction; it neither
                commits nor rolls back nor closes it.
            timeout: Seconds; that of the database if it is None.
            repeatable: Whether *work* is called again when the connection was lost
                before the commit.
            read_only: Nothing is kept; on SQLite it does not wait for writers.

        Raises:
            DatabaseUnavailableError: The database cannot be reached or used.
            DatabaseTimeoutError: It took too long.
            DatabaseTablesError: A table of ours is missing, or is of another version.
            CommitUnknownError: The answer to the commit was lost.
            Exception: What *work* raised. Nothing was kept, as after all but the last.
        """
        return await self._bind().run(
            work, timeout=timeout, repeatable=repeatable, read_only=read_only
        )

    async def create_tables(self, *, timeout: float | None = None) -> None:
        """
        Make the tables that are missing, and check all.

        Raises:
            DatabaseTablesError: Some are there, and are of another version.
            DatabaseError: It cannot be done.
        """
        await self._bind().check_tables(timeout, makes=True)

    async def check_tables(self, *, timeout: float | None = None) -> None:
        """
        Look whether the tables are those of this version.

        Raises:
            DatabaseTablesError: They are not.
            DatabaseError: It cannot be done.
        """
        await self._bind().check_tables(timeout)

    async def aclose(self) -> None:
        """
        Wait for the transactions that run, and close the connections.
        """
        binding, self._binding = self._binding, None

        if binding is not None and binding.is_current():
            await binding.aclose()
        elif binding is not None:
            binding.abandon()

    def _bind(self) -> DatabaseBinding:
        if self._binding is None or not self._binding.is_current():
            if self._binding is not None:
                name = Text("The database", "该数据库对象")
                self._binding.check_left(name, advice=_WRONG_LOOP_ADVICE)
                self._binding.abandon()

            self._binding = DatabaseBinding(self)

        return self._binding


class DatabaseBinding(LoopBinding):
    """
    The part of a database that cannot leave its process and loop.

    Connections that are open when their loop is closed cannot be closed any more: they
    end when they are collected, with a `ResourceWarning` of their driver.
    """

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.place = database._place
        self.engine = self.place.open(database._pool_size)
        self.tasks: set[asyncio.Task[Any]] = set()
        # The transactions that other code runs in, by the connection they have.
        self.attempts: dict[Connection | None, Attempt] = {}
        # SQLite has one writer, and waits in a thread for the others.
        self.writing = asyncio.Lock()
        self._preparing = asyncio.Lock()
        self._identity: tuple[int, int] | None = None
        self._database = database
        watch(self)

    async def run(
        self, work: Work[_T], *, timeout: float | None = None, **options: bool
    ) -> _T:
        """
        Return what *work* returned in a transaction; see `Database.run()`.

        Args:
            options: Of an `Attempt`.
        """
        seconds = self._database._timeout if timeout is None else timeout
        # Nobody else may wait for it any more: whoever closes the database does.
        task = self.loop.create_task(self._transact(work, seconds, **options))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        # Whoever was cancelled meanwhile never asks for it.
        task.add_done_callback(retrieve_error)

        return await asyncio.shield(task)

    async def check_tables(self, timeout: float | None, *, makes: bool = False) -> None:
        """
        Look whether the tables are those of this version.

        Args:
            makes: Make those before that are missing.

        Raises:
            DatabaseTablesError: Some are missing, or of another version.
            DatabaseError: The database cannot be asked.
        """
        database = self._database

        async def make(connection: AsyncConnection) -> None:
            await connection.run_sync(create, database.tables)

        async def compare(connection: AsyncConnection) -> list[str]:
            return await connection.run_sync(differences, database.tables)

        if makes:
            await self.run(make, timeout=timeout, ours=True)

        found = await self.run(compare, timeout=timeout, ours=True, read_only=True)

        if found:
            raise tables_error(database.shown, found)

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
        await run_to_end(self._close())

    def abandon(self) -> None:
        """
        Give way to another one; of a process that forked this one it is kept.
        """
        if os.getpid() != self.pid:
            _PARENTS.append(self)

    async def _transact(
        self, work: Work[_T], seconds: float, *, ours: bool = False, **options: bool
    ) -> _T:
        if not ours:
            await self._prepare(seconds)

        end = self.loop.time() + seconds
        pause = _FIRST_PAUSE_SECONDS
        disturbed: BaseException | None = None

        while True:
            attempt = Attempt(
                binding=self, end=end, seconds=seconds, ours=ours, **options
            )
            await attempt.make(work)

            if attempt.error is None:
                return attempt.value  # type: ignore[no-any-return]

            # Not a secret: so that those who disturbed each other do not meet again.
            wait = pause * random.uniform(0.5, 1.5)  # noqa: S311

            if not attempt.again or self.loop.time() + wait >= end:
                break

            disturbed = attempt.error
            await asyncio.sleep(wait)
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)

        ran_out = not attempt.again and isinstance(attempt.error, DatabaseTimeoutError)

        # What came before says more than that time ran out.
        raise (ran_out and disturbed) or attempt.error

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

                await self.check_tables(seconds, makes=True)

            self.place.note_tables()

    async def _close(self) -> None:
        if self.tasks:
            await asyncio.wait(self.tasks)

        # A shop's own engine is a copy that shares the pool.
        if self.place.engine is not None:
            return

        # One after another, and each may wait for a server that says nothing.
        for _ in range(self._database._pool_size + 1):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self.engine.dispose()

                break
