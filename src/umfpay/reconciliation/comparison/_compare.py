"""
The comparison of the three books, written once for Polars, DuckDB and PySpark.

For pandas and pyarrow Polars computes it.

Three books are joined by key, whoever has it: a row of the statement that no other book
knows is a key, too. Each key has a *class*, the first of `Difference` that applies, and
the later ones in *also*. What the classes do not say (that nothing is left over) is
proven by the `Bridge`, which ignores them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

import narwhals as nw

from umfpay.errors import ConfigError
from umfpay.reconciliation._books import KEY, Book, columns_of
from umfpay.reconciliation._options import (
    ComparisonOptions,
    Days,
    Rounding,
    Tolerance,
    checked_settle_after,
    overdue_until,
)
from umfpay.reconciliation.comparison._joining import Books
from umfpay.reconciliation.comparison._refunds import RefundChecks
from umfpay.reconciliation.comparison._rules import name_classes, rules, with_flags
from umfpay.reconciliation.comparison._spark_books import classify_on_spark
from umfpay.reconciliation.ledgers._frame_kinds import (
    back_in,
    in_columns_of,
    in_polars,
    one_kind,
)


Frame = Any  # narwhals' LazyFrame, or the native frame of any engine


def compare(
    transactions: Frame,
    ledger: Frame,
    statement: Frame | None = None,
    *,
    tolerance: Tolerance | None = None,
    days: Days | None = None,
    settle_after: int | None = None,
    as_of: date | None = None,
    holidays: Collection[date] = (),
    rounding: Rounding | str = Rounding.HALF_UP,
) -> Frame:
    """
    Compare books that are frames of one engine; return its frame with their classes.

    Polars, DuckDB, PySpark (lazy frames stay lazy), pandas and pyarrow, whose frames
    Polars compares; those of Dask, Ibis and others are refused.

    Args:
        transactions: The columns of `read_transactions(...).frames()`; *listed_on*, the
            day of the file, may be there, too.
        ledger: What `canonical()` makes of the merchant's own table.
        statement: The columns of `read_statement(...).frames()`.
        tolerance: Differences that count as none.
        days: First and last day; rows of the ledger outside of them are not missing at
            the gateway, and payouts for orders of other days are not unknown.
        settle_after: Within how many working days is paid out what was traded; needed
            with a statement, as is *as_of*.
        as_of: The last day of the statement.
        holidays: Days from Monday to Friday on which nobody works.
        rounding: Of sums that were paid out.

    Returns:
        One row for each key (all rows for a duplicate): *order_id*, *kind*,
        *refund_id*, *class*, *also*, *side* (whose row it is, for duplicates), and the
        values of the books as *ledger_...*, *gateway_...*, *statement_...*; money in
        hundredths, rates in hundred-millionths. In pandas with the types of Arrow.

    Raises:
        ConfigError: A frame is of another engine, or they are of several. A column is missing, the ledger has no amount at all, *days*
            without mer_date in the ledger, or a statement without *settle_after* and
            *as_of*.
    """
    given = {Book.TRANSACTIONS: transactions, Book.LEDGER: ledger}

    if statement is not None:
        given[Book.STATEMENT] = statement

    kind = one_kind(given)
    settle_after = checked_settle_after(
        settle_after, with_statement=statement is not None
    )

    if statement is not None and as_of is None:
        raise ConfigError.of(
            "as_of",
            "with a statement its last day is needed",
            "提供结算文件时必须指定其最后一天",
        )

    options = ComparisonOptions(
        tolerance=tolerance or Tolerance(),
        days=days,
        asked=days,
        overdue_until=None
        if settle_after is None or as_of is None
        else overdue_until(as_of, settle_after, holidays),
        rounding=Rounding(rounding),
    )

    if kind.is_by_polars:
        books = {
            book: in_columns_of(book, in_polars(book, frame, columns_of(book)))
            for book, frame in given.items()
        }
        found = classify(
            books[Book.TRANSACTIONS],
            books[Book.LEDGER],
            books.get(Book.STATEMENT),
            options=options,
        )

        return back_in(kind, found.collect().to_native())

    result = classify(transactions, ledger, statement, options=options)

    if isinstance(nw.from_native(transactions), nw.DataFrame):
        # Eager frames in, an eager frame out.
        result = result.collect()

    return result.to_native()


def classify(
    transactions: Frame,
    ledger: Frame,
    statement: Frame | None,
    *,
    options: ComparisonOptions,
    refunds: RefundChecks | None = None,
) -> Frame:
    """
    Return what `compare()` returns as a lazy frame of narwhals.

    Args:
        refunds: What is known of refunds, where more is known of payments than the
            books hold.
    """
    if refunds is None and _is_of_spark(transactions):
        return classify_on_spark(transactions, ledger, statement, options=options)

    books = Books(transactions, ledger, statement, options=options, refunds=refunds)
    applies = rules(books.available, options, with_statement=statement is not None)
    names = [*KEY, "class", "also", "side"]
    columns = {**dict.fromkeys(names, nw.String), **books.values}
    once = name_classes(with_flags(books.once(), applies), [*applies])

    return nw.concat([once.select(*columns), *books.duplicates(columns)])


def _is_of_spark(given: Frame) -> bool:
    try:
        implementation = nw.from_native(given).implementation
    except TypeError:
        # It is refused where it is opened.
        return False

    return bool(implementation.is_pyspark() or implementation.is_pyspark_connect())
