"""
Quarantine on Spark: rows that cannot be read, why, and which differences they explain.

See `gateway_files._quarantine`; that they are few is not taken for granted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

import attrs
import polars as pl

from umfpay.errors import Text
from umfpay.reconciliation._books import KEY, Book
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._values import misfit_error
from umfpay.reconciliation.comparison._spark_books import with_day
from umfpay.reconciliation.gateway_files._quarantine import quarantine_note


if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


IS_TEXT: Final = "is_text"
"""Whether the bytes of a line are of its encoding."""

IS_ALIGNED: Final = "is_aligned"
"""Whether it is known which of its columns is which."""

COUNT: Final = "count"
"""How many they are."""

MAX_ROWS: Final = 10_000
"""So many come to the driver."""

_COLUMNS: Final = ("book", "file", "day", "line", "reason", "reason_zh", *KEY, "data")
_FILE_COLUMNS: Final = 14
_KIND_INDEX: Final = 11
# Of each column that must hold something what it is called, in the order of the file.
_TRANSACTION_NAMES: Final = {
    "order_id": "order id",
    "mer_date": "order date",
    "currency": "currency",
    "total": "amount",
    "total_cny": "amount in CNY",
    "exchange_rate": "exchange rate",
}
_PAID_OUT_NAMES: Final = {
    "number": "order id",
    "mer_date": "order date",
    "settled_on": "settle date",
    "currency": "currency",
    "total": "amount",
    "total_cny": "amount in CNY",
    "service_fee": "service fee",
    "exchanged": "exchanged amount",
    "exchanged_cny": "exchanged amount in CNY",
    "exchange_rate": "exchange rate",
    "exchanged_on": "exchange date",
}
_NOT_TEXT: Final = Text(
    "it is not of the encoding of the file; give encoding=",
    "编码与文件不符；请指定 encoding=",
)


def with_reasons(rows: DataFrame, *, book: Book, file: str, day: date) -> DataFrame:
    """
    Return rows that cannot be read as `quarantined_rows()` has them, and *_day*, that of
    the order as the file has it. Where a row stands in a divided file nobody knows.

    Args:
        rows: The columns of *book* as they were read, its fields in *row*, its bytes in
            *data*.
    """
    from pyspark.sql import functions as sql

    known = _paid_out(sql.col("row"))

    if book is Book.TRANSACTIONS:
        known = _transaction(sql.col("row"))

    reason = sql.when(~sql.col(IS_TEXT), _said(_NOT_TEXT)).otherwise(
        sql.coalesce(known["shape"], *_misfits(book))
    )

    def word(text: Column) -> Column:
        return sql.make_valid_utf8(sql.when(known["is_known"], text).otherwise(""))

    return rows.select(
        sql.lit(str(book)).alias("book"),
        sql.lit(file).alias("file"),
        sql.lit(day).alias("day"),
        sql.lit(None).cast("bigint").alias("line"),
        reason.alias("why"),
        *(word(known[name]).alias(name) for name in (*KEY, "_day")),
        "data",
    ).select(
        "book",
        "file",
        "day",
        "line",
        sql.col("why.en").alias("reason"),
        sql.col("why.zh").alias("reason_zh"),
        *KEY,
        "data",
        "_day",
    )


def _said(text: Text) -> Column:
    from pyspark.sql import functions as sql

    return sql.struct(sql.lit(text.en).alias("en"), sql.lit(text.zh).alias("zh"))


def _misfits(book: Book) -> list[Column]:
    from pyspark.sql import functions as sql

    names = _TRANSACTION_NAMES if book is Book.TRANSACTIONS else _PAID_OUT_NAMES
    found = [
        sql.when(
            sql.coalesce(sql.col(name).cast("string"), sql.lit("")) == "",
            _said(misfit_error(what).reason),
        )
        for name, what in names.items()
    ]

    return [*found, _said(misfit_error("kind").reason)]


def _counted(size: Column, wanted: Text) -> Column:
    from pyspark.sql import functions as sql

    return sql.struct(
        sql.concat(
            sql.lit("it has "), size, sql.lit(f" columns, not {wanted.en}")
        ).alias("en"),
        sql.concat(sql.lit("有 "), size, sql.lit(f" 列，应为 {wanted.zh} 列")).alias(
            "zh"
        ),
    )


def _transaction(row: Column) -> dict[str, Column]:
    """
    Return the key of a row of the transactions, whether it *is_known*, and what is wrong
    with its *shape*.
    """
    from pyspark.sql import functions as sql

    kind = sql.get(row, sql.lit(_KIND_INDEX))
    size = sql.size(row)
    has_kind = sql.coalesce(kind.isin("P", "T"), sql.lit(False))  # noqa: FBT003 (a literal)
    wrong = sql.when(
        ~has_kind,
        sql.when(
            size.isin(_FILE_COLUMNS, _FILE_COLUMNS + 1),
            _said(misfit_error("kind").reason),
        ).otherwise(_counted(size, Text("14 or 15", "14 或 15"))),
    ).when(
        ~sql.col(IS_ALIGNED),
        # With the date before the state.
        _counted(sql.col(COUNT), Text("14 or 15", "14 或 15")),
    )

    return {
        "shape": wrong,
        "is_known": wrong.isNull(),
        "order_id": sql.col("order_id"),
        "kind": kind,
        "refund_id": sql.col("refund_id"),
        "_day": sql.get(row, sql.lit(3)),
    }


def _paid_out(row: Column) -> dict[str, Column]:
    from pyspark.sql import functions as sql

    def at(index: int) -> Column:
        return sql.get(row, sql.lit(index))

    size = sql.greatest(
        sql.least(sql.size(row), sql.lit(_FILE_COLUMNS)),
        sql.array_max(
            sql.transform(row, lambda one, index: sql.when(one != "", index + 1))
        ),
    )
    wrong = sql.when(size != _FILE_COLUMNS, _counted(size, Text("14", "14")))
    is_refund = at(12) == "T"

    return {
        "shape": wrong,
        "is_known": wrong.isNull()
        & sql.coalesce(at(12).isin("P", "T"), sql.lit(False)),  # noqa: FBT003 (a literal)
        "order_id": sql.when(is_refund, "").otherwise(at(1)),
        "kind": at(12),
        "refund_id": sql.when(is_refund, at(1)).otherwise(""),
        "_day": at(2),
    }


@attrs.frozen
class SparkQuarantine:
    """
    What was set aside of all files.

    Args:
        rows: As of `quarantined_rows()`.
    """

    rows: DataFrame

    @classmethod
    def of(cls, frames: Sequence[DataFrame], *, by_day: bool) -> SparkQuarantine:
        """
        Return that of some *frames*.

        Args:
            by_day: Keys have their days.
        """
        from pyspark.sql import functions as sql

        rows = frames[0]

        for one in frames[1:]:
            rows = rows.union(one)

        if by_day:
            rows = rows.withColumn(
                "order_id",
                # A refund of the statement has none.
                sql.when(
                    sql.col("order_id") != "", with_day("order_id", sql.col("_day"))
                ).otherwise(""),
            )

        return cls(rows.select(*_COLUMNS))

    def first(self) -> pl.DataFrame:
        """
        Return the first of them, in the order of their bytes.
        """
        rows = self.rows.orderBy("book", "day", "file", "data").limit(MAX_ROWS)

        return pl.DataFrame(pl.from_arrow(rows.toArrow())).cast(
            {"data": pl.Binary(), "line": pl.Int64()}
        )

    def notes(self) -> list[Text]:
        """
        Return how many they are, by file and reason.
        """
        names = ("book", "file", "reason", "reason_zh")
        counted = self.rows.groupBy(*names).count().orderBy(*names)

        return [
            quarantine_note(*(row[name] for name in names), rows=row["count"])
            for row in counted.collect()
        ]

    def with_class(self, wrong: DataFrame) -> DataFrame:
        """
        Return the differences *wrong*, those of which are QUARANTINED whose row was set
        aside.
        """
        from pyspark.sql import functions as sql

        orders = (
            self._keys()
            .groupBy("kind", "_number")
            .agg(sql.collect_set("order_id").alias("_orders"))
        )
        order = sql.col("order_id")
        # Nobody but the transactions and the ledger knows the order of a refund.
        is_same = (
            (sql.col("side") == "")
            & (sql.col("class") != str(Difference.DUPLICATE))
            & (
                sql.array_contains("_orders", order)
                | sql.array_contains("_orders", sql.lit(""))
                | (sql.col("_orders").isNotNull() & (order == ""))
            )
        )
        is_same = sql.coalesce(is_same, sql.lit(False))  # noqa: FBT003 (a literal)
        also = sql.concat_ws(
            ",", "class", sql.when(sql.col("also") != "", sql.col("also"))
        )
        found = wrong.withColumn("_number", number()).join(
            orders, on=["kind", "_number"], how="left"
        )

        return found.select(
            *(
                {
                    "class": sql.when(
                        is_same, sql.lit(str(Difference.QUARANTINED))
                    ).otherwise(sql.col("class")),
                    "also": sql.when(is_same, also).otherwise(sql.col("also")),
                }.get(name, sql.col(name)).alias(name)
                for name in wrong.columns
            )
        )

    def with_flag(self, whole: DataFrame, flag: str) -> DataFrame:
        """
        Return *whole* with *flag*: its number is that of a row of the transactions that
        was set aside.
        """
        from pyspark.sql import functions as sql

        known = (
            self._keys()
            .filter(sql.col("book") == str(Book.TRANSACTIONS))
            .select("kind", "_number", sql.lit(True).alias(flag))  # noqa: FBT003 (a literal)
            .distinct()
        )

        return (
            whole.withColumn("_number", number())
            .join(known, on=["kind", "_number"], how="left")
            .withColumn(flag, sql.coalesce(flag, sql.lit(False)))  # noqa: FBT003 (a literal)
        )

    def _keys(self) -> DataFrame:
        from pyspark.sql import functions as sql

        return self.rows.filter(sql.col("kind") != "").select(
            "book", "kind", "order_id", number().alias("_number")
        )


def number() -> Column:
    """
    Return what the statement knows of a key.
    """
    from pyspark.sql import functions as sql

    return sql.when(sql.col("kind") == "T", sql.col("refund_id")).otherwise(
        sql.col("order_id")
    )
