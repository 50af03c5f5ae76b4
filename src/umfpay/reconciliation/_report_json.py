"""
The report as one JSON file: what the other files say, for programs.
"""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from umfpay.errors import Text
from umfpay.reconciliation._advice import ADVICE


if TYPE_CHECKING:
    from umfpay.reconciliation._report import DifferenceRow, Report


def write_json(report: Report, file: IO[str]) -> None:
    """
    Write *report* to *file*: what `Report.to_json()` has, what to do about each class
    that was found, and the differences, one in a line.
    """
    head = json.loads(report.to_json())
    head["advice"] = {
        str(name): _text(ADVICE[name])
        for name in ADVICE
        if name != "matched" and report.counts[name]
    }
    # The list is the last member, and never whole in memory.
    begin = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    file.write(f'{begin},\n "differences": [')
    separator = "\n  "

    for row in report.rows():
        file.write(separator + json.dumps(_row(row), ensure_ascii=False))
        separator = ",\n  "

    file.write("\n ]\n}\n")


def _row(row: DifferenceRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "class": str(row.difference),
        "also": [str(name) for name in row.also],
        "order_id": row.order_id,
        "kind": row.kind,
        "refund_id": row.refund_id,
        "side": row.side,
        "age": row.age,
        "trade_no": row.trade_no,
        "object_id": row.object_id,
        "booked_at": row.booked_at,
        "listed_at": row.listed_at,
        "paid_out_at": row.paid_out_at,
        "ledger": _values(row.ledger),
        "gateway": _values(row.gateway),
        "statement": _values(row.statement),
        "reason": _text(row.reason),
        "suggestions": [
            {"ids": one.ids, "numbers": one.numbers, "why": _text(one.why)}
            for one in row.suggestions
        ],
    }


def _values(book: Any) -> dict[str, str]:
    return {
        name: f"{value:f}" if hasattr(value, "as_tuple") else str(value)
        for name, value in book.items()
        if value is not None
    }


def _text(words: Text) -> dict[str, str]:
    return {"en": words.en, "zh": words.zh}
