"""
Numbers of orders with their days, on Spark: see `_keys_by_day` of the room above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from umfpay.errors import ConfigError
from umfpay.reconciliation._books import BY_DAY, MARK, Book


if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def checked_key(given: object) -> bool:
    """
    Return whether ``key=`` has days.

    Raises:
        ConfigError: It means nothing.
    """
    if given not in ("order", BY_DAY):
        raise ConfigError(
            f"key: order or {BY_DAY}, not {given!r}.",
            f"key：只支持 order 或 {BY_DAY}，不支持 {given!r}。",
        )

    return given == BY_DAY


def with_day_in_key(book: Book, rows: DataFrame) -> DataFrame:
    """
    Return the *rows* of *book*, which have *mer_date*, with their day in their numbers.

    Raises:
        ConfigError: The ledger has no days.
    """
    from pyspark.sql import functions as sql

    if "mer_date" not in rows.columns:
        raise ConfigError(
            "key: order+day needs mer_date in the ledger.",
            "key：order+day 需要账本中的 mer_date 列。",
        )

    name = "number" if book is Book.STATEMENT else "order_id"
    number = with_day(name, sql.col("mer_date").cast("string"))

    if book is Book.STATEMENT:
        number = sql.when(sql.col("kind") == "T", sql.col(name)).otherwise(number)

    return rows.withColumn(name, number)


def with_day(name: str, day: Column) -> Column:
    """
    Return the number in the column *name* with *day*, a text of the form 2017-02-06 or
    20170206.
    """
    from pyspark.sql import functions as sql

    digits = sql.regexp_replace(day, "-", "")
    written = sql.concat_ws(
        "-", *(sql.substring(digits, start, size) for start, size in _PARTS)
    )

    return sql.concat(
        sql.col(name), sql.lit(MARK), sql.when(day.isNotNull(), written).otherwise("")
    )


# Year, month and day among the digits, from 1.
_PARTS = ((1, 4), (5, 2), (7, 2))
