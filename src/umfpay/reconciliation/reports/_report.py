"""
`Report`: what a comparison found. Counts, totals, each difference, and the bridge.

A `Report` is clean if each key is matched and the bridge is proven. Its rows are in
frames: the differences, what is open (the next night's opening), and what was paid out
for orders of other days; each difference has an *id* that is the same in every night,
and what was not paid out an *age* in working days.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from umfpay.errors import ConfigError, Text, needs_extra
from umfpay.reconciliation._books import KEY, Book
from umfpay.reconciliation._difference import Difference, difference_id
from umfpay.reconciliation._extra import load
from umfpay.reconciliation._formatting import (
    as_json,
    as_text,
    money_text,
)
from umfpay.reconciliation.reports._difference_row import (
    DifferenceColumns,
    DifferenceRow,
)
from umfpay.reconciliation.reports._files import ending_error, write_file
from umfpay.reconciliation.reports._reasons import REASON_COLUMNS, reasons
from umfpay.reconciliation.reports._suggestions import Suggestion, suggestions
from umfpay.sensitive import Secret, hide, shows_itself_half_made


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.bridge._bridge import Bridge


Language = Literal["zh", "en", "both"]
PAGE_ROWS: Final = 200
"""Of each class, and of each line of the bridge, in a page."""
WORKBOOK_ROWS: Final = 50_000
"""Of each sheet of a workbook."""


@shows_itself_half_made
class Report:
    """
    The end of a reconciliation. Its order is that of the keys: the same books give the
    same bytes.

    Attributes:
        counts: How many keys each class has; every class is there.
        totals: What the keys of a class add up to, as text: by currency, and under
            ``total_cny`` in CNY. The gateway's amounts, where it has the row.
        notes: What to know about the books.
        switched_off: Classes that were not looked for, and why.
        books: What was read: files, days, merchant, rows, rules of the total.
        bridge: From what was traded to what was paid out; None without a statement.
        opening_items: Rows that were open before the first day, as they were given; None
            if there are none.
        open_items: Rows of the transactions that were not paid out, as a polars frame
            of their columns: what is open before the next night. None without a
            statement.
        other_days: Rows of the statement for orders of other days, likewise.
        missing: What the files lack: days without one, or those that have changed since
            they were pulled; with any, the report is not clean.
        quarantined: Rows of the gateway's files that could not be read, with file, line,
            reason and *data*, the bytes; None if there are none.
    """

    def __init__(
        self,
        differences: pl.DataFrame,
        *,
        counts: Mapping[str, int],
        totals: Mapping[str, Mapping[str, int]],
        switched_off: Mapping[Difference, Text],
        notes: Sequence[Text] = (),
        books: Mapping[str, Any] | None = None,
        bridge: Bridge | None = None,
        opening_items: pl.DataFrame | None = None,
        open_items: pl.DataFrame | None = None,
        other_days: pl.DataFrame | None = None,
        quarantined: pl.DataFrame | None = None,
        missing: Sequence[Text] = (),
    ) -> None:
        self._differences = differences
        self._has_ids = False
        self._suggestions: dict[str, tuple[Suggestion, ...]] | None = None
        self.bridge = bridge
        self.opening_items = opening_items
        self.open_items = open_items
        self.other_days = other_days
        self.quarantined = quarantined
        self.missing: tuple[Text, ...] = tuple(missing)
        self.counts: dict[str, int] = {
            str(name): counts.get(name, 0) for name in Difference
        }
        self.totals: dict[str, dict[str, str]] = {
            str(name): {
                currency: money_text(value)
                for currency, value in sorted(totals.get(name, {}).items())
            }
            for name in Difference
        }
        self.switched_off: dict[Difference, Text] = dict(switched_off)
        self.notes: tuple[Text, ...] = tuple(notes)
        self.books: dict[str, Any] = dict(books or {})

    def __repr__(self) -> str:
        found = sum(self.counts.values()) - self.counts[Difference.MATCHED]

        return f"<Report: {self.counts[Difference.MATCHED]} matched, {found} not>"

    @property
    def is_clean(self) -> bool:
        """
        Whether all is matched, each day has its file, and the bridge, if there is one,
        proves it.
        """
        is_proven = self.bridge is None or self.bridge.is_proven

        return (
            is_proven
            and not self.missing
            and all(
                not count or name == Difference.MATCHED
                for name, count in self.counts.items()
            )
        )

    @property
    def frame(self) -> pl.DataFrame:
        """
        The differences as a polars frame; money in hundredths.
        """
        if not self._has_ids:
            self._differences = _with_ids(self._differences)
            self._has_ids = True

        return self._differences

    def rows_of(self, name: Difference) -> int:
        """
        Count the rows of a class; a duplicate has several.
        """
        return int((self.frame.get_column("class") == str(name)).sum())

    @property
    def suggestions(self) -> dict[str, tuple[Suggestion, ...]]:
        """
        Rows that miss each other and may be the same, by the ids of the differences.
        """
        if self._suggestions is None:
            self._suggestions = suggestions(self.frame)

        return self._suggestions

    def rows(self, *, limit: int | None = None) -> Iterator[DifferenceRow]:
        """
        Iterate over the differences.

        Args:
            limit: So many of each class at most; by default all.
        """
        import polars as pl

        chosen = self.frame

        if limit is not None:
            chosen = chosen.filter(pl.int_range(pl.len()).over("class") < limit)

        columns = DifferenceColumns([*chosen.columns, *REASON_COLUMNS])

        for part in chosen.iter_slices():
            said = reasons(as_text(part))
            whole = pl.concat([part, said], how="horizontal")

            for row in whole.iter_rows():
                yield columns.object(row, self.suggestions)

    def to_json(self) -> str:
        """
        Return counts and totals; money is text.
        """
        return json.dumps(
            {
                "counts": self.counts,
                "totals": self.totals,
                "switched_off": as_json(self.switched_off),
                "notes": as_json(self.notes),
                "missing": as_json(self.missing),
                "books": self.books,
                "bridge": None if self.bridge is None else self.bridge.to_json(),
            },
            ensure_ascii=False,
            indent=1,
        )

    endings: ClassVar[tuple[str, ...]] = (
        ".html",
        ".xlsx",
        ".csv",
        ".json",
        ".parquet",
        ".txt",
    )
    """What `write()` knows."""

    def write(
        self,
        to: str | os.PathLike[str],
        *,
        language: Language = "both",
        rest: str = "",
    ) -> Path:
        """
        Write the report as the ending of *to* says: one of `endings`. What is too much
        for a page of the rows that are open, or of other days, is in a file beside it:
        of ``report.html`` in ``report-bridge.csv``.

        Args:
            language: Of what people read.
            rest: The name of a file beside it that has all differences, for a page or a
                workbook that has the first of them.

        Raises:
            ConfigError: It says something else, or the file cannot be written.
        """
        match Path(to).suffix:
            case ".html":
                return self.write_html(
                    to,
                    language=language,
                    rest=rest,
                    bridge_rows=self._write_bridge_rows_beside(Path(to), PAGE_ROWS),
                )
            case ".xlsx":
                return self.write_xlsx(
                    to,
                    language=language,
                    rest=rest,
                    bridge_rows=self._write_bridge_rows_beside(Path(to), WORKBOOK_ROWS),
                )
            case ".txt":
                return self.write_text(to, language=language)
            case ".json":
                return self.write_json(to)
            case ".csv":
                # Excel takes a file without the mark for one in the local encoding.
                return self.write_csv(to, language=language, mark=True)
            case ".parquet":
                return self.write_parquet(to)
            case ending:
                raise ending_error(to, ending, self.endings)

    def to_text(self, *, language: Language = "both", limit: int = 5) -> str:
        """
        Return the report as text for a mail or a chat.

        Args:
            limit: Rows of each class that are named; the rest is counted.
        """
        from umfpay.reconciliation.reports._text import summary_text

        return summary_text(self, language=language, limit=limit)

    def write_text(
        self,
        to: str | os.PathLike[str],
        *,
        language: Language = "both",
        limit: int = 5,
    ) -> Path:
        """
        Write what `to_text()` returns.

        Raises:
            ConfigError: It cannot be written.
        """
        text = self.to_text(language=language, limit=limit)

        return write_file(to, lambda file: file.write(text), encoding="utf-8")

    def write_xlsx(
        self,
        to: str | os.PathLike[str],
        *,
        language: Language = "both",
        limit: int = WORKBOOK_ROWS,
        rest: str = "",
        bridge_rows: str = "",
    ) -> Path:
        """
        Write a workbook: numbers are numbers, every text is text, and each figure of
        the bridge leads to its rows.

        Args:
            language: Chinese, English, or both.
            limit: Rows of a sheet; the rest is counted.
            rest: The name of a file beside it that has all differences.
            bridge_rows: The same of a file of `write_bridge_rows()`.

        Raises:
            ConfigError: It cannot be written, or xlsxwriter is missing.
        """
        with needs_extra("reconcile", by="umfpay.reconciliation"):
            from umfpay.reconciliation.reports._xlsx import write_workbook

        return write_file(
            to,
            lambda file: write_workbook(
                self,
                file,
                language=language,
                limit=limit,
                rest=rest,
                bridge_rows=bridge_rows,
            ),
        )

    def write_csv(
        self,
        to: str | os.PathLike[str],
        *,
        language: Language = "both",
        mark: bool = False,
    ) -> Path:
        """
        Write the differences as CSV in UTF-8: money and rates as decimals, where each
        stands, why, what to do and what it may be the same as. Text that a spreadsheet would take for a formula has an
        apostrophe before it.

        Args:
            language: Of the words: English, Chinese, or both in two columns.
            mark: Begin with a byte order mark, for Excel.

        Raises:
            ConfigError: It cannot be written.
        """
        from umfpay.reconciliation.reports._csv import csv_rows, write_csv_rows

        rows = csv_rows(self, language=language)

        return write_file(to, lambda file: write_csv_rows(rows, file, mark=mark))

    def write_json(self, to: str | os.PathLike[str]) -> Path:
        """
        Write counts, totals, the bridge and all differences as JSON, money as text:
        what ``umfpay query --from`` takes.

        Raises:
            ConfigError: It cannot be written.
        """
        from umfpay.reconciliation.reports._json import write_json

        return write_file(to, lambda file: write_json(self, file), encoding="utf-8")

    def write_parquet(self, to: str | os.PathLike[str]) -> Path:
        """
        Write the differences as Parquet; money in hundredths, as in `frame`.

        Raises:
            ConfigError: It cannot be written.
        """
        return write_file(to, self.frame.write_parquet)

    def write_table(
        self,
        url: str | Secret,
        *,
        night: date | None = None,
        table: str = "umf_differences",
        open_items: str = "umf_open_items",
        schema: str | None = None,
    ) -> int:
        """
        Write the differences, and what is not paid out, into tables of a database, for
        SQL and dashboards: amounts and rates as decimals, days as days, with merchant,
        night and *id*. What they have of this night is replaced, all other nights stay.

        Args:
            url: As for `Ledger.sql()`: ``postgresql+psycopg://user:password@host/name``.
            night: Of which night they are; None is the last day of the transactions.
            table: Of the differences; it is made where it is not there.
            open_items: The table of what is not paid out, likewise.
            schema: Of the tables, if it is not the default one.

        Returns:
            How many differences were written.

        Raises:
            ConfigError: The database cannot be used, or has another table of this name.
            MissingExtraError: SQLAlchemy is missing.
        """
        address = hide(url, Secret)
        # A traceback may show this frame.
        del url

        if not isinstance(address, Secret):
            raise ConfigError.of(
                "table",
                "the address of a database as text",
                "必须是文本形式的数据库地址",
            )

        if night is None:
            night = max(
                date.fromisoformat(file["day"])
                for file in self.books["files"]
                if file["book"] == str(Book.TRANSACTIONS)
            )

        written: int = load("reports._table").write_table(
            self,
            address,
            night=night,
            table=table,
            open_items=open_items,
            schema=schema,
        )

        return written

    def write_quarantine(self, to: str | os.PathLike[str]) -> Path:
        """
        Write the rows that could not be read as CSV in UTF-8: file, line, reason, and
        the row itself, whose bytes that are no text are written as ``\\xb0``.

        Raises:
            ConfigError: It cannot be written.
        """
        from umfpay.reconciliation.reports._csv import quarantine_rows, write_csv_rows

        rows = quarantine_rows(self.quarantined)

        return write_file(to, lambda file: write_csv_rows(rows, file, mark=False))

    def write_bridge_rows(
        self, to: str | os.PathLike[str], *, mark: bool = False
    ) -> Path:
        """
        Write the rows of the bridge that have no class as CSV in UTF-8: what was open
        before, what is open now, what was paid out for orders of other days, and where
        rows that cannot be read stand, each with the line of the bridge (*item*) that
        it is part of.

        Args:
            mark: Begin with a byte order mark, for Excel.

        Raises:
            ConfigError: It cannot be written.
        """
        from umfpay.reconciliation.reports._bridge_rows import bridge_csv_rows
        from umfpay.reconciliation.reports._csv import safe_rows, write_csv_rows

        rows = safe_rows(bridge_csv_rows(self))

        return write_file(to, lambda file: write_csv_rows(rows, file, mark=mark))

    def _write_bridge_rows_beside(self, page: Path, limit: int) -> str:
        """
        Write the rows of the bridge that a page or a workbook with *limit* of each kind
        has not; return the name of their file, "" where it has all.
        """
        from umfpay.reconciliation.reports._bridge_rows import listed_rows

        if all(rows.height <= limit for rows in listed_rows(self).values()):
            return ""

        beside = page.with_name(f"{page.stem}-bridge.csv")

        return self.write_bridge_rows(beside, mark=True).name

    def write_html(
        self,
        to: str | os.PathLike[str],
        *,
        language: Language = "both",
        limit: int = PAGE_ROWS,
        rest: str = "",
        bridge_rows: str = "",
        produced_at: str = "",
    ) -> Path:
        """
        Write one page that opens without network, for people in finance.

        Args:
            language: Chinese, English, or both, of which one is shown at a time.
            limit: Rows shown of each class; the rest is counted.
            rest: The name of a file beside it that has all of them; linked.
            bridge_rows: The same of a file of `write_bridge_rows()`.
            produced_at: Shown as it is; none is shown by default, so that the same
                books give the same page.

        Raises:
            ConfigError: It cannot be written, or jinja2 is missing.
        """
        from umfpay.reconciliation.reports._html import page

        text = page(
            self,
            language=language,
            limit=limit,
            rest=rest,
            bridge_rows=bridge_rows,
            produced_at=produced_at,
        )

        return write_file(to, lambda file: file.write(text), encoding="utf-8")


def _with_ids(rows: pl.DataFrame) -> pl.DataFrame:
    """
    Return the differences with an *id*, where they have none.
    """
    import polars as pl

    if "id" in rows.columns:
        return rows

    keys = [rows.get_column(name).to_list() for name in (*KEY, "class")]
    ids = [difference_id(*key) for key in zip(*keys, strict=True)]

    return rows.insert_column(
        rows.columns.index("side") + 1, pl.Series("id", ids, dtype=pl.String)
    )
