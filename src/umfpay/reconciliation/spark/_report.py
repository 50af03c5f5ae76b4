"""
The report of a comparison on Spark: sums and differences, made of one pass.

All rows of all books are in what `classify_on_spark()` returns. It is kept on the disks
of the executors, and what a report needs are small sums of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import attrs
import polars as pl

from umfpay.errors import Text
from umfpay.reconciliation._books import KEY, Book, columns_of
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._options import ComparisonOptions, Opening
from umfpay.reconciliation._states import DONE
from umfpay.reconciliation.bridge._sums import differing_rows
from umfpay.reconciliation.comparison._engines import ComparisonResult
from umfpay.reconciliation.comparison._rules import (
    AT_GATEWAY_FLAG,
)
from umfpay.reconciliation.comparison._spark_books import (
    IS_PAID,
    RELEVANT,
    classify_on_spark,
    with_day_in_key,
)
from umfpay.reconciliation.gateway_files._quarantine import QUARANTINED_FLAG
from umfpay.reconciliation.reports._report import Report
from umfpay.reconciliation.runs._assembly import make_report
from umfpay.reconciliation.runs._checkpoints import Part, summarise
from umfpay.reconciliation.spark._files import SparkStatement
from umfpay.reconciliation.spark._quarantine import SparkQuarantine
from umfpay.reconciliation.spark._sums import GroupSums


if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@attrs.frozen(kw_only=True)
class SparkBooks:
    """
    The books of a comparison.

    Args:
        listed: The files of the transactions.
        ledger: What `canonical()` returns.
        paid: The files of the statement.
        opening: What was open before.
        opening_rows: Its rows, in the columns of the transactions.
        by_day: Numbers of orders have their days.
    """

    listed: SparkStatement
    ledger: Any
    paid: SparkStatement | None
    opening: Opening
    opening_rows: DataFrame | None
    by_day: bool

    @property
    def statements(self) -> Sequence[SparkStatement]:
        """
        All files of the gateway.
        """
        return [self.listed, *([] if self.paid is None else [self.paid])]

    def classified(self, options: ComparisonOptions) -> DataFrame:
        """
        Return the rows of all books with their classes.
        """
        paid = None if self.paid is None else self.paid.frame
        found: DataFrame = classify_on_spark(
            self._with_opening(self._keyed(Book.TRANSACTIONS, self.listed.frame)),
            self._keyed(Book.LEDGER, self.ledger),
            None if paid is None else self._keyed(Book.STATEMENT, paid),
            options=options,
            numbers_of_transactions=self._with_opening(
                self._keyed(Book.TRANSACTIONS, self.listed.numbers)
            ),
            keeps_all=True,
        ).to_native()

        return found

    def quarantine(self) -> SparkQuarantine:
        """
        Return what cannot be read.
        """
        return SparkQuarantine.of(
            [one.bad for one in self.statements], by_day=self.by_day
        )

    def _keyed(self, book: Book, rows: DataFrame) -> DataFrame:
        return with_day_in_key(book, rows) if self.by_day else rows

    def _with_opening(self, rows: DataFrame) -> DataFrame:
        from pyspark.sql import functions as sql

        if self.opening_rows is None:
            return rows

        return rows.withColumn("opening", sql.lit(False)).unionByName(  # noqa: FBT003
            self.opening_rows.withColumn("opening", sql.lit(True))  # noqa: FBT003
        )


@attrs.frozen(kw_only=True)
class Places:
    """
    Where rows are written as Parquet; None where they are not.

    Args:
        differences: Of differences, by day and class.
        open_items: Of what is open.
        quarantined: Of rows that cannot be read.
    """

    differences: str | None = None
    open_items: str | None = None
    quarantined: str | None = None


def report_on_spark(
    books: SparkBooks,
    *,
    files: Sequence[dict[str, Any]],
    options: ComparisonOptions,
    holidays: Collection[date],
    places: Places,
) -> Report:
    """
    Compare and return the report: see `spark.reconcile_spark()`.
    """
    from pyspark import StorageLevel
    from pyspark.sql import functions as sql

    with_statement = books.paid is not None
    whole = books.classified(options).persist(StorageLevel.DISK_ONLY)
    quarantine: SparkQuarantine | None = None

    try:
        sums = GroupSums.of(whole, with_statement=with_statement)
        rules = [one for book in books.statements for one in book.prove()]
        # When all rules are learned.
        unread = [one for book in books.statements for one in book.unread()]
        wrong = whole.filter(
            sql.col(RELEVANT) & (sql.col("class") != str(Difference.MATCHED))
        ).drop(*_own_columns(whole))

        if any(one["rows"] for one in unread):
            quarantine = books.quarantine()
            quarantine.rows.persist(StorageLevel.DISK_ONLY)
            wrong = quarantine.with_class(wrong)

            if with_statement:
                sums = GroupSums.of(
                    quarantine.with_flag(whole, QUARANTINED_FLAG), with_statement=True
                )

        traded = sums.traded()
        facts = {
            "rows": {
                "ledger": sums.rows_of_ledger(),
                "transactions": sum(one["rows"] for one in traded),
                "statement": 0 if books.paid is None else books.paid.rows(),
            },
            "files": [
                {**file, "total_rules": sorted(map(str, fits)), "unread": left}
                for file, fits, left in zip(files, rules, unread, strict=True)
            ],
            "sums": {"traded": traded, "paid": sums.paid()},
            "ledger_notes": [],
            "unpaid_in_ledger": 0,
        }
        _write(wrong, whole, quarantine, places)
        differences = pl.DataFrame(pl.from_arrow(wrong.toArrow()))

        return make_report(
            _Results(_sorted(differences), sums, quarantine),
            facts,
            options=options,
            available=[
                name.removeprefix("ledger_")
                for name in differences.columns
                if name.startswith("ledger_")
            ],
            opening=books.opening,
            holidays=holidays if with_statement else None,
            files=((), ()),
            missing=(),
            by_day=books.by_day,
        )
    finally:
        whole.unpersist()

        if quarantine is not None:
            quarantine.rows.unpersist()


def _write(
    wrong: DataFrame,
    whole: DataFrame,
    quarantine: SparkQuarantine | None,
    places: Places,
) -> None:
    from pyspark.sql import functions as sql

    if places.differences is not None:
        day = sql.coalesce(
            *(
                f"{book}_mer_date"
                for book in ("gateway", "ledger", "statement")
                if f"{book}_mer_date" in wrong.columns
            )
        )
        wrong.withColumn("day", day).write.partitionBy("day", "class").mode(
            "error"
        ).parquet(places.differences)

    if places.open_items is not None:
        is_open = (
            sql.col(AT_GATEWAY_FLAG).isNotNull()
            & ~sql.col(IS_PAID)
            & (sql.col("gateway_means") == DONE)
        )
        names = [
            name
            for name in columns_of(Book.TRANSACTIONS)
            if name not in (*KEY, "opening")
        ]
        whole.filter(is_open).select(
            *KEY, *(sql.col(f"gateway_{name}").alias(name) for name in names)
        ).write.mode("error").parquet(places.open_items)

    if places.quarantined is not None and quarantine is not None:
        quarantine.rows.write.mode("error").parquet(places.quarantined)


def _own_columns(whole: DataFrame) -> list[str]:
    return ["gateway_means", *(one for one in whole.columns if one.startswith("_"))]


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    more = [name for name in rows.columns if name not in KEY]

    return rows.sort(*KEY, *more)


class _Results:
    """
    What a run on one machine leaves, of Spark: see `runs._checkpoints.Run`.
    """

    def __init__(
        self,
        differences: pl.DataFrame,
        sums: GroupSums,
        quarantine: SparkQuarantine | None,
    ) -> None:
        self._differences = differences
        self._sums = sums
        self._quarantine = quarantine

    def summaries(self) -> list[Any]:
        """
        Return what everything adds up to: one bucket.
        """
        found = ComparisonResult(rows=self._differences, matched=self._sums.matched())
        summary = summarise(found)

        if self._sums.with_statement:
            summary |= {
                "open": self._sums.open(),
                "unlisted": self._sums.unlisted(),
                "differing": differing_rows(self._differences),
            }

        return [summary]

    def rows(self, part: Part) -> pl.DataFrame | None:
        """
        Return the differences; other rows stay where they are.
        """
        return self._differences if part is Part.DIFFERENCES else None

    def quarantined(self) -> pl.DataFrame | None:
        """
        Return the first of the rows that cannot be read.
        """
        return None if self._quarantine is None else self._quarantine.first()

    def quarantine_notes(self) -> list[Text]:
        """
        Return how many they are.
        """
        return [] if self._quarantine is None else self._quarantine.notes()
