"""
Schemas of the three books that are compared.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    import polars as pl


class Book(StrEnum):
    """
    Whose rows they are.
    """

    LEDGER = "ledger"
    TRANSACTIONS = "transactions"
    STATEMENT = "statement"


KEY: Final = ("order_id", "kind", "refund_id")

# Money is in hundredths, rates are in ten-thousandths: integers, in every engine.
_TEXT: Final = "String"
_DAY: Final = "Date"
_NUMBER: Final = "Int64"

_COLUMNS: Final = {
    Book.TRANSACTIONS: {
        **dict.fromkeys(KEY, _TEXT),
        "mer_date": _DAY,
        "currency": _TEXT,
        "total": _NUMBER,
        "total_cny": _NUMBER,
        "exchange_rate": _NUMBER,
        "state": _TEXT,
    },
    Book.STATEMENT: {
        "kind": _TEXT,
        # The order's number of a payment, the refund's own of a refund.
        "number": _TEXT,
        "currency": _TEXT,
        "total": _NUMBER,
        "total_cny": _NUMBER,
        "service_fee": _NUMBER,
        "exchanged": _NUMBER,
        "exchanged_cny": _NUMBER,
        "exchange_rate": _NUMBER,
    },
    Book.LEDGER: {
        **dict.fromkeys(KEY, _TEXT),
        "mer_date": _DAY,
        "currency": _TEXT,
        "total": _NUMBER,
        "total_cny": _NUMBER,
        "state": _TEXT,
        "service_fee": _NUMBER,
    },
}


def columns_of(book: Book) -> tuple[str, ...]:
    """
    Return the names of the columns of *book*.
    """
    return tuple(_COLUMNS[book])


def optional_columns(book: Book) -> tuple[str, ...]:
    """
    Return those that a *book* may lack: all but the key of a ledger.
    """
    if book is not Book.LEDGER:
        return ()

    return tuple(name for name in columns_of(book) if name not in KEY)


def schema_of(book: Book) -> dict[str, pl.DataType]:
    """
    Return the columns of *book* with their polars types.
    """
    import polars as pl

    return {name: getattr(pl, kind)() for name, kind in _COLUMNS[book].items()}
