"""
`Database`: transactions in the merchant's own database, each whole or not at all.
"""

from __future__ import annotations

import copy
from typing import Any, Final, Self, TypeVar

from umfpay.errors import ConfigError, Text
from umfpay.sql._binding import Binding
from umfpay.sql._engine import Place
from umfpay.sql._tables import Tables, tables
from umfpay.sql._transaction import Work
from umfpay.sql._types import now


_T = TypeVar("_T")

_WRONG_LOOP: Final = Text(
    "The database is used by another event loop that is still open.",
    "该数据库对象属于另一个仍未关闭的事件循环。",
)
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
        self._binding: Binding | None = None
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
        await self._bind().create_tables(timeout)

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

        if binding is None:
            return

        if binding.is_current():
            await binding.aclose()
        else:
            binding.abandon()

    def _bind(self) -> Binding:
        if self._binding is None or not self._binding.is_current():
            if self._binding is not None:
                self._binding.check_left(_WRONG_LOOP, advice=_WRONG_LOOP_ADVICE)
                self._binding.abandon()

            self._binding = Binding(
                self._place,
                self.tables,
                timeout=self._timeout,
                pool_size=self._pool_size,
            )

        return self._binding
