"""
The sheets of a workbook, with links from the bridge's figures to the rows behind them.

Rows are written one by one, frames a column at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

import attrs
import polars as pl
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from umfpay.errors import Text
from umfpay.reconciliation._formatting import (
    BOOKS,
    MONEY_COLUMNS,
    RATE_COLUMNS,
    money_texts,
    rate_texts,
)


if TYPE_CHECKING:
    import xlsxwriter


# What a cell of Excel holds; digits behind the fifteenth would be lost.
MAX_CHARACTERS: Final = 32_767
_MAX_EXACT: Final = Decimal(10) ** 13
_MAX_EXACT_HUNDREDTHS: Final = 10**15
# Days between the first one of Excel and that of Unix.
_EPOCH: Final = 25_569
# To Excel 1900 is a leap year, and before it there is nothing.
_FIRST_DAY: Final = date(1900, 3, 1)
_BLOCK: Final = 5_000
# XML has none of these; Office Open XML (ST_Xstring) writes them as _x0007_, and that as _x005F_...
_UNWRITABLE: Final = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]|_x[0-9A-Fa-f]{4}_"
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_ESCAPE: Final = re.compile("_(?=x[0-9A-Fa-f]{4}_)")

_STYLE: Final = {"font_color": "#0563C1", "underline": 1}


class FrameSheet(Worksheet):  # type: ignore[misc]  # xlsxwriter has no types
    """
    A sheet with the rows of one frame between those that are written to it by cell.
    """

    dim_rowmin: int | None
    dim_rowmax: int | None
    dim_colmax: int | None
    is_whole = True
    """Whether all rows that were placed are written; known when the workbook is closed."""

    _rows: pl.DataFrame | None = None
    _first = 0
    _formats: Mapping[str, Any] = {}

    def place(self, rows: pl.DataFrame, first: int, formats: Mapping[str, Any]) -> None:
        """
        Keep *rows* for when the workbook is written; the next free row is behind them.

        Args:
            first: The row of the sheet, from 0, where they begin.
            formats: xlsxwriter's, for *money*, *rate*, *day*, *count* and *text*.
        """
        if not rows.height:
            return

        self._rows, self._first, self._formats = rows, first, formats
        self.is_whole = False
        self.dim_rowmax = first + rows.height - 1
        self.dim_colmax = max(self.dim_colmax or 0, rows.width - 1)

    def _write_rows(self) -> None:
        rows = self._rows

        if rows is None:
            super()._write_rows()

            return

        begin, end = self.dim_rowmin, self.dim_rowmax
        behind = self._first + rows.height
        styles = {name: one._get_xf_index() for name, one in self._formats.items()}
        self.dim_rowmax = self._first - 1
        super()._write_rows()

        for text in row_texts(rows, self._first, styles):
            self.fh.write(text)

        if end is not None and behind <= end:
            self.dim_rowmin, self.dim_rowmax = behind, end
            super()._write_rows()

        self.dim_rowmin, self.dim_rowmax = begin, end
        self.is_whole = True


def row_texts(
    rows: pl.DataFrame, first: int, styles: Mapping[str, int]
) -> Iterator[str]:
    """
    Give the elements ``<row>`` of *rows*, which begin in row *first*, counted from 0.

    Args:
        styles: Numbers of the cell formats *money*, *rate*, *day*, *count* and *text*.
    """
    at = pl.col("_row")
    cells = [
        _cell(rows.get_column(name), xl_col_to_name(number), styles)
        for number, name in enumerate(rows.columns)
    ]
    numbered = rows.with_row_index("_row", offset=first + 1)
    row = pl.concat_str(pl.lit('<row r="'), at, pl.lit('">'), *cells, pl.lit("</row>"))

    for block in numbered.iter_slices(_BLOCK):
        yield "".join(block.select(row).to_series())


def _cell(values: pl.Series, letters: str, styles: Mapping[str, int]) -> pl.Expr:
    """
    Return the element ``<c>`` of each value, nothing where there is none.
    """
    column = pl.col(values.name)
    book, _, name = values.name.partition("_")
    name = name if book in BOOKS else values.name

    def made(style: str, kind: str, begin: str, text: pl.Expr, end: str) -> pl.Expr:
        return pl.concat_str(
            pl.lit(f'<c r="{letters}'),
            pl.col("_row"),
            pl.lit(f'" s="{styles[style]}"{kind}>{begin}'),
            text,
            pl.lit(f"{end}</c>"),
        )

    def number(style: str, text: pl.Expr) -> pl.Expr:
        return made(style, "", "<v>", text, "</v>")

    def written(text: pl.Expr) -> pl.Expr:
        begin = '<is><t xml:space="preserve">'

        return made("text", ' t="inlineStr"', begin, text, "</t></is>")

    if name in MONEY_COLUMNS:
        money = money_texts(values.name)
        cell = number("money", money)

        if (values.abs() >= _MAX_EXACT_HUNDREDTHS).any():
            cell = (
                pl.when(column.abs() < _MAX_EXACT_HUNDREDTHS)
                .then(cell)
                .otherwise(written(money))
            )
    elif name in RATE_COLUMNS:
        cell = number("rate", rate_texts(values))
    elif values.dtype == pl.Date:
        cell = number("day", column.cast(pl.Int32) + _EPOCH)

        if (values < _FIRST_DAY).any():
            text = written(column.dt.to_string("%Y-%m-%d"))
            cell = pl.when(column >= _FIRST_DAY).then(cell).otherwise(text)
    elif values.dtype.is_integer():
        cell = number("count", column)
    else:
        cell = written(_safe(values))

    return cell.fill_null("")


def _safe(values: pl.Series) -> pl.Expr:
    """
    Return texts as they stand in XML, as much of each as a cell holds.
    """
    text = pl.col(values.name).str.head(MAX_CHARACTERS)
    odd = values.str.contains(_UNWRITABLE).fill_null(value=False)

    if odd.any():
        found = values.filter(odd).str.head(MAX_CHARACTERS).unique()

        return text.replace_strict(
            found, [_escaped(one) for one in found], default=_in_xml(text)
        )

    return _in_xml(text)


def _in_xml(text: pl.Expr) -> pl.Expr:
    for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.str.replace_all(sign, written, literal=True)

    return text


def _escaped(text: str) -> str:
    text = _CONTROL.sub(
        lambda found: f"_x{ord(found[0]):04X}_", _ESCAPE.sub("_x005F_", text)
    )

    return escape(text)


@attrs.frozen(kw_only=True)
class SheetRows:
    """
    Rows of a sheet.

    Args:
        sheet: Its name.
        first: As people count.
        last: The same.
        rest: The name of a file beside the workbook that has all of them, "" where the
            sheet has.
    """

    sheet: str
    first: int
    last: int
    rest: str

    @property
    def address(self) -> str:
        """
        Of their first cells, as links have it.
        """
        return f"internal:'{self.sheet}'!A{self.first}:A{self.last}"

    def where(self) -> Text:
        """
        Return where they are in words.
        """
        rows = (
            f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        )
        en = f"sheet {self.sheet}, rows {rows}"
        zh = f"工作表 {self.sheet} 第 {rows} 行"

        if not self.rest:
            return Text(en, zh)

        return Text(f"{en}; all of them: {self.rest}", f"{zh}；全部见：{self.rest}")


class BridgeLinks:
    """
    The rows of each section of a workbook, by the names that sections have in all
    reports.
    """

    def __init__(self, workbook: xlsxwriter.Workbook) -> None:
        self._workbook = workbook
        self._rows: dict[str, SheetRows] = {}
        self._money = workbook.add_format({"num_format": "#,##0.00", **_STYLE})
        self._count = workbook.add_format({"num_format": "#,##0", **_STYLE})

    def keep(self, section: str, row: int, count: int, rest: str = "") -> None:
        """
        Remember *count* rows from *row* on of the sheet that was made last; those of one
        section are beside each other.

        Args:
            row: Counted from 0.
            rest: The name of a file that has all rows of the section.
        """
        if not count:
            return

        known = self._rows.get(section)
        self._rows[section] = SheetRows(
            sheet=self._workbook.worksheets()[-1].get_name(),
            first=row + 1 if known is None else known.first,
            last=row + count,
            rest=rest,
        )

    def where(self, section: str) -> Text | None:
        """
        Return where the rows of *section* are, None where nothing has them.
        """
        rows = self._rows.get(section)

        return None if rows is None else rows.where()

    def write(
        self,
        worksheet: Any,
        row: int,
        column: int,
        section: str,
        figure: Decimal | int | None,
    ) -> None:
        """
        Write *figure* as a number that leads to the rows of *section*, if the workbook
        has them.
        """
        rows = self._rows.get(section)

        if figure is None or rows is None:
            return

        is_count = isinstance(figure, int)
        style = self._count if is_count else self._money
        shown = f"{figure:,}" if is_count else f"{figure:f}"
        worksheet.write_url(row, column, rows.address, style, shown)

        if abs(Decimal(figure)) < _MAX_EXACT:
            # The link stays, and the cell has the number.
            worksheet.write_number(row, column, figure, style)


class Sheet:
    """
    A sheet that is written row by row, or a frame at once.
    """

    def __init__(self, worksheet: FrameSheet, formats: Mapping[str, Any]) -> None:
        self.worksheet = worksheet
        self.row = 0
        self._formats = formats

    def write(self, values: Iterable[str | Decimal | int | None]) -> None:
        """
        Write the next row: a `Decimal` is money, an int a count.
        """
        sheet, row, formats = self.worksheet, self.row, self._formats

        for column, value in enumerate(values):
            if isinstance(value, str):
                # More than that Excel refuses to open.
                text = value[:MAX_CHARACTERS]
                sheet.write_string(row, column, text, formats["text"])
            elif isinstance(value, int):
                sheet.write_number(row, column, value, formats["count"])
            elif value is not None and abs(value) >= _MAX_EXACT:
                sheet.write_string(row, column, f"{value:f}", formats["text"])
            elif value is not None:
                sheet.write_number(row, column, value, formats["money"])

        self.row += 1

    def write_frame(self, rows: pl.DataFrame) -> None:
        """
        Write the next rows: what a cell is depends on its column.
        """
        self.worksheet.place(rows, self.row, self._formats)
        self.row += rows.height
