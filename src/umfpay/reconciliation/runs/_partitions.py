"""
Hash partitions of the books on disk, for bounded memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs


if TYPE_CHECKING:
    import polars as pl


_HASH_SEED: Final = 7
# So many rows are divided at once: a file for each bucket and each block of a book would
# be as many as the square of its rows.
_ROWS_AT_ONCE: Final = 500_000


@attrs.define
class PartitionStore:
    """
    The rows of the books, apart by the hash of their order id.

    Args:
        folder: Where; it is made. None keeps them in memory.
        buckets: How many.
    """

    folder: Path | None
    buckets: int
    _parts: Counter[str] = attrs.field(factory=Counter)
    _waiting: dict[str, list[pl.DataFrame]] = attrs.field(factory=dict)
    _frames_in_memory: dict[tuple[str, int], list[pl.DataFrame]] = attrs.field(
        factory=dict
    )

    def bucket_of(self, column: str) -> pl.Expr:
        """
        Return the expression for the bucket of the order id in *column*.
        """
        import polars as pl

        return (pl.col(column).hash(seed=_HASH_SEED) % self.buckets).cast(pl.UInt16)

    def add(
        self, book: str, frame: pl.DataFrame, *, bucket: pl.Expr | pl.Series
    ) -> None:
        """
        Store the rows of *frame*, each in its *bucket*; all are there after `flush()`.

        One thread adds to a *book*.
        """
        if self.buckets == 1:
            self._put(book, 0, frame)

            return

        waiting = self._waiting.setdefault(book, [])
        waiting.append(frame.with_columns(bucket.alias("_bucket")))

        if sum(one.height for one in waiting) >= _ROWS_AT_ONCE:
            self.flush(book)

    def flush(self, book: str) -> None:
        """
        Store what was added to *book* and not divided yet.
        """
        import polars as pl

        waiting = self._waiting.pop(book, [])

        if not waiting:
            return

        parts = pl.concat(waiting).partition_by(
            "_bucket", as_dict=True, include_key=False
        )

        for (number,), rows in parts.items():
            self._put(book, int(number), rows)

    def _put(self, book: str, bucket: int, rows: pl.DataFrame) -> None:
        if self.folder is None:
            self._frames_in_memory.setdefault((book, bucket), []).append(rows)

            return

        self._parts[book] += 1
        place = self.folder / book / f"{bucket:04d}"
        place.mkdir(parents=True, exist_ok=True)
        rows.write_ipc(place / f"{self._parts[book]:06d}.arrow", compression="lz4")

    def rows(
        self, book: str, bucket: int, schema: Mapping[str, pl.DataType]
    ) -> pl.DataFrame:
        """
        Return the rows of *book* in *bucket*, in the order in which they came.
        """
        import polars as pl

        if self.folder is None:
            parts = self._frames_in_memory.get((book, bucket), [])
        else:
            place = self.folder / book / f"{bucket:04d}"
            parts = [pl.read_ipc(part) for part in sorted(place.glob("*.arrow"))]

        if not parts:
            return pl.DataFrame(schema=dict(schema))

        return pl.concat(parts, rechunk=False).select(*schema)
