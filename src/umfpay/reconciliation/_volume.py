"""
Rows of statement files by the million: as frames in place of objects.

Each column is checked as a whole. Where anything in a block is unusual, its rows are
read one by one: what is refused, and in which words, is decided in one place only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import ConfigError, IncompleteStatementError, Text
from umfpay.reconciliation._columns import plain_amounts
from umfpay.reconciliation._extra import must_have_polars
from umfpay.reconciliation._rows import PaidOut, Transaction
from umfpay.reconciliation._values import read_day, read_rate


if TYPE_CHECKING:
    import polars as pl


_UNIT: Final = 10_000
# No row has these; their meaning as white space is Python's alone.
_CONTROLS: Final = bytes([*range(10), *range(11, 32), 127])
_ANY_AMOUNT: Final = r"^-?[0-9]{1,15}(?:\.[0-9]{1,2})?$"
_CLOCK: Final = r"^(?:(?:[01][0-9]|2[0-3]):?[0-5][0-9]:?[0-5][0-9])?$"
# Words of which a file has few: each is looked at once.
_FEW: Final = 50_000


class _UnusualError(Exception):
    """
    Raised when a block is to be read row by row.
    """


@attrs.frozen
class _Column:
    """
    A column of the file: its name in frames and what it holds.
    """

    name: str
    holds: str
    needed: bool = False


_T = _Column("", "nothing")

_COLUMNS: Final[Mapping[type[Any], tuple[_Column, ...]]] = {
    Transaction: (
        _Column("trade_no", "text"),
        _T,  # the customer's phone
        _Column("order_id", "text", needed=True),
        _Column("mer_date", "day"),
        _Column("paid_on", "day"),
        _Column("paid_at", "clock"),
        _Column("currency", "text", needed=True),
        _Column("total", "amount"),
        _Column("total_cny", "amount"),
        _Column("exchange_rate", "rate"),
        _Column("state", "text"),
        _Column("kind", "kind"),
        _Column("product_id", "text"),
        _Column("refund_id", "text"),
    ),
    PaidOut: (
        _Column("object_id", "text"),
        _Column("number", "text", needed=True),
        _Column("mer_date", "day"),
        _Column("settled_on", "day"),
        _Column("currency", "text", needed=True),
        _Column("total", "amount"),
        _Column("total_cny", "amount"),
        _Column("service_fee", "amount"),
        _Column("exchanged", "amount"),
        _Column("exchanged_cny", "amount"),
        _Column("exchange_rate", "rate"),
        _Column("exchanged_on", "day"),
        _Column("kind", "kind"),
        _Column("state", "text"),
    ),
}
# Which of them the closing total sums.
_SUMMED: Final = {Transaction: "total_cny", PaidOut: "exchanged_cny"}
# What the typed rows call them.
_MEMBERS: Final = {
    Transaction: {
        "mer_date": "order_date",
        "total": "amount",
        "total_cny": "amount_cny",
        "refund_id": "refund_no",
    },
    PaidOut: {
        "number": "order_id",
        "mer_date": "order_date",
        "total": "amount",
        "total_cny": "amount_cny",
    },
}


def at_once(
    data: bytes, kind: type[Any], *, encoding: str | None
) -> tuple[pl.DataFrame | None, str | None]:
    """
    Return whole lines as a frame, and the encoding that is decided by now.

    Args:
        kind: `Transaction` or `PaidOut`.
        encoding: Of the lines before, None if they were ASCII.

    Returns:
        No frame where anything is unusual: then the rows are to be read one by one.
    """
    must_have_polars()

    try:
        text, encoding = _utf8(data, encoding)

        return _frame(text, kind), encoding
    except _UnusualError:
        return None, None


def _utf8(data: bytes, encoding: str | None) -> tuple[bytes, str | None]:
    """
    Return *data* in UTF-8 with plain line ends, and its encoding if it tells one.
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")

    if len(data.translate(None, _CONTROLS)) < len(data):
        raise _UnusualError

    if data.isascii():
        return data, encoding

    encoding = encoding or "utf-8"

    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise _UnusualError from None

    return (data if encoding == "utf-8" else text.encode()), encoding


