"""
Column types and expressions that mean the same in each database.

Measured: NUMERIC of SQLite changed 90071992547409.9303, DATETIME of MySQL and SQLite
dropped the zone, UNIQUE of MySQL made "Ab1" and "aB1" one value and "a" and "a " as well,
and a plain blob of MySQL refused 70,000 bytes. So amounts are text, times are
microseconds since 1970 in UTC, texts that are compared have a binary collation.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from umfpay.errors.database_errors import too_long_error


MYSQL_NAMES: Final = ("mysql", "mariadb")


class _BinaryText(String):
    """
    VARCHAR that compares byte by byte, blanks at the end included.
    """

    __visit_name__ = "binary_text"


@compiles(_BinaryText)
def _render(type_: _BinaryText, compiler: Any, **options: Any) -> str:
    dialect = compiler.dialect
    text: str = compiler.visit_VARCHAR(type_, **options)

    if dialect.name == "postgresql":
        return f'{text} COLLATE "C"'

    if dialect.name in MYSQL_NAMES:
        # Each of the two knows one of the collations without padding.
        kind = "utf8mb4_nopad_bin" if dialect.is_mariadb else "utf8mb4_0900_bin"

        return f"{text} CHARACTER SET utf8mb4 COLLATE {kind}"

    return text


class Identifier(TypeDecorator[str]):
    """
    An id, a number or a word of ours, of at most *length* characters.

    What is longer is refused before it is sent: SQLite would keep it, and others cut it.
    """

    impl = _BinaryText
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy calls it)
        """
        Return *value* if it fits.

        Raises:
            DatabaseError: It is longer than the column, or holds a NUL.
        """
        if value is not None and (len(value) > self.length or "\0" in value):
            raise too_long_error(len(value), self.length)

        return value


def amount() -> Identifier:
    """
    Return the type of an amount: a `Decimal` as text, so that no digit is lost.
    """
    return Identifier(64)


def microseconds() -> BigInteger:
    """
    Return the type of a moment: microseconds since 1970 in UTC.
    """
    return BigInteger()


def counter() -> Any:  # Any: a type with variants
    """
    Return the type of a primary key that counts by itself.
    """
    return BigInteger().with_variant(Integer(), "sqlite")


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
    A long text: JSON of ours, a reason. No log shows it.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # Any: any type
        """
        Return the type that has no limit of 65,535 bytes.
        """
        wide = mysql.LONGTEXT() if dialect.name in MYSQL_NAMES else Text()

        return dialect.type_descriptor(wide)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy calls it)
        """
        Return *value* as no log shows it.
        """
        return None if value is None else _Unlogged(value)


def body() -> Any:  # Any: a type with variants
    """
    Return the type of bytes of any length.
    """
    return LargeBinary().with_variant(mysql.LONGBLOB(), *MYSQL_NAMES)


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
    "mysql": _MYSQL_CLOCK,
    "mariadb": _MYSQL_CLOCK,
    "sqlite": (
        "CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000"
    ),
}
