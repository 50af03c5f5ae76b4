"""
Parse whole columns of text as money, days and the like.

All columns of a frame are looked at together, so that the engine's threads share them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from umfpay.reconciliation._values import RowError, rate_units, read_day, read_rate


if TYPE_CHECKING:
    import polars as pl


_PLAIN_AMOUNT: Final = r"^-?[0-9]{1,15}\.[0-9]{2}$"
_ANY_AMOUNT: Final = r"^-?(?:[0-9]{1,15}(?:\.[0-9]{1,2}0*)?|\.[0-9]{1,2}0*)$"
_MAX_AMOUNT_CHARACTERS: Final = 17
# Words of which a frame has few: each is looked at once.
_MAX_DISTINCT_WORDS: Final = 50_000
_MIN_REPETITIONS: Final = 8
_MAX_DISTINCT_DAYS: Final = 1_000
_DAY_TEXT: Final = re.compile(r"[0-9]{4}(?:[0-9]{4}|-[0-9]{2}-[0-9]{2})")


class UnusualError(Exception):
    """
    Raised when rows are to be read one by one.
    """


def read_columns(
    raw: pl.DataFrame, wanted: Mapping[str, tuple[str, bool]]
) -> pl.DataFrame:
    """
    Return the text columns of *raw* as what they hold.

    Args:
        wanted: For each column what it holds, and whether it must hold something.

    Raises:
        UnusualError: A value looks otherwise than values mostly do.
    """
    import polars as pl

    seen = raw.select(
        _PROBES[holds](pl.col(name)).alias(name) for name, (holds, _) in wanted.items()
    )

    read = [
        _PARSERS[holds](raw.get_column(name), seen.get_column(name)[0], needed).alias(
            name
        )
        for name, (holds, needed) in wanted.items()
    ]

    try:
        return raw.select(read)
    except pl.exceptions.PolarsError:
        # None is known; what cannot be cast is unusual in any case.
        raise UnusualError from None


def _text(values: pl.Series, has_empty: object, needed: bool) -> pl.Expr:  # noqa: FBT001 (of a table)
    import polars as pl

    if needed and has_empty:
        raise UnusualError

    return pl.col(values.name)


def _kind(values: pl.Series, all_known: object, _: object) -> pl.Expr:
    import polars as pl

    if not all_known:
        raise UnusualError

    return pl.col(values.name)


def _amount(values: pl.Series, all_plain: object, _: object) -> pl.Expr:
    import polars as pl

    column = pl.col(values.name)

    if all_plain:
        return _hundredths(column)

    if not values.str.contains(_ANY_AMOUNT).all():
        raise UnusualError

    parts = column.str.split_exact(".", 1)
    whole, rest = parts.struct.field("field_0"), parts.struct.field("field_1")
    digits = whole + rest.fill_null("").str.slice(0, 2).str.pad_end(2, "0")

    return digits.cast(pl.Int64)


def _hundredths(column: pl.Expr) -> pl.Expr:
    import polars as pl

    # With two decimals nothing is rounded; what is stored is the hundredths.
    return (
        column.cast(pl.Decimal(_MAX_AMOUNT_CHARACTERS, 2)).to_physical().cast(pl.Int64)
    )


def _parse_each_word(
    read: Callable[[str], Any], kind: str
) -> Callable[[pl.Series, pl.Series, bool], pl.Expr]:
    """
    Return what reads each word once, as it is read in a row.
    """

    def expression(values: pl.Series, words: pl.Series, needed: bool) -> pl.Expr:  # noqa: FBT001 (of a table)
        import polars as pl

        if words.len() > _MAX_DISTINCT_WORDS or (needed and (words == "").any()):
            raise UnusualError

        try:
            known = pl.Series([read(word) for word in words], dtype=getattr(pl, kind)())
        except RowError:
            raise UnusualError from None

        column = pl.col(values.name)
        # To polars the text of a day equals the day.
        is_same = words.dtype == known.dtype and words.equals(known)

        return column if is_same else replace_words(column, words, known)

    return expression


_PROBES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": lambda column: (column == "").any(),
    "currency": lambda column: column.unique().implode(),
    "kind": lambda column: column.is_in(["P", "T"]).all(),
    "amount": lambda column: column.str.contains(_PLAIN_AMOUNT).all(),
    "day": lambda column: column.unique().implode(),
    "rate": lambda column: column.unique().implode(),
}
_PARSERS: Final[Mapping[str, Callable[[Any, Any, bool], Any]]] = {
    "text": _text,
    "currency": _parse_each_word(str.upper, "String"),
    "kind": _kind,
    "amount": _amount,
    "day": _parse_each_word(lambda text: read_day(text, ""), "Date"),
    "rate": _parse_each_word(lambda text: rate_units(read_rate(text, "")), "Int64"),
}


def replace_words(column: pl.Expr, words: pl.Series, known: pl.Series) -> pl.Expr:
    """
    Return *column*, which holds nothing but *words*, with what is *known* of each.
    """
    import polars as pl

    if words.len() > _MIN_REPETITIONS:
        return column.replace_strict(words, known)

    # Ten times as fast as looking each value up.
    found = pl.lit(None, dtype=known.dtype)

    for word, value in zip(words, known, strict=True):
        if word is not None:
            found = (
                pl.when(column == word)
                .then(pl.lit(value, dtype=known.dtype))
                .otherwise(found)
            )

    return found


def plain_amounts(values: pl.Series) -> pl.Series | None:
    """
    Return amounts of two decimals in hundredths, None if one looks otherwise.
    """
    # Nulls are no reason against it.
    if not values.str.contains(_PLAIN_AMOUNT).all():
        return None

    import polars as pl

    return values.to_frame().select(_hundredths(pl.col(values.name))).to_series()


def plain_days(values: pl.Series) -> pl.Series | None:
    """
    Return days of the form 2017-02-05 or 20170205, None if one looks otherwise.
    """
    import polars as pl

    words = values.unique()

    if words.len() > _MAX_DISTINCT_DAYS:
        return None

    try:
        days = [None if word is None else _day(word) for word in words]
    except ValueError:
        return None

    known = pl.Series(days, dtype=pl.Date)

    return (
        values.to_frame()
        .select(replace_words(pl.col(values.name), words, known))
        .to_series()
    )


def _day(word: str) -> date:
    # Not of weeks, which are ISO's, too.
    if _DAY_TEXT.fullmatch(word) is None:
        raise ValueError

    return date.fromisoformat(word)
