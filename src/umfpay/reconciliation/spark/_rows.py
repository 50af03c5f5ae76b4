"""
Rows of statement files on Spark: the lines of a file, parsed on the executors.

What a row is, and what it holds, is what `gateway_files` makes of it on one machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Final

from umfpay.reconciliation._books import Book
from umfpay.reconciliation.gateway_files._frame_parser import (
    Header,
)
from umfpay.reconciliation.gateway_files._rows import CNY_WORDS
from umfpay.reconciliation.spark._quarantine import (
    COUNT,
    IS_ALIGNED,
    IS_TEXT,
    with_reasons,
)


if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


BLANKS: Final = " \t\r\x0b\x0c\x1a\ufeff"
FILE: Final = "_file"
IS_FRAME: Final = "_is_frame"
IS_BAD: Final = "_is_bad"
_AMOUNT: Final = r"^-?(?:[0-9]{1,15}(?:\.[0-9]{1,2}0*)?|\.[0-9]{1,2}0*)$"
_RATE: Final = r"^(?:[0-9]{1,9}(?:\.[0-9]{1,8}0*)?|\.[0-9]{1,8}0*)$"
_DAY: Final = r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}$"
_COLUMNS: Final = 14
_PRODUCT: Final = 12
# Columns of the statement that are read and not compared.
_UNUSED: Final = ("settled_on", "exchanged_on")


def split_lines(
    spark: SparkSession,
    path: str,
    book: Book,
    frame_lines: Sequence[str],
    encoding: str,
) -> DataFrame:
    """
    Return the lines of a file: the columns of each in *row*, its bytes in *data*.
    """
    from pyspark.sql import functions as sql

    # The bytes of a line are its text to Spark, whatever they are; and no byte of a
    # letter of GB18030 is a line end.
    given = spark.read.option("lineSep", "\n").text(path)
    value = (
        sql.col("value")
        if encoding == "utf-8"
        else sql.decode(sql.col("value").cast("binary"), "GB18030")
    )
    text = sql.btrim(value, sql.lit(BLANKS)).alias("text")
    lines = given.select(
        "value",
        text,
        sql.is_valid_utf8("value").alias(IS_TEXT)
        if encoding == "utf-8"
        else sql.lit(True).alias(IS_TEXT),  # noqa: FBT003 (a literal)
    ).filter(sql.col("text") != "")
    fields = sql.transform(
        sql.split("text", ","), lambda one: sql.btrim(one, sql.lit(BLANKS))
    )

    return lines.select(
        IS_TEXT,
        sql.col("text").isin(*{*frame_lines}).alias(IS_FRAME),
        sql.rtrim("value", sql.lit("\r")).cast("binary").alias("data"),
        fields.alias("fields"),
    ).select(
        IS_TEXT,
        IS_FRAME,
        "data",
        (
            _aligned(sql.col("fields"))
            if book is Book.TRANSACTIONS
            else sql.col("fields")
        ).alias("row"),
        sql.size("fields").alias(COUNT),
    )


def _read(lines: DataFrame, book: Book, *more: str) -> tuple[DataFrame, Sequence[str]]:
    """
    Return the *lines* as rows of *book*, with whether they can be read, and the names
    of its columns.
    """
    from pyspark.sql import functions as sql

    columns = (
        _transaction(sql.col("row"))
        if book is Book.TRANSACTIONS
        else _paid_out(sql.col("row"))
    )
    is_aligned = columns.pop("_is_aligned")
    needed = [
        name for name in columns if name not in ("state", "refund_id", "number", "kind")
    ]
    is_read = reduce(
        lambda one, other: one & other,
        (
            sql.col(name).isNotNull() & (sql.col(name).cast("string") != "")
            for name in needed
        ),
    )
    key = "order_id" if book is Book.TRANSACTIONS else "number"
    is_read &= sql.col("kind").isin("P", "T") & (sql.col(key) != "") & sql.col(IS_TEXT)
    rows = lines.select(
        IS_TEXT,
        IS_FRAME,
        *more,
        sql.coalesce(is_aligned, sql.lit(False)).alias(IS_ALIGNED),  # noqa: FBT003
        *(column.alias(name) for name, column in columns.items()),
    ).select(
        *columns,
        IS_TEXT,
        IS_ALIGNED,
        IS_FRAME,
        *more,
        (
            ~sql.col(IS_FRAME)
            & ~sql.coalesce(sql.col(IS_ALIGNED) & is_read, sql.lit(False))  # noqa: FBT003
        ).alias(IS_BAD),
    )

    return rows, [*columns]


def parsed_rows(lines: DataFrame, number: int, book: Book, header: Header) -> DataFrame:
    """
    Return the *lines* of file *number* as rows of *book*, with `FILE`, and whether each
    is a line of the frame (`IS_FRAME`) or cannot be read (`IS_BAD`).
    """
    from pyspark.sql import functions as sql

    rows, names = _read(lines, book)

    return rows.select(
        *(name for name in names if name not in _UNUSED),
        *(
            [sql.lit(header.day).alias("listed_on")]
            if book is Book.TRANSACTIONS
            else []
        ),
        sql.lit(number).alias(FILE),
        IS_FRAME,
        IS_BAD,
    )


def bad_rows(lines: DataFrame, path: str, book: Book, header: Header) -> DataFrame:
    """
    Return the *lines* that cannot be read, with their reasons.
    """
    from pyspark.sql import functions as sql

    rows, _ = _read(lines, book, "row", "data", COUNT)

    return with_reasons(
        rows.filter(sql.col(IS_BAD)), book=book, file=path, day=header.day
    )


def _aligned(fields: Column) -> Column:
    """
    Return the 14 documented columns as `gateway_files._rows._aligned()` does: counted from both ends.
    """
    from pyspark.sql import functions as sql

    def kind_at(index: int) -> Column:
        return sql.coalesce(
            sql.get(fields, sql.lit(index)).isin("P", "T"),
            sql.lit(False),  # noqa: FBT003 (a literal)
        )

    is_dated = kind_at(12) & ~(kind_at(11) & ~sql.get(fields, sql.lit(10)).rlike(_DAY))

    return sql.when(
        is_dated,
        sql.concat(
            sql.slice(fields, 1, 10),
            sql.slice(
                fields, sql.lit(12), sql.greatest(sql.size(fields), sql.lit(11)) - 11
            ),
        ),
    ).otherwise(fields)


def _transaction(row: Column) -> dict[str, Column]:
    from pyspark.sql import functions as sql

    def at(index: int) -> Column:
        return sql.get(row, sql.lit(index))

    size = sql.size(row)
    kind = at(11)
    # Behind a product with commas a refund has its number, and a payment nothing.
    without_end = sql.filter(
        sql.slice(row, _PRODUCT + 2, 10_000), lambda one: one != ""
    )
    last = sql.coalesce(sql.get(without_end, sql.size(without_end) - 1), sql.lit(""))
    is_payment = kind == "P"
    is_aligned = sql.when(
        is_payment,
        (size == _COLUMNS - 1)
        | (size == _COLUMNS)
        | ((size > _COLUMNS) & (_last_of(row) == "")),
    ).otherwise(size >= _COLUMNS)
    currency = sql.upper(at(6))
    cny = at(8)

    return {
        "order_id": at(2),
        "kind": kind,
        "refund_id": sql.when(is_payment, sql.lit("")).otherwise(last),
        "mer_date": _day(at(3)),
        "currency": currency,
        "total": _money(_or_cny(at(7), cny, currency)),
        "total_cny": _money(cny),
        "exchange_rate": _rate(_or_cny(at(9), sql.lit("1"), currency)),
        "state": at(10),
        "_is_aligned": is_aligned,
    }


def _last_of(row: Column) -> Column:
    """
    Return the last element of an array.
    """
    from pyspark.sql import functions as sql

    return sql.get(row, sql.size(row) - 1)


def _paid_out(row: Column) -> dict[str, Column]:
    from pyspark.sql import functions as sql

    def at(index: int) -> Column:
        return sql.get(row, sql.lit(index))

    more = sql.filter(sql.slice(row, _COLUMNS + 1, 10_000), lambda one: one != "")
    currency = sql.upper(at(4))
    total, exchanged = (
        _money(_or_cny(at(index), at(index + 1), currency)) for index in (5, 8)
    )

    return {
        "kind": at(12),
        "number": at(1),
        "mer_date": _day(at(2)),
        "currency": currency,
        "total": total,
        "total_cny": _money(at(6)),
        "service_fee": _money(at(7)),
        "exchanged": exchanged,
        "exchanged_cny": _money(at(9)),
        "exchange_rate": _rate(_or_cny(at(10), sql.lit("1"), currency)),
        "state": at(13),
        "settled_on": _day(at(3)),
        "exchanged_on": _day(at(11)),
        "_is_aligned": (sql.size(row) >= _COLUMNS) & (sql.size(more) == 0),
    }


def _or_cny(text: Column, instead: Column, currency: Column) -> Column:
    from pyspark.sql import functions as sql

    return sql.when((text == "") & currency.isin(*CNY_WORDS), instead).otherwise(text)


def _money(text: Column) -> Column:
    from pyspark.sql import functions as sql

    value = (text.try_cast("decimal(38,12)") * 100).cast("bigint")

    return sql.when(text.rlike(_AMOUNT), value)


def _rate(text: Column) -> Column:
    from pyspark.sql import functions as sql

    value = (text.try_cast("decimal(38,12)") * 10**8).cast("bigint")

    return sql.when(text.rlike(_RATE), value)


def _day(text: Column) -> Column:
    from pyspark.sql import functions as sql

    digits = sql.regexp_replace(text, "-", "")
    moment = sql.try_to_timestamp(digits, sql.lit("yyyyMMdd"))

    return sql.when(text.rlike(_DAY), moment.cast("date"))
