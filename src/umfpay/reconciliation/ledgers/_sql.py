"""
A ledger in a database: the only door to SQLAlchemy.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from umfpay.errors import ConfigError, StatementError, Text, escape
from umfpay.reconciliation._extra import needs_reconcile_extra
from umfpay.reconciliation.ledgers._files import LINE_COLUMN
from umfpay.sensitive import Secret


if TYPE_CHECKING:
    import polars as pl


_CHINA_ZONE: Final = timezone(timedelta(hours=8))
# Characters of SQLite's words.
_MAX_SHOWN_CHARACTERS: Final = 200


class Selection:
    """
    The rows that a query selects, streamed.

    Args:
        url: Of the database; hidden, for it may hold a password.
        query: A SELECT.
        batch_rows: Rows in memory at a time.

    Attributes:
        digest: What tells this selection from another.
    """

    def __init__(self, url: Secret, query: str, *, batch_rows: int) -> None:
        with needs_reconcile_extra():
            import sqlalchemy

        self._query = query
        self._batch_rows = batch_rows
        self.digest = hashlib.sha256(f"{url.reveal()}\0{query}".encode()).hexdigest()

        try:
            self._engine = sqlalchemy.create_engine(
                url.reveal(), poolclass=sqlalchemy.pool.NullPool, hide_parameters=True
            )
        except ImportError as error:
            refusal = _missing_driver_error(error.name or type(error).__name__)
        except (sqlalchemy.exc.ArgumentError, ValueError) as error:
            refusal = _no_database_error(type(error).__name__)
        else:
            return

        # Outside of except: the frames of SQLAlchemy hold the address.
        raise refusal

    def names(self) -> list[str]:
        """
        Return the names of the columns.
        """
        with self._result() as result:
            return list(result.keys())

    def frames(self) -> Iterator[pl.DataFrame]:
        """
        Give the rows as text, and no lines: a table has none.
        """
        import polars as pl

        no_line = pl.lit(None, dtype=pl.Int64).alias(LINE_COLUMN)

        with self._result() as result:
            names = list(result.keys())

            for rows in result.partitions(self._batch_rows):
                yield pl.DataFrame(
                    {
                        name: _column(values)
                        for name, values in zip(
                            names, zip(*rows, strict=True), strict=True
                        )
                    }
                ).with_columns(no_line)

    @contextmanager
    def _result(self) -> Iterator[Any]:
        import sqlalchemy

        # SQLite would make it, empty.
        if _is_missing(self._engine.url):
            raise _unreadable_error(self._engine.url, os.strerror(errno.ENOENT))

        try:
            with self._engine.connect() as connection:
                # Read only: what the query changes is never committed.
                yield connection.execution_options(
                    stream_results=True, yield_per=self._batch_rows
                ).execute(sqlalchemy.text(self._query))
        except sqlalchemy.exc.SQLAlchemyError as error:
            # Its words hold the statement, and of some drivers the address.
            failure = _reason(error)
        else:
            return

        raise _unreadable_error(self._engine.url, failure)


def _is_missing(url: Any) -> bool:
    """
    Tell whether *url* is that of a SQLite file which is not there.
    """
    file = url.database

    return (
        url.get_backend_name() == "sqlite"
        and bool(file)
        and file != ":memory:"
        and not file.startswith("file:")
        and not Path(file).exists()
    )


def _reason(error: Exception) -> str:
    """
    Return what may be told of *error*.

    SQLite names the table, the column or the word of the query; it knows no address.
    """
    cause = getattr(error, "orig", None)

    if isinstance(cause, sqlite3.Error):
        return escape(str(cause), limit=_MAX_SHOWN_CHARACTERS)

    return type(error).__name__


def _unreadable_error(url: Any, reason: str) -> StatementError:
    place = _display_url(url)

    return StatementError(
        f"The ledger at {place} cannot be read: {reason}.",
        f"无法读取位于 {place} 的账本：{reason}。",
        advice=Text(
            "Look at the address and the query: a SELECT of your books.",
            "请检查地址和查询语句：应为查询账本的 SELECT。",
        ),
    )


def _display_url(url: Any) -> str:
    """
    Return *url* without user, password and options, which may hold one, too.
    """
    from sqlalchemy import URL

    # `URL.set(username=None)` keeps it.
    shown = URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database
    )

    return str(shown)


# Where the package that is installed has another name than the module.
_PACKAGE_OF_MODULE: Final = {"MySQLdb": "mysqlclient", "psycopg2": "psycopg2-binary"}


def _missing_driver_error(module: str) -> ConfigError:
    package = _PACKAGE_OF_MODULE.get(module, module)

    return ConfigError.of(
        "ledger",
        f"the driver {module} of this database is not installed",
        f"未安装该数据库的驱动 {module}",
        advice=Text(
            f"Install it: pip install {package}; or name another driver in the"
            " address, as in postgresql+psycopg://.",
            f"请安装：pip install {package}；或在地址中指定其他驱动，"
            "例如 postgresql+psycopg://。",
        ),
    )


def _no_database_error(reason: str) -> ConfigError:
    return ConfigError.of(
        "ledger",
        f"no database is reached by this address ({reason})",
        f"无法通过该地址访问数据库（{reason}）",
    )


def _column(values: Sequence[Any]) -> pl.Series:
    import polars as pl

    if any(isinstance(value, float) for value in values):
        # Of any other use than money nobody minds; canonical() refuses these for it.
        return pl.Series(values, dtype=pl.Float64, strict=False)

    return pl.Series([_text(value) for value in values], dtype=pl.String)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value

    if isinstance(value, datetime) and value.tzinfo is not None:
        # The gateway's zone. The last moment of all, which means "never", has no later.
        with suppress(OverflowError):
            value = value.astimezone(_CHINA_ZONE)

    if isinstance(value, date):
        # A moment is of its day.
        return value.isoformat()[:10]

    return f"{value:f}" if isinstance(value, Decimal) else str(value)
