"""
Dialects: column types, a clock and an insert that mean the same in each database.

Measured: NUMERIC of SQLite changed 90071992547409.9303, DATETIME of MySQL and SQLite
dropped the zone, UNIQUE of MySQL made "Ab1" and "aB1" one value and "a" and "a " as well,
and a plain blob of MySQL refused 70,000 bytes. So amounts are text, times are
microseconds since 1970 in UTC, texts that are compared have a binary collation.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, CursorResult, Dialect, String, Table, Text
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from umfpay.errors.database_errors import too_long_error


MYSQL_NAMES: Final = ("mysql", "mariadb")

_DUPLICATE_ENTRY: Final = 1062


class Identifier(TypeDecorator[str]):
    """
    An id, a number or a word of ours, of at most *length* characters, which compares byte
    by byte, blanks at the end included.

    What is longer is refused before it is sent: SQLite would keep it, and others cut it.
    """

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """
        Return the type with the binary collation that *dialect* knows.
        """
        if dialect.name == "postgresql":
            return String(self.length, collation="C")

        if dialect.name in MYSQL_NAMES:
            # Each of the two knows one of the collations without padding.
            is_mariadb = getattr(dialect, "is_mariadb", False)
            kind = "utf8mb4_nopad_bin" if is_mariadb else "utf8mb4_0900_bin"

            return mysql.VARCHAR(self.length, charset="utf8mb4", collation=kind)

        return String(self.length)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy calls it)
        """
        Return *value* if it fits.

        Raises:
            DatabaseError: It is longer than the column, or holds a NUL.
        """
        if value is not None and (len(value) > self.length or "\0" in value):
            raise too_long_error(len(value), self.length)

        return value


class _Unlogged(str):
    """
    A text on its way into the database: aiosqlite and an engine with ``echo=True`` write
    the values of a statement to the log.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"({len(self)} characters)"


class Document(TypeDecorator[str]):
    """
    A text of any length: JSON of ours, a reason. No log shows it.
    """

    impl = Text().with_variant(mysql.LONGTEXT(), *MYSQL_NAMES)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy calls it)
        """
        Return *value* as no log shows it.
        """
        return None if value is None else _Unlogged(value)


class now(FunctionElement[int]):  # noqa: N801 (it is written like func.now)
    """
    The database's clock in microseconds since 1970: leases of several machines need one.

    On SQLite it is exact to the millisecond; on MySQL it is when the statement began.
    """

    type: TypeEngine[int] = BigInteger()
    inherit_cache: bool | None = True
    name = "now"


@compiles(now)
def _now(_element: now, compiler: Any, **_options: Any) -> str:
    return _CLOCKS[compiler.dialect.name]


_MYSQL_CLOCK: Final = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"
_CLOCKS: Final = {
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
    "sqlite": (
        "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000"
    ),
    **dict.fromkeys(MYSQL_NAMES, _MYSQL_CLOCK),
}


async def insert_if_absent(
    connection: AsyncConnection, table: Table, values: Mapping[str, Any]
) -> bool:
    """
    Insert *values* into *table*; return False if a unique key of them is taken.

    Any: what the columns hold.
    """
    statement = insertion(table, connection.dialect.name).values(**values)

    return await insert(connection, statement) is not None


@functools.cache
def insertion(table: Table, dialect: str) -> Any:  # Any: an `Insert` of that dialect
    """
    Return the statement for `insert()`, without values.
    """
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()

    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()

    return table.insert()


async def insert(
    connection: AsyncConnection,
    statement: Any,
    parameters: Mapping[str, Any] | None = None,
) -> CursorResult[Any] | None:
    """
    Execute what was made of an `insertion()`; return None if a unique key is taken.
    """
    try:
        result = await connection.execute(statement, parameters)
    except IntegrityError as error:
        # INSERT IGNORE of MySQL cuts what is too long; this ends the statement alone.
        if _DUPLICATE_ENTRY not in getattr(error.orig, "args", ()):
            raise

        return None

    return result if result.rowcount else None
