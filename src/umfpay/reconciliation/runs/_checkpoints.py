"""
Checkpoints of a run: a partition that is finished is not compared again.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import filelock

from umfpay._private_files import (
    FILE_MODE,
    PARTIAL_PREFIX,
    PARTIAL_SUFFIX,
    make_folder,
    make_private,
    replacing,
)
from umfpay.errors import ConfigError, Text, os_reason
from umfpay.reconciliation._books import KEY
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._states import DONE, meaning_of
from umfpay.reconciliation.bridge._sums import summarise_bridge
from umfpay.reconciliation.gateway_files._quarantine import (
    quarantine_notes,
)


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.comparison._engines import ComparisonResult


_RUN_FILE: Final = "run.json"
_PARTITIONED_FILE: Final = "staged.json"
_QUARANTINE_FILE: Final = "quarantined.arrow"
_LOCK_FILE: Final = f"{PARTIAL_PREFIX}reconcile.lock"
# Changes when older folders cannot be gone on with.
_FORMAT_VERSION: Final = 5


class Part(StrEnum):
    """
    Rows that a comparison leaves.
    """

    DIFFERENCES = "differences"
    OPEN_ITEMS = "open"
    UNLISTED = "unlisted"


class Run(AbstractContextManager["Run"]):
    """
    The folder of one comparison, locked until it is left.

    Args:
        folder: It is made; what a run of other books or arguments left is removed.
        identity: What the result depends on, as JSON.

    Raises:
        ConfigError: The folder holds something else, cannot be used, or another run
            uses it.
    """

    def __init__(self, folder: Path, *, identity: Mapping[str, Any]) -> None:
        self._folder = folder
        self._done = folder / "done"
        self.books = folder / "books"
        self._lock = filelock.FileLock(folder / _LOCK_FILE, mode=FILE_MODE)

        try:
            self._take_lock()
            self._open(json.dumps({"form": _FORMAT_VERSION, **_versions(), **identity}))
        except filelock.Timeout:
            raise ConfigError.of(
                "work_dir",
                f"another run uses {folder}",
                f"另一个对账进程正在使用 {folder}",
                advice=Text(
                    "Wait for it, or give another folder.", "请等待其结束或更换文件夹。"
                ),
            ) from None
        except OSError as error:
            self._lock.release()
            reason = os_reason(error)

            raise ConfigError.of(
                "work_dir",
                f"{folder} cannot be used: {reason}",
                f"无法使用 {folder}：{reason}",
            ) from error

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _take_lock(self) -> None:
        make_folder(self._folder)
        there = {
            path.name
            for path in self._folder.iterdir()
            if not path.name.startswith(PARTIAL_PREFIX)
        }

        if there and _RUN_FILE not in there:
            raise ConfigError.of(
                "work_dir",
                f"{self._folder} holds something else; give an empty one",
                f"{self._folder} 中有其他文件；请指定空文件夹",
            )

        make_private(self._folder)
        self._lock.acquire(timeout=0)

    def _open(self, order: str) -> None:
        note = self._folder / _RUN_FILE

        if not note.exists() or note.read_text(encoding="utf-8") != order:
            self.forget()

            with replacing(note, encoding="utf-8") as file:
                file.write(order)

        if not self.is_partitioned:
            # Half a book is none, and nothing can be done of it.
            for left in (self._done, self.books):
                shutil.rmtree(left, ignore_errors=True)

        # What lies in them needs no mode of its own.
        make_private(self.books)
        make_private(self._done)

    def forget(self) -> None:
        """
        Remove all but the lock: what has ended is no checkpoint, for the books may
        change.
        """
        # In this order: whoever is killed between leaves what begins anew, not what
        # seems to be done.
        (self._folder / _PARTITIONED_FILE).unlink(missing_ok=True)

        for left in (self._done, self.books):
            shutil.rmtree(left, ignore_errors=True)

        (self._folder / _RUN_FILE).unlink(missing_ok=True)

        for left in self._folder.glob(f"{PARTIAL_PREFIX}*{PARTIAL_SUFFIX}"):
            left.unlink(missing_ok=True)

    @property
    def is_partitioned(self) -> bool:
        """
        Whether all books are divided into their buckets.
        """
        return (self._folder / _PARTITIONED_FILE).exists()

    def mark_partitioned(self, facts: Mapping[str, Any]) -> None:
        """
        Note that they are, and what was seen of them.
        """
        _write(self._folder / _PARTITIONED_FILE, facts)

    def keep_quarantined(self, rows: pl.DataFrame) -> None:
        """
        Store the rows that were set aside, before the books count as divided.
        """
        rows.write_ipc(self._done / _QUARANTINE_FILE, compression="lz4")

    def quarantined(self) -> pl.DataFrame | None:
        """
        Return the rows that were set aside; None if there are none.
        """
        import polars as pl

        path = self._done / _QUARANTINE_FILE

        return pl.read_ipc(path) if path.exists() else None

    def quarantine_notes(self) -> list[Text]:
        """
        Return how many were set aside, by file and reason.
        """
        rows = self.quarantined()

        return [] if rows is None else quarantine_notes(rows)

    def has(self, bucket: int) -> bool:
        """
        Tell whether *bucket* is compared.
        """
        return self._summary(bucket).exists()

    def keep(self, bucket: int, found: ComparisonResult) -> None:
        """
        Store the differences of *bucket* and what it adds up to.
        """
        import polars as pl

        differences = found.rows.filter(pl.col("class") != str(Difference.MATCHED))
        open_items = None if found.open_items is None else _still_due(found.open_items)
        parts = {
            Part.DIFFERENCES: differences,
            Part.OPEN_ITEMS: open_items,
            Part.UNLISTED: found.unlisted,
        }

        for part, rows in parts.items():
            if rows is not None:
                rows.write_ipc(self._file(part, bucket), compression="lz4")

        # Last: it says that the rows are whole.
        _write(
            self._summary(bucket),
            {**summarise(found), **summarise_bridge(differences, open_items, found)},
        )

    def facts(self) -> Any:
        """
        Return what was seen of the books.
        """
        return json.loads(
            (self._folder / _PARTITIONED_FILE).read_text(encoding="utf-8")
        )

    def summaries(self) -> list[Any]:
        """
        Return what each bucket adds up to.
        """
        return [
            json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(self._done.glob("*.json"))
        ]

    def rows(self, part: Part) -> pl.DataFrame | None:
        """
        Return the rows of a *part* of all buckets, in the order of their keys; None if
        there are none of its kind.
        """
        import polars as pl

        files = sorted(self._done.glob(f"{part}-*.arrow"))

        if not files:
            return None

        parts = pl.concat([pl.read_ipc(path) for path in files])
        first = [name for name in (*KEY, "number") if name in parts.columns]

        # All columns: rows of a duplicate have the same key.
        return parts.sort(
            *first, *(name for name in parts.columns if name not in first)
        )

    def _file(self, part: Part, bucket: int) -> Path:
        return self._done / f"{part}-{bucket:04d}.arrow"

    def _summary(self, bucket: int) -> Path:
        return self._done / f"{bucket:04d}.json"


def _still_due(rows: pl.DataFrame) -> pl.DataFrame:
    """
    Return those of *rows* that are done: of the others nothing is to be paid out.
    """
    import polars as pl

    done = [
        word
        for word in rows.get_column("state").unique()
        if meaning_of(word or "") == DONE
    ]

    return rows.filter(pl.col("state").is_in(done))


def summarise(found: ComparisonResult) -> dict[str, Any]:
    """
    Count the keys of each class, and add up their money: the gateway's, where it has
    a row, else the ledger's, else the statement's.
    """
    import polars as pl

    rows = found.rows
    there = set(rows.columns)

    def either(name: str) -> pl.Expr:
        books = ("gateway", "ledger", "statement")

        return pl.coalesce(
            *(f"{book}_{name}" for book in books if f"{book}_{name}" in there)
        )

    once = rows.filter(pl.col("side") == "")
    several = rows.filter(pl.col("side") != "")
    # Of a duplicate the rows of one side count, not those of all.
    order = pl.Series(["transactions", "ledger", "statement"])
    rank = pl.col("side").replace_strict(order, range(3))
    counted = several.filter(rank == rank.min().over(KEY))
    counts = Counter(dict(once.group_by("class").len().rows()))
    counts[str(Difference.DUPLICATE)] += several.select(KEY).n_unique()
    counts[str(Difference.MATCHED)] += int(found.matched.get_column("rows").sum())
    money = pl.concat([once, counted]).select(
        "class",
        currency=either("currency").fill_null(""),
        total=either("total"),
        total_cny=either("total_cny"),
    )
    matched = found.matched.select(
        pl.lit(str(Difference.MATCHED)).alias("class"),
        "currency",
        "total",
        "total_cny",
    )

    # Of each engine another integer; and Int64 is not enough for all sums.
    wide = pl.col("total", "total_cny").cast(pl.Int128)
    total = (
        pl.concat([money.with_columns(wide), matched.with_columns(wide)])
        .group_by("class", "currency")
        .agg(pl.col("total", "total_cny").sum())
        .sort("class", "currency")
    )

    return {
        "counts": {name: count for name, count in counts.items() if count},
        "money": total.rows(),
    }


def _versions() -> dict[str, str]:
    import polars as pl

    # The hash of a bucket is the same within a version only.
    return {"polars": pl.__version__}


def _write(path: Path, value: Mapping[str, Any]) -> None:
    with replacing(path, encoding="utf-8") as file:
        json.dump(value, file)
