"""
What a merchant has written, read as what it should be, or refused with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import Text
from umfpay.reconciliation._extra import load
from umfpay.reconciliation._values import plain_amounts, plain_days, replace_words
from umfpay.reconciliation.ledgers._cleaning import (
    amount_wanted,
    cents,
    clean_amounts,
    clean_days,
    currency_signs,
)
from umfpay.reconciliation.ledgers._format import NO_ROW, LedgerFormat
from umfpay.reconciliation.ledgers._mapping import (
    AMOUNT_PATTERN,
    DAY_PATTERN,
    KIND_WORDS,
    MONEY_COLUMNS,
    columns_error,
)


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.ledgers._place import Place


_MAX_DISTINCT_WORDS: Final = 1_000
# Amounts of 15 digits; more overflow hundredths.
_MAX_HUNDREDTHS: Final = 10**15 - 1
_ROUNDED_NUMBER: Final = r"^\s*[0-9]([.,][0-9]+)?[eE]\+?[0-9]+\s*$"
_BARE_DIGITS: Final = r"^\s*-?[0-9]+\s*$"
_AMOUNT_ADVICE: Final = Text(
    "Correct your ledger, or say how it is written: --decimal ',' or '.', --unit"
    " cents.",
    "请更正账本，或指定金额写法：--decimal ',' 或 '.'、--unit cents。",
)
_DAY_ADVICE: Final = Text(
    "Correct your ledger, or say how it is written, such as --date-format %d/%m/%Y; an"
    " order of day and month is never guessed.",
    "请更正账本，或指定日期写法，例如 --date-format %d/%m/%Y；日和月的顺序不会被猜测。",
)
_KIND_ADVICE: Final = Text(
    "Correct your ledger, or say what it is: --kind P=WORD for a payment, T=WORD for a refund, -=WORD for a row"
    " that is neither.",
    "请更正账本，或指定其含义：--kind P=词（支付）、T=词（退款）、-=词（两者都不是，忽略该行）。",
)
_STATE_ADVICE: Final = Text(
    "Digits mean different things in different systems; say what each means, such as"
    " --state done=0.",
    "数字在不同系统中含义不同；请指定每个数字的含义，例如 --state done=0。",
)
_ID_ADVICE: Final = Text(
    "A spreadsheet has rounded it; format the column as text before you enter or import"
    " the numbers, and export again.",
    "电子表格已将其舍入；请先将该列设为文本格式，再录入或导入编号，然后重新导出。",
)


def in_our_columns(
    columns: Mapping[str, str],
    place: Place,
    *,
    written: LedgerFormat,
    refund_columns: Mapping[str, str],
) -> tuple[pl.DataFrame, Place]:
    """
    Return the rows of a *place* in the columns that are compared, and the place of each.

    Args:
        columns: Ours to theirs.
        written: How the ledger is written.
        refund_columns: Ours to theirs, where those of refunds are others.

    Raises:
        StatementError: A value is not what its column should hold; it names the column
            and the row, and shows the value without long numbers.
    """
    rows = place.rows
    _must_hold_values(rows, columns)
    _check_numbers(columns, place)
    rows = _with_meanings(rows, columns, written)

    if refund_columns:
        rows = _with_refund_columns(rows, columns, refund_columns)
        place = attrs.evolve(place, rows=rows)

    rows, done = _parse_usual(rows, columns, written)
    rows, done = _cleaned(rows, columns, done, written, place)
    _check(rows, columns, done, place)
    ours: pl.DataFrame = load("ledgers._columns").with_our_columns(
        rows, columns, ready=done
    )

    if NO_ROW in written.kinds.values():
        is_row = ours.get_column("kind") != NO_ROW
        ours, place = ours.filter(is_row), place.only(is_row)

    place.refuse(
        ours.get_column("order_id").is_not_null(),
        columns["mer_reference_id"],
        Text("order number", "订单号"),
    )

    return ours, place


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


def _check_numbers(columns: Mapping[str, str], place: Place) -> None:
    """
    Raise for numbers of orders and refunds that a spreadsheet has rounded.
    """
    for name in ("mer_reference_id", "refund_id"):
        if name not in columns:
            continue

        values = place.rows.get_column(columns[name])

        # The first is fast, and seldom finds one.
        if (
            values.dtype.is_(_text_type())
            and values.str.contains("E+", literal=True).any()
        ):
            place.refuse(
                ~values.str.contains(_ROUNDED_NUMBER),
                columns[name],
                Text("number in full", "完整的编号"),
                advice=_ID_ADVICE,
            )


def _with_meanings(
    rows: pl.DataFrame, columns: Mapping[str, str], written: LedgerFormat
) -> pl.DataFrame:
    """
    Return *rows* with the words that the format knows replaced by ours.
    """
    import polars as pl

    for name, known in (("kind", written.kinds), ("state", written.states)):
        if name in columns and known:
            given = pl.col(columns[name]).cast(pl.String)
            word = given.str.strip_chars().str.to_uppercase()
            rows = rows.with_columns(
                pl.coalesce(
                    word.replace_strict(
                        dict(known), default=None, return_dtype=pl.String
                    ),
                    given,
                ).alias(columns[name])
            )

    return rows


def _with_refund_columns(
    rows: pl.DataFrame, columns: Mapping[str, str], refund_columns: Mapping[str, str]
) -> pl.DataFrame:
    """
    Return *rows* with the values of refunds from their own columns.
    """
    import polars as pl

    of_kind = {
        name: columns[name]
        for name in ("mer_reference_id", "kind", "refund_id")
        if name in columns
    }
    kinds = load("ledgers._columns").with_our_columns(rows, of_kind).get_column("kind")

    return rows.with_columns(
        pl.when(pl.lit(kinds == "T"))
        .then(pl.col(theirs))
        .otherwise(pl.col(columns[name]))
        .alias(columns[name])
        for name, theirs in refund_columns.items()
    )


def _parse_usual(
    rows: pl.DataFrame, columns: Mapping[str, str], written: LedgerFormat
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

        if not values.dtype.is_(_text_type()) or _is_special(name, written):
            continue

        read = _PARSERS[name](name, values) if name in _PARSERS else None

        if read is not None:
            done[name] = read.alias(column)

    return rows.with_columns(done.values()), frozenset(done)


def _is_special(name: str, written: LedgerFormat) -> bool:
    """
    Tell whether what looks usual in our column *name* may mean something else.
    """
    if name in MONEY_COLUMNS:
        return written.unit is not None or written.decimal == ","

    return name == "mer_date" and written.date_format is not None


def _cleaned(
    rows: pl.DataFrame,
    columns: Mapping[str, str],
    done: frozenset[str],
    written: LedgerFormat,
    place: Place,
) -> tuple[pl.DataFrame, frozenset[str]]:
    """
    Return *rows* with the columns of text that are not *done* as they mostly are, and
    which of ours are done.
    """
    read = set(done)
    # Two of ours may be one of theirs.
    money = {
        columns[name]: name
        for name in MONEY_COLUMNS
        if name in columns and name not in done
    }

    for column, name in money.items():
        values = rows.get_column(column)

        if written.unit == "cents":
            hundredths = cents(values)
            place.refuse(
                hundredths.is_not_null()
                | values.is_null()
                | (values.cast(_text_type()).str.strip_chars() == ""),
                column,
                Text("whole number of cents", "以分为单位的整数"),
                advice=_AMOUNT_ADVICE,
            )
            rows = rows.with_columns(hundredths.alias(column))
            read.add(name)
        elif values.dtype.is_(_text_type()):
            _must_have_one_sign(values, columns)
            rows = rows.with_columns(clean_amounts(values, written).alias(column))

    column = columns.get("mer_date", "")

    if column and "mer_date" not in done:
        values = rows.get_column(column)

        if values.dtype.is_(_text_type()):
            rows = rows.with_columns(clean_days(values, written).alias(column))

    return rows, frozenset(read)


def _must_have_one_sign(values: pl.Series, columns: Mapping[str, str]) -> None:
    signs = currency_signs(values)

    if len(signs) > 1 and "currency" not in columns:
        raise columns_error(
            f"{values.name} holds amounts with {' and '.join(signs)}, and no column"
            " says their currency; map currency",
            f"{values.name} 列的金额带有 {'、'.join(signs)} 等多种货币符号，而没有货币"
            "列；请指定 currency",
        )


def _check(
    rows: pl.DataFrame, columns: Mapping[str, str], done: frozenset[str], place: Place
) -> None:
    import polars as pl

    words = {
        name: pl.col(column).cast(pl.String).str.strip_chars()
        for name, column in columns.items()
    }

    def refuse(
        good: pl.Expr, name: str, wanted: Text, *, advice: Text | None = None
    ) -> None:
        place.refuse(
            rows.select(good).to_series(), columns[name], wanted, advice=advice
        )

    for name in MONEY_COLUMNS:
        if name in words and name not in done:
            good = (
                pl.col(columns[name]).is_between(-_MAX_HUNDREDTHS, _MAX_HUNDREDTHS)
                if _is_exact(rows, columns[name])
                else words[name].str.contains(AMOUNT_PATTERN) | (words[name] == "")
            )
            bad = rows.select(~good).to_series().fill_null(value=False).arg_true()

            if bad.len():
                value = place.value(bad[0], columns[name]) or ""
                place.refuse_row(
                    bad[0], columns[name], amount_wanted(value), advice=_AMOUNT_ADVICE
                )

    if (
        "mer_date" in words
        and "mer_date" not in done
        and not rows.schema[columns["mer_date"]].is_temporal()
    ):
        day = words["mer_date"]
        digits = day.str.replace_all(r"[-/]", "").str.slice(0, 8)
        refuse(
            (
                day.str.contains(DAY_PATTERN)
                & digits.str.to_date("%Y%m%d", strict=False).is_not_null()
            )
            | (day == ""),
            "mer_date",
            Text("date such as 2017-02-05", "日期（例如 2017-02-05）"),
            advice=_DAY_ADVICE,
        )

    if "kind" in words and "kind" not in done:
        refuse(
            words["kind"].str.to_uppercase().is_in(["", NO_ROW, *KIND_WORDS]),
            "kind",
            Text("P or T", "P 或 T"),
            advice=_KIND_ADVICE,
        )

    if "state" in words:
        # There are few: each is looked at once.
        states = rows.get_column(columns["state"]).unique().cast(pl.String)

        if states.str.contains(_BARE_DIGITS).any():
            refuse(
                ~words["state"].str.contains(_BARE_DIGITS),
                "state",
                Text("state in words", "文字形式的状态"),
                advice=_STATE_ADVICE,
            )


def _parse_words(name: str, values: pl.Series) -> pl.Series | None:
    import polars as pl

    words = values.unique()

    if words.len() > _MAX_DISTINCT_WORDS:
        return None

    found = load("ledgers._columns").ready_words(
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
