"""
Whole columns of text as numbers and days, where they look as they mostly do.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    import polars as pl


_AMOUNT: Final = r"^-?[0-9]{1,15}\.[0-9]{2}$"
_DAYS: Final = 1_000
_WRITTEN: Final = (8, 10)


def plain_amounts(values: pl.Series) -> pl.Series | None:
    """
    Return amounts of two decimals in hundredths, None if one looks otherwise.
    """
    import polars as pl

    # Nulls are no reason against it.
    if not values.str.contains(_AMOUNT).all():
        return None

    # Without its dot it is the hundredths.
    return values.str.replace(".", "", literal=True, n=1).cast(pl.Int64)


def plain_days(values: pl.Series) -> pl.Series | None:
    """
    Return days of the form 2017-02-05 or 20170205, None if one looks otherwise.
    """
    import polars as pl

    words = values.unique().drop_nulls()

    if words.len() > _DAYS:
        return None

    try:
        days = [_day(word) for word in words]
    except ValueError:
        return None

    return values.replace_strict(words, pl.Series(days, dtype=pl.Date), default=None)


def _day(word: str) -> date:
    if len(word) not in _WRITTEN or not word.isascii():
        raise ValueError

    return date.fromisoformat(word)
