"""
What a merchant has written, read as what it should be, or refused with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from umfpay.errors import StatementError, Text
from umfpay.reconciliation._columns import plain_amounts, plain_days, replace_words
from umfpay.reconciliation._extra import load
from umfpay.reconciliation._ledger_files import LEDGER_ADVICE
from umfpay.reconciliation._ledger_names import (
    AMOUNT_PATTERN,
    DAY_PATTERN,
    KIND_WORDS,
    MONEY_COLUMNS,
    columns_error,
)


if TYPE_CHECKING:
    import polars as pl


_MAX_DISTINCT_WORDS: Final = 1_000
# Amounts of 15 digits; more overflow hundredths.
_MAX_HUNDREDTHS: Final = 10**15 - 1


def in_our_columns(
    rows: pl.DataFrame, columns: Mapping[str, str], *, before: int
) -> pl.DataFrame:
    """
    Return *rows* in the columns that are compared.

    Args:
        columns: Ours to theirs.
        before: Rows of the ledger that came before.

    Raises:
        StatementError: A value is not what its column should hold; it names the column
            and the row, never the value.
    """
    import polars as pl

    _must_hold_values(rows, columns)
    rows, done = _parse_usual(rows, columns)
    _check(rows, columns, before, done)
    ours: pl.DataFrame = load("_ledger_columns").with_our_columns(
        rows, columns, ready=done
    )
    _refuse(
        ours.select(pl.col("order_id").is_not_null()),
        columns["mer_reference_id"],
        before,
        Text("order number", "订单号"),
    )

    return ours


def _must_hold_values(rows: pl.DataFrame, columns: Mapping[str, str]) -> None:
    """
    Raise for a column of a type that can be none of ours: lists, objects, durations.
    """
    import polars as pl

    for name, column in columns.items():
        kind = rows.schema[column]
        is_day = name == "mer_date" and kind.base_type() in (pl.Date, pl.Datetime)

        if kind.is_nested() or kind.is_object() or (kind.is_temporal() and not is_day):
            raise columns_error(
                f"{name}={column} is of the type {kind}, which is none for it; give"
                " text",
                f"{name}={column} 的类型 {kind} 不适用；请提供文本",
            )


def _parse_usual(
    rows: pl.DataFrame, columns: Mapping[str, str]
) -> tuple[pl.DataFrame, frozenset[str]]:
    """
    Read columns of text that are as they mostly are: ``12.50``, few days, few words.

    Returns:
        The rows, and which of our columns are read.
    """
    done: dict[str, pl.Series] = {}

    # Two of ours may be one of theirs.
    if len({*columns.values()}) < len(columns):
        return rows, frozenset()

    for name, column in columns.items():
        values = rows.get_column(column)

        if not values.dtype.is_(_text_type()):
            continue

        read = _PARSERS[name](name, values) if name in _PARSERS else None

        if read is not None:
            done[name] = read.alias(column)

    return rows.with_columns(done.values()), frozenset(done)


def _check(
    rows: pl.DataFrame, columns: Mapping[str, str], before: int, done: frozenset[str]
) -> None:
    import polars as pl

    words = {
        name: pl.col(column).cast(pl.String).str.strip_chars()
        for name, column in columns.items()
    }

    for name in MONEY_COLUMNS:
        if name in words and name not in done:
            good = (
                pl.col(columns[name]).is_between(-_MAX_HUNDREDTHS, _MAX_HUNDREDTHS)
                if _is_exact(rows, columns[name])
                else words[name].str.contains(AMOUNT_PATTERN) | (words[name] == "")
            )
            _refuse(
                rows.select(good),
                columns[name],
                before,
                Text("amount such as 1234.50", "金额（例如 1234.50）"),
            )

    if "mer_date" in words and not rows.schema[columns["mer_date"]].is_temporal():
        day = words["mer_date"]
        digits = day.str.replace_all(r"[-/]", "").str.slice(0, 8)
        _refuse(
            rows.select(
                (
                    day.str.contains(DAY_PATTERN)
                    & digits.str.to_date("%Y%m%d", strict=False).is_not_null()
                )
                | (day == "")
            ),
            columns["mer_date"],
            before,
            Text("date such as 2017-02-05", "日期（例如 2017-02-05）"),
        )

    if "kind" in words and "kind" not in done:
        _refuse(
            rows.select(words["kind"].str.to_uppercase().is_in(["", *KIND_WORDS])),
            columns["kind"],
            before,
            Text("P or T", "P 或 T"),
        )


def _refuse(good: pl.DataFrame, column: str, before: int, wanted: Text) -> None:
    """
    Raise for the first row that is not good; null is.
    """
    bad = (~good.to_series()).fill_null(value=False).arg_true()

    if not bad.len():
        return

    row = before + bad[0] + 1

    raise StatementError(
        f"The ledger's column {column} holds in row {row} no {wanted.en}.",
        f"账本第 {row} 行的 {column} 列不是{wanted.zh}。",
        advice=LEDGER_ADVICE,
    )


def _parse_words(name: str, values: pl.Series) -> pl.Series | None:
    import polars as pl

    words = values.unique()

    if words.len() > _MAX_DISTINCT_WORDS:
        return None

    found = load("_ledger_columns").ready_words(
        name, words.to_frame(values.name), values.name
    )

    if found is None:
        return None

    ours = found.get_column(name)

    if words.equals(ours):
        return values

    column = replace_words(pl.col(values.name), words, ours)

    return values.to_frame().select(column).to_series()


_PARSERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    **dict.fromkeys(MONEY_COLUMNS, lambda _, values: plain_amounts(values)),
    "mer_date": lambda _, values: plain_days(values),
    **dict.fromkeys(("kind", "currency", "state"), _parse_words),
}


def _text_type() -> type[pl.String]:
    import polars as pl

    return pl.String


def _is_exact(rows: pl.DataFrame, column: str) -> bool:
    kind = rows.schema[column]

    return kind.is_integer() or kind.is_decimal()
