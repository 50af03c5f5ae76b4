"""
A ledger as it was read once: its rows in a Parquet file, in the columns that are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from umfpay.errors import Text
from umfpay.reconciliation._books import KEY, Book, schema_of
from umfpay.reconciliation._ledger import Ledger


if TYPE_CHECKING:
    import polars as pl


def write_ledger(ledger: Ledger, to: Path) -> None:
    """
    Write the rows of *ledger*, in the columns that are compared, as Parquet.
    """
    import polars as pl
    import pyarrow.parquet as pq

    schema = {
        name: kind
        for name, kind in schema_of(Book.LEDGER).items()
        if name in KEY or name in ledger.available
    }
    empty = pl.DataFrame(schema=schema)

    with pq.ParquetWriter(to, empty.to_arrow().schema) as writer:
        for rows in ledger.batches():
            writer.write_table(
                rows.select(
                    pl.col(name).cast(kind) for name, kind in schema.items()
                ).to_arrow()
            )


class PinnedLedger(Ledger):
    """
    Such a file as a ledger.

    Args:
        path: Of the file.
        notes: What was found out about the ledger when it was read.
        is_keyed_by_day: Numbers of its orders repeat over days.
    """

    def __init__(
        self,
        path: Path,
        notes: Sequence[Sequence[str]],
        *,
        is_keyed_by_day: bool = False,
    ) -> None:
        import pyarrow.parquet as pq

        self._path = path
        self._notes = [Text(*note) for note in notes]
        self.available = frozenset(pq.read_schema(path).names) - {*KEY}
        self.is_keyed_by_day = is_keyed_by_day
        self.identity = ["pinned", path.parent.name, is_keyed_by_day]

    def batches(self) -> Iterator[pl.DataFrame]:
        """
        Give its rows.
        """
        import polars as pl
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches():
                rows = pl.from_arrow(batch)
                assert isinstance(rows, pl.DataFrame)

                yield rows

    def notes(self) -> list[Text]:
        """
        Return what was found out about it.
        """
        return self._notes
