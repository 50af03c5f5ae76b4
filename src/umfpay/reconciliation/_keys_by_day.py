"""
Keys where order numbers repeat over days: the number of an order with its day.

``1001`` of 6 February 2017 is ``1001@2017-02-06``, in all books and in the report. The day
is that of the order (*mer_date*), of its refunds, too. The statement knows a refund by its
own number alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from umfpay.reconciliation._books import Book


if TYPE_CHECKING:
    import polars as pl


BY_DAY: Final = "order+day"

MARK: Final = "@"


def with_day_in_key(book: Book, rows: pl.DataFrame) -> pl.DataFrame:
    """
    Return the *rows* of *book*, which have *mer_date*, with their day in their numbers.
    """
    import polars as pl

    name = "number" if book is Book.STATEMENT else "order_id"
    number = number_with_day(pl.col(name), pl.col("mer_date").cast(pl.String))

    if book is Book.STATEMENT:
        number = pl.when(pl.col("kind") == "T").then(name).otherwise(number)

    return rows.with_columns(number.alias(name))


def number_with_day(number: pl.Expr, day: pl.Expr) -> pl.Expr:
    """
    Return *number* with *day*, a text of the form 2017-02-06 or 20170206.
    """
    import polars as pl

    digits = day.str.replace_all("-", "", literal=True)
    written = pl.concat_str(
        digits.str.slice(0, 4),
        digits.str.slice(4, 2),
        digits.str.slice(6, 2),
        separator="-",
    )

    return pl.concat_str(number, pl.lit(MARK), written.fill_null(""))


def number_without_day(number: pl.Expr) -> pl.Expr:
    """
    Return the number that *number* is with a day.
    """
    return number.str.replace(rf"{MARK}[0-9-]*$", "")
