"""
Sums of the gateway's books, row by row as they are read: raw figures for the bridge.

They are the same whatever the comparison makes of the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import polars as pl

from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._options import ComparisonOptions, Rounding
from umfpay.reconciliation.comparison._rules import (
    RATE_UNIT,
    is_wrong_exchange,
    wide_column,
)
from umfpay.reconciliation.gateway_files._quarantine import (
    QUARANTINED_FLAG,
)


if TYPE_CHECKING:
    from umfpay.reconciliation.comparison._engines import ComparisonResult


_TRADED_KEYS: Final = ("opening", "currency", "kind", "state")
_TRADED_SUMS: Final = ("rows", "total", "total_cny", "off_rate", "ties")
_PAID_KEYS: Final = ("day", "currency", "kind", "exchange_rate")
_PAID_SUMS: Final = (
    "rows",
    "total",
    "total_cny",
    "service_fee",
    "exchanged",
    "exchanged_cny",
)
# One row that fits another rule by chance changes nothing.
_MIN_MISFITS: Final = 2
_MISFIT_RATIO: Final = 10
# So that four times a product, and what millions of rows add up to, fit into 64 bits.
_MAX_PRODUCT: Final = 2**60
_MAX_SUMMED: Final = 2**36


class RawSums:
    """
    Adds up the rows of the transactions and the statement.

    Args:
        known: How payouts are rounded, by the nights before.
    """

    def __init__(self, known: Rounding = Rounding.HALF_UP) -> None:
        self._known = known
        self._traded: Counter[tuple[Any, ...]] = Counter()
        self._paid: Counter[tuple[Any, ...]] = Counter()
        self._misfits: Counter[Rounding] = Counter()
        self._is_narrow = True

    def add_transactions(self, rows: pl.DataFrame) -> None:
        """
        Add *rows* of the transactions, with *opening*.
        """
        kind = self._kind_of_integers(rows, "total")
        rate, cny = pl.col("exchange_rate"), pl.col("total_cny").cast(kind)
        exact = pl.col("total").cast(kind) * rate
        distance = (exact - cny * RATE_UNIT).abs() * 2
        _add(
            self._traded,
            rows,
            _TRADED_KEYS,
            {
                "total": pl.col("total").cast(kind),
                "total_cny": cny,
                "off_rate": distance > pl.max_horizontal(rate, RATE_UNIT),
                # A half cent that was not rounded up.
                "ties": (distance == RATE_UNIT) & (exact > cny * RATE_UNIT),
            },
        )

    def add_statement(self, rows: pl.DataFrame, day: date) -> None:
        """
        Add *rows* of the statement of *day*.
        """
        kind = self._kind_of_integers(rows, "exchanged")
        names = [name for name in _PAID_SUMS if name != "rows"]
        _add(
            self._paid,
            rows.with_columns(day=pl.lit(day.isoformat())),
            _PAID_KEYS,
            {name: pl.col(name).cast(kind) for name in names},
        )

        self._count_misfits(rows, is_narrow=kind == pl.Int64())

    def _count_misfits(self, rows: pl.DataFrame, *, is_narrow: bool) -> None:
        """
        Count the rows that do not fit each way of rounding.
        """
        table = nw.from_native(rows)
        wide = wide_column(table, is_narrow=is_narrow)
        found = table.select(
            is_wrong_exchange(
                ComparisonOptions(rounding=name, is_narrow=is_narrow), wide
            )
            .sum()
            .alias(name)
            for name in Rounding
        )

        for name in Rounding:
            self._misfits[name] += int(found[name].item() or 0)

    def _kind_of_integers(self, rows: pl.DataFrame, foreign: str) -> pl.DataType:
        """
        Return what holds the sums of *rows*, and the products of amounts and rates.
        """
        amounts = ("total_cny", foreign) if foreign == "total" else _PAID_SUMS[1:]
        most = rows.select(
            rate=pl.col("exchange_rate").max(),
            amount=pl.max_horizontal(pl.col(*amounts).abs().max()),
        )
        rate, amount = (int(one or 0) for one in most.row(0))

        if amount * max(rate, RATE_UNIT) < _MAX_PRODUCT and amount < _MAX_SUMMED:
            return pl.Int64()

        self._is_narrow = False

        return pl.Int128()

    def to_json(self) -> dict[str, Any]:
        """
        Return all sums as JSON, the rounding that fits, and whether 64 bits are enough.
        """
        return {
            "traded": _rows(self._traded, _TRADED_KEYS, _TRADED_SUMS),
            "paid": _rows(self._paid, _PAID_KEYS, _PAID_SUMS),
            "rounding": str(self._rounding()),
            "is_narrow": self._is_narrow,
        }

    def _rounding(self) -> Rounding:
        known = self._misfits[self._known]

        for other in Rounding:
            if (
                known - self._misfits[other] >= _MIN_MISFITS
                and known >= _MISFIT_RATIO * self._misfits[other]
                and (other is not Rounding.DAY or self._days_are_rounded())
            ):
                return other

        return self._known

    def _days_are_rounded(self) -> bool:
        """
        Tell whether what was paid out on each day, of each rate, is right to the cent.
        """
        sums: Counter[tuple[Any, ...]] = Counter()

        for (day, currency, _, rate, name), value in self._paid.items():
            sums[day, currency, rate, name] += value

        return all(
            abs(paid * rate - sums[day, currency, rate, "exchanged_cny"] * RATE_UNIT)
            * 2
            <= rate
            for (day, currency, rate, name), paid in sums.items()
            if name == "exchanged"
        )


def _add(
    sums: Counter[tuple[Any, ...]],
    rows: pl.DataFrame,
    keys: Sequence[str],
    values: Mapping[str, pl.Expr],
) -> None:
    """
    Add the sums of *values* for each of the *keys* of *rows*.
    """
    if rows.is_empty():
        return

    # Most are the same in all rows, which is seen sooner than rows are grouped.
    same = rows.select(
        pl.col(name).eq_missing(pl.col(name).first()).all() for name in keys
    )
    by = [name for name, is_same in zip(keys, same.row(0), strict=True) if not is_same]
    one = dict(zip(keys, rows.select(keys).row(0), strict=True))
    wanted = ["rows", *values]
    # Before they are grouped: what is computed for each group takes four times as long.
    ready = rows.select(*by, **values)
    sums_of_values = [pl.len().alias("rows"), *(pl.col(name).sum() for name in values)]
    parts = (
        ready.group_by(*by).agg(sums_of_values) if by else ready.select(sums_of_values)
    )

    for part in parts.iter_rows(named=True):
        group = tuple(part.get(name, one[name]) for name in keys)

        for name in wanted:
            sums[*group, name] += int(part[name] or 0)


def _rows(
    sums: Counter[tuple[Any, ...]], keys: tuple[str, ...], names: tuple[str, ...]
) -> list[dict[str, Any]]:
    groups = sorted({key[:-1] for key in sums}, key=repr)

    return [
        {
            **dict(zip(keys, group, strict=True)),
            **{name: sums[*group, name] for name in names},
        }
        for group in groups
    ]


def pays_other_amount() -> pl.Expr:
    """
    Tell which differences are of rows that were paid out for another amount.
    """
    return pl.any_horizontal(
        *(
            pl.col(f"gateway_{name}") != pl.col(f"statement_{name}")
            for name in ("total", "total_cny")
        )
    )


def summarise_bridge(
    differences: pl.DataFrame, open_items: pl.DataFrame | None, found: ComparisonResult
) -> dict[str, Any]:
    """
    Add up what the bridge needs of a bucket.
    """
    if open_items is None or found.unlisted is None:
        return {}

    def sums(rows: pl.DataFrame, *by: str) -> list[dict[str, Any]]:
        parts = rows.group_by(*by).agg(
            pl.len().alias("rows"),
            *(pl.col(name).cast(pl.Int128).sum() for name in ("total", "total_cny")),
        )

        return [
            {**row, "total": int(row["total"]), "total_cny": int(row["total_cny"])}
            for row in parts.sort(*by).iter_rows(named=True)
        ]

    return {
        "open": sums(open_items, "currency", "kind"),
        "unlisted": sums(
            found.unlisted.rename({"_asked": "asked", QUARANTINED_FLAG: "quarantined"}),
            "asked",
            "quarantined",
            "currency",
            "kind",
        ),
        "differing": differing_rows(differences),
    }


def differing_rows(differences: pl.DataFrame) -> dict[str, int]:
    """
    Count the rows that are paid out for another amount, and with another sum.
    """
    exchange = pl.concat_str(
        pl.col("class"), pl.col("also").fill_null(""), separator=","
    ).str.contains(str(Difference.EXCHANGE_DIFFERS))

    return {
        "amounts": int(differences.select(pays_other_amount().sum()).item() or 0),
        "exchange": int(differences.select(exchange.sum()).item() or 0),
    }
