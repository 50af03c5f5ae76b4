"""
Parse values of statement files and ledgers: single ones, and whole columns of text.

Each refusal says what cannot be read. All columns of a frame are looked at together, so
that the engine's threads share them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from umfpay.errors import IncompleteStatementError, Text


if TYPE_CHECKING:
    import polars as pl


_LINE_NUMBER: Final = re.compile(r"\bline ([0-9]+)")
_DAY_TEXT: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
# At least one digit, at most two decimals that are not zero.
_AMOUNT_TEXT: Final = re.compile(r"-?(?:[0-9]{1,15}|(?=\.))(?:\.[0-9]{1,2}0*)?")
_RATE_DECIMALS: Final = 8
_RATE_TEXT: Final = re.compile(r"(?:[0-9]{1,9}|(?=\.))(?:\.[0-9]{1,8}0*)?")

_PLAIN_AMOUNT: Final = r"^-?[0-9]{1,15}\.[0-9]{2}$"
_ANY_AMOUNT: Final = r"^-?(?:[0-9]{1,15}(?:\.[0-9]{1,2}0*)?|\.[0-9]{1,2}0*)$"
_MAX_AMOUNT_CHARACTERS: Final = 17
# Words of which a frame has few: each is looked at once.
_MAX_DISTINCT_WORDS: Final = 50_000
_MIN_REPETITIONS: Final = 8
_MAX_DISTINCT_DAYS: Final = 1_000
_PLAIN_DAY: Final = re.compile(r"[0-9]{4}(?:[0-9]{4}|-[0-9]{2}-[0-9]{2})")

_PROBES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": lambda column: (column == "").any(),
    "currency": lambda column: column.unique().implode(),
    "kind": lambda column: column.is_in(["P", "T"]).all(),
    "amount": lambda column: column.str.contains(_PLAIN_AMOUNT).all(),
    "day": lambda column: column.unique().implode(),
    "rate": lambda column: column.unique().implode(),
}


class RowError(Exception):
    """
    Raised for a row of a statement that cannot be read.

    Args:
        reason: Why, without a value: it may be a phone number in the wrong place.
    """

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.reason = Text(en, zh)


def incomplete_error(where: str, en: str, zh: str) -> IncompleteStatementError:
    """
    Return what to raise for a statement that is not whole.
    """
    in_chinese = _LINE_NUMBER.sub(r"第 \1 行", where)

    return IncompleteStatementError(
        f"The statement is not whole: {where}: {en}.",
        f"对账文件不完整：{in_chinese}：{zh}。",
    )


def misfit_error(name: str) -> RowError:
    """
    Return what to raise for a column that does not hold a *name*.
    """
    return RowError(f"its {name} cannot be read", f"{name} 无法识别")


def read_day(text: str, name: str) -> date:
    """
    Take ``YYYYMMDD``, with or without dashes.

    Args:
        name: What it is, for the error.

    Raises:
        RowError: It is none.
    """
    match = _DAY_TEXT.fullmatch(text)

    try:
        if match is not None:
            return date(*(int(part) for part in match.groups()))
    except ValueError:
        pass

    raise misfit_error(name)


def is_amount(text: str) -> bool:
    """
    Tell whether *text* is money of at most two decimals.
    """
    return _AMOUNT_TEXT.fullmatch(text) is not None


def read_amount(text: str, name: str) -> Decimal:
    """
    Take money of at most two decimals.

    Args:
        name: What it is, for the error.

    Raises:
        RowError: It is none.
    """
    if not is_amount(text):
        raise misfit_error(name)

    return Decimal(text)


def read_rate(text: str, name: str) -> Decimal:
    """
    Take an exchange rate of at most eight decimals.

    Args:
        name: What it is, for the error.

    Raises:
        RowError: It is none.
    """
    if _RATE_TEXT.fullmatch(text) is None:
        raise misfit_error(name)

    return Decimal(text)


def rate_units(rate: Decimal) -> int:
    """
    Return *rate*, of at most eight decimals, in hundred-millionths.
    """
    return int(rate.scaleb(_RATE_DECIMALS))


def read_word(text: str, name: str) -> str:
    """
    Take text that must be there.

    Args:
        name: What it is, for the error.

    Raises:
        RowError: It is none.
    """
    if not text:
        raise misfit_error(name)

    return text


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
    if _PLAIN_DAY.fullmatch(word) is None:
        raise ValueError

    return date.fromisoformat(word)
