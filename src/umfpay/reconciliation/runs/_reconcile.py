"""
Run a reconciliation on this machine: in partitions, resumable.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import ConfigError
from umfpay.reconciliation._books import KEY, LINE, REFUND_SUM, Book, schema_of
from umfpay.reconciliation._extra import load
from umfpay.reconciliation._options import (
    ComparisonOptions,
    Days,
    Rounding,
    Tolerance,
    checked_opening,
    checked_rounding,
    checked_settle_after,
    overdue_until,
)
from umfpay.reconciliation._progress import (
    OnProgress,
    Progress,
    Step,
    ignore_progress,
)
from umfpay.reconciliation._stored_files import StoredSource, identity_of, size_of
from umfpay.reconciliation.comparison._quarantine import with_quarantine
from umfpay.reconciliation.gateway_files._file_checks import (
    changed_files,
    days_of,
    days_of_files,
    missing_days,
    must_be_asked_for,
    refuse_mixed_merchants,
    refuse_same_files,
)
from umfpay.reconciliation.gateway_files._locations import with_ledger_places
from umfpay.reconciliation.gateway_files._reading import (
    Encoding,
    OnBadRow,
    read_statement,
    read_transactions,
)
from umfpay.reconciliation.gateway_files._totals import (
    RuleChoice,
    TotalRules,
    chosen_rule,
)
from umfpay.reconciliation.ledgers._ledger import Ledger
from umfpay.reconciliation.ledgers._refunds import (
    amount_column,
    divide_sums,
    with_refund_sums,
)
from umfpay.reconciliation.reports._report import Report
from umfpay.reconciliation.runs._assembly import make_report
from umfpay.reconciliation.runs._checkpoints import Run
from umfpay.reconciliation.runs._ingest import Ingest
from umfpay.reconciliation.runs._partitions import PartitionStore


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.comparison._engines import ComparisonResult, Engine

Sources = StoredSource | Sequence[StoredSource]

# A bucket of so many rows of each book takes a few hundred MiB.
_ROWS_PER_BUCKET: Final = 700_000
# Bytes of a line of the transaction file, about.
_MEAN_LINE_BYTES: Final = 120
_MAX_BUCKETS: Final = 256
_STORED_TYPES: Final = (str, os.PathLike, bytes)


def reconcile(
    transactions: Sources,
    statement: Sources | None = None,
    *,
    ledger: Ledger | str | os.PathLike[str],
    engine: Engine = "polars",
    columns: Mapping[str, str] | None = None,
    tolerance: Tolerance | None = None,
    days: Days | None = None,
    without_file: Collection[date] = (),
    merchant: str | None = None,
    settle_after: int | None = None,
    holidays: Collection[date] = (),
    opening: Decimal | pl.DataFrame | tuple[Decimal, pl.DataFrame] | None = None,
    buckets: int | None = None,
    work_dir: str | os.PathLike[str] | None = None,
    total_rule: RuleChoice = "auto",
    rounding: Rounding | str = Rounding.HALF_UP,
    encoding: Encoding | None = None,
    on_bad_row: OnBadRow = "raise",
    on_progress: OnProgress | None = None,
) -> Report:
    """
    Compare the gateway's files with the merchant's ledger.

    It works for seconds or minutes: in an event loop, call it through
    `asyncio.to_thread`. Memory is bounded by the largest bucket, not by the books.

    Args:
        transactions: A file of ``transactions_download``, as a path or bytes, or
            several of them.
        statement: Files of ``reconciliation_statement_download``: what was paid out.
        ledger: The merchant's own book; a path is read as CSV or Parquet.
        engine: What compares: both give the same.
        columns: Ours to theirs, where *ledger* is a path.
        tolerance: Differences that count as none; by default there are none.
        days: First and last day. Rows of the ledger outside of them are not missing at
            the gateway; they still are the payments of refunds. What the statement
            has for orders of other days is a line of the bridge; by default the days of
            the transaction files are meant. Each of them must have its file.
        without_file: Days of which the gateway says that it has no file.
        merchant: Whose files they must be.
        settle_after: Within how many working days UMF pays out what was traded; needed
            with a statement. What is not paid out later than that, counted until the
            last day of the statement, is a difference.
        holidays: Days from Monday to Friday on which nobody works.
        opening: What was open before the first day: the sum in CNY, or the rows, as
            `Report.open_items` has them, or the sum of what has no rows and the rows.
            Without it the bridge is not proven.
        buckets: How many the books are divided into; by default so many that each
            takes a few hundred MiB.
        work_dir: A folder where a run that was killed goes on when it is started again
            with the same arguments and files; at its end it is emptied but for its
            lock. One run at a time. By default nothing is kept.
        total_rule: As for `read_transactions`; ``"auto"`` wants one rule for all files
            of a merchant.
        rounding: How payouts were rounded in the nights before (`Bridge.rounding`); where
            the rows show another rule, that is taken.
        encoding: Of the gateway's files.
        on_bad_row: ``"quarantine"`` sets rows of the gateway's files aside that cannot
            be read, and goes on: the report has them in *quarantined*, and is not
            clean.
        on_progress: Called when a step begins, several times a second while the books
            are read, and after each bucket.

    Raises:
        IncompleteStatementError: A file of the gateway is not whole.
        StatementError: A book cannot be read.
        ConfigError: An argument cannot be meant, a package is missing, another run uses
            *work_dir*, or a file is of another merchant or kind.
    """
    if engine not in ("polars", "duckdb"):
        raise ConfigError.of(
            "engine",
            f"polars or duckdb, not {engine!r}; frames of any other are"
            " compared by compare()",
            f"只支持 polars 或 duckdb，不支持 {engine!r}；"
            "其他引擎的数据请使用 compare()",
        )

    if days is not None and days[0] > days[1]:
        raise ConfigError.of(
            "days", "the first comes after the last", "起始日晚于结束日"
        )

    try:
        book = ledger if isinstance(ledger, Ledger) else Ledger.open(ledger, columns)
    finally:
        # It may be an address with a password, and a traceback may show this frame.
        del ledger

    show = on_progress or ignore_progress
    payments = _as_sources(transactions)
    paid_out = [] if statement is None else _as_sources(statement)
    settle_after = checked_settle_after(settle_after, with_statement=bool(paid_out))
    before = checked_opening(opening)
    refuse_same_files(payments, paid_out)
    changed = changed_files({Book.TRANSACTIONS: payments, Book.STATEMENT: paid_out})
    known_rounding = checked_rounding(rounding)
    count = _bucket_count(payments, buckets)
    rule = TotalRules() if total_rule == "auto" else chosen_rule(total_rule)

    reading: dict[str, Any] = {
        "total_rule": rule,
        "encoding": encoding,
        "on_bad_row": on_bad_row,
    }
    identity = {
        "books": [identity_of(one) for one in (*payments, *paid_out)],
        "apart": len(payments),
        "ledger": book.identity,
        "tolerance": None if tolerance is None else tolerance.to_json(),
        "days": None if days is None else [day.isoformat() for day in days],
        "settle_after": settle_after,
        "holidays": sorted(day.isoformat() for day in holidays),
        "opening": before.identity,
        "engine": engine,
        "buckets": count,
        "encoding": encoding,
        "on_bad_row": on_bad_row,
        "total_rule": str(rule),
        "rounding": known_rounding,
    }

    with _folder(work_dir) as folder, Run(folder, identity=identity) as run:
        # What fits into one bucket, and is not to be gone on with, needs no disk.
        in_memory = count == 1 and work_dir is None
        partitions = PartitionStore(None if in_memory else run.books, count)

        if not run.is_partitioned:
            ingest = Ingest(
                partitions,
                transactions=[read_transactions(one, **reading) for one in payments],
                statements=[read_statement(one, **reading) for one in paid_out],
                ledger=book,
                opening=before.rows,
                rule=rule,
                rounding=known_rounding,
            )
            seen = ingest.run(show)
            quarantined = ingest.quarantined()

            if quarantined.height:
                run.keep_quarantined(quarantined)

            run.mark_partitioned(seen)

        facts = run.facts()
        quarantine = run.quarantined()
        refuse_mixed_merchants(facts)
        must_be_asked_for(facts, merchant)
        asked = days or days_of_files(facts)
        options = _options(
            facts,
            tolerance=tolerance or Tolerance(),
            days=days,
            asked=asked,
            settle_after=settle_after,
            holidays=holidays,
        )

        show(Progress(step=Step.COMPARING, done=0, total=count))

        for bucket in range(count):
            if not run.has(bucket):
                books = _books_of_bucket(
                    partitions,
                    bucket,
                    with_statement=bool(paid_out),
                    ledger=book,
                )
                found = _compared(books, book, engine, options)
                run.keep(bucket, with_quarantine(found, quarantine))

            show(Progress(step=Step.COMPARING, done=bucket + 1, total=count))

        show(Progress(step=Step.REPORTING, done=0, total=None))
        report = make_report(
            run,
            facts,
            options=options,
            available=book.available,
            opening=before,
            holidays=holidays if paid_out else None,
            files=(payments, paid_out),
            by_day=book.is_keyed_by_day,
            missing=[*changed, *missing_days(facts, asked, without_file)],
        )
        run.forget()

        return report


def _books_of_bucket(
    partitions: PartitionStore,
    bucket: int,
    *,
    with_statement: bool,
    ledger: Ledger,
) -> dict[Book, pl.DataFrame]:
    """
    Return what lies in *bucket*; the rows of the ledger with what is not compared.
    """
    import polars as pl

    ours = {
        name: kind
        for name, kind in schema_of(Book.LEDGER).items()
        if name in KEY or name in ledger.available
    }
    ours[LINE] = pl.Int64()

    if ledger.has_refund_sums:
        ours[REFUND_SUM] = pl.Boolean()

    schemas = {Book.TRANSACTIONS: schema_of(Book.TRANSACTIONS), Book.LEDGER: ours}

    if with_statement:
        schemas[Book.STATEMENT] = schema_of(Book.STATEMENT)

    return {
        book: partitions.rows(book, bucket, schema) for book, schema in schemas.items()
    }


def _compared(
    books: Mapping[Book, pl.DataFrame],
    ledger: Ledger,
    engine: Engine,
    options: ComparisonOptions,
) -> ComparisonResult:
    """
    Compare the *books* of a bucket; differences have their places in the *ledger*.
    """
    ours, sums = books[Book.LEDGER], None

    if ledger.has_refund_sums:
        ours, sums = divide_sums(ours, books[Book.TRANSACTIONS])
        ours = ours.drop(REFUND_SUM)

    # By now somebody else has loaded what takes time to load.
    found: ComparisonResult = load("comparison._engines").compare_in_process(
        {**books, Book.LEDGER: ours.drop(LINE)}, engine, options=options
    )
    rows = with_ledger_places(found.rows, ours.select(*KEY, LINE), ledger.source)

    if sums is not None:
        rows = with_refund_sums(rows, sums, amount_column(ledger.available))

    return attrs.evolve(found, rows=rows)


def _options(
    facts: Mapping[str, Any],
    *,
    tolerance: Tolerance,
    days: Days | None,
    asked: Days,
    settle_after: int | None,
    holidays: Collection[date],
) -> ComparisonOptions:
    """
    Return the options of the comparison, as the files of the gateway have their days.
    """
    paid = days_of(facts, Book.STATEMENT)

    return ComparisonOptions(
        tolerance=tolerance,
        days=days,
        asked=asked,
        overdue_until=overdue_until(max(paid), settle_after, holidays)
        if paid and settle_after is not None
        else None,
        rounding=Rounding(facts["sums"]["rounding"]),
        is_narrow=facts["sums"]["is_narrow"],
    )


def _as_sources(sources: Sources) -> list[StoredSource]:
    given = [sources] if isinstance(sources, _STORED_TYPES) else sources

    if isinstance(given, Sequence):
        stored = [one for one in given if isinstance(one, _STORED_TYPES)]

        if stored and len(stored) == len(given):
            return stored

    raise ConfigError(
        "Statements to reconcile are paths or bytes, at least one; save a download"
        " first.",
        "待核对的对账文件必须是路径或字节，至少一个；请先保存下载内容。",
    )


def _bucket_count(transactions: Sequence[StoredSource], given: int | None) -> int:
    if given is not None:
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise ConfigError.of("buckets", "a number above 0", "必须是大于 0 的整数")

        return given

    size = sum(map(size_of, transactions))

    return max(1, min(_MAX_BUCKETS, round(size / _MEAN_LINE_BYTES / _ROWS_PER_BUCKET)))


@contextmanager
def _folder(given: str | os.PathLike[str] | None) -> Iterator[Path]:
    if given is not None:
        yield Path(given)

        return

    with tempfile.TemporaryDirectory(prefix="umfpay-reconcile-") as folder:
        yield Path(folder)
