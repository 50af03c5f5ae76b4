"""
Parse rows of statement files by the million, as polars frames.

Each column is checked as a whole. Where anything in a block is unusual, its rows are
read one by one: what is refused, and in which words, is decided in one place only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay._private_files import replacing
from umfpay.errors import ConfigError
from umfpay.reconciliation._extra import must_have_polars
from umfpay.reconciliation._values import UnusualError, rate_units, read_columns
from umfpay.reconciliation.gateway_files._frame_parser import Block
from umfpay.reconciliation.gateway_files._rows import (
    CNY_WORDS,
    PaidOut,
    Transaction,
    is_dated,
)
from umfpay.reconciliation.gateway_files._totals import Sums


if TYPE_CHECKING:
    import polars as pl


# What a row stripped by Python loses, and one stripped by the engine keeps.
_PYTHON_BLANKS: Final = (b"\x1c", b"\x1d", b"\x1e", b"\x1f")
_BLANK_LINES: Final = re.compile(rb"\n{2,}")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# Stands behind each line while it is read.
_LINE_END: Final = b"\x02"
_BLANKS: Final = (b" ", b"\t", b"\x0b", b"\x0c", b"\r")


@attrs.frozen
class _Column:
    """
    A column of the file: its name in frames and what it holds.
    """

    name: str
    holds: str
    needed: bool = False

    def is_read(self, wanted: Collection[str] | None) -> bool:
        """
        Tell whether it must be looked at: any text is right, unless it is needed.
        """
        if self.holds == "nothing":
            return False

        return (
            wanted is None or self.name in wanted or self.needed or self.holds != "text"
        )


_T = _Column("", "nothing")

_COLUMNS_OF_KIND: Final[Mapping[type[Any], tuple[_Column, ...]]] = {
    Transaction: (
        _Column("trade_no", "text"),
        _T,  # the customer's phone
        _Column("order_id", "text", needed=True),
        _Column("mer_date", "day"),
        _Column("plat_date", "text"),
        _Column("plat_time", "text"),
        _Column("currency", "currency", needed=True),
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
        _Column("currency", "currency", needed=True),
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
# With a date before the state, which nothing compares.
_COLUMNS_WITH_DATE: Final = (
    *_COLUMNS_OF_KIND[Transaction][:10],
    _T,
    *_COLUMNS_OF_KIND[Transaction][10:],
)
_INSTEAD_OF_BLANK: Final[Mapping[type[Any], Mapping[str, str]]] = {
    Transaction: {"total": "total_cny", "exchange_rate": "rate"},
    PaidOut: {
        "total": "total_cny",
        "exchanged": "exchanged_cny",
        "exchange_rate": "rate",
    },
}
# Which of them the closing total sums.
_SUMMED_COLUMN: Final = {Transaction: "total_cny", PaidOut: "exchanged_cny"}
# What the typed rows call a column that has another name here.
_MEMBER_OF_COLUMN: Final[Mapping[type[Any], Mapping[str, str]]] = {
    Transaction: {},
    PaidOut: {"number": "order_id"},
}


def parse_block(
    rows: Block,
    kind: type[Any],
    *,
    encoding: str | None,
    wanted: Collection[str] | None = None,
) -> tuple[pl.DataFrame | None, str | None]:
    """
    Return whole lines as a frame, and the encoding that is decided by now.

    Args:
        kind: `Transaction` or `PaidOut`.
        encoding: Of the lines before, None if they were ASCII.
        wanted: The columns of the frame, None for all. What can be wrong about the
            others is looked at all the same.

    Returns:
        No frame where anything is unusual: then the rows are to be read one by one.
    """
    must_have_polars()

    try:
        text, encoding = _utf8(rows.data, encoding)

        return _frame(text, kind, wanted), encoding
    except UnusualError:
        return None, None


def _utf8(data: bytes, encoding: str | None) -> tuple[bytes, str | None]:
    """
    Return *data* in UTF-8 with plain line ends, and its encoding if it tells one.
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")

    if b"\n\n" in data:
        data = _BLANK_LINES.sub(b"\n", data)

    # A mark is a letter here, and is nothing to the engine.
    if data.startswith((_BYTE_ORDER_MARK, b"\n")) or any(
        one in data for one in (*_PYTHON_BLANKS, _LINE_END)
    ):
        raise UnusualError

    if data.isascii():
        return data, encoding

    encoding = encoding or "utf-8"

    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise UnusualError from None

    return (data if encoding == "utf-8" else text.encode()), encoding


