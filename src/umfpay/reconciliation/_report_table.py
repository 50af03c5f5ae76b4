"""
The differences as a table of a database: a row for each, typed, night after night.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from umfpay._private_files import open_to_append
from umfpay.errors import ConfigError, Text, escape
from umfpay.reconciliation._reasons import REASON_COLUMNS, reasons
from umfpay.reconciliation._shown import (
    BOOKS,
    MONEY_COLUMNS,
    RATE_COLUMNS,
    as_text,
    money_of,
    rate_of,
    value_name,
)
from umfpay.sensitive import Secret


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation._report import Report


_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_MYSQL_NAMES: Final = ("mysql", "mariadb")
_BATCH_ROWS: Final = 5_000
# Characters of SQLite's words.
_MAX_SHOWN_CHARACTERS: Final = 200
_KEY: Final = ("merchant", "night", "id", "position")
_WORDS: Final = ("class", "kind", "side", "trade_no", "object_id")
_TEXTS: Final = (
    *("also", "order_id", "refund_id", "booked_at", "listed_at", "paid_out_at"),
    *REASON_COLUMNS,
)
_OF_BOOKS: Final = (
    *("mer_date", "listed_on", "currency", "total", "total_cny", "state"),
    *("service_fee", "exchanged", "exchanged_cny", "exchange_rate"),
    *("refunded", "refunded_cny"),
)
_DAYS: Final = frozenset({"mer_date", "listed_on"})


class _ExactDecimal(sa.types.TypeDecorator[Decimal]):
    """
    A decimal of SQLite, which would make a float of it.
    """

    impl = sa.String(48)
    cache_ok = True

    def process_bind_param(self, value: Any, _: Any) -> str | None:
        """
        Return what is written.
        """
        return None if value is None else f"{value:f}"

    def process_result_value(self, value: Any, _: Any) -> Decimal | None:
        """
        Return what was meant.
        """
        return None if value is None else Decimal(value)


def _decimal(places: int) -> Any:
    return sa.Numeric(38, places).with_variant(_ExactDecimal(), "sqlite")


def _type_of_value(name: str) -> Any:
    if name in _DAYS:
        return sa.Date()

    if name in RATE_COLUMNS:
        return _decimal(8)

    return _decimal(2) if name in MONEY_COLUMNS else sa.Text()


def _table(name: str, schema: str | None) -> sa.Table:
    """
    Return the table: the columns of all books, whatever this ledger has.
    """
    # MySQL compares without regard to case elsewhere.
    identifier = sa.String(64).with_variant(
        mysql.VARCHAR(64, collation="utf8mb4_bin"), *_MYSQL_NAMES
    )
    columns: list[sa.Column[Any]] = [
        sa.Column("merchant", identifier, primary_key=True),
        sa.Column("night", sa.Date(), primary_key=True),
        sa.Column("id", identifier, primary_key=True),
        # A duplicate has several rows.
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        *(sa.Column(word, sa.String(64)) for word in _WORDS),
        *(sa.Column(text, sa.Text()) for text in _TEXTS),
        sa.Column("age", sa.Integer()),
        *(
            sa.Column(f"{book}_{value}", _type_of_value(value))
            for book in BOOKS
            for value in _OF_BOOKS
        ),
    ]
    options: dict[str, Any] = {
        f"{dialect}_{option}": value
        for dialect in _MYSQL_NAMES
        for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"))
    }

    return sa.Table(name, sa.MetaData(schema=schema), *columns, **options)


def write_table(
    report: Report, address: Secret, *, night: date, table: str, schema: str | None
) -> int:
    """
    Write the differences of *night* in place of those that the table has of it.

    Returns:
        How many rows.

    Raises:
        ConfigError: The address or the table's name cannot be used, or it cannot be
            written; it is as it was then.
    """
    for name in (table, schema):
        if name is not None and not _NAME.fullmatch(name):
            raise ConfigError(
                f"table: {name!r} is no name of letters, digits and _.",
                f"table：{name!r} 不是由字母、数字和 _ 组成的名称。",
            )

    engine = _engine(address)
    target = _table(table, schema)
    merchant = report.books["files"][0]["merchant"]

    try:
        _make(engine, target)

        return _replace(engine, target, {"merchant": merchant, "night": night}, report)
    except (sa.exc.SQLAlchemyError, OSError) as error:
        reason = _reason(error)

    # Outside of except: the frames of SQLAlchemy hold the address.
    raise _unwritable_error(engine.url, reason)


def _make(engine: sa.Engine, target: sa.Table) -> None:
    """
    Make the table if it is not there.

    Raises:
        ConfigError: It is there, and another one.
    """
    file = Path(engine.url.database or "")

    if engine.dialect.name == "sqlite" and file.name and not file.exists():
        # SQLite would make it for everybody to read.
        open_to_append(file).close()

    # Of its own: MySQL ends a transaction with it.
    with engine.begin() as connection:
        target.create(connection, checkfirst=True)
        there = sa.inspect(connection).get_columns(target.name, schema=target.schema)

    lacking = {one.name for one in target.columns} - {one["name"] for one in there}

    if lacking:
        raise _other_table_error(target.name, sorted(lacking))


def _replace(
    engine: sa.Engine, target: sa.Table, of: Mapping[str, Any], report: Report
) -> int:
    """
    Write the differences in place of those *of* the same merchant and night.
    """
    count = 0

    with engine.begin() as connection:
        connection.execute(
            target.delete().where(*(target.c[name] == of[name] for name in of))
        )

        for rows in _batches(report.frame):
            count += len(rows)
            connection.execute(target.insert(), [{**row, **of} for row in rows])

    return count


def _batches(differences: pl.DataFrame) -> Iterator[list[dict[str, Any]]]:
    """
    Give the rows in the columns of the table, each with the reason in words.
    """
    import polars as pl

    numbered = differences.with_columns(position=pl.int_range(pl.len()).over("id"))
    books = {f"{book}_{value}" for book in BOOKS for value in _OF_BOOKS}
    known = {*_KEY, *_WORDS, *_TEXTS, "age", *books}

    for part in numbered.iter_slices(_BATCH_ROWS):
        said = reasons(as_text(part))
        whole = pl.concat([part, said], how="horizontal")
        names = [name for name in whole.columns if name in known]
        # The statement is that of the first row.
        nothing = dict.fromkeys(known - {"merchant", "night", *names})

        yield [
            {**nothing, **{name: _value(name, value) for name, value in row.items()}}
            for row in whole.select(names).iter_rows(named=True)
        ]


def _value(column: str, given: Any) -> Any:
    name = value_name(column)

    if given is None:
        return None

    if name in MONEY_COLUMNS:
        return money_of(given)

    return rate_of(given) if name in RATE_COLUMNS else given


def _engine(address: Secret) -> sa.Engine:
    try:
        engine = sa.create_engine(
            address.reveal(), poolclass=sa.pool.NullPool, hide_parameters=True
        )
    except ImportError as error:
        driver = error.name or type(error).__name__
        refusal = ConfigError(
            f"table: the driver {driver} of this database is not installed.",
            f"table：未安装该数据库的驱动 {driver}。",
            advice=_DRIVER_ADVICE,
        )
    except (sa.exc.ArgumentError, ValueError) as error:
        refusal = ConfigError(
            f"table: no database is reached by this address ({type(error).__name__}).",
            f"table：无法通过该地址访问数据库（{type(error).__name__}）。",
        )
    else:
        if not engine.dialect.is_async:
            return engine

        refusal = ConfigError(
            f"table: {engine.dialect.driver} is a driver of asyncio only.",
            f"table：{engine.dialect.driver} 仅用于 asyncio。",
            advice=_DRIVER_ADVICE,
        )

    # Outside of except: the frames of SQLAlchemy hold the address.
    raise refusal


_DRIVER_ADVICE: Final = Text(
    "Install one and name it: postgresql+psycopg://, mysql+pymysql:// or sqlite:///.",
    "请安装并指定驱动：postgresql+psycopg://、mysql+pymysql:// 或 sqlite:///。",
)


def _reason(error: Exception) -> str:
    """
    Return what may be shown of *error*: SQLite names the table, and knows no address.
    """
    cause = getattr(error, "orig", None)

    if isinstance(cause, sqlite3.Error):
        return escape(str(cause), limit=_MAX_SHOWN_CHARACTERS)

    return type(cause or error).__name__


def _unwritable_error(url: sa.URL, reason: str) -> ConfigError:
    shown = sa.URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database
    )

    return ConfigError(
        f"table: {shown} cannot be written: {reason}.",
        f"table：无法写入 {shown}：{reason}。",
        advice=Text("Look at the address and the rights.", "请检查地址和权限。"),
    )


def _other_table_error(table: str, lacking: list[str]) -> ConfigError:
    return ConfigError(
        f"table: {table} is there and lacks {', '.join(lacking)}.",
        f"table：{table} 已存在，但缺少 {'、'.join(lacking)}。",
        advice=Text("Name another one, or remove it.", "请指定其他表名，或删除该表。"),
    )
