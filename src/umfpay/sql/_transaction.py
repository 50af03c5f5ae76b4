"""
One attempt at a transaction, and what a handler writes with inside of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import Awaitable, Callable
from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import attrs
from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from umfpay.errors.database_errors import ended_error, transaction_error
from umfpay.sql._dialects import MYSQL_NAMES
from umfpay.sql._engine import LOCK_WAIT_SECONDS
from umfpay.sql._failures import (
    Failure,
    classify,
    is_deadlock,
    is_definite,
    is_lost,
    name_of,
)


if TYPE_CHECKING:
    from umfpay.sql._database import DatabaseBinding


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


# A traceback shows what one holds.
@attrs.define(eq=False, kw_only=True, repr=False)
class Attempt:
    """
    One attempt at one transaction.

    Args:
        end: By the clock of the loop; *seconds* is how long that was at first.
        ours: It consists of our own statements only, and may make tables.

    Attributes:
        value: What its work returned, if it was committed.
        error: Why it was not; it holds no frame of a driver.
        again: Nothing was kept, and the next attempt may succeed.
    """

    binding: DatabaseBinding
    end: float
    seconds: float
    repeatable: bool = False
    read_only: bool = False
    ours: bool = False
    value: Any = attrs.field(default=None, init=False)
    error: BaseException | None = attrs.field(default=None, init=False)
    again: bool = attrs.field(default=False, init=False)
    _stage: Literal["begin", "work", "commit"] = attrs.field(
        default="begin", init=False
    )
    _connection: AsyncConnection | None = attrs.field(default=None, init=False)
    # Whether it can be given back, rather than thrown away.
    _is_intact: bool = attrs.field(default=False, init=False)
    # An end from inside that was refused, or a deadlock: whoever catches the error.
    _fault: BaseException | None = attrs.field(default=None, init=False)

    async def make(self, work: Work[Any]) -> None:
        """
        Do *work* in a transaction, and commit it.
        """
        error: BaseException | None = None
        failure = Failure.OTHER
        scope = asyncio.timeout_at(self.end)

        # Left also when the loop ends and cancels everything.
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with scope:
                    self.value = await self._run(work, scope, stack)
            except Exception as raised:  # noqa: BLE001 (whoever waits raises it)
                error = raised

                if not scope.expired():
                    error = self._fault or raised
                    failure = classify(error, self._connection)
                    self._is_intact = failure is not Failure.LOST and self._is_open()

        if error is None:
            return

        end = self._end_of(error, failure, is_late=scope.expired())
        # Without one the server is away; it may be lost while nobody used it.
        was_lost = failure is Failure.LOST and self._connection is not None
        is_repeatable = self.repeatable or self.read_only or self._stage == "begin"
        may_succeed = failure is Failure.CONTENTION or (was_lost and is_repeatable)
        self.again = may_succeed and end != "unclear"

        if end is not None:
            name = f"{self.seconds:g} s" if scope.expired() else name_of(error)
            error = transaction_error(end, self.binding.place.shown, name)
        elif isinstance(error, StatementError):
            # What stands in our rows is for no log.
            error.hide_parameters = True

        self.error = error

    async def _run(
        self, work: Work[T], scope: asyncio.Timeout, stack: contextlib.AsyncExitStack
    ) -> T:
        binding = self.binding

        if binding.place.dialect == "sqlite" and not self.read_only:
            await stack.enter_async_context(binding.writing)

        binding.place.try_file()
        self._connection = connection = await binding.engine.connect()
        stack.push_async_callback(self._give_back, connection)
        transaction = await connection.begin()
        inner = connection.sync_connection
        assert inner is not None
        await self._begin(connection, inner)
        self._stage = "work"

        if not self.ours:
            binding.attempts[inner] = self

        value = await work(connection)

        if self._fault is not None:
            raise self._fault

        # It may have caught the cancellation.
        if scope.expired():
            raise TimeoutError

        if not self._is_open():
            raise ended_error()

        binding.check_file()
        binding.attempts.pop(inner, None)

        if not self.read_only:
            self._stage = "commit"
            scope.reschedule(max(self.end, binding.loop.time() + _COMMIT_SECONDS))
            await transaction.commit()

        self._is_intact = True

        return value

    async def _begin(self, connection: AsyncConnection, inner: Connection) -> None:
        place = self.binding.place
        # Any: each dialect and driver has members of its own.
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
            raise ConnectionResetError
        elif self.binding.loop.time() - inner.info.get(_USED, inf) > _IDLE_SECONDS:
            await connection.exec_driver_sql("SELECT 1")

    def refuse_end(self) -> None:
        """
        Refuse a commit, a rollback or a close from inside, before it is done.

        Raises:
            DatabaseError: Always; the whole attempt ends with it, whoever catches it here.
        """
        self._fault = self._fault or ended_error()

        raise self._fault

    def check_statement(self, statement: str) -> None:
        """
        Refuse what ends the transaction, and what comes after its end.

        Raises:
            DatabaseError: *statement* is one of these.
        """
        mysql = self.binding.place.dialect in MYSQL_NAMES

        # After its end each statement would be a transaction of its own.
        if (
            not self._is_open()
            or _ENDING_PATTERN.match(statement)
            or (mysql and _COMMITTING_PATTERN.match(statement))
        ):
            self.refuse_end()

    def note_deadlock(self, context: ExceptionContext) -> None:
        """
        Remember a deadlock, whoever catches its error.
        """
        if is_deadlock(context.original_exception):
            self._fault = self._fault or context.sqlalchemy_exception

    def _is_open(self) -> bool:
        one = self._connection

        if one is None or one.closed or one.invalidated:
            return False

        return one.in_transaction()

    async def _give_back(self, connection: AsyncConnection) -> None:
        self.binding.attempts.pop(connection.sync_connection, None)

        for end in (self._restore, _throw_away)[not self._is_intact :]:
            if not connection.closed:
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(_CLOSE_SECONDS):
                        await end(connection)

    async def _restore(self, connection: AsyncConnection) -> None:
        if self.binding.place.lends_mysql:
            await connection.rollback()
            await connection.exec_driver_sql(_MYSQL_OWN_WAIT)

        assert connection.sync_connection is not None
        connection.sync_connection.info[_USED] = self.binding.loop.time()
        await connection.close()

    def _end_of(
        self, error: BaseException, failure: Failure, *, is_late: bool
    ) -> str | None:
        """
        Return which error of ours stands for *error*, None if it is the shop's.
        """
        if self._stage == "commit" and (is_late or not is_definite(error)):
            return "unclear"

        if is_late:
            return "not begun" if self._stage == "begin" else "not ended"

        if failure is not Failure.OTHER:
            return str(failure.value)

        is_ours = self._connection is None and self.binding.place.engine is None

        if is_ours and isinstance(error, TypeError | ValueError):
            return "option"

        is_driver = isinstance(error, SQLAlchemyError | sqlite3.Error)
        is_refused = is_driver and (self.ours or self._stage == "begin")

        return "refused" if is_refused else None


async def _throw_away(connection: AsyncConnection) -> None:
    # The server undoes what was begun as soon as it sees that nobody is there.
    await connection.invalidate()
    await connection.close()


async def _roll_back(driver: Any) -> None:
    """
    Let SQLite's lock go: a cursor that somebody has kept keeps a closed connection.
    """
    async with asyncio.timeout(_ROLLBACK_SECONDS):
        await driver.rollback()


def watch(binding: DatabaseBinding) -> None:
    """
    Let each attempt hear of the statements, ends and errors of its connection.

    To listen to each connection would cost as much as a round trip.
    """
    engine, attempts = binding.engine.sync_engine, binding.attempts

    def _on_end(connection: Connection) -> None:
        if (attempt := attempts.get(connection)) is not None:
            try:
                attempt.refuse_end()
            finally:
                # close() would give it back to the pool, and the next one would commit.
                connection.invalidate()

    # Any: as SQLAlchemy calls it.
    def _on_statement(
        connection: Connection, _cursor: Any, statement: str, *_more: Any
    ) -> None:
        if (attempt := attempts.get(connection)) is not None:
            attempt.check_statement(statement)

    def _on_error(context: ExceptionContext) -> None:
        if (attempt := attempts.get(context.connection)) is not None:
            attempt.note_deadlock(context)

    def _undo(connection: Any, _record: object, _error: object) -> None:
        with contextlib.suppress(Exception):
            connection.run_async(_roll_back)

    if binding.place.dialect == "sqlite":
        event.listen(engine, "invalidate", _undo)

    event.listen(engine, "commit", _on_end)
    event.listen(engine, "rollback", _on_end)
    event.listen(engine, "before_cursor_execute", _on_statement)
    event.listen(engine, "handle_error", _on_error)


class Transaction:
    """
    What a handler writes with: it is committed together with the mark that it ran.

    Attributes:
        connection: The `AsyncConnection`, inside its transaction. A handler neither
            commits nor rolls back nor closes it: that is an error, and nothing is kept.
            `begin_nested()` is a savepoint.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self._sessions: list[AsyncSession] = []

    def session(self, **options: Any) -> AsyncSession:
        """
        Return an ORM session in this transaction; its `commit()` ends a savepoint only.

            async with transaction.session() as session:
                session.add(Shipment(...))
                await session.commit()

        Args:
            options: Of `AsyncSession`. Any: each has its own type.
        """
        options = {"expire_on_commit": False, **options}
        options["join_transaction_mode"] = "create_savepoint"
        session = AsyncSession(self.connection, **options)
        self._sessions.append(session)

        return session

    async def close_sessions(self) -> None:
        """
        Close what handlers have left open.
        """
        for session in self._sessions:
            await session.close()
