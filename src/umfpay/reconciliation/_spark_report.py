"""
The report of a comparison on Spark: sums and differences, made of one pass.

All rows of all books are in what `classify_on_spark()` returns. It is kept on the disks
of the executors, and what a report needs are small sums of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import attrs
import polars as pl

from umfpay.reconciliation._assembly import make_report
from umfpay.reconciliation._books import KEY
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._engines import ComparisonResult
from umfpay.reconciliation._progress import Part, differing_rows, summarise
from umfpay.reconciliation._report import Report
from umfpay.reconciliation._right_books import Opening
from umfpay.reconciliation._rules import ASKED_FLAG, RATE_UNIT
from umfpay.reconciliation._spark_books import (
    IS_LISTED,
    IS_PAID,
    RELEVANT,
    classify_on_spark,
)
from umfpay.reconciliation._spark_files import SparkStatement
from umfpay.reconciliation._states import DONE
from umfpay.reconciliation._terms import Terms


if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def report_on_spark(
    listed: SparkStatement,
    ledger: Any,
    paid: SparkStatement | None,
    *,
    files: Sequence[dict[str, Any]],
    terms: Terms,
    opening: Opening,
    holidays: Collection[date],
    differences_to: str | None,
) -> Report:
    """
    Compare and return the report: see `spark.reconcile_spark()`.
    """
    from pyspark import StorageLevel
    from pyspark.sql import functions as sql

    compared = classify_on_spark(
        listed.frame,
        ledger,
        None if paid is None else paid.frame,
        terms=terms,
        numbers_of_transactions=listed.numbers,
        keeps_all=True,
    )
    whole: DataFrame = compared.to_native().persist(StorageLevel.DISK_ONLY)

    try:
        sums = _Sums(whole, with_statement=paid is not None)
        traded = sums.traded()
        facts = {
            "rows": {
                "ledger": sums.rows("ledger"),
                "transactions": listed.rows(),
                "statement": 0 if paid is None else paid.rows(),
            },
            "files": [
                {**file, "total_rules": sorted(map(str, rules))}
                for file, rules in zip(
                    files,
                    [*listed.prove(), *([] if paid is None else paid.prove())],
                    strict=True,
                )
            ],
            "sums": {"traded": traded, "paid": sums.paid()},
            "ledger_notes": [],
            "unpaid_in_ledger": 0,
        }
        wrong = whole.filter(
            sql.col(RELEVANT) & (sql.col("class") != str(Difference.MATCHED))
        ).drop(*_own_columns(whole))

        if differences_to is not None:
            day = sql.coalesce(
                *(
                    f"{book}_mer_date"
                    for book in ("gateway", "ledger", "statement")
                    if f"{book}_mer_date" in wrong.columns
                )
            )
            wrong.withColumn("day", day).write.partitionBy("day", "class").mode(
                "error"
            ).parquet(differences_to)

        differences = pl.DataFrame(pl.from_arrow(wrong.toArrow()))

        return make_report(
            _Results(_sorted(differences), sums),
            facts,
            terms=terms,
            available=[
                name.removeprefix("ledger_")
                for name in differences.columns
                if name.startswith("ledger_")
            ],
            opening=opening,
            holidays=None if paid is None else holidays,
            files=((), ()),
            missing=(),
            by_day=False,
        )
    finally:
        whole.unpersist()


def _own_columns(whole: DataFrame) -> list[str]:
    return ["gateway_means", *(one for one in whole.columns if one.startswith("_"))]


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    more = [name for name in rows.columns if name not in KEY]

    return rows.sort(*KEY, *more)


@attrs.frozen
class _Sums:
    """
    What rows add up to.
    """

    whole: DataFrame
    with_statement: bool = attrs.field(kw_only=True)

    def rows(self, book: str) -> int:
        """
        Count the rows of the ledger that are due.
        """
        from pyspark.sql import functions as sql

        return int(self.whole.filter(sql.col(f"_in_{book}").isNotNull()).count())

    def traded(self) -> list[dict[str, Any]]:
        """
        Return the sums of the transactions.
        """
        from pyspark.sql import functions as sql

        def wide(name: str) -> Column:
            return sql.col(f"gateway_{name}").cast("decimal(38,0)")

        exact, cny = wide("total") * wide("exchange_rate"), wide("total_cny")
        distance = sql.abs(exact - cny * RATE_UNIT) * 2
        rate = sql.greatest(wide("exchange_rate"), sql.lit(RATE_UNIT))

        return self._grouped(
            self._of("gateway"),
            {
                "opening": sql.lit(False),  # noqa: FBT003 (a literal)
                "currency": sql.col("gateway_currency"),
                "kind": sql.col("kind"),
                "state": sql.col("gateway_state"),
            },
            {
                "total": wide("total"),
                "total_cny": cny,
                "off_rate": (distance > rate).cast("int"),
                "ties": ((distance == RATE_UNIT) & (exact > cny * RATE_UNIT)).cast(
                    "int"
                ),
            },
        )

    def paid(self) -> list[dict[str, Any]]:
        """
        Return the sums of the statement.
        """
        from pyspark.sql import functions as sql

        if not self.with_statement:
            return []

        names = ("total", "total_cny", "service_fee", "exchanged", "exchanged_cny")

        return self._grouped(
            self._of("statement"),
            {
                "currency": sql.col("statement_currency"),
                "kind": sql.col("kind"),
                "exchange_rate": sql.col("statement_exchange_rate"),
            },
            {name: sql.col(f"statement_{name}") for name in names},
        )

    def open(self) -> list[dict[str, Any]]:
        """
        Return those of the transactions that were not paid out.
        """
        from pyspark.sql import functions as sql

        if not self.with_statement:
            return []

        is_open = ~sql.col(IS_PAID) & (sql.col("gateway_means") == DONE)

        return self._by_kind("gateway", self._of("gateway").filter(is_open), {})

    def unlisted(self) -> list[dict[str, Any]]:
        """
        Return those of the statement that are not in the transactions.
        """
        from pyspark.sql import functions as sql

        if not self.with_statement:
            return []

        rows = self._of("statement").filter(~sql.col(IS_LISTED))

        return self._by_kind(
            "statement",
            rows,
            {"asked": sql.col(ASKED_FLAG), "quarantined": sql.lit(False)},  # noqa: FBT003
        )

    def matched(self) -> pl.DataFrame:
        """
        Return *rows*, *total* and *total_cny* of what matched, by *currency*.
        """
        from pyspark.sql import functions as sql

        rows = self.whole.filter(
            sql.col(RELEVANT) & (sql.col("class") == str(Difference.MATCHED))
        )
        names = ("currency", "total", "total_cny")
        either = {
            name: sql.coalesce(
                *(
                    f"{book}_{name}"
                    for book in ("gateway", "ledger", "statement")
                    if f"{book}_{name}" in rows.columns
                )
            )
            for name in names
        }
        found = self._grouped(
            rows,
            {"currency": sql.coalesce(either["currency"], sql.lit(""))},
            {name: either[name] for name in ("total", "total_cny")},
        )

        return pl.DataFrame(
            found,
            schema={
                "currency": pl.String,
                "rows": pl.Int64,
                "total": pl.Int128,
                "total_cny": pl.Int128,
            },
        )

    def _of(self, book: str) -> DataFrame:
        from pyspark.sql import functions as sql

        flag = "_at_gateway" if book == "gateway" else f"_in_{book}"

        return self.whole.filter(sql.col(flag).isNotNull())

    def _by_kind(
        self, book: str, rows: DataFrame, more: Mapping[str, Column]
    ) -> list[dict[str, Any]]:
        from pyspark.sql import functions as sql

        return self._grouped(
            rows,
            {
                **more,
                "currency": sql.col(f"{book}_currency"),
                "kind": sql.col("kind"),
            },
            {name: sql.col(f"{book}_{name}") for name in ("total", "total_cny")},
        )

    def _grouped(
        self, rows: DataFrame, keys: Mapping[str, Column], values: Mapping[str, Column]
    ) -> list[dict[str, Any]]:
        """
        Return the sums of *values* for each of *keys*; few rows.
        """
        from pyspark.sql import functions as sql

        ready = rows.select(
            *(one.alias(name) for name, one in keys.items()),
            *(one.cast("decimal(38,0)").alias(name) for name, one in values.items()),
        )
        found = ready.groupBy(*keys).agg(
            sql.count("*").alias("rows"),
            *(sql.sum(name).alias(name) for name in values),
        )

        return [
            {
                **{name: row[name] for name in keys},
                "rows": row["rows"],
                **{name: int(row[name] or 0) for name in values},
            }
            for row in found.orderBy(*keys).collect()
        ]


class _Results:
    """
    What a run on one machine leaves, of Spark: see `_progress.Run`.
    """

    def __init__(self, differences: pl.DataFrame, sums: _Sums) -> None:
        self._differences = differences
        self._sums = sums

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

    def quarantined(self) -> None:
        """
        Return none: a row that cannot be read is refused here.
        """
