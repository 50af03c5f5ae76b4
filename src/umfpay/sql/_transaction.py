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
from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction

from umfpay.errors import DatabaseError
from umfpay.errors.database_errors import ended_error, has_error, transaction_error
from umfpay.sql._binding import Binding
from umfpay.sql._engine import LOCK_WAIT_SECONDS
from umfpay.sql._failures import (
    Failure,
    classify,
    is_deadlock,
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
_ROLLBACK_SECONDS: Final = 1.0
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

    Attributes:
        again: Nothing was kept, and the next attempt may succeed.
    """

    value: T | None = None
    error: BaseException | None = None
    again: bool = False

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


@attrs.define(eq=False, kw_only=True)
class Attempt:
    """
    One attempt at one transaction.
    """

    binding: Binding
    # By the clock of the loop, and how long that was at first.
    end: float
    seconds: float
    repeatable: bool = False
    read_only: bool = False
    # It consists of our own statements only, and may make tables.
    ours: bool = False
    _stage: _Stage = attrs.field(default=_Stage.BEGIN, init=False)
    _connection: AsyncConnection | None = attrs.field(default=None, init=False)
    _transaction: AsyncTransaction | None = attrs.field(default=None, init=False)
    _writing: bool = attrs.field(default=False, init=False)
    _watching: bool = attrs.field(default=False, init=False)
    _deadlocked: bool = attrs.field(default=False, init=False)
    # What ran in it tried to end it.
    _refused: bool = attrs.field(default=False, init=False)
    _broken: bool = attrs.field(default=True, init=False)

    async def make(self, work: Work[T]) -> Outcome[T]:
        """
        Return what *work* returned and was committed, or why not.
        """
        error: Exception | None = None
        value: T | None = None
        failure = Failure.OTHER
        scope = asyncio.timeout_at(self.end)

        try:
            async with scope:
                value = await self._run(work, scope)
        except Exception as raised:  # noqa: BLE001 (whoever waits raises it)
            error = raised

            if not scope.expired():
                failure = self._judge(error)
        finally:
            # Also when the loop ends and cancels everything.
            await self._give_back()

        if error is None:
            return Outcome(value)

        unclear = self._stage is _Stage.COMMIT and (
            scope.expired() or not is_definite(error)
        )
        again = not unclear and (
            failure is Failure.CONTENTION
            or (failure is Failure.LOST and self._may_be_repeated())
        )

        return Outcome(
            error=self._explain(error, failure, unclear=unclear, scope=scope),
            again=again,
        )

    async def _run(self, work: Work[T], scope: asyncio.Timeout) -> T:
        if self.binding.place.dialect == "sqlite" and not self.read_only:
            await self.binding.writing.acquire()
            self._writing = True

        self._connection = connection = await self.binding.engine.connect()
        self._transaction = transaction = await connection.begin()
        await self._begin(connection)
        self._stage = _Stage.WORK
        self._watching = not self.ours
        value = await work(connection)

        if self._deadlocked:
            raise _CaughtDeadlockError

        # It may have caught the cancellation.
        if scope.expired():
            raise TimeoutError

        if not self._is_open():
            self.refuse_end()

        self.binding.check_file()
        self._watching = False
        self._stage = _Stage.COMMIT

        if not self.read_only:
            loop = self.binding.loop
            scope.reschedule(max(self.end, loop.time() + _COMMIT_SECONDS))
            await transaction.commit()

        self._stage = _Stage.DONE
        self._broken = False

        return value

    async def _begin(self, connection: AsyncConnection) -> None:
        place, inner = self.binding.place, connection.sync_connection
        assert inner is not None
        self.binding.attempts[inner] = self
        dialect: Any = inner.dialect
        driver: Any = inner.connection.driver_connection

        if place.dialect == "sqlite":
            # A shop's engine may have begun one, of the kind that deadlocks.
            if driver.in_transaction:
                await driver.execute("ROLLBACK")

            self.binding.check_file()
            await driver.execute("BEGIN" if self.read_only else "BEGIN IMMEDIATE")
        elif place.lends_mysql:
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
        elif self.binding.loop.time() - inner.info.get(_USED, inf) > _IDLE_SECONDS:
            await connection.exec_driver_sql("SELECT 1")

    def refuse_end(self) -> None:
        """
        Refuse a commit, a rollback or a close from inside, before it is done.
        """
        if self._watching:
            self._refused = True

            raise ended_error()

    def heed_statement(self, statement: str) -> None:
        """
        Refuse what ends the transaction, and what comes after its end.
        """
        mysql = self.binding.place.dialect in MYSQL_NAMES

        # After its end each statement would be a transaction of its own.
        if (
            not self._is_open()
            or _ENDING_PATTERN.match(statement)
            or (mysql and _COMMITTING_PATTERN.match(statement))
        ):
            self.refuse_end()

    def heed_error(self, original: BaseException) -> None:
        """
        Remember a deadlock, whoever catches its error.
        """
        self._deadlocked |= is_deadlock(original)

    def _is_open(self) -> bool:
        connection, transaction = self._connection, self._transaction
        assert connection is not None
        assert transaction is not None

        return transaction.is_active and not (
            connection.closed or connection.invalidated
        )

    def _judge(self, error: Exception) -> Failure:
        """
        Find out what *error* means, and whether the connection can be used again.
        """
        failure = classify(error, self._connection)

        if self._refused:
            # Its connection was thrown away for that: the database is not away.
            failure = Failure.OTHER
        elif self._deadlocked:
            failure = Failure.CONTENTION

        connection = self._connection
        self._broken = (
            failure is Failure.LOST
            or (self._stage is _Stage.COMMIT and not is_definite(error))
            or connection is None
            or connection.closed
            or not connection.in_transaction()
        )

        return failure

    def _may_be_repeated(self) -> bool:
        if self._stage is _Stage.BEGIN:
            # It was lost while nobody used it; without one the server is away.
            return self._connection is not None

        return self._stage is _Stage.WORK and self.repeatable

    async def _give_back(self) -> None:
        connection = self._connection
        self._watching = False

        try:
            if connection is not None:
                self.binding.attempts.pop(connection.sync_connection, None)

                if not connection.closed:
                    await self._close(connection)
        finally:
            if self._writing:
                self.binding.writing.release()

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
        if self.binding.place.lends_mysql:
            await connection.rollback()
            await connection.exec_driver_sql(_MYSQL_OWN_WAIT)

        assert connection.sync_connection is not None
        connection.sync_connection.info[_USED] = self.binding.loop.time()
        await connection.close()

    def _explain(
        self,
        error: Exception,
        failure: Failure,
        *,
        unclear: bool,
        scope: asyncio.Timeout,
    ) -> BaseException:
        """
        Return what the caller raises; it holds no frame of a driver.
        """
        name = "timeout" if scope.expired() else name_of(error)

        if unclear and not self.read_only:
            end = "unclear"
        elif scope.expired():
            end = "not begun" if self._stage is _Stage.BEGIN else "not ended"
            name = f"{self.seconds:g} s"
        elif has_error(failure.value):
            end = failure.value
        elif isinstance(error, SQLAlchemyError | sqlite3.Error) and (
            self.ours or self._stage is _Stage.BEGIN
        ):
            end = "refused"
        else:
            if isinstance(error, StatementError):
                # What stands in our rows is for no log.
                error.hide_parameters = True

            return error

        return transaction_error(end, self.binding.place.shown, name)


async def _roll_back(driver: Any) -> None:
    """
    Let SQLite's lock go: a cursor that somebody has kept keeps a closed connection.
    """
    async with asyncio.timeout(_ROLLBACK_SECONDS):
        await driver.rollback()


def watch(binding: Binding) -> None:
    """
    Let each attempt hear of the statements, ends and errors of its connection.

    To listen to each connection would cost as much as a round trip.
    """
    engine, attempts = binding.engine.sync_engine, binding.attempts

    def _heed_commit(connection: Connection) -> None:
        if (attempt := attempts.get(connection)) is not None:
            attempt.refuse_end()

    def _heed_rollback(connection: Connection) -> None:
        try:
            _heed_commit(connection)
        except DatabaseError:
            # close() would give it back to the pool, and the next one would commit.
            connection.invalidate()

            raise

    # Any: as SQLAlchemy calls it.
    def _heed_statement(
        connection: Connection, _cursor: Any, statement: str, *_more: Any
    ) -> None:
        if (attempt := attempts.get(connection)) is not None:
            attempt.heed_statement(statement)

    def _heed_error(context: ExceptionContext) -> None:
        if (attempt := attempts.get(context.connection)) is not None:
            attempt.heed_error(context.original_exception)

    def _undo(connection: Any, _record: object, _error: object) -> None:
        with contextlib.suppress(Exception):
            connection.run_async(_roll_back)

    if binding.place.dialect == "sqlite":
        event.listen(engine, "invalidate", _undo)

    event.listen(engine, "commit", _heed_commit)
    event.listen(engine, "rollback", _heed_rollback)
    event.listen(engine, "before_cursor_execute", _heed_statement)
    event.listen(engine, "handle_error", _heed_error)
