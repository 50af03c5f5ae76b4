"""
The comparison on the engines that run in this process: Polars and DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import attrs
import narwhals as nw
import polars as pl

from umfpay.reconciliation._books import Book, columns_of
from umfpay.reconciliation._options import ComparisonOptions
from umfpay.reconciliation.comparison._compare import classify
from umfpay.reconciliation.comparison._hash_prefilter import (
    ORDER_HASH,
    PAID_HASHES,
    ROW_HASHES,
    HashPrefilter,
)
from umfpay.reconciliation.comparison._rules import ASKED_FLAG


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
    options: ComparisonOptions,
) -> ComparisonResult:
    """
    Compare *books* on *engine*.
    """
    hashed = {book: with_hashes(book, rows) for book, rows in books.items()}
    prefilter = HashPrefilter(
        *(
            hashed[book].lazy() if book in hashed else None
            for book in (Book.TRANSACTIONS, Book.LEDGER, Book.STATEMENT)
        ),
        options=options,
        settle=_settled,
        flag=_flag_on_duckdb if engine == "duckdb" else _flag_on_polars,
    )
    rows = classify(
        *prefilter.rest,
        # Those of the ledger that are not due are no more there.
        options=attrs.evolve(options, days=None),
        refunds=prefilter.refunds,
    )

    def rows_of(frame: Any, book: Book, *more: str) -> pl.DataFrame | None:
        return (
            None if frame is None else _collect(frame.select(*columns_of(book), *more))
        )

    return ComparisonResult(
        rows=_collect(rows),
        matched=_collect(prefilter.matched),
        open_items=rows_of(prefilter.open_items, Book.TRANSACTIONS),
        unlisted=rows_of(prefilter.unlisted, Book.STATEMENT, ASKED_FLAG),
    )


def _collect(frame: Any) -> pl.DataFrame:
    native: pl.LazyFrame = frame.to_native()

    return native.collect(engine="streaming")


def _settled(frame: Any) -> Any:
    return nw.from_native(_collect(frame).lazy())


def _flag_on_polars(flag: Callable[..., Any], books: Sequence[Any]) -> Any:
    # What is computed before a join is not computed in it.
    return _settled(flag(*(None if one is None else _settled(one) for one in books)))


def _flag_on_duckdb(flag: Callable[..., Any], books: Sequence[Any]) -> Any:
    """
    Join the *books* on DuckDB: the millions of rows. What is left is of few.
    """
    import duckdb

    with duckdb.connect() as connection:
        given = [
            None
            if book is None
            else nw.from_native(connection.from_arrow(_collect(book).to_arrow())).lazy()
            for book in books
        ]
        rows: pl.DataFrame = flag(*given).to_native().pl()

    return nw.from_native(rows.lazy())


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
