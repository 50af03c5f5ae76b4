"""
The report as one JSON file: what the other files say, for programs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._formatting import as_json, as_text
from umfpay.reconciliation.reports._difference_row import DifferenceColumns
from umfpay.reconciliation.reports._reasons import REASON_COLUMNS, reasons


if TYPE_CHECKING:
    from umfpay.reconciliation.reports._report import Report


def write_json(report: Report, file: IO[str]) -> None:
    """
    Write *report* to *file*: what `Report.to_json()` has, what to do about each class
    that was found, and the differences, one in a line.
    """
    head = json.loads(report.to_json())
    head["advice"] = {
        str(name): as_json(name.advice)
        for name in Difference
        if name != "matched" and report.counts[name]
    }
    # The list is the last member, and never whole in memory.
    begin = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    file.write(f'{begin},\n "differences": [')
    separator = "\n  "

    for row in _rows(report):
        file.write(separator + json.dumps(row, ensure_ascii=False))
        separator = ",\n  "

    file.write("\n ]\n}\n")


def _rows(report: Report) -> Iterator[dict[str, Any]]:
    """
    Give what `Report.rows()` gives, made of text: half of its time was typed values.
    """
    import polars as pl

    columns = DifferenceColumns([*report.frame.columns, *REASON_COLUMNS])

    for part in report.frame.iter_slices():
        texts = as_text(part)
        whole = pl.concat([texts, reasons(texts)], how="horizontal")

        for row in whole.iter_rows():
            members = columns.members(row)

            yield {
                **members,
                **{
                    book: {
                        name: row[index]
                        for name, index in values
                        if row[index] is not None
                    }
                    for book, values in columns.books.items()
                },
                "reason": as_json(columns.reason(row)),
                "suggestions": [
                    as_json(one) for one in report.suggestions.get(members["id"], ())
                ],
            }
