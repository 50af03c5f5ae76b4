"""
The report as a few lines of text, for a mail or a chat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Final

from umfpay.errors import Text, escape
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation.reports._summary import (
    TITLE,
    Summary,
    amount_text,
    bridge_tables,
    currency_name,
)


if TYPE_CHECKING:
    from umfpay.reconciliation.bridge._bridge import Bridge
    from umfpay.reconciliation.reports._difference_row import DifferenceRow
    from umfpay.reconciliation.reports._report import Language, Report


AMOUNT_WIDTH: Final = 18
_MAX_LINE: Final = 400
_ORDER: Final = {name: place for place, name in enumerate(Difference)}

Say = Callable[[Text], str]


def summary_text(report: Report, *, language: Language, limit: int) -> str:
    """
    Return *report* as text.

    Args:
        limit: Rows of each class that are named; the rest is counted.
    """
    say = saying(language)
    summary = Summary.of(report)
    lines = [
        f"{say(TITLE)}: {say(summary.verdict)}",
        *_files(summary, say),
        *map(say, report.notes),
        "",
        *_classes(summary, say),
        *bridge_lines(report.bridge, say),
        *_rows(report, say, limit),
    ]

    return "".join(f"{escape(line, limit=_MAX_LINE)}\n" for line in lines)


def saying(language: Language) -> Say:
    """
    Return what says a text in *language*.
    """

    def say(text: Text) -> str:
        if language == "both":
            return f"{text.en} | {text.zh}"

        return text.zh if language == "zh" else text.en

    return say


def _files(summary: Summary, say: Say) -> Iterator[str]:
    for file in summary.files:
        yield (
            f"{say(file.book)} {file.day}, {file.merchant}:"
            f" {amount_text(file.total)} CNY ({say(file.rule)})"
        )


def _classes(summary: Summary, say: Say) -> Iterator[str]:
    for one in summary.classes:
        if one.count:
            totals = ", ".join(
                f"{amount_text(total)} {currency_name(currency)}"
                for currency, total in one.totals.items()
                # In CNY it is all of it, whatever else there is.
                if currency == "total_cny"
            )
            yield f"{one.count:>10,}  {say(one.name)}" + (
                f": {totals}" if totals else ""
            )

    off = [one for one in summary.classes if one.off is not None]

    for one in off:
        assert one.off is not None
        yield f"{'-':>10}  {say(one.name)}: {say(one.off)}"


def bridge_lines(bridge: Bridge | None, say: Say) -> Iterator[str]:
    """
    Give the lines of a *bridge*, and what its proof lacks.
    """
    for table in bridge_tables(bridge):
        yield ""

        for shown in table.lines:
            line = shown.line
            rows = "" if line.rows is None else f"{line.rows:,}"
            part = say(Text(" (of these)", "（其中）")) if line.is_part else ""
            yield (
                f"{amount_text(line.amount):>{AMOUNT_WIDTH}} {table.currency}"
                f" {rows:>10}  {say(shown.name)}{part}"
            )

    if bridge is not None:
        for one in bridge.missing:
            yield f"{say(Text('not proven', '未证明'))}: {say(one)}"


def _rows(report: Report, say: Say, limit: int) -> Iterator[str]:
    for name, rows in groupby(
        sorted(report.rows(limit=limit), key=_place_of_class),
        key=lambda row: row.difference,
    ):
        yield ""
        yield f"{say(name.label)}: {say(name.advice)}"
        count = 0

        for row in rows:
            count += 1
            number = f"{row.order_id} {row.refund_id}".rstrip()
            yield f"  {number}: {say(row.reason)}"

            for one in row.suggestions:
                yield f"    ? {' + '.join(one.numbers)}: {say(one.why)}"

        if more := report.rows_of(name) - count:
            yield f"  {say(Text(f'and {more:,} more rows', f'另有 {more:,} 行'))}"


def _place_of_class(row: DifferenceRow) -> int:
    return _ORDER[row.difference]
