"""
What the gateway's books add up to, row by row as they are read: the raw figures of the
bridge, whatever the comparison makes of the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any, Final

import narwhals as nw
import polars as pl

from umfpay.reconciliation._rules import RATE_UNIT, is_wrong_exchange, wide_column
from umfpay.reconciliation._terms import Rounding, Terms


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


class RawSums:
    """
    Adds up the rows of the transactions and the statement.
    """

    def __init__(self) -> None:
        self._traded: Counter[tuple[Any, ...]] = Counter()
        self._paid: Counter[tuple[Any, ...]] = Counter()
        self._misfits: Counter[Rounding] = Counter()

    def add_transactions(self, rows: pl.DataFrame) -> None:
        """
        Add *rows* of the transactions, with *opening*.
        """
        rate, cny = pl.col("exchange_rate"), pl.col("total_cny").cast(pl.Int128)
        exact = pl.col("total").cast(pl.Int128) * rate
        distance = (exact - cny * RATE_UNIT).abs() * 2
        parts = rows.group_by(*_TRADED_KEYS).agg(
            rows=pl.len(),
            total=pl.col("total").cast(pl.Int128).sum(),
            total_cny=cny.sum(),
            off_rate=(distance > pl.max_horizontal(rate, RATE_UNIT)).sum(),
            # A half cent that was not rounded up.
            ties=((distance == RATE_UNIT) & (exact > cny * RATE_UNIT)).sum(),
        )
        _add(self._traded, parts, len(_TRADED_KEYS), _TRADED_SUMS)

    def add_statement(self, rows: pl.DataFrame, day: date) -> None:
        """
        Add *rows* of the statement of *day*.
        """
        parts = rows.group_by(*_PAID_KEYS[1:]).agg(
            pl.len().alias("rows"),
            *(pl.col(name).cast(pl.Int128).sum() for name in _PAID_SUMS[1:]),
        )
        parts = parts.select(pl.lit(day.isoformat()).alias("day"), pl.all())
        _add(self._paid, parts, len(_PAID_KEYS), _PAID_SUMS)

        for rounding in Rounding:
            wrong = _count_wrong(rows, rounding)
            self._misfits[rounding] += wrong

            if rounding is Rounding.HALF_UP and not wrong:
                # The others are counted where this one does not fit.
                break

    def to_json(self) -> dict[str, Any]:
        """
        Return all sums as JSON, and the rounding that fits.
        """
        return {
            "traded": _rows(self._traded, _TRADED_KEYS, _TRADED_SUMS),
            "paid": _rows(self._paid, _PAID_KEYS, _PAID_SUMS),
            "rounding": str(self._rounding()),
        }

    def _rounding(self) -> Rounding:
        half_up = self._misfits[Rounding.HALF_UP]

        for other in (Rounding.CUT, Rounding.DAY):
            if (
                half_up - self._misfits[other] >= _MIN_MISFITS
                and half_up >= _MISFIT_RATIO * self._misfits[other]
                and (other is not Rounding.DAY or self._days_are_rounded())
            ):
                return other

        return Rounding.HALF_UP

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


def _count_wrong(rows: pl.DataFrame, rounding: Rounding) -> int:
    table = nw.from_native(rows)
    wrong = is_wrong_exchange(Terms(rounding=rounding), wide_column(table))

    return int(table.select(wrong=wrong)["wrong"].sum())


def _add(
    sums: Counter[tuple[Any, ...]],
    parts: pl.DataFrame,
    keys: int,
    names: Iterable[str],
) -> None:
    for row in parts.iter_rows():
        for name, value in zip(names, row[keys:], strict=True):
            sums[*row[:keys], name] += int(value or 0)


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
