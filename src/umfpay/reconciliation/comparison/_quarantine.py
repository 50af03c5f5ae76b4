"""
The class of keys whose rows in the gateway's files could not be read.

A difference of such a key is no other riddle: it is `Difference.QUARANTINED`, and what it
was before is in *also*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from umfpay.reconciliation._books import Book
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation.gateway_files._quarantine import QUARANTINED_FLAG


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.comparison._engines import ComparisonResult


def with_quarantine(
    found: ComparisonResult, quarantined: pl.DataFrame | None
) -> ComparisonResult:
    """
    Return what was *found* with the class of rows set aside, and `QUARANTINED_FLAG` in
    what is not in the transactions.
    """
    import polars as pl

    keys = _known_keys(quarantined)
    unlisted = found.unlisted

    if unlisted is not None:
        is_known = pl.lit(value=False)

        if keys is not None:
            is_known = pl.struct("kind", "number").is_in(
                keys.filter(pl.col("book") == str(Book.TRANSACTIONS))
                .select(pl.struct("kind", "number"))
                .to_series()
                .implode()
            )

        unlisted = unlisted.with_columns(is_known.alias(QUARANTINED_FLAG))

    rows = found.rows if keys is None else _with_class(found.rows, keys)

    return attrs.evolve(found, rows=rows, unlisted=unlisted)


def _known_keys(quarantined: pl.DataFrame | None) -> pl.DataFrame | None:
    import polars as pl

    if quarantined is None:
        return None

    keys = quarantined.filter(pl.col("kind") != "").select(
        "book", "kind", number=_number(), order="order_id"
    )

    return keys if keys.height else None


def _number() -> pl.Expr:
    """
    Return what the statement knows of a key.
    """
    import polars as pl

    return pl.when(pl.col("kind") == "T").then("refund_id").otherwise("order_id")


def _with_class(rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    open_rows = (
        rows.select("order_id", "refund_id", "kind", "class", "side")
        .with_row_index("_row")
        .filter(
            pl.col("side") == "",
            ~pl.col("class").is_in(
                [str(Difference.MATCHED), str(Difference.DUPLICATE)]
            ),
        )
    )
    # Nobody but the transactions and the ledger knows the order of a refund.
    same = (
        open_rows.with_columns(number=_number())
        .join(keys, on=["kind", "number"])
        .filter(
            (pl.col("order") == pl.col("order_id"))
            | (pl.col("order") == "")
            | (pl.col("order_id") == "")
        )
        .get_column("_row")
        .unique()
    )
    is_same = pl.int_range(pl.len(), dtype=pl.UInt32).is_in(same.implode())
    also = pl.concat_str(
        "class",
        pl.when(pl.col("also") != "").then("also"),
        separator=",",
        ignore_nulls=True,
    )

    return rows.with_columns(
        pl.when(is_same)
        .then(pl.lit(str(Difference.QUARANTINED)))
        .otherwise("class")
        .alias("class"),
        pl.when(is_same).then(also).otherwise("also").alias("also"),
    )
