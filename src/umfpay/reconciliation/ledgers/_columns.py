"""
The merchant's own columns in the form that is compared, on any engine.

Money becomes Int64 hundredths by its digits: no engine's rounding, no float.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import narwhals as nw

from umfpay.reconciliation._books import Book
from umfpay.reconciliation.ledgers._frame_kinds import (
    back_in,
    frame_kind,
    in_polars,
    names_of,
)
from umfpay.reconciliation.ledgers._mapping import (
    AMOUNT_PATTERN,
    DAY_PATTERN,
    KIND_WORDS,
    MONEY_COLUMNS,
    OFFSET_PATTERN,
    OPTIONAL_COLUMNS,
    REFUNDED,
    WORDS_OF_KIND,
    choose_columns,
    columns_error,
)


# Columns of ours in a table of theirs, whose names may be anything.
_REFUND_COLUMN: Final = "umfpay: refund"
_KIND_COLUMN: Final = "umfpay: kind"
_WORD_COLUMN: Final = "umfpay: word"
_CHINA_ZONE: Final = "Asia/Shanghai"
_CHINA_OFFSET_MINUTES: Final = 8 * 60
_DAY_MINUTES: Final = 24 * 60

Frame = Any  # narwhals' frame, or the native one of any engine
Expr = Any


def canonical(frame: Frame, columns: Mapping[str, str] | None = None) -> Frame:
    """
    Return the merchant's table in the columns that `compare()` takes.

    Written with narwhals: what is given lazily is returned lazily. A value that cannot
    be read fails when the engine computes it.

    Args:
        frame: Of Polars, DuckDB, PySpark, pandas or pyarrow.
        columns: Ours to theirs.

    Raises:
        ConfigError: A column is missing, money is a float, or the frame is of another
            engine.
    """
    if REFUNDED in (columns or {}):
        raise columns_error(
            f"{REFUNDED}: sums of refunds are compared by reconcile() alone; give a row"
            " for each refund",
            f"{REFUNDED}：退款合计只能由 reconcile() 核对；请为每笔退款提供一行",
        )

    kind = frame_kind(Book.LEDGER, frame)
    chosen = choose_columns(columns, names_of(Book.LEDGER, frame))

    if not kind.is_by_polars:
        return with_our_columns(frame, chosen)

    rows = in_polars(Book.LEDGER, frame, chosen.values())

    return back_in(kind, with_our_columns(rows, chosen))


def with_our_columns(
    table: Frame, found: Mapping[str, str], *, ready: Collection[str] = ()
) -> Frame:
    """
    Return *table* in our columns.

    Args:
        table: Of narwhals, or a native one.
        found: Ours to theirs, all of them there.
        ready: Those of ours whose column holds already what it is to hold.

    Raises:
        ConfigError: A column of money holds floats.
    """
    table = nw.from_native(table, pass_through=True)
    schema = table.collect_schema()

    for name in MONEY_COLUMNS:
        if name in found and schema[found[name]].is_float():
            raise columns_error(
                f"{name}={found[name]} holds floats, which are no money; cast them to"
                " text or decimal",
                f"{name}={found[name]} 为浮点数，不能表示金额；请转换为文本或 decimal",
            )

    for name in ("mer_reference_id", "refund_id"):
        if name in found and schema[found[name]].is_float():
            raise columns_error(
                f"{name}={found[name]} holds floats, which are no numbers of orders and"
                " refunds: their last digits may be lost; give text",
                f"{name}={found[name]} 为浮点数，不能表示订单号或退款单号（末位可能已"
                "丢失）；请提供文本",
            )

    refund = _refund_number(found["refund_id"]) if "refund_id" in found else nw.lit("")
    table = table.with_columns(nw.coalesce(refund, nw.lit("")).alias(_REFUND_COLUMN))
    table = (
        table.with_columns(nw.col(found["kind"]).alias(_KIND_COLUMN))
        if "kind" in ready
        else _with_kind(table, found.get("kind"))
    )
    values: dict[str, Expr] = {
        "order_id": _words(found["mer_reference_id"]),
        "kind": nw.col(_KIND_COLUMN),
        "refund_id": nw.when(nw.col(_KIND_COLUMN) == "T")
        .then(nw.col(_REFUND_COLUMN))
        .otherwise(nw.lit("")),
    }

    for name in (*OPTIONAL_COLUMNS, REFUNDED):
        if name not in found:
            continue

        column, kind = found[name], schema[found[name]]

        if kind == nw.Datetime and kind.time_zone not in (None, _CHINA_ZONE):
            table, kind = _with_offsets(table, column, kind)

        values[name] = nw.col(column) if name in ready else _value(name, column, kind)

    return table.select(**values).to_native()


def _with_offsets(table: Frame, column: str, kind: Any) -> tuple[Frame, Any]:
    """
    Return *table* with the moments of *column* in a form that has their zone, and its
    type.

    Raises:
        ConfigError: The engine knows their zone, and has no way to another.
    """
    if table.implementation.is_duckdb():
        # Its zone is that of the connection; as text it has its offset.
        return table.with_columns(nw.col(column).cast(nw.String)), nw.String()

    if table.implementation.is_spark_like():
        raise columns_error(
            f"mer_date={column} holds moments in the session's zone; set"
            f' spark.sql.session.timeZone to "{_CHINA_ZONE}", where the gateway is, or give'
            " dates",
            f"mer_date={column} 为会话时区的时间；请将 spark.sql.session.timeZone 设为"
            f" {_CHINA_ZONE}（网关所在时区），或提供日期",
        )

    return table, kind


def ready_words(name: str, words: Frame, column: str) -> Frame | None:
    """
    Return what the words of *column* are in our column *name*; a native frame like
    *words*, None where that takes more than the word itself.

    Args:
        name: currency, state or kind.
        words: A native frame with the text column *column*.
    """
    table = nw.from_native(words).with_columns(nw.lit("").alias(_REFUND_COLUMN))

    if name != "kind":
        return table.select(_value(name, column, nw.String()).alias(name)).to_native()

    table = _with_kind(table, column)

    if not table.get_column(_WORD_COLUMN).is_in(KIND_WORDS).all():
        # Where it is empty the refund's number decides; others are refused.
        return None

    return table.select(nw.col(_KIND_COLUMN).alias(name)).to_native()


def _value(name: str, column: str, kind: Any) -> Expr:
    """
    Return what *column* is in our column *name*.
    """
    if name in MONEY_COLUMNS:
        return _hundredths(column, kind)

    if name == "mer_date":
        return _day(column, kind)

    if name == "currency":
        return _words(column).str.to_uppercase()

    return _words(column)


def _refund_number(column: str) -> Expr:
    text = _words(column)

    # WeChat Pay writes 0 for no refund.
    return nw.when(text != "0").then(text)


def _words(column: str) -> Expr:
    text = nw.col(column).cast(nw.String).str.strip_chars()

    # Empty text and null are the same.
    return nw.when(text != "").then(text)


def _with_kind(table: Frame, column: str | None) -> Frame:
    """
    Return *table*, which has the number of the refund, with the kind.
    """
    by_number = (
        nw.when(nw.col(_REFUND_COLUMN) != "").then(nw.lit("T")).otherwise(nw.lit("P"))
    )

    if column is None:
        return table.with_columns(by_number.alias(_KIND_COLUMN))

    word = nw.col(column).cast(nw.String).str.strip_chars().str.to_uppercase()
    # A column of its own: engines compute again what stands in an expression twice.
    table = table.with_columns(nw.coalesce(word, nw.lit("")).alias(_WORD_COLUMN))
    # What is none of them stays: it matches nothing, and is seen.
    found = nw.col(_WORD_COLUMN)

    for kind, words in WORDS_OF_KIND.items():
        found = (
            nw.when(nw.col(_WORD_COLUMN).is_in(words))
            .then(nw.lit(kind))
            .otherwise(found)
        )

    found = nw.when(nw.col(_WORD_COLUMN) == "").then(by_number).otherwise(found)

    return table.with_columns(found.alias(_KIND_COLUMN))


def _hundredths(column: str, kind: Any) -> Expr:
    if kind.is_integer():
        return nw.col(column).cast(nw.Int64) * 100

    given = nw.col(column).cast(nw.String).str.strip_chars()
    is_empty = given.is_null() | (given == "")
    # Engines compute all branches: what is empty is 0 until the end, and what is no
    # amount fails in a cast, also where an engine would read 1e5.
    text = (
        nw.when(is_empty)
        .then(nw.lit("0"))
        .otherwise(
            nw.when(given.str.contains(AMOUNT_PATTERN))
            .then(given)
            .otherwise(nw.lit("no amount"))
        )
    )
    size = text.str.replace_all(r"^[+-]", "")
    whole = size.str.replace_all(r"\..*$", "").cast(nw.Int64)
    digits = nw.concat_str([size.str.replace_all(r"^[^.]*\.?", ""), nw.lit("000")])
    up = nw.when(digits.str.slice(2, 1) >= "5").then(nw.lit(1)).otherwise(nw.lit(0))
    value = whole * 100 + digits.str.slice(0, 2).cast(nw.Int64) + up
    signed = nw.when(text.str.starts_with("-")).then(-value).otherwise(value)

    return nw.when(~is_empty).then(signed)


def _day(column: str, kind: Any) -> Expr:
    """
    Return the day of a moment as the gateway has it, whose zone is China's.
    """
    if kind == nw.Date:
        return nw.col(column)

    if kind == nw.Datetime and kind.time_zone is None:
        return nw.col(column).dt.date()

    if kind == nw.Datetime:
        return nw.col(column).dt.convert_time_zone(_CHINA_ZONE).dt.date()

    given = _words(column)
    # What is no day fails in the cast.
    text = (
        nw.when(given.is_null() | given.str.contains(DAY_PATTERN))
        .then(given)
        .otherwise(nw.lit("no day"))
    )
    day = text.str.replace_all(r"[-/]", "").str.slice(0, 8).str.to_date(format="%Y%m%d")
    minutes = _minutes_in_china(text)

    later = (
        nw.when(minutes >= _DAY_MINUTES)
        .then(day.dt.offset_by("1d").cast(nw.Date))
        .otherwise(day)
    )

    return (
        nw.when(minutes < 0)
        .then(day.dt.offset_by("-1d").cast(nw.Date))
        .otherwise(later)
    )


def _minutes_in_china(text: Expr) -> Expr:
    """
    Return how many minutes after the begin of the day that it names a moment with an
    offset is in China; 0 for what has none.
    """
    moment = nw.when(text.str.contains(OFFSET_PATTERN)).then(text)
    clock = moment.str.replace_all(r"^.*[T ]", "")
    digits = clock.str.replace_all(":", "", literal=True)
    zone = clock.str.replace_all(r"^[0-9:.]*", "")
    shift = nw.concat_str([zone.str.replace_all(r"[^0-9]", ""), nw.lit("0000")])

    def number(expression: Expr) -> Expr:
        # Engines compute all branches: what has no offset is a number, too.
        return nw.coalesce(expression, nw.lit("0")).cast(nw.Int64)

    local = number(digits.str.slice(0, 2)) * 60 + number(digits.str.slice(2, 2))
    offset = number(shift.str.slice(0, 2)) * 60 + number(shift.str.slice(2, 2))
    utc = (
        nw.when(zone.str.starts_with("-"))
        .then(local + offset)
        .otherwise(local - offset)
    )

    return (
        nw.when(~moment.is_null())
        .then(utc + _CHINA_OFFSET_MINUTES)
        .otherwise(nw.lit(0))
    )
