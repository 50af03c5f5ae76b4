"""
The three books that are compared: their schemas and the keys of their rows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from umfpay.errors import Text


if TYPE_CHECKING:
    import polars as pl


class Book(StrEnum):
    """
    Whose rows they are.
    """

    LEDGER = "ledger"
    TRANSACTIONS = "transactions"
    STATEMENT = "statement"


BOOK_NAMES: Final = {
    str(Book.LEDGER): Text("ledger", "账本"),
    str(Book.TRANSACTIONS): Text("transactions", "交易明细"),
    str(Book.STATEMENT): Text("statement", "结算明细"),
}
KEY: Final = ("order_id", "kind", "refund_id")

# Money is in hundredths, rates are in hundred-millionths: integers, in every engine.
_TEXT_TYPE: Final = "String"
_DAY_TYPE: Final = "Date"
_NUMBER_TYPE: Final = "Int64"
_FLAG_TYPE: Final = "Boolean"

LINE: Final = "line"
"""Where a row of the ledger stands in its file; no engine compares it."""

REFUND_SUM: Final = "is_refund_sum"
"""Whether a row of the ledger is the sum of all refunds of its order."""

# What the reader of files does not know.
STAGED_COLUMNS: Final = ("listed_on", "opening", "is_copy")

_COLUMN_TYPES: Final = {
    Book.TRANSACTIONS: {
        **dict.fromkeys(KEY, _TEXT_TYPE),
        "mer_date": _DAY_TYPE,
        "currency": _TEXT_TYPE,
        "total": _NUMBER_TYPE,
        "total_cny": _NUMBER_TYPE,
        "exchange_rate": _NUMBER_TYPE,
        "state": _TEXT_TYPE,
        # The day of the file; without it the order's date.
        "listed_on": _DAY_TYPE,
        # It was open before the first day; without it nothing was.
        "opening": _FLAG_TYPE,
    },
    Book.STATEMENT: {
        "kind": _TEXT_TYPE,
        # The order's number of a payment, the refund's own of a refund.
        "number": _TEXT_TYPE,
        "mer_date": _DAY_TYPE,
        "currency": _TEXT_TYPE,
        "total": _NUMBER_TYPE,
        "total_cny": _NUMBER_TYPE,
        "service_fee": _NUMBER_TYPE,
        "exchanged": _NUMBER_TYPE,
        "exchanged_cny": _NUMBER_TYPE,
        "exchange_rate": _NUMBER_TYPE,
        "state": _TEXT_TYPE,
        # It stands beside the rows of another order of the same number, too.
        "is_copy": _FLAG_TYPE,
    },
    Book.LEDGER: {
        **dict.fromkeys(KEY, _TEXT_TYPE),
        "mer_date": _DAY_TYPE,
        "currency": _TEXT_TYPE,
        "total": _NUMBER_TYPE,
        "total_cny": _NUMBER_TYPE,
        "state": _TEXT_TYPE,
        "service_fee": _NUMBER_TYPE,
    },
}


def columns_of(book: Book) -> tuple[str, ...]:
    """
    Return the names of the columns of *book*.
    """
    return tuple(_COLUMN_TYPES[book])


def optional_columns(book: Book) -> tuple[str, ...]:
    """
    Return those that a *book* may lack: all but the key of a ledger.
    """
    if book is Book.LEDGER:
        return tuple(name for name in columns_of(book) if name not in KEY)

    return tuple(name for name in columns_of(book) if name in STAGED_COLUMNS)


def schema_of(book: Book) -> dict[str, pl.DataType]:
    """
    Return the columns of *book* with their polars types.
    """
    import polars as pl

    return {name: getattr(pl, kind)() for name, kind in _COLUMN_TYPES[book].items()}


# Where order numbers repeat over days, a number has its day behind it, in all books and
# in the report: 1001 of 6 February 2017 is 1001@2017-02-06. The day is that of the order,
# of its refunds, too. The statement knows a refund by its own number alone.
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
