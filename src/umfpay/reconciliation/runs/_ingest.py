"""
Ingest the three books into partitions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from umfpay.reconciliation._books import (
    REFUND_SUM,
    STAGED_COLUMNS,
    Book,
    columns_of,
    schema_of,
    with_day_in_key,
)
from umfpay.reconciliation._options import Rounding
from umfpay.reconciliation._progress import OnProgress, Progress, Step
from umfpay.reconciliation._states import UNPAID, meaning_in_ledger
from umfpay.reconciliation.bridge._sums import RawSums
from umfpay.reconciliation.gateway_files._quarantine import (
    quarantined_rows,
    unread_amount,
)
from umfpay.reconciliation.gateway_files._totals import RuleChoice
from umfpay.reconciliation.ledgers._ledger import Ledger
from umfpay.reconciliation.runs._partitions import PartitionStore


if TYPE_CHECKING:
    from umfpay.reconciliation.gateway_files._reading import StatementReader

# Refunds of the statement that are not divided yet.
_REFUNDS: Final = "refunds"
# Seconds between two looks at how far it is.
_LOOK_EVERY: Final = 0.2


class Ingest:
    """
    Divides the books into the buckets of a store.

    Args:
        partitions: Where they go.
        transactions: Transaction files.
        statements: Reconciliation files.
        ledger: The merchant's book.
        opening: Rows that were open before the first day.
        rule: What the totals of the files sum.
        rounding: Of payouts, by the nights before.
    """

    def __init__(
        self,
        partitions: PartitionStore,
        *,
        transactions: Sequence[StatementReader[Any]],
        statements: Sequence[StatementReader[Any]],
        ledger: Ledger,
        opening: pl.DataFrame | None = None,
        rule: RuleChoice,
        rounding: Rounding = Rounding.HALF_UP,
    ) -> None:
        self._partitions = partitions
        self._transactions = transactions
        self._statements = statements
        self._ledger = ledger
        self._opening = opening
        self._rule = rule
        self._sums = RawSums(rounding)
        # All from the begin: threads add to it while it is looked at.
        self._rows: Counter[Book] = Counter(dict.fromkeys(Book, 0))
        self._unpaid = 0
        self._by_order = partitions.bucket_of("order_id")
        self._by_number = partitions.bucket_of("number")
        self._is_divided = partitions.buckets > 1

    def run(self, on_progress: OnProgress) -> dict[str, Any]:
        """
        Read everything; return what was seen.

        Args:
            on_progress: Called in this thread.

        Raises:
            IncompleteStatementError: A file of the gateway is not whole.
            StatementError: A book cannot be read.
        """
        # Engines leave a core idle while they read one file.
        with ThreadPoolExecutor(max_workers=3) as threads:
            # The longest first.
            works = [self._add_statements, self._add_transactions, self._add_ledger]

            started = [threads.submit(work) for work in works]
            left = {*started}

            while left:
                on_progress(self._progress())
                left = wait(left, _LOOK_EVERY).not_done

            for one in started:
                one.result()

        on_progress(self._progress())

        if self._is_divided and self._statements:
            # Where a refund belongs is known when the other books are.
            self._divide_refunds()

        for book in Book:
            self._partitions.flush(book)

        return {
            "rows": {str(book): self._rows[book] for book in Book},
            "files": [
                _header_facts(reader, book, self._rule)
                for book, reader in self._readers()
            ],
            "sums": self._sums.to_json(),
            "unpaid_in_ledger": self._unpaid,
            "ledger_notes": [[note.en, note.zh] for note in self._ledger.notes()],
        }

    def _progress(self) -> Progress:
        return Progress(step=Step.READING, done=self._rows.total(), total=None)

    def quarantined(self) -> pl.DataFrame:
        """
        Return the rows of the gateway's files that were set aside.
        """
        return quarantined_rows(self._readers(), by_day=self._ledger.is_keyed_by_day)

    def _readers(self) -> Iterator[tuple[Book, StatementReader[Any]]]:
        yield from ((Book.TRANSACTIONS, reader) for reader in self._transactions)
        yield from ((Book.STATEMENT, reader) for reader in self._statements)

    def _keyed(self, book: Book, rows: pl.DataFrame) -> pl.DataFrame:
        return with_day_in_key(book, rows) if self._ledger.is_keyed_by_day else rows

    def _add(self, book: Book, rows: pl.DataFrame, bucket: pl.Expr) -> None:
        # Sums of refunds are no rows of their own in the ledger.
        is_sum = rows.get_column(REFUND_SUM, default=None)
        self._rows[book] += rows.height - (0 if is_sum is None else int(is_sum.sum()))
        self._partitions.add(book, rows, bucket=bucket)

    def _add_ledger(self) -> None:
        for given in self._ledger.placed_batches():
            self._unpaid += count_unpaid(given)
            frame = self._keyed(Book.LEDGER, given)
            self._record_refunds(Book.LEDGER, frame)
            self._add(Book.LEDGER, frame, self._by_order)

    def _add_transactions(self) -> None:
        wanted = _columns_of_file(Book.TRANSACTIONS)

        for reader in self._transactions:
            for rows in reader.frames(columns=wanted):
                assert reader.header is not None
                listed_on = pl.lit(reader.header.day)
                self._add_traded(
                    self._keyed(Book.TRANSACTIONS, rows).with_columns(
                        listed_on=listed_on, opening=pl.lit(value=False)
                    )
                )

        if self._opening is not None:
            self._add_traded(self._opening)

    def _add_traded(self, rows: pl.DataFrame) -> None:
        self._sums.add_transactions(rows)
        self._add(Book.TRANSACTIONS, rows, self._by_order)
        self._record_refunds(Book.TRANSACTIONS, rows)

    def _record_refunds(self, book: Book, rows: pl.DataFrame) -> None:
        """
        Store in which bucket the refunds of *rows* are, by their numbers.
        """
        if self._statements and self._is_divided:
            refunds = (
                rows.filter(pl.col("kind") == "T")
                .select(number="refund_id", order_bucket=self._by_order)
                .unique()
            )
            self._partitions.add(_owners(book), refunds, bucket=self._by_number)

    def _add_statements(self) -> None:
        is_refund = pl.col("kind") == "T"

        for reader in self._statements:
            for rows in reader.frames(columns=_columns_of_file(Book.STATEMENT)):
                assert reader.header is not None
                self._sums.add_statement(rows, reader.header.day)
                self._rows[Book.STATEMENT] += rows.height
                given = self._keyed(Book.STATEMENT, rows).with_columns(
                    is_copy=pl.lit(value=False)
                )

                if self._is_divided:
                    self._partitions.add(
                        _REFUNDS, given.filter(is_refund), bucket=self._by_number
                    )
                    given = given.filter(~is_refund)

                self._partitions.add(Book.STATEMENT, given, bucket=self._by_number)

    def _divide_refunds(self) -> None:
        """
        Put each refund of the statement, whose order it does not hold, beside the rows
        of its order. A number that two orders have is of use in the buckets of both.
        """
        books = (Book.TRANSACTIONS, Book.LEDGER)

        for name in (*map(_owners, books), _REFUNDS):
            self._partitions.flush(name)

        schema = schema_of(Book.STATEMENT)
        owners = {"number": pl.String(), "order_bucket": pl.UInt16()}

        for bucket in range(self._partitions.buckets):
            rows = self._partitions.rows(_REFUNDS, bucket, schema)
            # The transactions' first: a copy is none of what they lack.
            known = pl.concat(
                self._partitions.rows(_owners(book), bucket, owners) for book in books
            ).unique(maintain_order=True, keep="first")
            placed = (
                rows.with_row_index("_row")
                .join(known, on="number", how="left", maintain_order="left_right")
                .select(
                    *(name for name in schema if name != "is_copy"),
                    is_copy=~pl.col("_row").is_first_distinct(),
                    bucket=pl.coalesce("order_bucket", self._by_number),
                )
            )
            self._partitions.add(
                Book.STATEMENT,
                placed.drop("bucket"),
                bucket=placed.get_column("bucket"),
            )


def count_unpaid(ledger: pl.DataFrame) -> int:
    """
    Return how many rows of the *ledger* were not paid, by their state.
    """
    if "state" not in ledger.columns:
        return 0

    words = ledger.get_column("state")
    unpaid = [
        word
        for word in words.unique().drop_nulls()
        if meaning_in_ledger(word) in UNPAID
    ]

    return int(words.is_in(unpaid).sum()) if unpaid else 0


def _owners(book: Book) -> str:
    return f"refunds-{book}"


def _columns_of_file(book: Book) -> list[str]:
    return [name for name in columns_of(book) if name not in STAGED_COLUMNS]


def _header_facts(
    reader: StatementReader[Any], book: Book, rule: RuleChoice
) -> dict[str, Any]:
    header = reader.header
    assert header is not None
    assert reader.total_rules is not None
    assert reader.statement_total is not None
    amount = unread_amount(
        header,
        reader.statement_total,
        reader.sums,
        rule,
        paid_out=book is Book.STATEMENT,
    )

    return {
        "book": str(book),
        "file": reader.name,
        "kind": header.kind,
        "merchant": header.merchant,
        "day": header.day.isoformat(),
        "total": str(reader.statement_total),
        "total_rules": sorted(map(str, reader.total_rules)),
        "unread": {
            "rows": len(reader.quarantined),
            "amount": None if amount is None else str(amount),
        }
        if reader.quarantined
        else {"rows": 0, "amount": "0.00"},
    }
