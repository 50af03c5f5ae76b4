"""
Clean the values of a ledger, as shops and platforms write them, for the comparison.

Only what can mean one thing is taken for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from umfpay.errors import Text


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.ledgers._format import LedgerFormat


CHINA_ZONE: Final = "Asia/Shanghai"
_SIGNS: Final = r"CN¥|US\$|HK\$|RMB|CNY|[¥￥$€£]"
_AMOUNT: Final = rf"^([+-]?)\s*(?:{_SIGNS})?\s*([+-]?)([0-9][0-9.,]*)\s*元?$"
_AMBIGUOUS: Final = r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"
# With the dot they can be nothing but thousands, nor can two commas.
_COMMA_THOUSANDS: Final = (
    r"^[+-]?[0-9]{1,3}(?:(?:,[0-9]{3})+\.[0-9]+|(?:,[0-9]{3}){2,})$"
)
_ANY_COMMA_THOUSANDS: Final = r"^[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?$"
_COMMA_DECIMALS: Final = r"^[+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(?:,[0-9]+)?$"
_UNREADABLE: Final = "?"
_CENTS: Final = r"^[+-]?[0-9]{1,15}(?:\.0+)?$"
_YEAR_FIRST: Final = (
    r"^([0-9]{4})([-/.]|年)([0-9]{1,2})(?:[-/.]|月)([0-9]{1,2})日?( |T|$)"
)
_LOCAL_MOMENT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{1,2}:[0-9]{2}[0-9:.]*$"


def clean_amounts(values: pl.Series, written: LedgerFormat) -> pl.Series:
    """
    Return the text of amounts without currency signs and thousands separators; what
    could mean several amounts stays as it is.
    """
    import polars as pl

    text = pl.col(values.name).str.strip_chars().str.replace("−", "-", literal=True)
    number = text.str.replace(_AMOUNT, "${1}${2}${3}")

    if written.decimal == ",":
        plain = number.str.replace_all(".", "", literal=True).str.replace(
            ",", ".", literal=True
        )
        number = (
            pl.when(number.str.contains(_COMMA_DECIMALS))
            .then(plain)
            # With a comma for the decimals 12.50 is none.
            .otherwise(
                pl.when(number == "").then(number).otherwise(pl.lit(_UNREADABLE))
            )
        )
    else:
        thousands = _ANY_COMMA_THOUSANDS if written.decimal else _COMMA_THOUSANDS
        number = (
            pl.when(number.str.contains(thousands))
            .then(number.str.replace_all(",", "", literal=True))
            .otherwise(number)
        )

    return values.to_frame().select(number).to_series()


def currency_signs(values: pl.Series) -> list[str]:
    """
    Return the signs of currencies in the text of amounts.
    """
    found = values.str.extract(rf"({_SIGNS})").unique().drop_nulls()

    return sorted({"¥" if sign == "￥" else sign for sign in found})


def amount_wanted(value: str) -> Text:
    """
    Return what to say of a *value* that is no amount.
    """
    if re.fullmatch(_AMBIGUOUS, value.strip()):
        return Text(
            "amount: its comma may stand before decimals or thousands; say --decimal ."
            " or --decimal ,",
            "金额：其中的逗号可能是小数点，也可能是千位分隔符；请用 --decimal . 或"
            " --decimal , 指定",
        )

    return Text("amount such as 1234.50", "金额（例如 1234.50）")


def cents(values: pl.Series) -> pl.Series:
    """
    Return amounts in hundredths as numbers; null for what is none.
    """
    import polars as pl

    text = values.cast(pl.String).str.strip_chars()
    good = (
        pl.when(pl.col(values.name).str.contains(_CENTS))
        .then(pl.col(values.name).str.replace(r"\.0+$", ""))
        .cast(pl.Int64, strict=False)
    )

    return text.to_frame().select(good).to_series()


def clean_days(values: pl.Series, written: LedgerFormat) -> pl.Series:
    """
    Return days and moments as text with the year first and two digits for each part.
    """
    import polars as pl

    given = pl.col(values.name)
    text = given.str.strip_chars()

    if written.date_format is not None:
        moment = text.str.to_datetime(written.date_format, strict=False, time_unit="us")
        text = (
            moment.dt.strftime("%Y-%m-%d %H:%M:%S")
            if _has_time(written.date_format)
            else moment.dt.strftime("%Y-%m-%d")
        ).fill_null(pl.when(text != "").then(pl.lit(_UNREADABLE)))
    else:
        text = text.str.replace(_YEAR_FIRST, "${1}-0${3}-0${4}${5}").str.replace(
            r"^([0-9]{4})-0?([0-9]{2})-0?([0-9]{2})( |T|$)", "${1}-${2}-${3}${4}"
        )

    # Shopify puts a blank before it.
    text = text.str.replace(r"([0-9]) ([+-][0-9]{2}:?[0-9]{2})$", "${1}${2}")
    cleaned = values.to_frame().select(text).to_series()

    return cleaned if written.zone is None else _days_in_china(cleaned, written.zone)


def _has_time(date_format: str) -> bool:
    return any(mark in date_format for mark in ("%H", "%I", "%T", "%X", "%R", "%c"))


def _days_in_china(values: pl.Series, zone: str) -> pl.Series:
    """
    Return the days in China of moments of *zone*; others as they are.
    """
    import polars as pl

    text = pl.col(values.name)
    local = pl.when(text.str.contains(_LOCAL_MOMENT)).then(
        text.str.replace("T", " ", literal=True)
    )
    moment = pl.coalesce(
        local.str.to_datetime(pattern, strict=False, time_unit="us")
        for pattern in ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")
    )
    day = (
        moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        .dt.convert_time_zone(CHINA_ZONE)
        .dt.strftime("%Y-%m-%d")
    )

    return values.to_frame().select(day.fill_null(text)).to_series()
