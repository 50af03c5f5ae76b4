"""
A ledger as a spreadsheet (``.xlsx``): the first sheet, each cell as the text it shows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import python_calamine

from umfpay.errors import StatementError, Text
from umfpay.reconciliation.ledgers._files import LINE_COLUMN, unreadable_error
from umfpay.reconciliation.ledgers._format import LedgerFormat
from umfpay.reconciliation.ledgers._layout import clean_name, first_line_error


if TYPE_CHECKING:
    import polars as pl


_BATCH_ROWS: Final = 50_000
_MAX_LINES_ABOVE: Final = 60
# A spreadsheet keeps 15 digits of a number.
_MAX_NUMBER: Final = 10**15


class Sheet:
    """
    The first sheet of a file.

    Args:
        file: The file.
        written: How it is written.
        wanted: For each column that is needed, the names of which one is there.

    Attributes:
        names: Of its columns.
    """

    def __init__(
        self, file: Path, written: LedgerFormat, wanted: Sequence[Collection[str]]
    ) -> None:
        self._file = file
        above: list[list[str]] = []

        for number, row in enumerate(self._rows()):
            if number >= _MAX_LINES_ABOVE:
                break

            above.append([clean_name(_text(cell) or "") for cell in row])

        at = written.skip_rows

        if at is None:
            at = next(
                (
                    number
                    for number, names in enumerate(above)
                    if all(any(name in names for name in some) for some in wanted)
                ),
                0,
            )

        if at >= len(above) or not any(above[at]):
            raise first_line_error(file, Text("it has no line of names", "没有列名行"))

        self.names: list[str] = above[at]
        self._above = at + 1

    def batches(self, wanted: Sequence[str]) -> Iterator[pl.DataFrame]:
        """
        Give the columns *wanted* in batches, and the number of each row of the sheet.
        """
        import polars as pl

        columns = {name: self.names.index(name) for name in wanted}
        schema = {**dict.fromkeys(columns, pl.String()), LINE_COLUMN: pl.Int64()}
        values: dict[str, list[Any]] = {name: [] for name in schema}

        for number, (line, row) in enumerate(self._data(), start=1):
            values[LINE_COLUMN].append(line)

            for name, index in columns.items():
                cell = row[index] if index < len(row) else None
                values[name].append(self._checked(cell, name, number))

            if number % _BATCH_ROWS == 0:
                yield pl.DataFrame(values, schema=schema)

                values = {name: [] for name in schema}

        yield pl.DataFrame(values, schema=schema)

    def _data(self) -> Iterator[tuple[int, list[Any]]]:
        for number, row in enumerate(self._rows()):
            if number >= self._above and any(cell != "" for cell in row):
                yield number + 1, row

    def _rows(self) -> Iterator[list[Any]]:
        try:
            with python_calamine.load_workbook(self._file) as book:
                yield from book.get_sheet_by_index(0).iter_rows()
        except (python_calamine.CalamineError, OSError, ValueError) as error:
            raise unreadable_error(self._file, error) from None

    def _checked(self, cell: Any, column: str, number: int) -> str | None:
        if isinstance(cell, (int, float)) and abs(cell) >= _MAX_NUMBER:
            raise StatementError(
                f"The ledger {self._file} cannot be read: its column {column} holds in"
                f" row {number} a number of more than 15 digits, of which a spreadsheet"
                " has lost the last.",
                f"无法读取账本 {self._file}：第 {number} 行的 {column} 列是超过 15 位的"
                "数字，电子表格已丢失其末位。",
                advice=Text(
                    "Format the column as text before you enter or import the numbers,"
                    " and export again.",
                    "请先将该列设为文本格式，再录入或导入编号，然后重新导出。",
                ),
            )

        return _text(cell)


def _text(cell: Any) -> str | None:
    if cell is None or cell == "":
        return None

    if isinstance(cell, float):
        # The shortest digits, which are those that were entered.
        return str(int(cell)) if cell.is_integer() else f"{cell!r}"

    if isinstance(cell, (datetime, date)):
        return cell.isoformat(sep=" ") if isinstance(cell, datetime) else str(cell)

    return str(cell)
