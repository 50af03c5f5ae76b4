"""
The comparison on the engines that run in this process: Polars and DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import attrs
import narwhals as nw
import polars as pl

from umfpay.reconciliation._books import Book, columns_of
from umfpay.reconciliation._compare import classify
from umfpay.reconciliation._hash_prefilter import (
    ORDER_HASH,
    PAID_HASHES,
    ROW_HASHES,
    HashPrefilter,
)
from umfpay.reconciliation._refunds import RefundChecks
from umfpay.reconciliation._rules import ASKED_FLAG
from umfpay.reconciliation._terms import Terms


Engine = Literal["polars", "duckdb"]

# Of the two hashes of a key.
_HASH_SEEDS: Final = (11, 7919)


@attrs.frozen(kw_only=True)
class ComparisonResult:
    """
    What came out.

    Args:
        rows: As of `compare()`, of all keys that do not agree; some may match after all.
        matched: *rows*, *total* and *total_cny* of the others, for each *currency*.
        open_items: Rows of the transactions that were not paid out.
        unlisted: Rows of the statement whose number the transactions do not have.
    """

    rows: pl.DataFrame
    matched: pl.DataFrame
    open_items: pl.DataFrame | None = None
    unlisted: pl.DataFrame | None = None


def compare_in_process(
    books: Mapping[Book, pl.DataFrame],
    engine: Engine,
    *,
    terms: Terms,
) -> ComparisonResult:
    """
    Compare *books* on *engine*.
    """
    hashed = {book: with_hashes(book, rows) for book, rows in books.items()}

    if engine == "polars":
        return _compare(
            {book: rows.lazy() for book, rows in hashed.items()},
            lambda frame: frame.collect(engine="streaming"),
            lambda rows: rows.lazy(),
            terms=terms,
        )

    import duckdb

    with duckdb.connect() as connection:
        return _compare(
            {
                book: connection.from_arrow(rows.to_arrow())
                for book, rows in hashed.items()
            },
            lambda relation: relation.pl(),
            lambda rows: connection.from_arrow(rows.to_arrow()),
            terms=terms,
        )


def _compare(
    books: Mapping[Book, Any],
    collect: Callable[[Any], pl.DataFrame],
    given: Callable[[pl.DataFrame], Any],
    *,
    terms: Terms,
) -> ComparisonResult:
    """
    Compare frames of an engine.

    Args:
        collect: Computes one.
        given: Makes one.
    """
    prefilter = HashPrefilter(
        books[Book.TRANSACTIONS],
        books[Book.LEDGER],
        books.get(Book.STATEMENT),
        terms=terms,
        settle=lambda frame: nw.from_native(given(collect(frame.to_native()))).lazy(),
    )

    def in_polars(frame: Any) -> Any:
        """
        Return what was computed already: of few rows, Polars makes the least work.
        """
        return (
            None if frame is None else nw.from_native(collect(frame.to_native())).lazy()
        )

    rows = classify(
        *map(in_polars, prefilter.rest),
        # Those of the ledger that are not due are no more there.
        terms=attrs.evolve(terms, days=None),
        refunds=RefundChecks(
            orphans=in_polars(prefilter.refunds.orphans),
            over_refunded=in_polars(prefilter.refunds.over_refunded),
        ),
    )

    def rows_of(frame: Any, book: Book, *more: str) -> pl.DataFrame | None:
        if frame is None:
            return None

        return collect(frame.select(*columns_of(book), *more).to_native())

    return ComparisonResult(
        rows=rows.collect().to_native(),
        matched=collect(prefilter.matched.to_native()),
        open_items=rows_of(prefilter.open_items, Book.TRANSACTIONS),
        unlisted=rows_of(prefilter.unlisted, Book.STATEMENT, ASKED_FLAG),
    )


def with_hashes(book: Book, rows: pl.DataFrame) -> pl.DataFrame:
    """
    Return the *rows* of *book* with the hashes by which they are joined.
    """
    # Hashes of single columns, added up: a fifth of the time of one of a struct.
    is_refund = pl.col("kind") == "T"

    is_statement = book is Book.STATEMENT
    names = ("number", "number") if is_statement else ("order_id", "refund_id")

    def hashes(seed: int) -> tuple[pl.Expr, pl.Expr]:
        one, other = map(pl.col, names)

        return one.hash(seed=seed), other.hash(seed=seed + 1)

    order, refund = hashes(_HASH_SEEDS[0])
    found = {}

    for paid, row, seed in zip(PAID_HASHES, ROW_HASHES, _HASH_SEEDS, strict=True):
        order, refund = hashes(seed)
        found[paid] = pl.when(is_refund).then(refund).otherwise(order)

        if not is_statement:
            found.setdefault(ORDER_HASH, order)
            # It wraps.
            found[row] = order + refund + is_refund.cast(pl.UInt64)

    return rows.with_columns(**found)
