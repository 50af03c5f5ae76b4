"""
The comparison on the engines that run in this process: Polars and DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, Literal

import attrs
import narwhals as nw
import polars as pl

from umfpay.reconciliation._books import Book
from umfpay.reconciliation._compare import classify
from umfpay.reconciliation._hash_prefilter import PAID_HASH, ROW_HASHES, HashPrefilter
from umfpay.reconciliation._tolerance import Tolerance


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
    """

    rows: pl.DataFrame
    matched: pl.DataFrame


def compare_in_process(
    books: Mapping[Book, pl.DataFrame],
    engine: Engine,
    *,
    tolerance: Tolerance | None,
    days: tuple[date, date] | None,
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
            tolerance=tolerance,
            days=days,
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
            tolerance=tolerance,
            days=days,
        )


def _compare(
    books: Mapping[Book, Any],
    collect: Callable[[Any], pl.DataFrame],
    given: Callable[[pl.DataFrame], Any],
    *,
    tolerance: Tolerance | None,
    days: tuple[date, date] | None,
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
        tolerance=tolerance,
        days=days,
        settle=lambda frame: nw.from_native(given(collect(frame.to_native()))).lazy(),
    )
    rows = classify(
        *prefilter.rest,
        tolerance=tolerance,
        # Those that are not due are no more there.
        days=None,
        orphans=prefilter.orphans,
    )

    return ComparisonResult(
        rows=collect(rows.to_native()), matched=collect(prefilter.matched.to_native())
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
    found = {PAID_HASH: pl.when(is_refund).then(refund).otherwise(order)}

    for name, seed in [] if is_statement else zip(ROW_HASHES, _HASH_SEEDS, strict=True):
        order, refund = hashes(seed)
        # It wraps.
        found[name] = order + refund + is_refund.cast(pl.UInt64)

    return rows.with_columns(**found)
