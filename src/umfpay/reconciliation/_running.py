"""
Run a reconciliation on this machine: in partitions, resumable.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._books import KEY, Book, schema_of
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._extra import load
from umfpay.reconciliation._ingest import Ingest
from umfpay.reconciliation._ledger import Ledger
from umfpay.reconciliation._partitions import PartitionStore
from umfpay.reconciliation._progress import Progress, Run
from umfpay.reconciliation._reading import (
    Encoding,
    RuleChoice,
    read_statement,
    read_transactions,
)
from umfpay.reconciliation._report import Report
from umfpay.reconciliation._tolerance import Tolerance
from umfpay.reconciliation._totals import TotalRules, chosen_rule


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation._engines import Engine

StoredSource = str | os.PathLike[str] | bytes
Sources = StoredSource | Sequence[StoredSource]
Days = tuple[date, date]

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
    buckets: int | None = None,
    work_dir: str | os.PathLike[str] | None = None,
    total_rule: RuleChoice = "auto",
    encoding: Encoding | None = None,
    on_progress: Callable[[Progress], None] | None = None,
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
            the gateway; they still are the payments of refunds.
        buckets: How many the books are divided into; by default so many that each
            takes a few hundred MiB.
        work_dir: A folder where a run that was killed goes on when it is started again
            with the same arguments and files; at its end it is emptied but for its
            lock. One run at a time. By default nothing is kept.
        total_rule: As for `read_transactions`; ``"auto"`` wants one rule for all files
            of a merchant.
        encoding: Of the gateway's files.
        on_progress: Told after each bucket.

    Raises:
        IncompleteStatementError: A file of the gateway is not whole.
        StatementError: A book cannot be read.
        ConfigError: An argument cannot be meant, a package is missing, or another run
            uses *work_dir*.
    """
    if engine not in ("polars", "duckdb"):
        raise ConfigError(
            f"engine: polars or duckdb, not {engine!r}; frames of any other are"
            " compared by compare().",
            f"engine：只支持 polars 或 duckdb，不支持 {engine!r}；"
            "其他引擎的数据请使用 compare()。",
        )

    if days is not None and days[0] > days[1]:
        raise ConfigError(
            "days: the first comes after the last.", "days：起始日晚于结束日。"
        )

    try:
        book = ledger if isinstance(ledger, Ledger) else Ledger.open(ledger, columns)
    finally:
        # It may be an address with a password, and a traceback may show this frame.
        del ledger

    payments = _as_sources(transactions)
    paid_out = [] if statement is None else _as_sources(statement)
    count = _bucket_count(payments, buckets)
    rule = TotalRules() if total_rule == "auto" else chosen_rule(total_rule)

    identity = {
        "books": [_identity(one) for one in (*payments, *paid_out)],
        "apart": len(payments),
        "ledger": book.identity,
        "tolerance": None if tolerance is None else tolerance.to_json(),
        "days": None if days is None else [day.isoformat() for day in days],
        "engine": engine,
        "buckets": count,
        "encoding": encoding,
        "total_rule": str(rule),
    }

    with _folder(work_dir) as folder, Run(folder, identity=identity) as run:
        # What fits into one bucket, and is not to be gone on with, needs no disk.
        in_memory = count == 1 and work_dir is None
        partitions = PartitionStore(None if in_memory else run.books, count)

        if not run.is_partitioned:
            ingest = Ingest(
                partitions,
                transactions=[
                    read_transactions(one, total_rule=rule, encoding=encoding)
                    for one in payments
                ],
                statements=[
                    read_statement(one, total_rule=rule, encoding=encoding)
                    for one in paid_out
                ],
                ledger=book,
            )
            run.mark_partitioned(ingest.run())

        for bucket in range(count):
            if not run.has(bucket):
                books = _books_of_bucket(
                    partitions,
                    bucket,
                    with_statement=bool(paid_out),
                    available=book.available,
                )
                # By now somebody else has loaded what takes time to load.
                run.keep(
                    bucket,
                    load("_engines").compare_in_process(
                        books, engine, tolerance=tolerance, days=days
                    ),
                )

            if on_progress is not None:
                on_progress(Progress(done=bucket + 1, total=count))

        report = _report(run, available=book.available, with_statement=bool(paid_out))
        run.forget()

        return report


