"""
The rows behind the figures of the bridge: which there are, and where a page has them.

What was open, what is open, what was paid out for orders of other days, and what cannot be
read has rows of its own in the report. What is unknown, or does not add up, is among the differences. All other
figures are sums of whole files of the gateway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from umfpay.reconciliation._books import KEY
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._formatting import as_text
from umfpay.reconciliation.bridge._bridge import BridgeItem
from umfpay.reconciliation.bridge._sums import pays_other_amount


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.reports._report import Report


_CLASS_OF_ITEM: Final = {
    BridgeItem.UNKNOWN: Difference.PAID_OUT_UNKNOWN,
    BridgeItem.AMOUNTS: Difference.AMOUNT_DIFFERS,
    BridgeItem.EXCHANGE: Difference.EXCHANGE_DIFFERS,
}
_MONEY: Final = ("total", "total_cny", "service_fee", "exchanged", "exchanged_cny")
_COLUMNS: Final = (
    "item",
    "number",
    *KEY,
    "mer_date",
    "listed_on",
    "currency",
    *_MONEY,
    "exchange_rate",
    "state",
    "file",
    "line",
    "reason",
    "reason_zh",
)


def listed_rows(report: Report) -> dict[BridgeItem, pl.DataFrame]:
    """
    Return the lines of the bridge that have rows of their own in *report*, and these.
    """
    found = {
        BridgeItem.OPENING: report.opening_items,
        BridgeItem.OTHER_DAYS: report.other_days,
        BridgeItem.QUARANTINED: report.quarantined,
        BridgeItem.CLOSING: report.open_items,
    }

    return {
        item: rows for item, rows in found.items() if rows is not None and rows.height
    }


def makers_of(report: Report) -> dict[BridgeItem, pl.DataFrame]:
    """
    Return the differences that make a line of the bridge, whatever their class is.
    """
    import polars as pl

    rows = report.frame

    if report.bridge is None or rows.is_empty():
        return {}

    found = {}

    for item, name in _CLASS_OF_ITEM.items():
        makes = (pl.col("class") == str(name)) | (
            pl.col("also").fill_null("").str.split(",").list.contains(str(name))
        )

        if item is BridgeItem.AMOUNTS:
            makes = pays_other_amount().fill_null(value=False)

        found[item] = rows.filter(makes)

    return {item: makers for item, makers in found.items() if makers.height}


def differences_of(report: Report) -> dict[BridgeItem, pl.DataFrame]:
    """
    Return those of `makers_of()` where they are others than the differences of the
    class that is called like the line.
    """

    def are_of_class(item: BridgeItem, rows: pl.DataFrame) -> bool:
        name = _CLASS_OF_ITEM[item]
        is_of_it = (rows.get_column("class") == str(name)).all()

        return is_of_it and rows.height == report.rows_of(name)

    return {
        item: rows
        for item, rows in makers_of(report).items()
        if not are_of_class(item, rows)
    }


def bridge_csv_rows(report: Report) -> pl.DataFrame:
    """
    Return `listed_rows()` as they stand in a file, with the *item* that they make.
    """
    import polars as pl

    parts = [
        _texts(rows).with_columns(pl.lit(str(item)).alias("item"))
        for item, rows in listed_rows(report).items()
    ]
    empty = pl.DataFrame(schema=dict.fromkeys(_COLUMNS, pl.String))

    return pl.concat([empty, *parts], how="diagonal").select(_COLUMNS)


def _texts(rows: pl.DataFrame) -> pl.DataFrame:
    there = [name for name in _COLUMNS if name in rows.columns]
    # Amounts are told by the book before their names.
    texts = as_text(rows.select(there).rename(lambda name: f"gateway_{name}"))

    return texts.rename(lambda name: name.removeprefix("gateway_"))
