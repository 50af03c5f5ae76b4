"""
The merchant's own book: from CSV, Parquet, any SQL database, or a frame.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from umfpay.errors import ConfigError, StatementError, Text
from umfpay.reconciliation._columns import plain_amounts, plain_days, replaced
from umfpay.reconciliation._extra import load, must_have_polars
from umfpay.reconciliation._ledger_names import (
    AMOUNT,
    DAY,
    KIND_WORDS,
    MONEY,
    OPTIONAL,
    chosen,
)


if TYPE_CHECKING:
    import polars as pl


_ROWS: Final = 500_000
_CHUNK: Final = 1024 * 1024
_WORDS: Final = 1_000
_TABLES: Final = (".parquet", ".pq")

Columns = Mapping[str, str] | None
Scan = Callable[[], AbstractContextManager["pl.LazyFrame"]]


class Ledger:
    """
    What the merchant has written down: one row for each payment and each refund.

    Of our columns only mer_reference_id and one of total and total_cny are needed; each
    other one that is missing switches its classes off. Make one with `csv()`,
    `parquet()`, `sql()` or `frame()`.

    Money is text, an integer or a decimal; what has more than two decimals is rounded
    half up. Floats are refused.

    Attributes:
        available: Our optional columns that are there.
        identity: What tells this book from another, as JSON.
    """

    def __init__(
        self,
        raw: Callable[[Sequence[str]], Iterator[pl.DataFrame]],
        *,
        columns: Columns,
        there: list[str],
        identity: Any,
    ) -> None:
        self._raw = raw
        self._columns = chosen(columns, there)
        self.available: frozenset[str] = frozenset(self._columns) & frozenset(OPTIONAL)
        self.identity: list[Any] = [identity, sorted(self._columns.items())]

    @classmethod
    def open(cls, path: str | os.PathLike[str], columns: Columns = None) -> Ledger:
        """
        Read a file by its name: ``.parquet``, or CSV.
        """
        if Path(path).suffix.lower() in _TABLES:
            return cls.parquet(path, columns=columns)

        return cls.csv(path, columns=columns)

    @classmethod
    def csv(
        cls,
        path: str | os.PathLike[str],
        *,
        columns: Columns = None,
        encoding: str = "utf-8",
        delimiter: str = ",",
    ) -> Ledger:
        """
        Read a CSV file with a line of names.

        Args:
            columns: Ours to theirs.
            encoding: Such as ``gb18030``, which Excel writes in Chinese.

        Raises:
            StatementError: It cannot be read.
            ConfigError: A column is missing.
        """
        must_have_polars()
        file = Path(path)

        try:
            codecs.lookup(encoding)
        except LookupError:
            raise ConfigError(
                Text(
                    f"encoding: there is no {encoding}.", f"encoding：没有 {encoding}。"
                )
            ) from None

        @contextmanager
        def scan() -> Iterator[pl.LazyFrame]:
            import polars as pl

            with _in_utf8(file, encoding) as readable:
                yield pl.scan_csv(readable, separator=delimiter, infer_schema=False)

        return cls(
            lambda wanted: _batches(scan, file, wanted),
            columns=columns,
            there=_names(scan, file),
            identity=["csv", *_stamp(file), encoding, delimiter],
        )

    @classmethod
    def parquet(
        cls, path: str | os.PathLike[str], *, columns: Columns = None
    ) -> Ledger:
        """
        Read a Parquet file.
        """
        must_have_polars()
        file = Path(path)

        @contextmanager
        def scan() -> Iterator[pl.LazyFrame]:
            import polars as pl

            yield pl.scan_parquet(file)

        return cls(
            lambda wanted: _batches(scan, file, wanted),
            columns=columns,
            there=_names(scan, file),
            identity=["parquet", *_stamp(file)],
        )

    @classmethod
    def sql(
        cls,
        url: str,
        query: str,
        *,
        columns: Columns = None,
        batch_rows: int = 50_000,
    ) -> Ledger:
        """
        Read what *query* selects, as it comes, with SQLAlchemy.

        Args:
            url: ``postgresql+psycopg://...``, ``mysql+pymysql://...``,
                ``sqlite:///shop.sqlite3``; the driver is yours to install.
            query: A SELECT.
            batch_rows: Rows in memory at a time.
        """
        must_have_polars()
        from umfpay.reconciliation._ledger_sql import Selection

        selection = Selection(url, query, batch_rows=batch_rows)

        return cls(
            lambda _: selection.frames(),
            columns=columns,
            there=selection.names(),
            identity=["sql", selection.digest],
        )

    @classmethod
    def frame(cls, frame: Any, *, columns: Columns = None) -> Ledger:
        """
        Take a frame that fits into memory, of anything narwhals takes.
        """
        must_have_polars()
        import narwhals as nw

        table = nw.from_native(frame)

        if isinstance(table, nw.LazyFrame):
            table = table.collect()

        rows: pl.DataFrame = table.to_polars()
        digest = hashlib.sha256(str(rows.hash_rows().sum()).encode()).hexdigest()

        return cls(
            lambda wanted: iter([rows.select(wanted)]),
            columns=columns,
            there=rows.columns,
            identity=["frame", rows.height, digest],
        )

    def batches(self) -> Iterator[pl.DataFrame]:
        """
        Give the rows in the columns that are compared.

        Raises:
            StatementError: A value is not what its column should hold; it names the
                column and the row, never the value.
        """
        import polars as pl

        columns = load("_ledger_columns")
        before = 0

        for given in self._raw([*dict.fromkeys(self._columns.values())]):
            rows, done = self._at_once(given)
            self._check(rows, before, done)
            ours = columns.with_our_columns(rows, self._columns, ready=done)
            self._refuse(
                ours.select(pl.col("order_id").is_not_null()),
                ("mer_reference_id", before),
                Text("order number", "订单号"),
            )

            yield ours

            before += rows.height

    def _at_once(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, frozenset[str]]:
        """
        Read columns of text that are as they mostly are: ``12.50``, few days, few words.

        Returns:
            The rows, and which of our columns are read.
        """
        done: dict[str, pl.Series] = {}

        # Two of ours may be one of theirs.
        if len({*self._columns.values()}) < len(self._columns):
            return rows, frozenset()

        for name, column in self._columns.items():
            values = rows.get_column(column)

            if not values.dtype.is_(_text_type()):
                continue

            read = _READ[name](name, values) if name in _READ else None

            if read is not None:
                done[name] = read.alias(column)

        return rows.with_columns(done.values()), frozenset(done)

    def _check(self, rows: pl.DataFrame, before: int, done: frozenset[str]) -> None:
        import polars as pl

        words = {
            name: pl.col(column).cast(pl.String).str.strip_chars()
            for name, column in self._columns.items()
        }

        for name in MONEY:
            if (
                name in words
                and name not in done
                and not _is_exact(rows, self._columns[name])
            ):
                self._refuse(
                    rows.select(words[name].str.contains(AMOUNT) | (words[name] == "")),
                    (name, before),
                    Text("amount such as 1234.50", "金额（例如 1234.50）"),
                )

        if "mer_date" in words and rows.schema[self._columns["mer_date"]] == pl.String:
            day = words["mer_date"]
            digits = day.str.replace_all(r"[-/]", "").str.slice(0, 8)
            self._refuse(
                rows.select(
                    (
                        day.str.contains(DAY)
                        & digits.str.to_date("%Y%m%d", strict=False).is_not_null()
                    )
                    | (day == "")
                ),
                ("mer_date", before),
                Text("date such as 2017-02-05", "日期（例如 2017-02-05）"),
            )

        if "kind" in words and "kind" not in done:
            self._refuse(
                rows.select(words["kind"].str.to_uppercase().is_in(["", *KIND_WORDS])),
                ("kind", before),
                Text("P or T", "P 或 T"),
            )

    def _refuse(self, good: pl.DataFrame, place: tuple[str, int], wanted: Text) -> None:
        """
        Raise for the first row that is not good; null is.
        """
        bad = (~good.to_series()).fill_null(value=False).arg_true()

        if not bad.len():
            return

        name, before = place
        column, row = self._columns[name], before + bad[0] + 1

        raise StatementError(
            Text(
                f"The ledger's column {column} holds in row {row} no {wanted.en}.",
                f"账本第 {row} 行的 {column} 列不是{wanted.zh}。",
            )
        )


def _plain_words(name: str, values: pl.Series) -> pl.Series | None:
    import polars as pl

    words = values.unique()

    if words.len() > _WORDS:
        return None

    found = load("_ledger_columns").ready_words(
        name, words.to_frame(values.name), values.name
    )

    if found is None:
        return None

    ours = found.get_column(name)

    if words.equals(ours):
        return values

    column = replaced(pl.col(values.name), words, ours)

    return values.to_frame().select(column).to_series()


_READ: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    **dict.fromkeys(MONEY, lambda _, values: plain_amounts(values)),
    "mer_date": lambda _, values: plain_days(values),
    **dict.fromkeys(("kind", "currency", "state"), _plain_words),
}


def _text_type() -> type[pl.String]:
    import polars as pl

    return pl.String


def _is_exact(rows: pl.DataFrame, column: str) -> bool:
    kind = rows.schema[column]

    return kind.is_integer() or kind.is_decimal()


def _batches(scan: Scan, file: Path, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
    import polars as pl

    try:
        with scan() as table:
            yield from table.select(wanted).collect_batches(chunk_size=_ROWS)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(file, error) from None


def _names(scan: Scan, file: Path) -> list[str]:
    import polars as pl

    try:
        with scan() as table:
            return table.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(file, error) from None


@contextmanager
def _in_utf8(file: Path, encoding: str) -> Iterator[Path]:
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
        except UnicodeDecodeError as error:
            raise _unreadable(file, error) from None

        copy.flush()

        yield Path(copy.name)


def _stamp(file: Path) -> list[Any]:
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
