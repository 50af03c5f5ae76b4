"""
Tables in files, as polars reads them: in batches, with errors in our words.

Parquet files whose times have an offset for a zone, such as ``+05:30``, are read by
pyarrow: pandas and Arrow write it, and polars knows none.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from umfpay.errors import StatementError, Text, os_reason


if TYPE_CHECKING:
    import polars as pl


_BATCH_ROWS: Final = 500_000

# That of statements sends to UMF, who has never seen this book.
LEDGER_ADVICE: Final = Text(
    "Correct your ledger or how it is exported, and compare again.",
    "请更正账本或其导出方式后重新对账。",
)

# In a table of theirs, whose names may be anything.
LINE_COLUMN: Final = "umfpay: line"
"""Where a reader knows it: the line of each row, as editors and spreadsheets count."""

Scan = Callable[[], "pl.LazyFrame"]

_OFFSET_PATTERN: Final = re.compile(r"[+-][0-9]{2}:?[0-9]{2}")
_ARROW_BATCH_ROWS: Final = 100_000


def batches(scan: Scan, file: Path, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
    """
    Give the columns *wanted* of a *file* in batches.

    Raises:
        StatementError: It cannot be read.
    """
    import polars as pl

    rows = 0

    try:
        total = scan().select(pl.len()).collect().item()

        for batch in scan().select(wanted).collect_batches(chunk_size=_BATCH_ROWS):
            rows += batch.height
            yield batch
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable_error(file, error) from None

    if rows != total:
        raise StatementError(
            f"The ledger {file} cannot be read: {rows} of its {total} rows came.",
            f"无法读取账本 {file}：共 {total} 行，只读到 {rows} 行。",
            advice=LEDGER_ADVICE,
        )


def names(scan: Scan, file: Path) -> list[str]:
    """
    Return the names of the columns of a *file*.

    Raises:
        StatementError: It cannot be read.
    """
    import polars as pl

    # polars takes a folder for all files in it.
    if file.is_dir():
        raise unreadable_error(file, IsADirectoryError(errno.EISDIR, "Is a directory"))

    try:
        return scan().collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable_error(file, error) from None


def unreadable_error(
    file: Path, error: Exception, *, encoding: str | None = None
) -> StatementError:
    """
    Return what to raise for a *file* that cannot be read.

    Args:
        encoding: Of its text, None if it is none.
    """
    if encoding is not None and isinstance(error, UnicodeError):
        shown = encoding.removesuffix("-sig")

        return StatementError(
            f"The ledger {file} cannot be read: it is no text in {shown}.",
            f"无法读取账本 {file}：不是 {shown} 编码的文本。",
            advice=Text(
                "Save it as UTF-8 (in Excel: CSV UTF-8), or name its encoding, such as"
                " gb18030: encoding=, in a shell --encoding.",
                "请另存为 UTF-8（Excel：CSV UTF-8），或指定其编码（例如 gb18030）："
                "encoding=，命令行为 --encoding。",
            ),
        )

    # The words of polars may quote what they cannot read.
    reason = os_reason(error)

    if isinstance(error, FileNotFoundError):
        reason = os.strerror(errno.ENOENT)

    return StatementError(
        f"The ledger {file} cannot be read: {reason}.",
        f"无法读取账本 {file}：{reason}。",
        advice=LEDGER_ADVICE,
    )


def has_offsets(file: Path) -> bool:
    """
    Tell whether a column of *file* has an offset for a zone; False if it is no Parquet.
    """
    import pyarrow.parquet

    try:
        schema = pyarrow.parquet.read_schema(file)
    except (OSError, ValueError):
        # Whoever reads it says why.
        return False

    return any(_has_offset(field.type) for field in schema)


def names_in_arrow(file: Path) -> list[str]:
    """
    Return the names of the columns of *file*, which is there.
    """
    import pyarrow.parquet

    names: list[str] = pyarrow.parquet.read_schema(file).names

    return names


def batches_in_utc(file: Path, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
    """
    Give the columns *wanted* of *file* in batches, their moments in UTC.

    Raises:
        StatementError: It cannot be read.
    """
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as opened:
            for batch in opened.iter_batches(
                batch_size=_ARROW_BATCH_ROWS, columns=[*wanted]
            ):
                table = pa.Table.from_batches([batch])
                schema = pa.schema([_in_utc(field) for field in table.schema])
                frame = pl.from_arrow(table.cast(schema))
                assert isinstance(frame, pl.DataFrame)

                yield frame
    except (OSError, ValueError, pa.ArrowException) as error:
        raise unreadable_error(file, error) from None


def _in_utc(field: Any) -> Any:
    import pyarrow as pa

    if not _has_offset(field.type):
        return field

    return field.with_type(pa.timestamp(field.type.unit, tz="UTC"))


def _has_offset(kind: Any) -> bool:
    import pyarrow as pa

    return (
        pa.types.is_timestamp(kind)
        and kind.tz is not None
        and _OFFSET_PATTERN.fullmatch(kind.tz) is not None
    )