def _frame(data: bytes, kind: type[Any]) -> pl.DataFrame:
    import polars as pl

    columns = _COLUMNS[kind]
    count = len(columns)
    lines = data.count(b"\n")
    per_line = data.count(b",") / lines

    # The date of files with a column more is looked at row by row.
    if per_line != count - 1 or b"\n\n" in data or data.startswith(b"\n"):
        raise _UnusualError

    try:
        raw = pl.read_csv(
            data,
            has_header=False,
            quote_char=None,
            schema={f"c{index}": pl.String for index in range(count)},
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:
        # A line with more columns. With as many commas in all, one with fewer is
        # never alone.
        raise _UnusualError from None

    if raw.height != lines:
        raise _UnusualError

    # The only white space that is left, or some that is not ASCII.
    if b" " in data or not data.isascii():
        raw = raw.with_columns(pl.all().str.strip_chars())

    return raw.select(
        *(
            _READ[column.holds](raw.get_column(f"c{index}"), column).alias(column.name)
            for index, column in enumerate(columns)
            if column.holds != "nothing"
        )
    ).with_columns(
        # A payment has none, whatever stands there.
        *(
            [
                pl.when(pl.col("kind") == "T")
                .then("refund_id")
                .otherwise(pl.lit(""))
                .alias("refund_id")
            ]
            if kind is Transaction
            else []
        )
    )


def _text(values: pl.Series, column: _Column) -> pl.Series:
    if column.needed and (values == "").any():
        raise _UnusualError

    return values


def _kind(values: pl.Series, _: _Column) -> pl.Series:
    if not values.is_in(["P", "T"]).all():
        raise _UnusualError

    return values


def _clock(values: pl.Series, _: _Column) -> pl.Series:

    if not values.str.contains(_CLOCK).all():
        raise _UnusualError

    # Text: Spark knows no time of day.
    return values.str.replace_all(":", "", literal=True)


def _amount(values: pl.Series, _: _Column) -> pl.Series:
    import polars as pl

    plain = plain_amounts(values)

    if plain is not None:
        return plain

    if not values.str.contains(_ANY_AMOUNT).all():
        raise _UnusualError

    parts = values.str.split_exact(".", 1).struct.unnest()
    whole, rest = parts.to_series(0), parts.to_series(1).fill_null("")
    digits = whole + rest.str.pad_end(2, "0")

    return digits.cast(pl.Int64)


def _day(values: pl.Series, _: _Column) -> pl.Series:
    import polars as pl

    return _each(values, lambda text: read_day(text, "", ""), pl.Date())


def _rate(values: pl.Series, _: _Column) -> pl.Series:
    import polars as pl

    return _each(values, lambda text: units(read_rate(text, "", "")), pl.Int64())


def _each(
    values: pl.Series, read: Callable[[str], Any], kind: pl.DataType
) -> pl.Series:
    """
    Read each word once, as it is read in a row.
    """
    import polars as pl

    words = values.unique()

    if words.len() > _FEW:
        raise _UnusualError

    try:
        known = pl.Series([read(word) for word in words], dtype=kind)
    except IncompleteStatementError:
        raise _UnusualError from None

    return values.replace_strict(words, known, return_dtype=kind)


_READ: Final[Mapping[str, Callable[[Any, _Column], Any]]] = {
    "text": _text,
    "kind": _kind,
    "clock": _clock,
    "amount": _amount,
    "day": _day,
    "rate": _rate,
}


def hundredths(amount: Decimal) -> int:
    """
    Return *amount*, of at most two decimals, in hundredths.
    """
    return int(amount * 100)


def units(rate: Decimal) -> int:
    """
    Return *rate* in ten-thousandths, half up.
    """
    return int(rate * _UNIT + Decimal("0.5"))


def of_rows(rows: Iterable[Any], kind: type[Any]) -> pl.DataFrame:
    """
    Return typed rows as such a frame.
    """
    import polars as pl

    members = _MEMBERS[kind]
    columns = {
        column.name: (column.holds, members.get(column.name, column.name))
        for column in _COLUMNS[kind]
        if column.holds != "nothing"
    }
    values: dict[str, list[Any]] = {name: [] for name in columns}

    for row in rows:
        for name, (holds, member) in columns.items():
            given = getattr(row, member)

            if holds == "amount":
                given = hundredths(given)
            elif holds == "rate":
                given = units(given)
            elif holds == "clock":
                given = "" if given is None else f"{given:%H%M%S}"
            elif name == "refund_id" and row.kind == "P":
                given = ""

            values[name].append(str(given) if holds in ("text", "kind") else given)

    return pl.DataFrame(values, schema=schema_of_frames(kind))


def schema_of_frames(kind: type[Any]) -> dict[str, pl.DataType]:
    """
    Return the columns of such frames with their polars types.
    """
    import polars as pl

    kinds: dict[str, pl.DataType] = {
        "amount": pl.Int64(),
        "rate": pl.Int64(),
        "day": pl.Date(),
    }

    return {
        column.name: kinds.get(column.holds, pl.String())
        for column in _COLUMNS[kind]
        if column.holds != "nothing"
    }


def sums_of(frame: pl.DataFrame, kind: type[Any]) -> tuple[Decimal, Decimal]:
    """
    Return what the payments and the refunds of *frame* add up to, in CNY.
    """
    import polars as pl

    by_kind = dict(
        frame.group_by("kind").agg(pl.col(_SUMMED[kind]).sum().cast(pl.Int128)).rows()
    )

    return (
        Decimal(by_kind.get("P", 0)) / 100,
        Decimal(by_kind.get("T", 0)) / 100,
    )


def write_parquet(frames: Iterator[pl.DataFrame], to: Path, kind: type[Any]) -> Path:
    """
    Write *frames* one after the other; the name appears when all are written.
    """
    must_have_polars()

    import pyarrow as pa
    import pyarrow.parquet as pq

    partial = to.with_name(f".{to.name}.part")
    empty = of_rows((), kind)

    try:
        with pq.ParquetWriter(partial, empty.to_arrow().schema) as writer:
            for frame in frames:
                writer.write_table(frame.to_arrow())

        partial.replace(to)
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(
            Text(f"{to}: cannot be written.", f"{to}：无法写入。")
        ) from error
    finally:
        partial.unlink(missing_ok=True)

    return to
