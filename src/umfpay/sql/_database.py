"""
`Database`: transactions in the merchant's own database, each whole or not at all.
"""

from __future__ import annotations

import asyncio
import copy
import os
import random
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import (
    ConfigError,
    DatabaseTablesError,
    DatabaseTimeoutError,
    Text,
    WrongLoopError,
)
from umfpay.errors.database_errors import tables_error
from umfpay.sql._binding import Binding
from umfpay.sql._engine import Place
from umfpay.sql._schema import create, differences
from umfpay.sql._tables import Tables, tables
from umfpay.sql._transaction import Attempt, Outcome, Work, watch
from umfpay.sql._types import now


_T = TypeVar("_T")

# Seconds.
_FIRST_PAUSE_SECONDS: Final = 0.01
_MAX_PAUSE_SECONDS: Final = 0.5


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

    Raises:
        ConfigError: *where* is none of these.
        MissingExtraError: The driver is not installed.
    """

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

        self._place = place
        self._timeout = timeout
        self._pool_size = pool_size
        self._binding: Binding | None = None
        self.tables: Tables = tables(schema)

    def __repr__(self) -> str:
        return f"Database({getattr(getattr(self, '_place', None), 'shown', '?')!r})"

    def another(self) -> Self:
        """
        Return the same database with connections of its own, for another event loop or
        for a while; of a shop's own engine, with those of the engine.

        The tables are looked at once for both.
        """
        other = copy.copy(self)
        other._binding = None

        return other

    @property
    def shown(self) -> str:
        """
        Its address without user and password.
        """
        return self._place.shown

    @property
    def dialect(self) -> str:
        """
        ``sqlite``, ``postgresql``, ``mysql`` or ``mariadb``, as the address says.
        """
        return self._place.dialect

    @property
    def supports_skip_locked(self) -> bool:
        """
        Whether ``FOR UPDATE SKIP LOCKED`` can be used.
        """
        return self.dialect != "sqlite"

    @property
    def now(self) -> now:
        """
        The database's clock, in microseconds since 1970, as an SQL expression.
        """
        return now()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Of a coroutine that is thrown away nothing can be awaited.
        if exc_type is not GeneratorExit:
            await self.aclose()
        elif self._binding is not None and self._binding.loop.is_closed():
            self._binding.abandon()

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
        return await self._supervise(
            self._bind(),
            work,
            timeout=timeout,
            repeatable=repeatable or read_only,
            read_only=read_only,
        )

    async def create_tables(self, *, timeout: float | None = None) -> None:
        """
        Make the tables that are missing, and check all.

        Raises:
            DatabaseTablesError: Some are there, and are of another version.
            DatabaseError: It cannot be done.
        """
        await self._create_tables(self._bind(), timeout)

    async def check_tables(self, *, timeout: float | None = None) -> None:
        """
        Look whether the tables are those of this version.

        Raises:
            DatabaseTablesError: They are not.
            DatabaseError: It cannot be done.
        """
        await self._check_tables(self._bind(), timeout)

    async def aclose(self) -> None:
        """
        Wait for the transactions that run, and close the connections.
        """
        binding, self._binding = self._binding, None

        if binding is None:
            return

        if not binding.is_ours():
            binding.abandon()

            return

        await binding.aclose()

    async def _create_tables(self, binding: Binding, timeout: float | None) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.run_sync(create, self.tables)

        await self._supervise(binding, work, timeout=timeout, ours=True)
        await self._check_tables(binding, timeout)

    async def _check_tables(self, binding: Binding, timeout: float | None) -> None:
        async def work(connection: AsyncConnection) -> list[str]:
            return await connection.run_sync(differences, self.tables)

        found = await self._supervise(
            binding, work, timeout=timeout, read_only=True, repeatable=True, ours=True
        )

        if found:
            raise tables_error(self.shown, found)

    async def _supervise(self, binding: Binding, work: Work[_T], **options: Any) -> _T:
        # Not of whoever closes the database meanwhile, and waits for it.
        task = binding.loop.create_task(self._transact(binding, work, **options))
        binding.keep(task)
        outcome = await asyncio.shield(task)

        return outcome.result()

    async def _transact(
        self,
        binding: Binding,
        work: Work[_T],
        *,
        timeout: float | None,
        ours: bool = False,
        **options: bool,
    ) -> Outcome[_T]:
        seconds = self._timeout if timeout is None else timeout

        if not ours and not binding.prepared:
            error = await self._prepare(binding, seconds)

            if error is not None:
                return Outcome(error=error)

        end = binding.loop.time() + seconds
        pause = _FIRST_PAUSE_SECONDS
        disturbed: Outcome[_T] | None = None

        while True:
            attempt = Attempt(
                binding=binding, end=end, seconds=seconds, ours=ours, **options
            )
            outcome = await attempt.make(work)
            # Not a secret: so that those who disturbed each other do not meet again.
            wait = pause * random.uniform(0.5, 1.5)  # noqa: S311

            if outcome.again and binding.loop.time() + wait < end:
                disturbed = outcome
                await asyncio.sleep(wait)
                pause = min(2 * pause, _MAX_PAUSE_SECONDS)

                continue

            ran_out = not outcome.again and isinstance(
                outcome.error, DatabaseTimeoutError
            )

            # What came before says more than that time ran out.
            return disturbed if ran_out and disturbed is not None else outcome

    async def _prepare(self, binding: Binding, seconds: float) -> Exception | None:
        """
        Check the tables before the first transaction; SQLite makes its own.
        """
        async with binding.preparing:
            if binding.prepared:
                return None

            try:
                try:
                    await self._check_tables(binding, seconds)
                except DatabaseTablesError:
                    if self.dialect != "sqlite":
                        raise

                    await self._create_tables(binding, seconds)
            except Exception as error:  # noqa: BLE001 (whoever waits raises it)
                return error

            binding.prepared = True
            self._place.note_tables()

        return None

    def _bind(self) -> Binding:
        binding = self._binding

        if binding is not None:
            if binding.is_ours():
                return binding

            if os.getpid() == binding.pid and not binding.loop.is_closed():
                raise WrongLoopError(
                    "The database is used by another event loop that is still open.",
                    "该数据库对象属于另一个仍未关闭的事件循环。",
                    advice=Text(
                        "Use one Database per event loop.",
                        "每个事件循环使用一个 Database。",
                    ),
                )

            binding.abandon()

        self._binding = Binding.open(self._place, pool_size=self._pool_size)
        watch(self._binding)
        self._binding.prepared = self._place.has_tables()

        return self._binding
