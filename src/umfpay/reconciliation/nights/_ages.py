"""
How old what is open is, in working days.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.reconciliation._formatting import members_as_json
from umfpay.reconciliation._options import working_days_since


if TYPE_CHECKING:
    import polars as pl


# A week, two, a month, a quarter.
_LAST_DAYS: Final = (5, 10, 20, 60)


@attrs.frozen(kw_only=True)
class OpenLine:
    """
    What is open of one age.

    Args:
        currency: Of the amounts.
        kind: P for payments, T for refunds.
        since: The least age in it, in working days.
        until: The greatest; None for the last line.
        rows: How many they are.
        total: In the currency; of refunds below 0.
        total_cny: In CNY, likewise.
    """

    currency: str
    kind: str
    since: int
    until: int | None
    rows: int
    total: Decimal
    total_cny: Decimal

    def to_json(self) -> dict[str, Any]:
        """
        Return it as JSON, money as text.
        """
        return members_as_json(self)


def with_age(rows: pl.DataFrame, day: date, holidays: Collection[date]) -> pl.DataFrame:
    """
    Return *rows* with their *age* on *day*, in working days.
    """
    age = working_days_since(rows.get_column("listed_on"), day, holidays)

    return rows.with_columns(age=age)


def open_by_age(rows: pl.DataFrame, settle_after: int) -> tuple[OpenLine, ...]:
    """
    Return what is open by currency, kind and age; the first age is what is not due yet.

    Args:
        rows: With their *age*.
        settle_after: Within how many working days is paid out what was traded.
    """
    import polars as pl

    ends = [settle_after, *(one for one in _LAST_DAYS if one > settle_after)]
    sign = pl.when(pl.col("kind") == "T").then(-1).otherwise(1)
    by = ("currency", "kind", "part")
    parts = (
        rows.with_columns(part=pl.sum_horizontal(pl.col("age") > one for one in ends))
        .group_by(by)
        .agg(
            pl.len().alias("rows"),
            *(
                (pl.col(name).cast(pl.Int128) * sign).sum()
                for name in ("total", "total_cny")
            ),
        )
        .sort(by)
    )

    return tuple(
        OpenLine(
            currency=one["currency"],
            kind=one["kind"],
            since=ends[one["part"] - 1] + 1 if one["part"] else 0,
            until=ends[one["part"]] if one["part"] < len(ends) else None,
            rows=one["rows"],
            total=Decimal(int(one["total"])).scaleb(-2),
            total_cny=Decimal(int(one["total_cny"])).scaleb(-2),
        )
        for one in parts.iter_rows(named=True)
    )
