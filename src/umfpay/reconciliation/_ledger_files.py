"""
Tables in files, as polars reads them: in batches, with errors in our words.
"""

from __future__ import annotations

import codecs
import errno
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from umfpay.errors import StatementError, Text


if TYPE_CHECKING:
    import polars as pl


_ROWS: Final = 500_000
_CHUNK: Final = 1024 * 1024

Scan = Callable[[], AbstractContextManager["pl.LazyFrame"]]


def batches(scan: Scan, file: Path, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
    """
    Give the columns *wanted* of a *file* in batches.

    Raises:
        StatementError: It cannot be read.
    """
    import polars as pl

    try:
        with scan() as table:
            yield from table.select(wanted).collect_batches(chunk_size=_ROWS)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(file, error) from None


def names(scan: Scan, file: Path) -> list[str]:
    """
    Return the names of the columns of a *file*.

    Raises:
        StatementError: It cannot be read.
    """
    import polars as pl

    # polars takes a folder for all files in it.
    if file.is_dir():
        raise _unreadable(file, IsADirectoryError(errno.EISDIR, "Is a directory"))

    try:
        with scan() as table:
            return table.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(file, error) from None


@contextmanager
def in_utf8(file: Path, encoding: str) -> Iterator[Path]:
    """
    Give what polars can read: the file itself, or a copy of it in UTF-8.
    """
    if codecs.lookup(encoding).name in ("utf-8", "ascii"):
        yield file

        return

    with tempfile.NamedTemporaryFile(suffix=".csv") as copy:
        try:
            with file.open(encoding=encoding, newline="") as text:
                while chunk := text.read(_CHUNK):
                    copy.write(chunk.encode())
        except UnicodeError as error:
            raise _unreadable(file, error) from None

        copy.flush()

        yield Path(copy.name)


def stamp(file: Path) -> list[Any]:
    """
    Return what tells *file* from others, and from itself when it has changed.
    """
    found = file.stat()

    return [str(file.resolve()), found.st_size, found.st_mtime_ns]


def _unreadable(file: Path, error: Exception) -> StatementError:
    # The words of polars may quote what they cannot read.
    reason = getattr(error, "strerror", None) or type(error).__name__

    return StatementError(
        Text(
            f"The ledger {file} cannot be read: {reason}.",
            f"无法读取账本 {file}：{reason}。",
        )
    )
