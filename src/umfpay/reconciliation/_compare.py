"""
The comparison, written once for every engine that narwhals knows.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import narwhals as nw

from umfpay.reconciliation._books import KEY
from umfpay.reconciliation._joining import Books
from umfpay.reconciliation._rules import name_classes, rules, with_flags
from umfpay.reconciliation._tolerance import Tolerance


Frame = Any  # narwhals' LazyFrame, or the native frame of any engine


def compare(
    transactions: Frame,
    ledger: Frame,
    statement: Frame | None = None,
    *,
    tolerance: Tolerance | None = None,
    days: tuple[date, date] | None = None,
) -> Frame:
    """
    Compare books that are frames of one engine; return its frame with their classes.

    Polars, DuckDB, PySpark and whatever else narwhals takes; lazy frames stay lazy.

    Args:
        transactions: The columns of `read_transactions(...).frames()`.
        ledger: What `canonical()` makes of the merchant's own table.
        statement: The columns of `read_statement(...).frames()`.
        tolerance: Differences that count as none.
        days: First and last day; rows of the ledger outside of them are not missing at
            the gateway.

    Returns:
        One row for each key (all rows for a duplicate): *order_id*, *kind*,
        *refund_id*, *class*, *also*, *side* (whose row it is, for duplicates), and the
        values of the books as *ledger_...*, *gateway_...*, *statement_...*; money in
        hundredths, rates in hundred-millionths.

    Raises:
        ConfigError: A column is missing, the ledger has no amount at all, or *days*
            without mer_date in the ledger.
    """
    result = classify(transactions, ledger, statement, tolerance=tolerance, days=days)

    if isinstance(nw.from_native(transactions), nw.DataFrame):
        # Eager frames in, an eager frame out.
        result = result.collect()

    return result.to_native()


def classify(
    transactions: Frame,
    ledger: Frame,
    statement: Frame | None,
    *,
    tolerance: Tolerance | None,
    days: tuple[date, date] | None,
    orphans: Frame | None = None,
) -> Frame:
    """
    Return what `compare()` returns as a lazy frame of narwhals.

    Args:
        orphans: The keys of our refunds whose payment is in no book, where more is
            known of payments than the books tell.
    """
    books = Books(transactions, ledger, statement, days=days, orphans=orphans)
    applies = rules(
        books.available, tolerance or Tolerance(), with_statement=statement is not None
    )
    names = [*KEY, "class", "also", "side"]
    columns = {**dict.fromkeys(names, nw.String), **books.values}
    once = name_classes(with_flags(books.once(), applies), [*applies])

    return nw.concat([once.select(*columns), *books.duplicates(columns)])
