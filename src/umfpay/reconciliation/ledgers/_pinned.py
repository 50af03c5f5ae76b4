"""
A ledger as it was read once: its rows in a Parquet file, in the columns that are
compared, each with its line in the file that was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from umfpay.errors import Text
from umfpay.reconciliation._books import KEY, LINE, REFUND_SUM, Book, schema_of
from umfpay.reconciliation._progress import OnProgress, Progress, Step
from umfpay.reconciliation.ledgers._ledger import Ledger


if TYPE_CHECKING:
    import polars as pl


_SOURCE: Final = b"umfpay.source"


def write_ledger(ledger: Ledger, to: Path, on_progress: OnProgress) -> None:
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
    schema[LINE] = pl.Int64()

    if ledger.has_refund_sums:
        schema[REFUND_SUM] = pl.Boolean()

    columns = pl.DataFrame(schema=schema).to_arrow().schema
    source = {_SOURCE: ledger.source.encode()}

    count = 0
    on_progress(Progress(step=Step.KEEPING, done=count, total=None))

    with pq.ParquetWriter(to, columns.with_metadata(source)) as writer:
        for rows in ledger.placed_batches():
            writer.write_table(
                rows.select(
                    pl.col(name).cast(kind) for name, kind in schema.items()
                ).to_arrow()
            )
            count += rows.height
            on_progress(Progress(step=Step.KEEPING, done=count, total=None))


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
        columns = pq.read_schema(path)
        self.source = (columns.metadata or {}).get(_SOURCE, b"").decode()
        self.available = frozenset(columns.names) - {*KEY, LINE, REFUND_SUM}
        self.has_refund_sums = REFUND_SUM in columns.names
        self.is_keyed_by_day = is_keyed_by_day
        self.identity = ["pinned", path.parent.name, is_keyed_by_day]

    def placed_batches(self) -> Iterator[pl.DataFrame]:
        """
        Give its rows with their lines.
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
