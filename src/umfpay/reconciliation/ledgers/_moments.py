"""
Parquet files whose times have an offset for a zone, such as ``+05:30``: pandas and Arrow
write it, and polars knows none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from umfpay.reconciliation.ledgers._files import unreadable_error


if TYPE_CHECKING:
    import polars as pl


_OFFSET_PATTERN: Final = re.compile(r"[+-][0-9]{2}:?[0-9]{2}")
_BATCH_ROWS: Final = 100_000


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
            for batch in opened.iter_batches(batch_size=_BATCH_ROWS, columns=[*wanted]):
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
