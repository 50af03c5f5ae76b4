"""
Rows of a frame as rows of a sheet, a column at a time.

xlsxwriter takes a cell after the other, 6 us each: 50,000 differences of 25 columns were
two thirds of a workbook's time. The rows are made by expressions here, and everything
else of the workbook by xlsxwriter. What a cell is depends on its column's name and type,
never on what it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final
from xml.sax.saxutils import escape

import polars as pl
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from umfpay.reconciliation.reports._formatting import (
    BOOKS,
    MONEY_COLUMNS,
    RATE_COLUMNS,
    money_texts,
    rate_texts,
)


# What a cell of Excel holds; digits behind the fifteenth would be lost.
MAX_CHARACTERS: Final = 32_767
_MAX_EXACT: Final = 10**15  # in hundredths
# Days between the first one of Excel and that of Unix.
_EPOCH: Final = 25_569
# To Excel 1900 is a leap year, and before it there is nothing.
_FIRST_DAY: Final = date(1900, 3, 1)
_BLOCK: Final = 5_000
# XML has none of these; Office Open XML (ST_Xstring) writes them as _x0007_, and that as _x005F_...
_UNWRITABLE: Final = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]|_x[0-9A-Fa-f]{4}_"
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_ESCAPE: Final = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


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

        if (values.abs() >= _MAX_EXACT).any():
            cell = (
                pl.when(column.abs() < _MAX_EXACT).then(cell).otherwise(written(money))
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
