"""
Parse rows of statement files by the million, as polars frames.

Each column is checked as a whole. Where anything in a block is unusual, its rows are
read one by one: what is refused, and in which words, is decided in one place only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay._private_files import replacing
from umfpay.errors import ConfigError
from umfpay.reconciliation._columns import UnusualError, read_columns
from umfpay.reconciliation._extra import must_have_polars
from umfpay.reconciliation._frame_parser import Block
from umfpay.reconciliation._rows import PaidOut, Transaction
from umfpay.reconciliation._values import rate_units


if TYPE_CHECKING:
    import polars as pl


# What a row stripped by Python loses, and one stripped by the engine keeps.
_PYTHON_BLANKS: Final = (b"\x1c", b"\x1d", b"\x1e", b"\x1f")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
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
        _Column("paid_on", "day"),
        _Column("paid_at", "clock"),
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

    # A mark is a letter here, and is nothing to the engine.
    if data.startswith(_BYTE_ORDER_MARK) or any(
        blank in data for blank in _PYTHON_BLANKS
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

    columns = {
        f"column_{number}": column
        for number, column in enumerate(_COLUMNS_OF_KIND[kind], 1)
    }

    names = [name for name, column in columns.items() if column.is_read(wanted)]

    try:
        raw = pl.read_csv(
            data,
            has_header=False,
            quote_char=None,
            columns=names,
            schema=dict.fromkeys(columns, pl.String()),
            empty_string_is_null=False,
            low_memory=True,
        )
    except pl.exceptions.PolarsError:
        raise UnusualError from None

    # With as many commas in all, a line with fewer is never alone, and one with more
    # was refused by polars. Files with a column more are read row by row, for its date.
    if data.count(b",") != (len(columns) - 1) * raw.height:
        raise UnusualError

    if not data.isascii() or any(blank in data for blank in _BLANKS):
        raw = raw.with_columns(pl.all().str.strip_chars())

    found = read_columns(
        raw,
        {name: (columns[name].holds, columns[name].needed) for name in names},
    ).rename({name: columns[name].name for name in names})

    # A payment has none, whatever stands there.
    if "refund_id" in found.columns and _has_odd_refunds(found):
        found = found.with_columns(
            refund_id=pl.when(pl.col("kind") == "T")
            .then("refund_id")
            .otherwise(pl.lit(""))
        )

    return found if wanted is None else found.select(*wanted)


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
            elif holds == "clock":
                given = "" if given is None else f"{given:%H%M%S}"
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
        raise ConfigError(
            f"columns: there is no {', '.join(unknown)}; there are {', '.join(there)}.",
            f"columns：没有 {'、'.join(unknown)}；可用的列为 {'、'.join(there)}。",
        )

    return [name for name in there if name in {*columns, "kind", _SUMMED_COLUMN[kind]}]


def sums_of(frame: pl.DataFrame, kind: type[Any]) -> tuple[Decimal, Decimal]:
    """
    Return what the payments and the refunds of *frame* add up to, in CNY.
    """
    import polars as pl

    amount = pl.col(_SUMMED_COLUMN[kind]).cast(pl.Int128)
    paid, refunded = frame.select(
        amount.filter(pl.col("kind") == name).sum().alias(name) for name in ("P", "T")
    ).row(0)

    return Decimal(paid).scaleb(-2), Decimal(refunded).scaleb(-2)


def write_parquet(frames: Iterator[pl.DataFrame], to: Path, kind: type[Any]) -> Path:
    """
    Write *frames* one after the other; the name appears when all are written.
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
        raise ConfigError(f"{to}: cannot be written.", f"{to}：无法写入。") from error

    return to
