"""
The report of a comparison on Spark: sums and differences, made of one pass.

All rows of all books are in what `classify_on_spark()` returns. It is kept on the disks
of the executors, and what a report needs are small sums of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import attrs
import polars as pl

from umfpay.errors import Text
from umfpay.reconciliation._books import KEY, Book, columns_of
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._options import Terms
from umfpay.reconciliation._states import DONE
from umfpay.reconciliation.comparison._engines import ComparisonResult
from umfpay.reconciliation.comparison._rules import (
    ASKED_FLAG,
    AT_GATEWAY_FLAG,
    IN_LEDGER_FLAG,
    IN_STATEMENT_FLAG,
    OPENING_FLAG,
    RATE_UNIT,
)
from umfpay.reconciliation.comparison._spark_books import (
    IS_COPY,
    IS_LISTED,
    IS_PAID,
    RELEVANT,
    classify_on_spark,
)
from umfpay.reconciliation.gateway_files._quarantine import QUARANTINED_FLAG
from umfpay.reconciliation.gateway_files._right_books import Opening
from umfpay.reconciliation.reports._report import Report
from umfpay.reconciliation.runs._assembly import make_report
from umfpay.reconciliation.runs._checkpoints import Part, differing_rows, summarise
from umfpay.reconciliation.spark._files import SparkStatement
from umfpay.reconciliation.spark._keys import with_day_in_key
from umfpay.reconciliation.spark._quarantine import SparkQuarantine


if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


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

    def classified(self, terms: Terms) -> DataFrame:
        """
        Return the rows of all books with their classes.
        """
        paid = None if self.paid is None else self.paid.frame
        found: DataFrame = classify_on_spark(
            self._with_opening(self._keyed(Book.TRANSACTIONS, self.listed.frame)),
            self._keyed(Book.LEDGER, self.ledger),
            None if paid is None else self._keyed(Book.STATEMENT, paid),
            terms=terms,
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
    terms: Terms,
    holidays: Collection[date],
    places: Places,
) -> Report:
    """
    Compare and return the report: see `spark.reconcile_spark()`.
    """
    from pyspark import StorageLevel
    from pyspark.sql import functions as sql

    with_statement = books.paid is not None
    whole = books.classified(terms).persist(StorageLevel.DISK_ONLY)
    quarantine: SparkQuarantine | None = None

    try:
        sums = _Sums.of(whole, with_statement=with_statement)
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
                sums = _Sums.of(
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
            terms=terms,
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


_VALUES: Final = ("total", "total_cny")
_PAID_VALUES: Final = (*_VALUES, "service_fee", "exchanged", "exchanged_cny")
# A sum is made of two: of the 32 bits below, and of those above. Neither overflows.
_LOW_BITS: Final = 32
_HIGH: Final = "_high"


@attrs.frozen
class _Sums:
    """
    What rows add up to: few groups, found in one pass.
    """

    groups: Sequence[dict[str, Any]]
    with_statement: bool = attrs.field(kw_only=True)

    @classmethod
    def of(cls, whole: DataFrame, *, with_statement: bool) -> _Sums:
        """
        Add up the rows of *whole*.
        """
        from pyspark.sql import functions as sql

        keys, values = _of_transactions()

        if with_statement:
            more_keys, more_values = _of_statement(whole)
            keys |= more_keys
            values |= more_values

        keys["is_matched"] = sql.col(RELEVANT) & (
            sql.col("class") == str(Difference.MATCHED)
        )
        keys["in_ledger"] = sql.col(IN_LEDGER_FLAG).isNotNull()
        values = {
            name: sql.coalesce(one.cast("bigint"), sql.lit(0).cast("bigint"))
            for name, one in values.items()
        }
        found = (
            whole.select(
                *(one.alias(name) for name, one in keys.items()),
                *(one.alias(name) for name, one in values.items()),
            )
            .groupBy(*keys)
            .agg(
                sql.count("*").alias("rows"),
                *(
                    sql.sum(sql.col(name).bitwiseAND(2**_LOW_BITS - 1)).alias(name)
                    for name in values
                ),
                *(
                    sql.sum(sql.shiftright(name, _LOW_BITS)).alias(f"{name}{_HIGH}")
                    for name in values
                ),
            )
        )
        groups = [
            {
                **{name: row[name] for name in (*keys, "rows")},
                **{
                    name: row[name] + (row[f"{name}{_HIGH}"] << _LOW_BITS)
                    for name in values
                },
            }
            for row in found.collect()
        ]

        return cls(groups, with_statement=with_statement)

    def rows_of_ledger(self) -> int:
        """
        Count the rows of the ledger that are due.
        """
        return sum(one["rows"] for one in self.groups if one["in_ledger"])

    def traded(self) -> list[dict[str, Any]]:
        """
        Return the sums of the transactions.
        """
        return self._added(
            lambda one: one["at_gateway"],
            {
                "opening": "opening",
                "currency": "gateway_currency",
                "kind": "kind",
                "state": "gateway_state",
            },
            {
                **{name: f"gateway_{name}" for name in _VALUES},
                "off_rate": "off_rate",
                "ties": "ties",
            },
        )

    def paid(self) -> list[dict[str, Any]]:
        """
        Return the sums of the statement.
        """
        return self._added(
            lambda one: one.get("in_statement"),
            {
                "currency": "statement_currency",
                "kind": "kind",
                "exchange_rate": "statement_exchange_rate",
            },
            {name: f"statement_{name}" for name in _PAID_VALUES},
        )

    def open(self) -> list[dict[str, Any]]:
        """
        Return those of the transactions that were not paid out.
        """
        return self._added(
            lambda one: one["at_gateway"] and one["is_open"],
            {"currency": "gateway_currency", "kind": "kind"},
            {name: f"gateway_{name}" for name in _VALUES},
        )

    def unlisted(self) -> list[dict[str, Any]]:
        """
        Return those of the statement that are not in the transactions.
        """
        return self._added(
            lambda one: one["in_statement"] and not one["is_listed"],
            {
                "asked": "asked",
                "quarantined": "quarantined",
                "currency": "statement_currency",
                "kind": "kind",
            },
            {name: f"statement_{name}" for name in _VALUES},
        )

    def matched(self) -> pl.DataFrame:
        """
        Return *rows*, *total* and *total_cny* of what matched, by *currency*.
        """
        # What matches is at the gateway.
        found = self._added(
            lambda one: one["is_matched"],
            {"currency": "gateway_currency"},
            {name: f"gateway_{name}" for name in _VALUES},
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

    def _added(
        self,
        is_wanted: Callable[[Mapping[str, Any]], Any],
        keys: Mapping[str, str],
        values: Mapping[str, str],
    ) -> list[dict[str, Any]]:
        """
        Add up the groups that are wanted, by *keys*: names in the result, and here.
        """
        found: dict[tuple[Any, ...], Counter[str]] = {}

        for one in filter(is_wanted, self.groups):
            sums = found.setdefault(
                tuple(one[name] for name in keys.values()), Counter()
            )
            sums["rows"] += one["rows"]

            for name, column in values.items():
                sums[name] += one[column]

        return [
            {
                **dict(zip(keys, group, strict=True)),
                **{name: found[group][name] for name in ("rows", *values)},
            }
            for group in sorted(found, key=repr)
        ]


def _of_transactions() -> tuple[dict[str, Column], dict[str, Column]]:
    """
    Return the keys and the values of the sums of the transactions.
    """
    from pyspark.sql import functions as sql

    def wide(name: str) -> Column:
        return sql.col(f"gateway_{name}").cast("decimal(38,0)")

    exact, cny = wide("total") * wide("exchange_rate"), wide("total_cny")
    distance = sql.abs(exact - cny * RATE_UNIT) * 2
    rate = sql.greatest(wide("exchange_rate"), sql.lit(RATE_UNIT))
    keys = {
        "kind": sql.col("kind"),
        "at_gateway": sql.col(AT_GATEWAY_FLAG).isNotNull(),
        "opening": sql.col(OPENING_FLAG),
        "gateway_currency": sql.col("gateway_currency"),
        "gateway_state": sql.col("gateway_state"),
        "is_open": ~sql.col(IS_PAID) & (sql.col("gateway_means") == DONE),
    }
    values = {
        **{f"gateway_{name}": sql.col(f"gateway_{name}") for name in _VALUES},
        "off_rate": (distance > rate).cast("int"),
        "ties": ((distance == RATE_UNIT) & (exact > cny * RATE_UNIT)).cast("int"),
    }

    return keys, values


def _of_statement(whole: DataFrame) -> tuple[dict[str, Column], dict[str, Column]]:
    from pyspark.sql import functions as sql

    keys = {
        "in_statement": sql.col(IN_STATEMENT_FLAG).isNotNull() & ~sql.col(IS_COPY),
        "statement_currency": sql.col("statement_currency"),
        "statement_exchange_rate": sql.col("statement_exchange_rate"),
        "is_listed": sql.col(IS_LISTED),
        "asked": sql.col(ASKED_FLAG),
        "quarantined": sql.col(QUARANTINED_FLAG)
        if QUARANTINED_FLAG in whole.columns
        else sql.lit(False),  # noqa: FBT003 (a literal)
    }
    values = {
        f"statement_{name}": sql.col(f"statement_{name}") for name in _PAID_VALUES
    }

    return keys, values


class _Results:
    """
    What a run on one machine leaves, of Spark: see `_progress.Run`.
    """

    def __init__(
        self, differences: pl.DataFrame, sums: _Sums, quarantine: SparkQuarantine | None
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
