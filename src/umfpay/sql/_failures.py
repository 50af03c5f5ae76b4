"""
What an error of a database means: try again, it is away, tables are missing.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import DatabaseError
from umfpay.sql._tables import tables


class Failure(Enum):
    """
    What an error of the database means for the transaction.
    """

    CONTENTION = "contention"  # a deadlock, a lock that was waited for too long
    LOST = "lost"  # no connection, or none any more
    UNUSABLE = "unusable"  # it answers: refused credentials, a full disk
    TABLES = "tables"
    OTHER = "other"


# A text begins an SQLSTATE of PostgreSQL, a number is of MySQL or, below 256, of SQLite.
_CODES: Final[Mapping[Failure, tuple[str | int, ...]]] = {
    Failure.CONTENTION: (
        "40001", "40P01", "55P03",  # serialization, deadlock, lock not available
        1205, 1213, 1020,  # lock wait, deadlock, changed since the snapshot
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED,
    ),
    Failure.LOST: (
        # Connection, operator intervention, idle in transaction, too many connections.
        "08", "57P", "25P03", "53300",
        1040, 1053, 1077, 1078, 1079, 1080, 1927,  # too many, shutdown, killed
        1158, 1159, 1160, 1161, 2002, 2003, 2006, 2013, 2014, 2055, 4031,  # network
    ),
    Failure.UNUSABLE: (
        "28", "3D", "53", "58", "25006",  # rights, no database, resources, read only
        3, 1021, 1026, 1030, 1114,  # disk
        1044, 1045, 1049, 1142, 1698,  # rights
        1290, 1792, 1836,  # read only
        sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    ),
    Failure.TABLES: ("42P01", "42703", "3F000", 1146, 1054, sqlite3.SQLITE_ERROR),
}  # fmt: skip
_MYSQL_DEADLOCK: Final = 1213
_OUR_TABLE_PATTERN: Final = re.compile(rf"\b(?:{'|'.join(tables().metadata.tables)})\b")
_OPTION: Final = re.compile(r"unexpected keyword argument '(\w+)'")
# SQLite has one code for everything that is wrong with a statement.
_ABSENT_PATTERN: Final = re.compile(r"\bno (?:such )?(?:table|column)")


def classify(error: BaseException, connection: AsyncConnection | None) -> Failure:
    """
    Return what *error* means, raised by work on *connection* or before there was one.
    """
    if isinstance(error, DBAPIError | sqlite3.Error):
        return _classify_driver(error)

    if isinstance(error, DatabaseError):
        # The connection of what was refused is thrown away: the database is not away.
        return Failure.OTHER

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

    # Of aiosqlite: closed, so that each use of it is a ValueError.
    if getattr(driver, "_connection", driver) is None:
        return True

    # Each of the others has one, and no other way to hear of an end that nobody waits
    # for.
    transport = getattr(driver, "_transport", None)

    return transport is not None and bool(transport.is_closing())


def is_deadlock(original: BaseException) -> bool:
    """
    Tell whether MySQL has rolled everything back, whoever catches the error.
    """
    return _code(original) == _MYSQL_DEADLOCK


def name_of(error: BaseException) -> str:
    """
    Return the class and code of *error*: its text may hold a password.
    """
    original = getattr(error, "orig", None) or error
    cause = original.__cause__

    # Of no other error: what stands in its text is for no log.
    if isinstance(original, TypeError) and (found := _OPTION.search(str(original))):
        return found[1]

    code = getattr(original, "sqlite_errorname", None) or _code(original)
    name = type(original if cause is None else cause).__name__

    return f"{name} {code}" if code else name


def _code(original: Any) -> str | int | None:  # Any: an error of one of the drivers
    # Errors of MySQL have an SQLSTATE as well, and a coarser one.
    state: str | None = getattr(original, "pgcode", None)

    if state:
        return state

    if isinstance(original, sqlite3.Error):
        # The upper bytes hold details.
        return int(getattr(original, "sqlite_errorcode", 0)) & 0xFF

    arguments = (getattr(original, "errno", None), *getattr(original, "args", ()))
    numbers = (one for one in arguments[:2] if type(one) is int)

    return next(numbers, None)


def _classify_driver(error: DBAPIError | sqlite3.Error) -> Failure:
    original = getattr(error, "orig", error)
    text, failure = str(original), _by_code(_code(original))

    if failure is Failure.OTHER and getattr(error, "connection_invalidated", False):
        return Failure.LOST

    # A table of the shop that is missing is the shop's error.
    if failure is Failure.TABLES and not (
        _OUR_TABLE_PATTERN.search(text)
        and (not isinstance(original, sqlite3.Error) or _ABSENT_PATTERN.search(text))
    ):
        return Failure.OTHER

    return failure


def _by_code(code: str | int | None) -> Failure:
    for failure, codes in _CODES.items():
        begins = tuple(one for one in codes if isinstance(one, str))

        if code in codes or (isinstance(code, str) and code.startswith(begins)):
            return failure

    return Failure.OTHER


def is_definite(error: BaseException) -> bool:
    """
    Tell whether a commit that ended with *error* has certainly changed nothing.

    The server has answered, or SQLite, and not that its disk failed meanwhile.
    """
    if not isinstance(error, SQLAlchemyError):
        return False

    if classify(error, None) is Failure.CONTENTION:
        return True

    original = getattr(error, "orig", None)

    if isinstance(original, sqlite3.Error):
        return _code(original) != sqlite3.SQLITE_IOERR

    # Of a constraint that is checked at the commit.
    return str(_code(original)).startswith("23")
