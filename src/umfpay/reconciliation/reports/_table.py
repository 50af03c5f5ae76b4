"""
The differences and what is open as tables of a database, with typed columns.

There is a row for each, night after night.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from umfpay.errors import ConfigError
from umfpay.reconciliation._formatting import (
    BOOKS,
    MONEY_COLUMNS,
    RATE_COLUMNS,
    as_text,
    money_of,
    rate_of,
    value_name,
)
from umfpay.reconciliation._sql_tables import IDENTIFIER, TABLE_OPTIONS, SqlTables
from umfpay.reconciliation.reports._reasons import REASON_COLUMNS, reasons
from umfpay.sensitive import Secret


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.reports._report import Report


_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_BATCH_ROWS: Final = 5_000
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
_OPEN_COLUMNS: Final = (
    *("order_id", "kind", "refund_id", "mer_date", "listed_on", "currency"),
    *("total", "total_cny", "exchange_rate", "state"),
)
_DAYS: Final = frozenset({"mer_date", "listed_on"})

_Rows = list[dict[str, Any]]


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


def _differences(name: str, schema: str | None) -> sa.Table:
    """
    Return the table of differences: the columns of all books, whatever this ledger has.
    """
    columns: list[sa.Column[Any]] = [
        sa.Column("merchant", IDENTIFIER, primary_key=True),
        sa.Column("night", sa.Date(), primary_key=True),
        sa.Column("id", IDENTIFIER, primary_key=True),
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
    return sa.Table(name, sa.MetaData(schema=schema), *columns, **TABLE_OPTIONS)


def _open_items(name: str, schema: str | None) -> sa.Table:
    """
    Return the table of what is open: the columns of the transactions.
    """
    return sa.Table(
        name,
        sa.MetaData(schema=schema),
        sa.Column("merchant", IDENTIFIER, primary_key=True),
        sa.Column("night", sa.Date(), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        *(sa.Column(one, _type_of_value(one)) for one in _OPEN_COLUMNS),
        **TABLE_OPTIONS,
    )


def write_table(
    report: Report,
    address: Secret,
    *,
    night: date,
    table: str,
    open_items: str,
    schema: str | None,
) -> int:
    """
    Write the differences of *night*, and what is open after it, in place of the rows that
    the tables have of it.

    Returns:
        How many differences.

    Raises:
        ConfigError: The address or a table's name cannot be used, or it cannot be
            written; both are as they were then.
    """
    for name in (table, open_items, schema):
        if name is not None and not _NAME.fullmatch(name):
            raise ConfigError.of(
                "table",
                f"{name!r} is no name of letters, digits and _",
                f"{name!r} 不是由字母、数字和 _ 组成的名称",
            )

    differing, still_open = _differences(table, schema), _open_items(open_items, schema)
    of = {"merchant": report.books["files"][0]["merchant"], "night": night}

    def replace(
        connection: sa.Connection, target: sa.Table, batches: Iterator[_Rows]
    ) -> int:
        count = 0
        connection.execute(
            target.delete().where(*(target.c[name] == of[name] for name in of))
        )

        for rows in batches:
            count += len(rows)
            connection.execute(target.insert(), [{**row, **of} for row in rows])

        return count

    def replace_both(connection: sa.Connection) -> int:
        replace(connection, still_open, _open_batches(report.open_items))

        return replace(connection, differing, _batches(report.frame))

    return SqlTables(address, differing, still_open, option="table").run(replace_both)


def _open_batches(rows: pl.DataFrame | None) -> Iterator[_Rows]:
    """
    Give what is open in the columns of the table.
    """
    # Without a statement nobody knows what is.
    if rows is None:
        return

    numbered = rows.select(*_OPEN_COLUMNS).with_row_index("position")

    for part in numbered.iter_slices(_BATCH_ROWS):
        yield [
            {name: _typed(name, value) for name, value in row.items()}
            for row in part.iter_rows(named=True)
        ]


def _batches(differences: pl.DataFrame) -> Iterator[_Rows]:
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
            {
                **nothing,
                **{
                    name: _typed(value_name(name), value) for name, value in row.items()
                },
            }
            for row in whole.select(names).iter_rows(named=True)
        ]


def _typed(name: str, given: Any) -> Any:
    if given is None:
        return None

    if name in MONEY_COLUMNS:
        return money_of(given)

    return rate_of(given) if name in RATE_COLUMNS else given
