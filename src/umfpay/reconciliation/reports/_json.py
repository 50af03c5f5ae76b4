"""
The report as one JSON file: what the other files say, for programs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from umfpay.reconciliation._books import KEY
from umfpay.reconciliation._difference import ADVICE
from umfpay.reconciliation._formatting import BOOKS, as_json, as_text
from umfpay.reconciliation.gateway_files._locations import PLACE_SEPARATOR
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
        str(name): as_json(ADVICE[name])
        for name in ADVICE
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

    names = report.frame.columns
    books = {
        book: [
            (name.removeprefix(f"{book}_"), index)
            for index, name in enumerate(names)
            if name.startswith(f"{book}_")
        ]
        for book in BOOKS
    }
    at = {name: index for index, name in enumerate([*names, *REASON_COLUMNS])}

    for part in report.frame.iter_slices():
        texts = as_text(part)
        whole = pl.concat([texts, reasons(texts)], how="horizontal")

        for row in whole.iter_rows():

            def text(name: str, row: Sequence[str | None] = row) -> str:
                return (row[at[name]] if name in at else None) or ""

            age = text("age")
            en, zh = map(text, REASON_COLUMNS)

            yield {
                "id": text("id"),
                "class": text("class"),
                "also": text("also").split(",") if text("also") else [],
                **{name: text(name) for name in (*KEY, "side")},
                "age": int(age) if age else None,
                **{name: text(name) for name in ("trade_no", "object_id")},
                **{
                    name: text(name).split(PLACE_SEPARATOR) if text(name) else []
                    for name in ("booked_at", "listed_at", "paid_out_at")
                },
                **{
                    book: {
                        name: row[index]
                        for name, index in columns
                        if row[index] is not None
                    }
                    for book, columns in books.items()
                },
                "reason": {"en": en, "zh": zh},
                "suggestions": [
                    {"ids": one.ids, "numbers": one.numbers, "why": as_json(one.why)}
                    for one in report.suggestions.get(text("id"), ())
                ],
            }
