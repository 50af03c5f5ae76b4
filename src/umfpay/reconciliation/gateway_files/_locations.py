"""
Find where the differences stand in the files, and under which ids of the gateway.

The comparison keeps no more of a row than it compares. What a person needs to ask about
a difference is looked up afterwards, for its key alone: in the gateway's files, and of the
ledger, which may be read but once, in what is kept of it beside the comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from umfpay.reconciliation._books import KEY, LINE, number_with_day, number_without_day
from umfpay.reconciliation._stored_files import StoredSource


if TYPE_CHECKING:
    import polars as pl


BOOKED_AT: Final = "booked_at"
_GATEWAY_PLACES: Final = ("trade_no", "object_id", "listed_at", "paid_out_at")
PLACE_COLUMNS: Final = (BOOKED_AT, *_GATEWAY_PLACES)
PLACE_SEPARATOR: Final = "; "

# So many times less are few.
_FEW: Final = 10
_BYTES_AT_ONCE: Final = 8 * 1024 * 1024
_KIND_INDEX: Final = 11
_KIND_INDEX_OF_PAID_OUT: Final = 12
_ORDER_INDEX: Final = 2
_NUMBER_INDEX: Final = 1
# Behind the last field that holds something.
_ENDS: Final = ", \t\r\n\x1a"
_BLANKS: Final = (b" ", b"\t", b"\r", b"\x0b", b"\x0c")
_DAY: Final = r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}$"


def with_ledger_places(
    differences: pl.DataFrame, ledger: pl.DataFrame, source: str
) -> pl.DataFrame:
    """
    Return the *differences* with *booked_at*, the file and the line of the ledger, of
    all rows that have the key; null where there is none.

    Args:
        ledger: The key and the *line* of each row.
        source: The name of the file.
    """
    import polars as pl

    if differences.is_empty():
        return differences.with_columns(pl.lit(None, dtype=pl.String).alias(BOOKED_AT))

    rows = ledger.lazy().select(pl.col(KEY).fill_null(""), LINE)

    if differences.height * _FEW < ledger.height:
        # A join of few rows with many sorts out the many first.
        rows = rows.join(differences.lazy().select(KEY), on=KEY, how="semi")

    lines = (
        differences.lazy()
        .select(KEY)
        .with_row_index("_row")
        .join(
            rows,
            on=KEY,
            how="left",
            maintain_order="left_right",
        )
        .select("_row", at=pl.format("{}:{}", pl.lit(source), LINE))
        .collect()
    )

    if lines.height > differences.height:
        # A key that stands in the ledger twice.
        lines = lines.group_by("_row", maintain_order=True).agg(
            pl.col("at").drop_nulls().str.join(PLACE_SEPARATOR)
        )

    at = lines.get_column("at").alias(BOOKED_AT)

    return differences.with_columns(
        at.to_frame()
        .select(pl.when(pl.col(BOOKED_AT) != "").then(BOOKED_AT))
        .to_series()
    )


def with_places(
    differences: pl.DataFrame,
    transactions: Sequence[StoredSource],
    statements: Sequence[StoredSource],
    *,
    by_day: bool = False,
) -> pl.DataFrame:
    """
    Return the *differences* with the places in the gateway's files: UMF's number and the file with the
    line of the transactions, the id and the file with the line of the statement. What
    stands there several times has all of them; what does not stand there has null.

    Args:
        by_day: Numbers of orders have their days.
    """
    import polars as pl

    number = pl.when(pl.col("kind") == "T").then("refund_id").otherwise("order_id")
    rows = differences.with_columns(_number=number)
    wanted, numbers = (
        rows.select(number_without_day(pl.col(name)) if by_day else name)
        .to_series()
        .unique()
        for name in ("order_id", "_number")
    )
    # What came through a pipe comes once.
    files, paid_files = (
        [one for one in given if isinstance(one, bytes) or Path(one).is_file()]
        for given in (transactions, statements)
    )
    listed = [_listed(one, wanted, by_day=by_day) for one in files]
    paid = [_paid_out(one, numbers, by_day=by_day) for one in paid_files]

    for found, by, names in (
        (listed, [*KEY], ("trade_no", "listed_at")),
        (paid, ["kind", "_number"], ("object_id", "paid_out_at")),
    ):
        if found:
            once = (
                pl.concat(found)
                .group_by(by, maintain_order=True)
                .agg(
                    pl.col("id").unique(maintain_order=True).str.join(PLACE_SEPARATOR),
                    pl.col("at").str.join(PLACE_SEPARATOR),
                )
                .rename(dict(zip(("id", "at"), names, strict=True)))
            )
            rows = rows.join(once, on=by, how="left", maintain_order="left")
        else:
            rows = rows.with_columns(
                pl.lit(None, dtype=pl.String).alias(name) for name in names
            )

    return rows.select(*differences.columns, *_GATEWAY_PLACES)


def _listed(source: StoredSource, wanted: pl.Series, *, by_day: bool) -> pl.DataFrame:
    """
    Return *order_id*, *kind*, *refund_id*, *id* and *at* of a transaction file.
    """
    import polars as pl

    fields = pl.col("fields")
    # A date before the state moves what comes behind it (gateway.md 9.1).
    kinds = [fields.list.get(_KIND_INDEX + shift, null_on_oob=True) for shift in (0, 1)]
    is_dated = kinds[1].is_in(["P", "T"]) & ~(
        kinds[0].is_in(["P", "T"])
        & ~fields.list.get(_KIND_INDEX - 1, null_on_oob=True).str.contains(_DAY)
    )
    kind = pl.when(is_dated).then(kinds[1]).otherwise(kinds[0])

    return _collect(
        source,
        _ORDER_INDEX,
        wanted,
        order_id=_order(_ORDER_INDEX, by_day=by_day),
        kind=kind,
        refund_id=pl.when(kind == "T").then(fields.list.last()).otherwise(pl.lit("")),
    )


def _paid_out(source: StoredSource, wanted: pl.Series, *, by_day: bool) -> pl.DataFrame:
    """
    Return *kind*, *_number*, *id* and *at* of a reconciliation file.
    """
    import polars as pl

    fields = pl.col("fields")
    kind = fields.list.get(_KIND_INDEX_OF_PAID_OUT, null_on_oob=True)

    return _collect(
        source,
        _NUMBER_INDEX,
        wanted,
        kind=kind,
        _number=pl.when(kind == "T")
        .then(fields.list.get(_NUMBER_INDEX))
        .otherwise(_order(_NUMBER_INDEX, by_day=by_day)),
    )


def _order(index: int, *, by_day: bool) -> pl.Expr:
    """
    Return the number at *index*; its day stands behind it.
    """
    import polars as pl

    fields = pl.col("fields")
    number = fields.list.get(index)

    if not by_day:
        return number

    return number_with_day(number, fields.list.get(index + 1, null_on_oob=True))


def _collect(
    source: StoredSource, index: int, wanted: pl.Series, **columns: pl.Expr
) -> pl.DataFrame:
    import polars as pl

    name = "" if isinstance(source, bytes) else Path(source).name
    number = pl.col("text").str.splitn(",", index + 2).struct.field(f"field_{index}")
    parts = [
        lines.with_columns(
            fields=pl.col("text")
            .str.strip_chars_end(_ENDS)
            .str.split(",")
            .list.eval(pl.element().str.strip_chars())
        ).select(
            **columns,
            id=pl.col("fields").list.first(),
            at=pl.format("{}:{}", pl.lit(name), "line"),
        )
        for lines in _numbered(source, number, wanted)
    ]

    return pl.concat(parts)


def _numbered(
    source: StoredSource, number: pl.Expr, wanted: pl.Series
) -> Iterator[pl.DataFrame]:
    """
    Give the lines of a file whose *number* is wanted, in *text*, with their own numbers,
    from 1.
    """
    given, first = wanted.implode(), 1

    with _opened(source) as file:
        # A part at a time: a file may be larger than memory.
        while (data := file.read(_BYTES_AT_ONCE)) or first == 1:
            data += file.readline()
            lines, count = _lines(data, first)
            # Which takes a third of the time, and is mostly for nothing.
            is_padded = not data.isascii() or any(blank in data for blank in _BLANKS)
            found = number.str.strip_chars() if is_padded else number
            yield lines.filter(found.is_in(given))
            first += count


def _lines(data: bytes, first: int) -> tuple[pl.DataFrame, int]:
    """
    Return lines with their numbers, of which one is *first*, and how many they are.
    """
    import polars as pl

    count = data.count(b"\n") + (not data.endswith(b"\n"))

    # Which no line has: a line is one column.
    if data and b"\x01" not in data and _is_utf8(data):
        lines = pl.read_csv(
            data,
            has_header=False,
            schema={"text": pl.String()},
            separator="\x01",
            quote_char=None,
            row_index_name="line",
            row_index_offset=first,
        )

        if lines.height == count:
            return lines, count

    texts = [*map(_text, data.removesuffix(b"\n").split(b"\n"))]
    numbers = pl.int_range(first, first + count, eager=True, dtype=pl.UInt32)

    return pl.DataFrame({"line": numbers, "text": texts}), count


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False

    return True


def _opened(source: StoredSource) -> AbstractContextManager[BinaryIO | Any]:
    return (
        nullcontext(BytesIO(source))
        if isinstance(source, bytes)
        else Path(source).open("rb")
    )


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("gb18030", "replace")
