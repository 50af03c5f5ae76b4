"""
Reconcile on Spark, where one machine ends.

    from umfpay.reconciliation.spark import reconcile_spark

    report = reconcile_spark(
        spark,
        ["s3a://books/transactions-20170206.txt"],
        ["s3a://books/reconciliation-20170206.txt"],
        ledger=spark.table("shop.orders"),
        columns={"mer_reference_id": "order_no", "total": "amount"},
        settle_after=1,
        opening=Decimal(0),
    )

Rows are parsed, grouped and compared on the executors; to the driver come the two ends
of each file, the sums, and the differences.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from umfpay.errors import ConfigError
from umfpay.reconciliation._books import Book
from umfpay.reconciliation._extra import load
from umfpay.reconciliation._ledger_columns import canonical
from umfpay.reconciliation._right_books import checked_opening, refuse_mixed_merchants
from umfpay.reconciliation._spark_files import SparkStatement, open_on_spark
from umfpay.reconciliation._terms import (
    Days,
    Rounding,
    Terms,
    checked_settle_after,
    overdue_until,
)
from umfpay.reconciliation._tolerance import Tolerance
from umfpay.reconciliation._totals import RuleChoice


if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from umfpay.reconciliation._report import Report


__all__ = ["SparkStatement", "read_statement", "read_transactions", "reconcile_spark"]


def read_transactions(
    spark: SparkSession,
    paths: Sequence[str],
    *,
    total_rule: RuleChoice = "auto",
    encoding: str = "utf-8",
) -> SparkStatement:
    """
    Read transaction files on the executors.

    Args:
        paths: As Spark's own readers take them, a file each.
        total_rule: As for `umfpay.reconciliation.read_transactions`.
        encoding: utf-8 or gb18030.

    Raises:
        IncompleteStatementError: A file has no first or last line; whether its rows
            make its total is known by `SparkStatement.prove()`.
        ConfigError: An argument means nothing, or a file is missing.
    """
    return open_on_spark(
        spark, paths, Book.TRANSACTIONS, total_rule=total_rule, encoding=encoding
    )


def read_statement(
    spark: SparkSession,
    paths: Sequence[str],
    *,
    total_rule: RuleChoice = "auto",
    encoding: str = "utf-8",
) -> SparkStatement:
    """
    Read reconciliation files likewise: what was paid out.
    """
    return open_on_spark(
        spark, paths, Book.STATEMENT, total_rule=total_rule, encoding=encoding
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
    opening: Decimal | None = None,
    rounding: Rounding | str = Rounding.HALF_UP,
    total_rule: RuleChoice = "auto",
    encoding: str = "utf-8",
    differences_to: str | None = None,
) -> Report:
    """
    Compare the gateway's files with the merchant's ledger on Spark.

    Args: as of `reconcile()`, and

        ledger: The merchant's own table: of Parquet, JDBC, a catalogue.
        columns: Ours to theirs.
        opening: What was open before the first day, in CNY.
        rounding: Of sums that were paid out; it is not found out here.
        differences_to: Where the differences are written as Parquet as well, by day and
            class.

    Raises:
        IncompleteStatementError: A file of the gateway is not whole.
        ConfigError: An argument cannot be meant.
    """
    settle_after = checked_settle_after(settle_after, with_statement=bool(statement))

    if opening is not None and not isinstance(opening, Decimal):
        raise ConfigError(
            "opening: on Spark a Decimal in CNY.",
            "opening：Spark 上只支持人民币 Decimal。",
        )

    listed = read_transactions(
        spark, transactions, total_rule=total_rule, encoding=encoding
    )
    paid = (
        read_statement(spark, statement, total_rule=total_rule, encoding=encoding)
        if statement
        else None
    )
    files = [*_files(listed), *([] if paid is None else _files(paid))]
    refuse_mixed_merchants({"files": files})
    asked = days or _days(listed)
    terms = Terms(
        tolerance=tolerance or Tolerance(),
        days=days,
        asked=asked,
        overdue_until=None
        if paid is None or settle_after is None
        else overdue_until(_days(paid)[1], settle_after, holidays),
        rounding=Rounding(rounding),
    )
    report: Report = load("_spark_report").report_on_spark(
        listed,
        canonical(ledger, columns),
        paid,
        files=files,
        terms=terms,
        opening=checked_opening(opening),
        holidays=holidays,
        differences_to=differences_to,
    )

    return report


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
            "unread": {"rows": 0, "amount": "0"},
        }
        for header, trailer in zip(book.headers, book.trailers, strict=True)
    ]