def _frame(
    data: bytes, kind: type[Any], wanted: Collection[str] | None
) -> pl.DataFrame:
    import polars as pl

    columns = _COLUMNS_OF_KIND[kind]

    line = data.partition(b"\n")[0].decode("utf-8", "replace")
    first = [field.strip() for field in line.split(",")]
    # There is a date before the state, or a comma behind the row.
    is_wide = len(first) == len(columns) + 1
    has_date = is_wide and kind is Transaction and is_dated(first)
    ends_with_comma = is_wide and not has_date

    if has_date:
        columns = _COLUMNS_WITH_DATE
    elif ends_with_comma:
        columns = (*columns, _T)

    named = {f"column_{number}": column for number, column in enumerate(columns, 1)}
    names = [name for name, column in named.items() if column.is_read(wanted)]
    last, end = [*named][-1], f"column_{len(columns) + 1}"
    # Where a row of another width has its kind.
    other_kind: tuple[str, ...] = ()

    if is_wide and kind is Transaction:
        other_kind = ("column_12",) if has_date else ("column_13",)

    try:
        raw = pl.read_csv(
            data.replace(b"\n", b"," + _LINE_END + b"\n"),
            has_header=False,
            quote_char=None,
            columns=[*dict.fromkeys([*names, last, end, *other_kind])],
            schema=dict.fromkeys([*named, end], pl.String()),
            empty_string_is_null=False,
            low_memory=True,
        )
    except pl.exceptions.PolarsError:
        raise UnusualError from None

    # polars drops what a line has too much, and fills up what it lacks: each has its
    # end where it belongs, or one column before.
    mark = _LINE_END.decode()
    is_whole = raw.get_column(end) == mark
    is_lacking = raw.get_column(last) == mark

    if not (is_whole | is_lacking).all():
        raise UnusualError

    if ends_with_comma and not _is_blank(raw, last):
        raise UnusualError

    if any(raw.get_column(name).is_in(["P", "T"]).any() for name in other_kind):
        raise UnusualError

    if is_lacking.any():
        raw = _with_last_column(raw, kind, last, is_lacking)

    if not data.isascii() or any(blank in data for blank in _BLANKS):
        raw = raw.with_columns(pl.all().str.strip_chars())

    raw = _with_foreign_amounts(
        raw, {column.name: name for name, column in named.items()}, kind
    )
    found = read_columns(
        raw, {name: (named[name].holds, named[name].needed) for name in names}
    ).rename({name: named[name].name for name in names})

    # A payment has none, whatever stands there.
    if "refund_id" in found.columns and _has_odd_refunds(found):
        if ends_with_comma:
            # Its product has commas.
            raise UnusualError

        found = found.with_columns(
            refund_id=pl.when(pl.col("kind") == "T")
            .then("refund_id")
            .otherwise(pl.lit(""))
        )

    return found if wanted is None else found.select(*wanted)


def _is_blank(raw: pl.DataFrame, name: str) -> bool:
    return bool(raw.get_column(name).str.strip_chars().eq("").all(ignore_nulls=False))


def _with_last_column(
    raw: pl.DataFrame, kind: type[Any], last: str, is_lacking: pl.Series
) -> pl.DataFrame:
    """
    Return *raw*, where payments may lack the last column: the number of a refund.
    """
    import polars as pl

    kind_column = f"column_{int(last.removeprefix('column_')) - 2}"

    if (
        kind is not Transaction
        or raw.filter(is_lacking & (pl.col(kind_column) != "P")).height
    ):
        raise UnusualError

    filled = pl.when(is_lacking).then(pl.lit("")).otherwise(pl.col(last))

    return raw.with_columns(filled.alias(last))


