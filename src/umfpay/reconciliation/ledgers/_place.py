"""
Where a value of a ledger stands, for errors: file, row, column, and the value.

Long numbers are not shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from umfpay.errors import StatementError, Text, escape


if TYPE_CHECKING:
    import polars as pl


# As numbers of phones, cards and orders have, and days.
_LONG_NUMBER: Final = re.compile(r"[0-9](?:[ .-]?[0-9]){6,}")
_MAX_SHOWN_CHARACTERS: Final = 40

_DAY: Final = re.compile(r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}(?![0-9])")
_ADVICE: Final = Text(
    "Correct your ledger or how it is exported, and compare again.",
    "请更正账本或其导出方式后重新对账。",
)


def shown(text: str) -> str:
    """
    Return *text* of a ledger to be shown: escaped, and without long numbers.
    """
    return escape(_LONG_NUMBER.sub("***", text), limit=_MAX_SHOWN_CHARACTERS)


@attrs.frozen
class Place:
    """
    Rows of a ledger as they were read.

    Attributes:
        rows: In their columns.
        numbers: Of the rows within the ledger, the first being 1.
        lines: Of the file, as editors and spreadsheets count them; of what has none the
            *numbers*.
        source: The file; empty if there is none.
    """

    rows: pl.DataFrame
    numbers: pl.Series
    lines: pl.Series
    source: str = ""

    def only(self, those: pl.Series) -> Place:
        """
        Return the place of *those* rows.
        """
        return attrs.evolve(
            self,
            rows=self.rows.filter(those),
            numbers=self.numbers.filter(those),
            lines=self.lines.filter(those),
        )

    def refuse(
        self, good: pl.Series, column: str, wanted: Text, *, advice: Text | None = None
    ) -> None:
        """
        Raise for the first row whose *column* is not *good*; null is.

        Args:
            wanted: What it should hold.
            advice: The option that cures it.

        Raises:
            StatementError: There is one.
        """
        bad = (~good).fill_null(value=False).arg_true()

        if bad.len():
            self.refuse_row(bad[0], column, wanted, advice=advice)

    def refuse_row(
        self, index: int, column: str, wanted: Text, *, advice: Text | None = None
    ) -> None:
        """
        Raise for the row at *index*.

        Raises:
            StatementError: Always; it names the row and the column.
        """
        number = self.numbers[index]
        value = self.value(index, column)
        found = "" if value is None else _shown_value(value.strip())
        text = Text(
            f": {found!r}" if found else "; it is empty",
            f"：{found!r}" if found else "；该列为空",
        )
        of_file = f" ({self.source})" if self.source else ""

        raise StatementError(
            f"The ledger's column {column} holds in row {number} no {wanted.en}"
            f"{text.en}{of_file}.",
            f"账本第 {number} 行的 {column} 列不是{wanted.zh}{text.zh}{of_file}。",
            advice=advice or _ADVICE,
        )

    def value(self, index: int, column: str) -> str | None:
        """
        Return what stands in *column* of the row at *index*, as text.
        """
        value = self.rows.get_column(column)[index]

        return None if value is None else str(value)


def _shown_value(value: str) -> str:
    """
    Return a *value* to be shown; of a day, whose digits are nobody's number, in whole.
    """
    day = _DAY.match(value)

    if day is None:
        return shown(value)

    return day[0] + shown(value[day.end() :])
