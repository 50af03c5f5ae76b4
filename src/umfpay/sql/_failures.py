"""
What an error of a database means: try again, it is away, tables are missing.
"""

from __future__ import annotations

import re
import sqlite3
from enum import Enum
from typing import Any, Final
from weakref import WeakSet

from sqlalchemy import Connection
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.sql._tables import PREFIX


class Failure(Enum):
    """
    What an error of the database means for the transaction.
    """

    CONTENTION = "contention"  # a deadlock, a lock that was waited for too long
    LOST = "lost"  # no connection, or none any more
    UNUSABLE = "unusable"  # it answers: refused credentials, a full disk
    TABLES = "tables"
    OTHER = "other"


# SQLSTATE: serialization_failure, deadlock_detected, lock_not_available.
_PG_CONTENTION: Final = ("40001", "40P01", "55P03")
# invalid_authorization, invalid_catalog, insufficient_resources, read_only_transaction.
_PG_UNUSABLE: Final = ("28", "3D", "53", "58", "25006")
# connection_exception, operator_intervention, idle_in_transaction_session_timeout.
_PG_LOST: Final = ("08", "57P", "25P03", "53300")
_OUR_TABLE_PATTERN: Final = re.compile(
    rf"\b{PREFIX}(?:events|objects|orders|journal|journal_log|sealed|tokens)\b"
)
_PG_TABLES: Final = ("42P01", "42703", "3F000")

# A lock that was waited for, a deadlock, a row changed since the snapshot.
_MYSQL_CONTENTION: Final = (1205, 1213, 1020)
_MYSQL_DEADLOCK: Final = 1213
_deadlocked: Final[WeakSet[Connection]] = WeakSet()
_MYSQL_LOST: Final = (
    1040,  # too many connections
    1053,  # shutdown in progress
    1077, 1078, 1079, 1080,  # it ends
    1158, 1159, 1160, 1161,  # packets
    1927,  # killed
    2002, 2003, 2006, 2013, 2014, 2055, 4031,
)  # fmt: skip
_MYSQL_UNUSABLE: Final = (
    3, 1021, 1026, 1030, 1114,  # disk
    1044, 1045, 1049, 1142, 1698,  # rights
    1290, 1792, 1836,  # read only
)  # fmt: skip
_MYSQL_TABLES: Final = (1146, 1054)

_SQLITE_CONTENTION: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_SQLITE_UNUSABLE: Final = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)


def classify(error: BaseException, connection: AsyncConnection | None) -> Failure:
    """
    Return what *error* means, raised by work on *connection* or before there was one.
    """
    if isinstance(error, DBAPIError | sqlite3.Error):
        return _classify_driver(error)

    if connection is None:
        away = isinstance(error, OSError | PoolTimeoutError | TimeoutError)

        return Failure.LOST if away else Failure.OTHER

    return Failure.LOST if is_lost(connection) else Failure.OTHER


def is_lost(connection: AsyncConnection) -> bool:
    """
    Tell whether the driver has noticed that *connection* is gone.

    Not each of its errors is one of the driver: some are an `OSError`.
    """
    inner = connection.sync_connection

    if inner is None or inner.closed:
        return False

    if inner.invalidated:
        return True

    driver: Any = inner.connection.driver_connection
    # Each of the two has one, and no other way to hear of an end that nobody waits for.
    transport = getattr(driver, "_transport", None)

    return transport is not None and bool(transport.is_closing())


def note_deadlock(context: ExceptionContext) -> None:
    """
    Remember a deadlock: MySQL has rolled everything back, whoever caught the error.
    """
    original: Any = context.original_exception
    connection = context.connection

    if _code(original) == _MYSQL_DEADLOCK and connection is not None:
        _deadlocked.add(connection)


def had_deadlock(connection: AsyncConnection | None) -> bool:
    """
    Tell whether a statement of this transaction met a deadlock of MySQL.
    """
    return connection is not None and connection.sync_connection in _deadlocked


def name_of(error: BaseException) -> str:
    """
    Return the class and code of *error*: its text may hold a password.
    """
    original = getattr(error, "orig", None) or error
    cause = original.__cause__
    code = _code(original)
    name = type(original if cause is None else cause).__name__

    return name if code in (None, "", 0) else f"{name} {code}"


def _code(original: Any) -> Any:  # Any: SQLSTATE or a number
    for name in ("pgcode", "sqlite_errorname", "errno"):
        code = getattr(original, name, None)

        if code is not None:
            return code

    arguments = getattr(original, "args", ())

    return arguments[0] if arguments and type(arguments[0]) is int else None


def _classify_driver(error: DBAPIError | sqlite3.Error) -> Failure:
    original: Any = getattr(error, "orig", error)
    # Errors of MySQL have an SQLSTATE as well, and a coarser one.
    state = getattr(original, "pgcode", None)
    sqlite_code = getattr(original, "sqlite_errorcode", None)

    if state:
        failure = _classify_postgresql(state)
    elif sqlite_code is not None:
        failure = _classify_sqlite(sqlite_code, str(original))
    else:
        failure = _classify_mysql(_code(original))

    if failure is Failure.OTHER and getattr(error, "connection_invalidated", False):
        return Failure.LOST

    # A table of the shop that is missing is the shop's error.
    if failure is Failure.TABLES and not _OUR_TABLE_PATTERN.search(str(original)):
        return Failure.OTHER

    return failure


def _classify_postgresql(state: str) -> Failure:
    for prefixes, failure in (
        (_PG_CONTENTION, Failure.CONTENTION),
        (_PG_LOST, Failure.LOST),
        (_PG_UNUSABLE, Failure.UNUSABLE),
        (_PG_TABLES, Failure.TABLES),
    ):
        if state.startswith(prefixes):
            return failure

    return Failure.OTHER


def _classify_mysql(code: Any) -> Failure:
    for codes, failure in (
        (_MYSQL_CONTENTION, Failure.CONTENTION),
        (_MYSQL_LOST, Failure.LOST),
        (_MYSQL_UNUSABLE, Failure.UNUSABLE),
        (_MYSQL_TABLES, Failure.TABLES),
    ):
        if code in codes:
            return failure

    return Failure.OTHER


def _classify_sqlite(code: int, text: str) -> Failure:
    # The lower byte: the other one holds details.
    if code & 0xFF in _SQLITE_CONTENTION:
        return Failure.CONTENTION

    if code & 0xFF in _SQLITE_UNUSABLE:
        return Failure.UNUSABLE

    missing = text.startswith(("no such table", "no such column", "table ")) and (
        "no such" in text or "has no column" in text
    )

    return Failure.TABLES if missing else Failure.OTHER


def is_definite(error: BaseException) -> bool:
    """
    Tell whether a commit that ended with *error* has certainly changed nothing.

    The server has answered, or SQLite, and not that its disk failed meanwhile.
    """
    if not isinstance(error, SQLAlchemyError):
        return False

    failure = classify(error, None)

    if failure is Failure.CONTENTION:
        return True

    original: Any = getattr(error, "orig", None)

    if getattr(original, "sqlite_errorcode", None) is not None:
        return bool(original.sqlite_errorcode & 0xFF != sqlite3.SQLITE_IOERR)

    # Of a constraint that is checked at the commit.
    return str(getattr(original, "pgcode", "")).startswith("23")
