"""
Format values for people and programs: money, rates and days, alone and in columns.

Money and rates are decimals, days are written as in ISO 8601; in texts and in JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import Text


if TYPE_CHECKING:
    import polars as pl


MONEY_COLUMNS: Final = frozenset(
    {
        *("total", "total_cny", "service_fee", "exchanged", "exchanged_cny"),
        # Of all refunds of an order, where a ledger has but that.
        *("refunded", "refunded_cny"),
    }
)
RATE_COLUMNS: Final = frozenset({"exchange_rate"})
# Before the names of columns.
BOOKS: Final = ("ledger", "gateway", "statement")
SIDE_NAMES: Final = {
    "ledger": Text("ledger", "账本"),
    "gateway": Text("gateway", "网关"),
    "statement": Text("statement", "结算"),
}

_FOUR_PLACES: Final = Decimal("0.0001")


def money_text(hundredths: int) -> str:
    """
    Return hundredths as a decimal of two places.
    """
    return f"{Decimal(hundredths).scaleb(-2):.2f}"


def money_of(hundredths: int | None) -> Decimal | None:
    """
    Return hundredths as a decimal; None is none.
    """
    return None if hundredths is None else Decimal(hundredths).scaleb(-2)


def rate_of(units: int) -> Decimal:
    """
    Return a rate in hundred-millionths as a decimal of four to eight places.
    """
    rate = Decimal(units).scaleb(-8)
    short = rate.quantize(_FOUR_PLACES)

    return short if short == rate else rate.normalize()


def as_json(value: Any) -> Any:
    """
    Return a *value* as JSON has it: money is text of two places, a day is text, a `Text`
    has both languages, and an object of attrs has its members.
    """
    match value:
        case Decimal():
            return f"{value:.2f}"
        case StrEnum():
            return str(value)
        case date():
            return value.isoformat()
        case Text():
            return {"en": value.en, "zh": value.zh}
        case Mapping():
            return {str(name): as_json(one) for name, one in value.items()}
        case list() | tuple():
            return [as_json(one) for one in value]
        case _ if attrs.has(type(value)):
            return members_as_json(value)

    return value


def members_as_json(value: attrs.AttrsInstance) -> dict[str, Any]:
    """
    Return the members of an object as JSON has them.
    """
    return {
        field.name: as_json(getattr(value, field.name))
        for field in attrs.fields(type(value))
    }


def value_name(column: str) -> str:
    """
    Return what a *column* of a book holds, "" for one of no book.
    """
    book, _, name = column.partition("_")

    return name if book in BOOKS else ""


def as_text(rows: pl.DataFrame) -> pl.DataFrame:
    """
    Return *rows* with text in every column; null stays null.
    """
    import polars as pl

    return rows.select(_text(rows.get_column(name)) for name in rows.columns).cast(
        pl.String
    )


def _text(values: pl.Series) -> pl.Expr:
    import polars as pl

    name = value_name(values.name)

    if name in MONEY_COLUMNS:
        return money_texts(values.name)

    return rate_texts(values) if name in RATE_COLUMNS else pl.col(values.name)


def money_texts(column: str) -> pl.Expr:
    """
    Return what `money_text()` makes of each value of *column*.
    """
    import polars as pl

    value = pl.col(column)
    size = value.abs()

    return pl.concat_str(
        pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit("")),
        size // 100,
        pl.lit("."),
        (size % 100).cast(pl.String).str.zfill(2),
    ).alias(column)


def rate_texts(values: pl.Series) -> pl.Expr:
    """
    Return what `rate_of()` makes of each of *values*, as text.
    """
    import polars as pl

    words = values.drop_nulls().unique()

    return pl.col(values.name).replace_strict(
        words,
        [f"{rate_of(word):f}" for word in words],
        default=None,
        return_dtype=pl.String,
    )
