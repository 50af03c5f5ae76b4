"""
Links of a workbook from the figures of the bridge to the rows that make them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import Text


if TYPE_CHECKING:
    import xlsxwriter


# More digits than a number of Excel has.
_MAX_EXACT: Final = Decimal(10) ** 13
_STYLE: Final = {"font_color": "#0563C1", "underline": 1}


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