def _books_of_bucket(
    partitions: PartitionStore,
    bucket: int,
    *,
    with_statement: bool,
    available: frozenset[str],
) -> dict[Book, pl.DataFrame]:
    """
    Return what lies in *bucket*.
    """
    ledger = {
        name: kind
        for name, kind in schema_of(Book.LEDGER).items()
        if name in KEY or name in available
    }
    schemas = {Book.TRANSACTIONS: schema_of(Book.TRANSACTIONS), Book.LEDGER: ledger}

    if with_statement:
        schemas[Book.STATEMENT] = schema_of(Book.STATEMENT)

    return {
        book: partitions.rows(book, bucket, schema) for book, schema in schemas.items()
    }


def _report(run: Run, *, available: frozenset[str], with_statement: bool) -> Report:
    counts: dict[str, int] = {}
    totals: dict[str, dict[str, int]] = {}

    for summary in run.summaries():
        for name, count in summary["counts"].items():
            counts[name] = counts.get(name, 0) + count

        for name, currency, total, cny in summary["money"]:
            found = totals.setdefault(name, {})
            found[currency] = found.get(currency, 0) + total
            found["total_cny"] = found.get("total_cny", 0) + cny

    facts = run.facts()

    return Report(
        run.differences(),
        counts=counts,
        totals=totals,
        switched_off=_switched_off(available, with_statement=with_statement),
        notes=_notes(available),
        books=facts,
    )


def _notes(available: frozenset[str]) -> list[Text]:
    # The other columns are told with the class that is switched off without them.
    return [
        Text(
            f"{name} is not compared: the ledger has no such column.",
            f"未核对 {name}：账本没有该列。",
        )
        for name in ("total", "total_cny")
        if name not in available
    ]


def _switched_off(
    available: frozenset[str], *, with_statement: bool
) -> dict[Difference, Text]:
    needed = {
        Difference.CURRENCY_DIFFERS: "currency",
        Difference.STATE_DIFFERS: "state",
        Difference.WRONG_DAY: "mer_date",
        Difference.FEE_DIFFERS: "service_fee",
    }
    off = {
        name: Text(f"the ledger has no {column}", f"账本缺少 {column}")
        for name, column in needed.items()
        if column not in available
    }

    if not with_statement:
        for name in (Difference.FEE_DIFFERS, Difference.EXCHANGE_DIFFERS):
            off.setdefault(name, Text("there is no statement", "未提供结算文件"))

    return off


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
            raise ConfigError(
                "buckets: a number above 0.", "buckets：必须是大于 0 的整数。"
            )

        return given

    size = sum(map(_size, transactions))

    return max(1, min(_MAX_BUCKETS, round(size / _MEAN_LINE_BYTES / _ROWS_PER_BUCKET)))


def _size(source: StoredSource) -> int:
    if isinstance(source, bytes):
        return len(source)

    path = Path(source)

    # One that is missing is told by its reader.
    return path.stat().st_size if path.exists() else 0


def _identity(source: StoredSource) -> list[Any]:
    if isinstance(source, bytes):
        return ["bytes", hashlib.sha256(source).hexdigest()]

    path = Path(source).resolve()

    if not path.exists():
        return [str(path)]

    found = path.stat()

    return [str(path), found.st_size, found.st_mtime_ns]


@contextmanager
def _folder(given: str | os.PathLike[str] | None) -> Iterator[Path]:
    if given is not None:
        yield Path(given)

        return

    with tempfile.TemporaryDirectory(prefix="umfpay-reconcile-") as folder:
        yield Path(folder)
