"""
Ingest the three books into partitions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import polars as pl

from umfpay.reconciliation._books import STAGED_COLUMNS, Book, columns_of
from umfpay.reconciliation._ledger import Ledger
from umfpay.reconciliation._partitions import PartitionStore
from umfpay.reconciliation._sums import RawSums


if TYPE_CHECKING:
    from umfpay.reconciliation._reading import StatementReader


class Ingest:
    """
    Divides the books into the buckets of a store.

    Args:
        partitions: Where they go.
        transactions: Transaction files.
        statements: Reconciliation files.
        ledger: The merchant's book.
        opening: Rows that were open before the first day.
    """

    def __init__(
        self,
        partitions: PartitionStore,
        *,
        transactions: Sequence[StatementReader[Any]],
        statements: Sequence[StatementReader[Any]],
        ledger: Ledger,
        opening: pl.DataFrame | None = None,
    ) -> None:
        self._partitions = partitions
        self._transactions = transactions
        self._statements = statements
        self._ledger = ledger
        self._opening = opening
        self._sums = RawSums()
        self._rows: Counter[Book] = Counter()
        self._by_order = partitions.bucket_of("order_id")
        self._refunds = [
            pl.DataFrame(schema={"number": pl.String, "bucket": pl.UInt16})
        ]

    def run(self) -> dict[str, Any]:
        """
        Read everything; return what was seen.

        Raises:
            IncompleteStatementError: A file of the gateway is not whole.
            StatementError: A book cannot be read.
        """
        apart = self._partitions.buckets > 1

        # Engines leave a core idle while they read one file.
        with ThreadPoolExecutor(max_workers=3) as threads:
            works = [self._add_transactions, self._add_ledger]

            if not apart:
                # The longest first.
                works.insert(0, self._add_statements)

            for one in [threads.submit(work) for work in works]:
                one.result()

        if apart:
            # Where a refund belongs is known when the other books are.
            self._add_statements()

        return {
            "rows": {str(book): self._rows[book] for book in Book},
            "files": [
                _header_facts(reader, book)
                for book, readers in (
                    (Book.TRANSACTIONS, self._transactions),
                    (Book.STATEMENT, self._statements),
                )
                for reader in readers
            ],
            "sums": self._sums.to_json(),
        }

    def _add(self, book: Book, rows: pl.DataFrame, bucket: pl.Expr) -> None:
        self._rows[book] += rows.height
        self._partitions.add(book, rows, bucket=bucket)

    def _add_ledger(self) -> None:
        for frame in self._ledger.batches():
            self._record_refunds(frame)
            self._add(Book.LEDGER, frame, self._by_order)

    def _add_transactions(self) -> None:
        wanted = [
            name for name in columns_of(Book.TRANSACTIONS) if name not in STAGED_COLUMNS
        ]

        for reader in self._transactions:
            for rows in reader.frames(columns=wanted):
                assert reader.header is not None
                listed_on = pl.lit(reader.header.day)
                self._add_traded(
                    rows.with_columns(listed_on=listed_on, opening=pl.lit(value=False))
                )

        if self._opening is not None:
            self._add_traded(self._opening)

    def _add_traded(self, rows: pl.DataFrame) -> None:
        self._sums.add_transactions(rows)
        self._add(Book.TRANSACTIONS, rows, self._by_order)
        self._record_refunds(rows)

    def _record_refunds(self, rows: pl.DataFrame) -> None:
        if self._statements and self._partitions.buckets > 1:
            self._refunds.append(
                rows.filter(pl.col("kind") == "T")
                .select(number="refund_id", bucket=self._by_order)
                .unique()
            )

    def _add_statements(self) -> None:
        # A number that two orders have is of use in the buckets of both.
        known = pl.concat(self._refunds).unique()
        by_number = self._partitions.bucket_of("number")
        # A refund stands beside its order's rows, whose number it does not tell.
        bucket = (
            pl.when(pl.col("kind") == "T")
            .then(pl.coalesce("bucket", by_number))
            .otherwise(by_number)
        )

        for reader in self._statements:
            for rows in reader.frames(columns=columns_of(Book.STATEMENT)):
                assert reader.header is not None
                self._sums.add_statement(rows, reader.header.day)
                known_rows = (
                    rows.join(known, on="number", how="left", maintain_order="left")
                    if self._partitions.buckets > 1
                    else rows
                )
                self._rows[Book.STATEMENT] += rows.height
                self._partitions.add(Book.STATEMENT, known_rows, bucket=bucket)


def _header_facts(reader: StatementReader[Any], book: Book) -> dict[str, Any]:
    header = reader.header
    assert header is not None
    assert reader.total_rules is not None

    return {
        "book": str(book),
        "kind": header.kind,
        "merchant": header.merchant,
        "day": header.day.isoformat(),
        "total": str(reader.statement_total),
        "total_rules": sorted(map(str, reader.total_rules)),
    }