def _with_foreign_amounts(
    raw: pl.DataFrame, names: Mapping[str, str], kind: type[Any]
) -> pl.DataFrame:
    """
    Return *raw*; where its currency is CNY, an amount that is blank is that in CNY.
    """
    import polars as pl

    is_cny = pl.col(names["currency"]).str.to_uppercase().is_in(CNY_WORDS)
    instead = {
        names[blank]: pl.lit("1") if name == "rate" else pl.col(names[name])
        for blank, name in _INSTEAD_OF_BLANK[kind].items()
    }
    blank = raw.select(pl.col(*instead).eq("").any()).row(0)

    if not any(blank):
        return raw

    return raw.with_columns(
        pl.when(is_cny & (pl.col(name) == ""))
        .then(value)
        .otherwise(pl.col(name))
        .alias(name)
        for name, value in instead.items()
    )


def _has_odd_refunds(frame: pl.DataFrame) -> bool:
    import polars as pl

    return bool(
        frame.select(
            ((pl.col("kind") == "P") & (pl.col("refund_id") != "")).any()
        ).item()
    )


def hundredths(amount: Decimal) -> int:
    """
    Return *amount*, of at most two decimals, in hundredths.
    """
    return int(amount * 100)


def of_rows(rows: Iterable[Any], kind: type[Any]) -> pl.DataFrame:
    """
    Return typed rows as such a frame.
    """
    import polars as pl

    members = _MEMBER_OF_COLUMN[kind]
    columns = {
        column.name: (column.holds, members.get(column.name, column.name))
        for column in _COLUMNS_OF_KIND[kind]
        if column.holds != "nothing"
    }
    values: dict[str, list[Any]] = {name: [] for name in columns}

    for row in rows:
        for name, (holds, member) in columns.items():
            given = getattr(row, member)

            if holds == "amount":
                given = hundredths(given)
            elif holds == "rate":
                given = rate_units(given)
            elif holds == "currency":
                given = given.upper()
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
        for column in _COLUMNS_OF_KIND[kind]
        if column.holds != "nothing"
    }


def read_for(columns: Sequence[str], kind: type[Any]) -> list[str]:
    """
    Return what is read for a frame of *columns*: what is summed, too.

    Raises:
        ConfigError: There is no such column.
    """
    there = [column.name for column in _COLUMNS_OF_KIND[kind] if column.name]
    unknown = sorted({*columns} - {*there})

    if unknown:
        raise ConfigError.of(
            "columns",
            f"there is no {', '.join(unknown)}; there are {', '.join(there)}",
            f"没有 {'、'.join(unknown)}；可用的列为 {'、'.join(there)}",
        )

    return [name for name in there if name in {*columns, "kind", _SUMMED_COLUMN[kind]}]


def sums_of(frame: pl.DataFrame, kind: type[Any]) -> Sums:
    """
    Return what the payments and the refunds of *frame* add up to, in CNY.
    """
    import polars as pl

    amount = pl.col(_SUMMED_COLUMN[kind]).cast(pl.Int128)
    paid, refunded = frame.select(
        amount.filter(pl.col("kind") == name).sum().alias(name) for name in ("P", "T")
    ).row(0)

    return Sums(paid=Decimal(paid).scaleb(-2), refunded=Decimal(refunded).scaleb(-2))


def write_parquet(frames: Iterator[pl.DataFrame], to: Path, kind: type[Any]) -> Path:
    """
    Write *frames* one after the other; the name appears when all are written.

    Args:
        kind: The class of the rows, `Transaction` or `PaidOut`.

    Raises:
        ConfigError: It cannot be written.
    """
    must_have_polars()

    import pyarrow as pa
    import pyarrow.parquet as pq

    empty = of_rows((), kind)

    try:
        with (
            replacing(to) as file,
            pq.ParquetWriter(file, empty.to_arrow().schema) as writer,
        ):
            for frame in frames:
                writer.write_table(frame.to_arrow())
    except (OSError, pa.ArrowException) as error:
        raise ConfigError.of(to, "cannot be written", "无法写入") from error

    return to
