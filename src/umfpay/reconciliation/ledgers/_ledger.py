"""
The merchant's own book: from CSV, Parquet, any SQL database, or a frame.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from umfpay.config import file_path
from umfpay.errors import ConfigError, Text
from umfpay.reconciliation._books import BY_DAY, LINE, REFUND_SUM
from umfpay.reconciliation._extra import load, must_have_polars
from umfpay.reconciliation._stored_files import identity_of
from umfpay.reconciliation.ledgers._csv import CSVTable
from umfpay.reconciliation.ledgers._files import (
    LINE_COLUMN,
    batches,
    batches_in_utc,
    has_offsets,
    names,
    names_in_arrow,
)
from umfpay.reconciliation.ledgers._format import LedgerFormat
from umfpay.reconciliation.ledgers._mapping import (
    OPTIONAL_COLUMNS,
    REFUNDED,
    ColumnMapping,
    header_names,
    map_columns,
)
from umfpay.reconciliation.ledgers._place import Place, shown
from umfpay.reconciliation.ledgers._refunds import RefundSign, with_refund_rows
from umfpay.reconciliation.ledgers._values import in_our_columns
from umfpay.sensitive import Secret, hide


if TYPE_CHECKING:
    import polars as pl


_PARQUET_SUFFIXES: Final = (".parquet", ".pq")
SPREADSHEET_SUFFIXES: Final = (".xlsx", ".xlsm", ".xls", ".ods")
_USUAL_LAYOUT: Final = ("utf-8", ",")
_MAX_SHOWN_LINES: Final = 20
_ADDRESS_ADVICE: Final = Text(
    "Ledger.sql(address, query) reads a database.",
    "数据库请使用 Ledger.sql(地址, 查询)。",
)

Columns = Mapping[str, str] | None


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
        has_refund_sums: What was refunded of a payment stands in its row.
        is_keyed_by_day: Numbers of its orders repeat over days.
        identity: What tells this book from another, as JSON.
        source: The name of its file; empty if there is none.
    """

    def __init__(
        self,
        raw: Callable[[Sequence[str]], Iterator[pl.DataFrame]],
        *,
        columns: Columns,
        there: list[str],
        identity: Any,
        written: LedgerFormat | None = None,
        source: str = "",
        table: CSVTable | None = None,
    ) -> None:
        self._raw = raw
        self._table = table
        self._sign: RefundSign | None = None
        self.source: str = source
        self.written: LedgerFormat = written or LedgerFormat()
        self.written.check_needed()
        self.mapping: ColumnMapping = map_columns(columns, self.written, there)
        self.available: frozenset[str] = frozenset(self.mapping.columns) & frozenset(
            OPTIONAL_COLUMNS
        )
        self.has_refund_sums: bool = REFUNDED in self.mapping.columns
        self._refund_sums = 0
        self.is_keyed_by_day: bool = self.written.key == BY_DAY

        if self.is_keyed_by_day and "mer_date" not in self.available:
            raise ConfigError.of(
                "key",
                "order+day needs mer_date in the ledger",
                "order+day 需要账本中的 mer_date 列",
            )

        self.identity: list[Any] = [
            identity,
            sorted(self.mapping.columns.items()),
            repr(self.written),
        ]

    @classmethod
    def open(cls, path: str | os.PathLike[str], columns: Columns = None) -> Ledger:
        """
        Read a file by its name: ``.parquet``, ``.xlsx``, or CSV.
        """
        try:
            file = _file(path)
        finally:
            del path

        if file.suffix.lower() in _PARQUET_SUFFIXES:
            return cls.parquet(file, columns=columns)

        if file.suffix.lower() in SPREADSHEET_SUFFIXES:
            return cls.spreadsheet(file, columns=columns)

        return cls.csv(file, columns=columns)

    @classmethod
    def preset(
        cls,
        name: str | os.PathLike[str],
        path: str | os.PathLike[str],
        *,
        columns: Columns = None,
        **options: Any,
    ) -> Ledger:
        """
        Read a CSV or ``.xlsx`` file of a format that is known by *name*.

        Args:
            name: wechat, alipay, alipay-web, stripe, paypal, shopify, excel, or a TOML
                file with the attributes of `LedgerFormat`, and ``preset`` for the one
                that it begins with.
            path: The file.
            columns: Ours to theirs, where they are others.
            options: Other attributes of the format.
        """
        written = LedgerFormat.preset(name).changed(**options)

        if Path(path).suffix.lower() in SPREADSHEET_SUFFIXES:
            return cls.spreadsheet(path, columns=columns, written=written)

        return cls.csv(path, columns=columns, written=written)

    @classmethod
    def csv(
        cls,
        path: str | os.PathLike[str],
        *,
        columns: Columns = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        written: LedgerFormat | None = None,
    ) -> Ledger:
        """
        Read a CSV file with a line of names.

        Args:
            columns: Ours to theirs.
            encoding: Such as ``gb18030``, which Excel writes in Chinese; None finds it
                out.
            delimiter: One ASCII character, such as ``;``, which Excel writes where the
                comma is decimal; None finds it out.
            written: How else it is written.

        Raises:
            StatementError: It cannot be read.
            ConfigError: A column is missing.
        """
        try:
            file = _file(path)
        finally:
            del path

        must_have_polars()
        form = (written or LedgerFormat()).changed(
            encoding=encoding, delimiter=delimiter
        )
        form.check_needed()
        table = CSVTable(file, form, header_names(columns, form))

        return cls(
            table.batches,
            columns=columns,
            there=table.names,
            identity=["csv", *identity_of(file)],
            written=form,
            source=file.name,
            table=table,
        )

    @classmethod
    def spreadsheet(
        cls,
        path: str | os.PathLike[str],
        *,
        columns: Columns = None,
        written: LedgerFormat | None = None,
    ) -> Ledger:
        """
        Read the first sheet of an ``.xlsx`` file.

        Args:
            columns: Ours to theirs.
            written: How its values are written.

        Raises:
            StatementError: It cannot be read, or a number in it has more digits than a
                spreadsheet keeps.
            ConfigError: A column is missing.
        """
        try:
            file = _file(path)
        finally:
            del path

        must_have_polars()
        form = written or LedgerFormat()
        sheet: Any = load("ledgers._spreadsheet").Sheet(
            file, form, header_names(columns, form)
        )

        return cls(
            sheet.batches,
            columns=columns,
            there=sheet.names,
            identity=["spreadsheet", *identity_of(file)],
            written=form,
            source=file.name,
        )

    @classmethod
    def parquet(
        cls,
        path: str | os.PathLike[str],
        *,
        columns: Columns = None,
        written: LedgerFormat | None = None,
    ) -> Ledger:
        """
        Read a Parquet file.

        Args:
            columns: Ours to theirs.
            written: How its values are written.
        """
        try:
            file = _file(path)
        finally:
            del path

        must_have_polars()

        if has_offsets(file):
            return cls(
                lambda wanted: batches_in_utc(file, wanted),
                columns=columns,
                there=names_in_arrow(file),
                identity=["parquet", *identity_of(file)],
                written=written,
                source=file.name,
            )

        def scan() -> pl.LazyFrame:
            import polars as pl

            return pl.scan_parquet(file, glob=False)

        return cls(
            lambda wanted: batches(scan, file, wanted),
            columns=columns,
            there=names(scan, file),
            identity=["parquet", *identity_of(file)],
            written=written,
            source=file.name,
        )

    @classmethod
    def sql(
        cls,
        url: str,
        query: str,
        *,
        columns: Columns = None,
        batch_rows: int = 50_000,
        written: LedgerFormat | None = None,
    ) -> Ledger:
        """
        Read what *query* selects, as it comes, with SQLAlchemy.

        A run that is gone on with has the rows that were there when it began.

        Args:
            url: ``postgresql+psycopg://...``, ``mysql+pymysql://...``,
                ``sqlite:///shop.sqlite3``; the driver is yours to install.
            query: A SELECT.
            batch_rows: Rows in memory at a time.
            written: How its values are written.

        Raises:
            ConfigError: *url* is no text.
            MissingExtraError: SQLAlchemy is missing.
        """
        # It may hold a password, and a traceback may show this frame.
        hidden = hide(url, Secret)
        del url

        if not isinstance(hidden, Secret):
            raise ConfigError.of(
                "url", "an address as text is needed", "需要文本形式的地址"
            )

        must_have_polars()
        from umfpay.reconciliation.ledgers._sql import Selection

        selection = Selection(hidden, query, batch_rows=batch_rows)

        return cls(
            lambda _: selection.frames(),
            columns=columns,
            there=selection.names(),
            identity=["sql", selection.digest],
            written=written,
        )

    @classmethod
    def frame(
        cls,
        frame: Any,
        *,
        columns: Columns = None,
        written: LedgerFormat | None = None,
    ) -> Ledger:
        """
        Take a frame that fits into memory, of anything narwhals takes.

        Args:
            columns: Ours to theirs.
            written: How its values are written.

        Raises:
            ConfigError: It is none, or its columns cannot be meant.
        """
        must_have_polars()
        import narwhals as nw

        from umfpay.reconciliation.ledgers._frame_kinds import in_polars

        try:
            table = nw.from_native(frame)
        except TypeError:
            kind = type(frame).__name__

            raise ConfigError.of(
                "frame",
                f"one that narwhals takes is needed, not a {kind}",
                f"需要 narwhals 支持的数据表，而不是 {kind}",
            ) from None

        if isinstance(table, nw.LazyFrame):
            table = table.collect()

        rows: pl.DataFrame = (
            table.to_native()
            if table.implementation.is_polars()
            else in_polars("frame", table)
        )
        digest = hashlib.sha256(str(rows.hash_rows().sum()).encode()).hexdigest()

        return cls(
            lambda wanted: iter([rows.select(wanted)]),
            columns=columns,
            there=rows.columns,
            identity=["frame", rows.height, digest],
            written=written,
        )

    def batches(self) -> Iterator[pl.DataFrame]:
        """
        Give the rows in the columns that are compared; of a payment that has a sum of
        its refunds beside it, this is a row of its own.

        Raises:
            StatementError: A value is not what its column should hold; it names the
                column and the row, and shows the value without long numbers.
        """
        for rows in self.placed_batches():
            yield rows.drop(LINE, *([REFUND_SUM] if self.has_refund_sums else []))

    def placed_batches(self) -> Iterator[pl.DataFrame]:
        """
        Give the same with the *line* of each row in its file, as editors and
        spreadsheets count; without a file the number of the row, of a database null.
        With `has_refund_sums` there is `REFUND_SUM`, too.
        """
        import polars as pl

        before = 0
        last: str | None = None
        mapping = self.mapping
        self._sign = sign = RefundSign(negative=self.written.refunds_negative)
        self._refund_sums = 0

        for raw in self._raw(mapping.wanted()):
            numbers = pl.int_range(before + 1, before + raw.height + 1, eager=True)
            before += raw.height
            rows = mapping.with_joined(raw) if mapping.joined else raw
            lines = rows.get_column(LINE_COLUMN, default=numbers)
            place = Place(rows, numbers, lines, self.source)
            mapping.check_expected(place)

            if mapping.item_rows and rows.height:
                column = rows.get_column(mapping.columns["mer_reference_id"])
                place, last = place.only(mapping.orders_only(place, last)), column[-1]

            ours, place = in_our_columns(
                mapping.columns,
                place,
                written=self.written,
                refund_columns=mapping.refund_columns,
            )

            if self.has_refund_sums:
                ours, place = with_refund_rows(ours, place)
                self._refund_sums += int(ours.get_column(REFUND_SUM).sum())

            yield sign.remove(ours, place).with_columns(place.lines.alias(LINE))

    def notes(self) -> list[Text]:
        """
        Return what was found out about it; whole when all its rows were read.
        """
        found = [] if self._sign is None else [self._sign.note()]
        notes = [one for one in found if one is not None]

        if self._refund_sums:
            notes.append(
                Text(
                    f"The ledger has refunds as one sum for each order ({self._refund_sums}"
                    " orders): compared with the sum of the gateway's refunds of it.",
                    f"账本的退款为每个订单的合计（{self._refund_sums} 个订单）：与网关该订单的"
                    "退款合计核对。",
                )
            )

        if self._table is None:
            return notes

        layout = self._table.layout
        encoding = layout.encoding.removesuffix("-sig")
        between = repr(layout.delimiter)
        dropped = self._table.dropped

        if (encoding, layout.delimiter) != _USUAL_LAYOUT:
            notes.append(
                Text(
                    f"The ledger's encoding is {encoding}, and {between} stands between"
                    " its fields.",
                    f"账本编码为 {encoding}，字段分隔符为 {between}。",
                )
            )

        notes += [
            Text(
                f"A line of the ledger is no row ({one.reason.en}): {shown(one.text)}",
                f"账本中有一行不是数据（{one.reason.zh}）：{shown(one.text)}",
            )
            for one in dropped[:_MAX_SHOWN_LINES]
        ]

        if len(dropped) > _MAX_SHOWN_LINES:
            notes.append(
                Text(
                    f"{len(dropped)} lines of the ledger are no rows.",
                    f"账本中共有 {len(dropped)} 行不是数据。",
                )
            )

        return notes


def _file(path: str | os.PathLike[str]) -> Path:
    try:
        return file_path("ledger", path, advice=_ADDRESS_ADVICE)
    finally:
        # It may be an address with a password, and a traceback may show this frame.
        del path
