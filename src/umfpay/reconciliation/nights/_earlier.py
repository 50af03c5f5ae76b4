"""
Earlier nights: what they have listed and paid out, to find duplicates across nights.

What comes again in another night is in no single comparison twice, and still a
duplicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from umfpay.reconciliation._books import KEY, Book, with_day_in_key
from umfpay.reconciliation._difference import Difference, difference_id
from umfpay.reconciliation._progress import OnProgress, Progress, Step
from umfpay.reconciliation.gateway_files._reading import (
    StatementReader,
    read_statement,
    read_transactions,
)


if TYPE_CHECKING:
    import polars as pl


def listed_keys(
    paths: Mapping[Book, Sequence[Path]],
    reading: Mapping[str, Any],
    on_progress: OnProgress,
    *,
    by_day: bool,
) -> pl.DataFrame:
    """
    Return the keys of the gateway's files, each with its *book* and the *day* of the file.

    Of a refund the statement does not know the order: "".

    Args:
        reading: Options of the readers.
        by_day: Numbers of orders have their days.
    """
    import polars as pl

    def keyed(
        book: Book, reader: StatementReader[Any], *names: str
    ) -> Iterator[pl.DataFrame]:
        for rows in reader.frames(columns=(*names, "mer_date")):
            yield with_day_in_key(book, rows) if by_day else rows

    schema = {**dict.fromkeys(("book", *KEY), pl.String), "day": pl.Date}
    frames = [pl.DataFrame(schema=schema)]
    total = sum(len(paths[book]) for book in (Book.TRANSACTIONS, Book.STATEMENT))
    done = 0

    def progress() -> Progress:
        return Progress(step=Step.REMEMBERING, done=done, total=total)

    on_progress(progress())

    for path in paths[Book.TRANSACTIONS]:
        reader = read_transactions(path, **reading)
        frames += [
            _keys(rows, Book.TRANSACTIONS, reader.header)
            for rows in keyed(Book.TRANSACTIONS, reader, *KEY)
        ]
        done += 1
        on_progress(progress())

    is_refund = pl.col("kind") == "T"

    for path in paths[Book.STATEMENT]:
        paid = read_statement(path, **reading)
        frames += [
            _keys(
                rows.with_columns(
                    order_id=pl.when(is_refund).then(pl.lit("")).otherwise("number"),
                    refund_id=pl.when(is_refund).then("number").otherwise(pl.lit("")),
                ),
                Book.STATEMENT,
                paid.header,
            )
            for rows in keyed(Book.STATEMENT, paid, "kind", "number")
        ]
        done += 1
        on_progress(progress())

    return pl.concat(frames)


def _keys(rows: pl.DataFrame, book: Book, header: Any) -> pl.DataFrame:
    import polars as pl

    return rows.select(
        pl.lit(str(book)).alias("book"), *KEY, pl.lit(header.day).alias("day")
    )


def repeated_keys(
    keys: pl.DataFrame, earlier: Iterable[tuple[date, date, pl.DataFrame]], first: date
) -> pl.DataFrame:
    """
    Return the *keys* that a day before *first* had already, as differences.

    Args:
        earlier: Of nights, the latest first: their first day, their day, and their keys.
    """
    import polars as pl

    before = [keys.clear()]
    until = first

    for begin, day, listed in earlier:
        # What a later night has read is newer.
        last = min(day, until)
        before.append(
            listed.filter(pl.col("day").is_between(begin, last), pl.col("day") < until)
        )
        until = min(until, begin)

    by = ["book", *KEY]
    known = pl.concat(before)
    rows = keys.join(known.select(by).unique(), on=by, how="semi")
    rows = _with_orders(rows, pl.concat([keys, known]))
    name = str(Difference.DUPLICATE)

    return rows.select(
        *KEY,
        pl.lit(name).alias("class"),
        pl.lit("").alias("also"),
        side="book",
        id=pl.Series(
            [
                difference_id(order, kind, refund, name)
                for order, kind, refund in rows.select(KEY).iter_rows()
            ],
            dtype=pl.String,
        ),
        day="day",
    )


def _with_orders(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """
    Return *rows* with the orders of refunds that the transactions of any night know.
    """
    import polars as pl

    orders = (
        known.filter(
            pl.col("book") == str(Book.TRANSACTIONS), pl.col("refund_id") != ""
        )
        .group_by("refund_id")
        .agg(pl.col("order_id").unique().alias("order"))
        # One number of two orders says nothing.
        .filter(pl.col("order").list.len() == 1)
        .select("refund_id", pl.col("order").list.first())
    )

    return rows.join(orders, on="refund_id", how="left", maintain_order="left").select(
        *(name for name in rows.columns if name != "order_id"),
        order_id=pl.when(pl.col("order_id") == "")
        .then(pl.col("order").fill_null(""))
        .otherwise("order_id"),
    )
