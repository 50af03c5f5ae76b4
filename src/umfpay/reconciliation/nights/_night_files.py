"""
The files of a night, kept with the books: the gateway's, and the ledger as it was read.

A ledger is read once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._books import KEY, LINE, REFUND_SUM, Book, schema_of
from umfpay.reconciliation._options import Days
from umfpay.reconciliation._progress import OnProgress, Progress, Step
from umfpay.reconciliation._stored_files import sha256_of
from umfpay.reconciliation.gateway_files._file_checks import changed_files
from umfpay.reconciliation.gateway_files._frame_parser import FrameParser
from umfpay.reconciliation.ledgers._ledger import Ledger
from umfpay.reconciliation.nights._store import (
    NightStore,
    PinnedFile,
    StoredNight,
)


if TYPE_CHECKING:
    import polars as pl


_ONE_DAY: Final = timedelta(days=1)
_NAMES: Final = {Book.TRANSACTIONS: "transactions", Book.STATEMENT: "reconciliation"}
_FIRST_BYTES: Final = 64 * 1024
_LEDGER_NAME: Final = "ledger.parquet"

_SOURCE: Final = b"umfpay.source"


def pin_files(
    store: NightStore,
    days: Days,
    folder: Path,
    without_file: Collection[date],
    merchant: str | None,
) -> list[PinnedFile]:
    """
    Keep the files of these *days* in *folder*; return them.

    Args:
        without_file: Days of which the gateway has no file of transactions.
        merchant: Whose they are; None takes it from the first of them.

    Raises:
        ConfigError: A file has changed since it was pulled, or there is none at all.
    """
    found: dict[Book, list[Path]] = {book: [] for book in _NAMES}
    empty: list[tuple[Book, date]] = []
    day, last = days

    while day <= last:
        for book, kind in _NAMES.items():
            path = folder / f"{kind}-{day:%Y%m%d}.txt"

            if path.is_file():
                found[book].append(path)
            elif book is Book.STATEMENT or day in without_file:
                empty.append((book, day))

        day += _ONE_DAY

    changed = changed_files(found)

    if changed:
        raise ConfigError(
            " ".join(one.en for one in changed),
            "".join(one.zh for one in changed),
            advice=Text("Pull it again.", "请重新下载该文件。"),
        )

    merchant = merchant or _merchant_of(found)
    pinned = [
        store.pin(str(book), path.name, path)
        for book, paths in found.items()
        for path in paths
    ]
    pinned += [
        store.pin(
            str(book),
            f"{_NAMES[book]}-{day:%Y%m%d}.txt",
            _empty_file(merchant, day),
        )
        for book, day in empty
    ]

    return pinned


def pin_ledger(
    store: NightStore, ledger: Ledger, on_progress: OnProgress
) -> PinnedFile:
    """
    Read the *ledger* and keep its rows; return their file.

    Raises:
        StatementError: It cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="umfpay-books-") as folder:
        path = Path(folder) / _LEDGER_NAME
        write_ledger(ledger, path, on_progress)

        return store.pin(str(Book.LEDGER), _LEDGER_NAME, path)


def changed_days(before: Sequence[StoredNight], folder: Path) -> Iterator[date]:
    """
    Give the days whose files in *folder* are others than those that were read last.
    """
    for name, sha256 in _read_files(before).items():
        path = folder / name

        if path.is_file() and sha256_of(path) != sha256:
            yield _day_of(name)


def is_current(anchor: StoredNight, nights: Sequence[StoredNight]) -> bool:
    """
    Tell whether no later night has read a newer file of the days until *anchor*: then
    what was open at its end is still known.
    """
    known = _read_files(one for one in nights if one.day <= anchor.day)
    later = [one for one in nights if one.day > anchor.day]

    return all(
        known.get(name) == sha256
        for night in later
        for name, sha256 in _read_files([night]).items()
        if _day_of(name) <= anchor.day
    )


def version_notes(made: StoredNight, last: StoredNight | None) -> list[Text]:
    """
    Name the files that have other bytes than the night before had.
    """
    if last is None:
        return []

    known = _read_files([last])

    return [
        Text(
            f"{one.name} has other bytes than in the night of {last.day}.",
            f"{one.name} 与 {last.day} 当晚使用的内容不同。",
        )
        for one in made.files
        if known.get(one.name, one.sha256) != one.sha256
    ]


def _read_files(nights: Iterable[StoredNight]) -> dict[str, str]:
    """
    Return the hashes of the files of the gateway that were read last, by their names.
    """
    return {
        one.name: one.sha256
        for night in nights
        for one in night.files
        if one.book != str(Book.LEDGER)
    }


def _day_of(name: str) -> date:
    return date.fromisoformat(Path(name).stem[-8:])


def _merchant_of(found: Mapping[Book, Sequence[Path]]) -> str:
    for paths in found.values():
        for path in paths:
            parser = FrameParser()

            with path.open("rb") as file:
                data = file.read(_FIRST_BYTES)

            parser.feed(data, len(data))

            if parser.header is not None:
                return parser.header.merchant

    raise ConfigError.of(
        "files",
        "there is none of the gateway since the first day that is compared",
        "自需要核对的第一天起没有任何网关文件",
    )


def _empty_file(merchant: str, day: date) -> bytes:
    """
    Return the file of a day on which nothing was.
    """
    word = f"{day:%Y%m%d}"

    return (
        f"TRANSDETAIL-START,{merchant},{word}\nTRANSDETAIL-End,{merchant},{word},0.00\n"
    ).encode()


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
