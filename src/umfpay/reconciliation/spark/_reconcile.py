"""
`reconcile_spark`: a whole comparison on Spark, with the arguments of `reconcile()`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from umfpay.errors import ConfigError
from umfpay.reconciliation._books import BY_DAY, Book, columns_of
from umfpay.reconciliation._extra import load
from umfpay.reconciliation._options import (
    ComparisonOptions,
    Days,
    Opening,
    Rounding,
    Tolerance,
    checked_opening,
    checked_settle_after,
    must_have_opening_columns,
    overdue_until,
)
from umfpay.reconciliation.gateway_files._file_checks import refuse_mixed_merchants
from umfpay.reconciliation.gateway_files._reading import OnBadRow
from umfpay.reconciliation.gateway_files._totals import RuleChoice
from umfpay.reconciliation.ledgers._columns import canonical
from umfpay.reconciliation.spark._files import SparkStatement, open_on_spark


if TYPE_CHECKING:
    import polars as pl
    from pyspark.sql import DataFrame, SparkSession

    from umfpay.reconciliation.reports._report import Report


def read_transactions(
    spark: SparkSession,
    paths: Sequence[str],
    *,
    total_rule: RuleChoice = "auto",
    encoding: str = "utf-8",
    on_bad_row: OnBadRow = "raise",
) -> SparkStatement:
    """
    Read transaction files on the executors.

    Args:
        paths: As Spark's own readers take them, a file each.
        total_rule: As for `umfpay.reconciliation.read_transactions`.
        encoding: utf-8 or gb18030.
        on_bad_row: ``"quarantine"`` leaves rows out that cannot be read: they are in
            `SparkStatement.bad`.

    Raises:
        IncompleteStatementError: A file has no first or last line; whether its rows
            make its total is known by `SparkStatement.prove()`.
        ConfigError: An argument means nothing, or a file is missing.
    """
    return open_on_spark(
        spark,
        paths,
        Book.TRANSACTIONS,
        total_rule=total_rule,
        encoding=encoding,
        on_bad_row=on_bad_row,
    )


def read_statement(
    spark: SparkSession,
    paths: Sequence[str],
    *,
    total_rule: RuleChoice = "auto",
    encoding: str = "utf-8",
    on_bad_row: OnBadRow = "raise",
) -> SparkStatement:
    """
    Read reconciliation files likewise: what was paid out.
    """
    return open_on_spark(
        spark,
        paths,
        Book.STATEMENT,
        total_rule=total_rule,
        encoding=encoding,
        on_bad_row=on_bad_row,
    )


def reconcile_spark(
    spark: SparkSession,
    transactions: Sequence[str],
    statement: Sequence[str] | None = None,
    *,
    ledger: DataFrame,
    columns: Mapping[str, str] | None = None,
    tolerance: Tolerance | None = None,
    days: Days | None = None,
    settle_after: int | None = None,
    holidays: Collection[date] = (),
    opening: Decimal
    | pl.DataFrame
    | DataFrame
    | tuple[Decimal, pl.DataFrame | DataFrame]
    | None = None,
    rounding: Rounding | str = Rounding.HALF_UP,
    total_rule: RuleChoice = "auto",
    encoding: str = "utf-8",
    key: str = "order",
    on_bad_row: OnBadRow = "raise",
    differences_to: str | None = None,
    open_items_to: str | None = None,
    quarantine_to: str | None = None,
) -> Report:
    """
    Compare the gateway's files with the merchant's ledger on Spark.

    Args: as of `reconcile()`, and

        ledger: The merchant's own table: of Parquet, JDBC, a catalogue.
        columns: Ours to theirs.
        opening: What was open before the first day: the sum in CNY, or the rows, as
            *open_items_to* has them or `Report.open_items`, or a pair of both.
        rounding: Of sums that were paid out; it is not found out here.
        key: ``"order+day"`` where numbers of orders repeat over days.
        on_bad_row: With ``"quarantine"`` the report has the first 10,000 rows that
            cannot be read, without their lines, which nobody knows of a divided file.
        differences_to: Where the differences are written as Parquet as well, by day and
            class.
        open_items_to: Where what is open is written as Parquet: the next night's
            opening.
        quarantine_to: Where all rows that cannot be read are written as Parquet.

    Raises:
        IncompleteStatementError: A file of the gateway is not whole.
        ConfigError: An argument cannot be meant.
    """
    settle_after = checked_settle_after(settle_after, with_statement=bool(statement))

    by_day = checked_key(key)
    before, opening_rows = _opening(spark, opening)
    reading: dict[str, Any] = {
        "total_rule": total_rule,
        "encoding": encoding,
        "on_bad_row": on_bad_row,
    }
    listed = read_transactions(spark, transactions, **reading)
    paid = read_statement(spark, statement, **reading) if statement else None
    files = [*_files(listed), *([] if paid is None else _files(paid))]
    refuse_mixed_merchants({"files": files})
    asked = days or _days(listed)
    options = ComparisonOptions(
        tolerance=tolerance or Tolerance(),
        days=days,
        asked=asked,
        overdue_until=None
        if paid is None or settle_after is None
        else overdue_until(_days(paid)[1], settle_after, holidays),
        rounding=Rounding(rounding),
    )
    module = load("spark._report")
    report: Report = module.report_on_spark(
        module.SparkBooks(
            listed=listed,
            ledger=canonical(ledger, columns),
            paid=paid,
            opening=before,
            opening_rows=opening_rows,
            by_day=by_day,
        ),
        files=files,
        options=options,
        holidays=holidays,
        places=module.Places(
            differences=differences_to,
            open_items=open_items_to,
            quarantined=quarantine_to,
        ),
    )

    return report


def _opening(spark: SparkSession, given: Any) -> tuple[Opening, DataFrame | None]:
    """
    Return what ``opening=`` means, and its rows on Spark.

    Raises:
        ConfigError: Nothing.
    """
    from pyspark.sql import DataFrame

    rest, rows = (
        given if isinstance(given, tuple) and len(given) == 2 else (None, given)
    )

    if not isinstance(rows, DataFrame):
        before = checked_opening(given)

        if before.rows is None:
            return before, None

        table: Any = before.rows.drop("opening").to_arrow()

        return before, spark.createDataFrame(table)

    balance = None if rest is None else checked_opening(rest).balance

    if rest is not None and balance is None:
        raise ConfigError.of(
            "opening",
            "a pair is a Decimal in CNY and rows",
            "元组须为人民币 Decimal 与未结算的行",
        )

    must_have_opening_columns(rows.columns)
    names = [name for name in columns_of(Book.TRANSACTIONS) if name != "opening"]

    return Opening(balance=balance, is_elsewhere=True), rows.select(*names)


def _days(book: SparkStatement) -> tuple[date, date]:
    days = [header.day for header in book.headers]

    return min(days), max(days)


def _files(book: SparkStatement) -> list[dict[str, Any]]:
    return [
        {
            "book": str(book.book),
            "kind": header.kind,
            "merchant": header.merchant,
            "day": header.day.isoformat(),
            "total": str(trailer.total),
            "total_rules": [],
            "file": name,
        }
        for name, header, trailer in zip(
            book.names, book.headers, book.trailers, strict=True
        )
    ]


def checked_key(given: object) -> bool:
    """
    Return whether ``key=`` has days.

    Raises:
        ConfigError: It means nothing.
    """
    if given not in ("order", BY_DAY):
        raise ConfigError.of(
            "key",
            f"order or {BY_DAY}, not {given!r}",
            f"只支持 order 或 {BY_DAY}，不支持 {given!r}",
        )

    return given == BY_DAY
