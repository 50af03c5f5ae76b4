"""
One attempt at a transaction: begin, work, commit, and what an error in each means.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import Awaitable, Callable
from enum import Enum
from math import inf
from typing import Any, Final, Generic, TypeVar

import attrs
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction

from umfpay.errors import (
    CommitUnknownError,
    DatabaseError,
    DatabaseTablesError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
    Text,
)
from umfpay.sql._binding import Binding
from umfpay.sql._engine import LOCK_WAIT_SECONDS
from umfpay.sql._failures import (
    Failure,
    classify,
    had_deadlock,
    is_definite,
    is_lost,
    name_of,
)
from umfpay.sql._types import MYSQL_NAMES


T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

# A commit that has begun may end, and so may what gives a connection back.
_COMMIT_SECONDS: Final = 2.0
_CLOSE_SECONDS: Final = 3.0
# What was idle for longer is asked first whether it is still there.
_IDLE_SECONDS: Final = 1.0
_USED: Final = "umfpay used at"

_POSTGRESQL_LOCAL: Final = f"SET LOCAL lock_timeout = '{LOCK_WAIT_SECONDS}s'"
# Of one transaction is what has @@ and no SESSION; the other one is given back.
_MYSQL_LOCAL: Final = (
    "SET @umf_lock_wait = @@innodb_lock_wait_timeout,"
    f" innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS},"
    " @@{isolation} = 'READ-COMMITTED'"
)
_MYSQL_OWN_WAIT: Final = "SET innodb_lock_wait_timeout = @umf_lock_wait"


_BEFORE_WORDS: Final = r"(?is)(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_ENDING_PATTERN: Final = re.compile(
    _BEFORE_WORDS
    + r"(?:COMMIT|END|ABORT|BEGIN|START|PREPARE\s+TRANSACTION"
    + r"|ROLLBACK(?!\s+(?:\w+\s+)?TO\b))\b"
)
_COMMITTING_PATTERN: Final = re.compile(
    _BEFORE_WORDS
    + r"(?:CREATE(?!\s+TEMPORARY)|ALTER|DROP(?!\s+TEMPORARY)|TRUNCATE|RENAME|LOCK"
    + r"|UNLOCK|GRANT|REVOKE|ANALYZE|OPTIMIZE|SET\s+AUTOCOMMIT)\b"
)


@attrs.frozen
class Outcome(Generic[T]):
    """
    What a transaction came to: a value, or an error that its caller raises.
    """

    value: T | None = None
    error: BaseException | None = None

    def result(self) -> T:
        """
        Return the value, or raise the error.
        """
        if self.error is not None:
            raise self.error

        return self.value  # type: ignore[return-value]


class _CaughtDeadlockError(Exception):
    """
    What ran in the transaction has caught the error of a deadlock that undid it all.
    """


class _LostIdleError(Exception):
    """
    The server has closed the connection while nobody used it.
    """


class _Stage(Enum):
    BEGIN = "begin"
    WORK = "work"
    COMMIT = "commit"
    DONE = "done"


class Attempt:
    """
    One attempt at one transaction.

    Attributes:
        contended: Others disturbed it: it is to be made again.
        lost: Its connection was lost before the commit.
        stale: Its connection was lost before it was used.
    """

    def __init__(
        self,
        binding: Binding,
        *,
        end: float,
        seconds: float,
        read_only: bool,
        ours: bool,
    ) -> None:
        self.contended = self.lost = self.stale = False
        self._binding = binding
        self._place = binding.place
        self._end = end
        self._seconds = seconds
        self._read_only = read_only
        # It consists of our own statements only, and may make tables.
        self._ours = ours
        self._lent_mysql = self._place.engine is not None and (
            self._place.dialect in MYSQL_NAMES
        )
        self._stage = _Stage.BEGIN
        self._connection: AsyncConnection | None = None
        self._transaction: AsyncTransaction | None = None
        self._writing = False
        self._watching = False
        self._broken = True

    async def make(self, work: Work[T]) -> Outcome[T]:
        """
        Return what *work* returned and was committed, or why not.
        """
        error: Exception | None = None
        value: T | None = None
        scope = asyncio.timeout_at(self._end)

        try:
            async with scope:
                value = await self._run(work, scope)
        except Exception as raised:  # noqa: BLE001 (whoever waits raises it)
            error = raised
        finally:
            # Also when the loop ends and cancels everything.
            failure = self._judge(error, expired=scope.expired())
            await self._give_back()

        if error is None:
            return Outcome(value)

        return Outcome(error=self._explain(error, failure, expired=scope.expired()))

    async def _run(self, work: Work[T], scope: asyncio.Timeout) -> T:
        if self._place.dialect == "sqlite" and not self._read_only:
            await self._binding.writing.acquire()
            self._writing = True

        connection = await self._binding.engine.connect()
        self._connection = connection
        transaction = await self._begin(connection)
        self._stage = _Stage.WORK
        self._watching = not self._ours
        value = await work(connection)

        if had_deadlock(connection):
            raise _CaughtDeadlockError

        # It may have caught the cancellation.
        if scope.expired():
            raise TimeoutError

        if not self._is_open():
            self.refuse_end()

        self._binding.check_file()
        self._watching = False
        self._stage = _Stage.COMMIT

        if not self._read_only:
            loop = self._binding.loop
            scope.reschedule(max(self._end, loop.time() + _COMMIT_SECONDS))
            await transaction.commit()

        self._stage = _Stage.DONE

        return value

    async def _begin(self, connection: AsyncConnection) -> AsyncTransaction:
        transaction = await connection.begin()
        self._transaction = transaction
        place, inner = self._place, connection.sync_connection
        assert inner is not None
        self._binding.watchers[inner] = self
        dialect: Any = inner.dialect
        driver: Any = inner.connection.driver_connection

        if place.dialect == "sqlite":
            # A shop's engine may have begun one, of the kind that deadlocks.
            if driver.in_transaction:
                await driver.execute("ROLLBACK")

            self._binding.check_file()
            await driver.execute("BEGIN" if self._read_only else "BEGIN IMMEDIATE")
        elif self._lent_mysql:
            name = "tx" if dialect.is_mariadb else "transaction"
            await connection.exec_driver_sql(
                _MYSQL_LOCAL.format(isolation=f"{name}_isolation")
            )

            if driver.get_autocommit():
                await connection.exec_driver_sql("START TRANSACTION")
        elif place.settings_are_local:
            await connection.exec_driver_sql(_POSTGRESQL_LOCAL)
        elif is_lost(connection):
            # Better now than in the middle of the work.
            raise _LostIdleError
        elif self._binding.loop.time() - inner.info.get(_USED, inf) > _IDLE_SECONDS:
            await connection.exec_driver_sql("SELECT 1")

        return transaction

    def refuse_end(self) -> None:
        """
        Refuse a commit from inside, before it is made.
        """
        if self._watching:
            raise _ended_error()

    def watch_statement(self, statement: str) -> None:
        """
        Refuse what ends the transaction, and what comes after its end.
        """
        mysql = self._place.dialect in MYSQL_NAMES

        # After its end each statement would be a transaction of its own.
        if (
            not self._is_open()
            or _ENDING_PATTERN.match(statement)
            or (mysql and _COMMITTING_PATTERN.match(statement))
        ):
            self.refuse_end()

    def _is_open(self) -> bool:
        connection, transaction = self._connection, self._transaction
        assert connection is not None
        assert transaction is not None

        return transaction.is_active and not connection.closed

    def _judge(self, error: Exception | None, *, expired: bool) -> Failure:
        """
        Find out what *error* means, and whether the connection can be used again.
        """
        if self._stage is _Stage.DONE:
            self._broken = False

            return Failure.OTHER

        if error is None or expired:
            return Failure.OTHER

        failure = classify(error, self._connection)

        if had_deadlock(self._connection):
            failure = Failure.CONTENTION

        committing = self._stage is _Stage.COMMIT and not is_definite(error)
        self._broken = committing or failure is Failure.LOST or self._has_ended()

        if not committing:
            self.contended = failure is Failure.CONTENTION
            self.lost = failure is Failure.LOST and self._stage is _Stage.WORK
            self.stale = (
                failure is Failure.LOST
                and self._stage is _Stage.BEGIN
                and self._connection is not None
            )

        return failure

    def _has_ended(self) -> bool:
        connection = self._connection

        return (
            connection is None or connection.closed or not connection.in_transaction()
        )

    async def _give_back(self) -> None:
        connection = self._connection
        self._watching = False

        try:
            if connection is not None:
                self._binding.watchers.pop(connection.sync_connection, None)

                if not connection.closed:
                    await self._close(connection)
        finally:
            if self._writing:
                self._binding.writing.release()

    async def _close(self, connection: AsyncConnection) -> None:
        if not self._broken:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._restore(connection)

                    return

        # The server undoes what was begun as soon as it sees that nobody is there.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await connection.invalidate()
                await connection.close()

    async def _restore(self, connection: AsyncConnection) -> None:
        if self._lent_mysql:
            await connection.rollback()
            await connection.exec_driver_sql(_MYSQL_OWN_WAIT)

        assert connection.sync_connection is not None
        connection.sync_connection.info[_USED] = self._binding.loop.time()
        await connection.close()

    def _explain(
        self, error: Exception, failure: Failure, *, expired: bool
    ) -> BaseException:
        """
        Return what the caller raises; it holds no frame of a driver.
        """
        shown = self._place.shown

        committing = self._stage is _Stage.COMMIT and not self._read_only

        if committing and (expired or not is_definite(error)):
            name = "timeout" if expired else name_of(error)

            return CommitUnknownError(
                f"{shown}: the answer to a commit was lost ({name}).",
                f"{shown}：提交的应答丢失（{name}）。",
            )

        if expired:
            return self._timeout_error()

        if failure in (Failure.LOST, Failure.UNUSABLE):
            return DatabaseUnavailableError(
                f"{shown} cannot be used: {name_of(error)}.",
                f"无法使用 {shown}：{name_of(error)}。",
            )

        if failure is Failure.CONTENTION:
            return DatabaseTimeoutError(
                f"{shown}: others hold what this transaction needs ({name_of(error)}).",
                f"{shown}：其他事务占用了所需数据（{name_of(error)}）。",
            )

        if failure is Failure.TABLES:
            return DatabaseTablesError(
                f"{shown}: a table of umfpay is missing or of another version"
                f" ({name_of(error)}).",
                f"{shown}：umfpay 的表缺失或版本不同（{name_of(error)}）。",
            )

        if isinstance(error, SQLAlchemyError | sqlite3.Error) and (
            self._ours or self._stage is _Stage.BEGIN
        ):
            return DatabaseError(
                f"{shown} refuses: {name_of(error)}.",
                f"{shown} 拒绝操作：{name_of(error)}。",
            )

        if isinstance(error, StatementError):
            # What stands in our rows is for no log.
            error.hide_parameters = True

        return error

    def _timeout_error(self) -> DatabaseError:
        shown, seconds = self._place.shown, self._seconds

        if self._stage is _Stage.BEGIN:
            return DatabaseUnavailableError(
                f"{shown}: no transaction could begin within {seconds:g} s.",
                f"{shown}：{seconds:g} 秒内未能开始事务。",
            )

        return DatabaseTimeoutError(
            f"{shown}: a transaction did not end within {seconds:g} s.",
            f"{shown}：事务未在 {seconds:g} 秒内结束。",
        )


def _ended_error() -> DatabaseError:
    return DatabaseError(
        "The transaction was ended from inside: commit, rollback and close are not for"
        " what runs in it, nor what MySQL commits by itself (CREATE, ALTER, DROP).",
        "事务在内部被结束：其中的代码不得提交、回滚或关闭连接，"
        "也不得执行 MySQL 会自动提交的语句（CREATE、ALTER、DROP）。",
        advice=Text(
            "Nothing was kept. Leave the end of the transaction to umfpay; use a"
            " savepoint (begin_nested) where a part may fail.",
            "未保存任何内容。请由 umfpay 结束事务；若部分操作可能失败，"
            "请使用保存点（begin_nested）。",
        ),
    )
