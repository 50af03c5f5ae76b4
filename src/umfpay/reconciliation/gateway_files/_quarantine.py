"""
Rows of the gateway's files that could not be read and were set aside.

They are counted by reason, and their money is what the total of their file has more than
the rows that were read. Where the key of such a row can be read, a difference of that key
is no other riddle: it is `Difference.QUARANTINED`, and what it was before is in *also*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.errors import Text
from umfpay.reconciliation._books import BOOK_NAMES, KEY, Book, number_with_day
from umfpay.reconciliation.gateway_files._frame_parser import Header
from umfpay.reconciliation.gateway_files._rows import (
    key_of_paid_out,
    key_of_transaction,
)
from umfpay.reconciliation.gateway_files._totals import (
    RuleChoice,
    Sums,
    TotalRule,
    TotalRules,
)


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.gateway_files._reading import StatementReader


# Of a row of the statement: its key may be that of a row set aside.
QUARANTINED_FLAG: Final = "_quarantined"

_MAX_SHOWN_LINES: Final = 5


def quarantined_rows(
    readers: Iterable[tuple[Book, StatementReader[Any]]], *, by_day: bool = False
) -> pl.DataFrame:
    """
    Return what the *readers* have set aside, as a frame.

    Args:
        by_day: Keys have their days.

    *order_id*, *kind* and *refund_id* are "" where they cannot be read; *data* is the
    row as the file has it.
    """
    import polars as pl

    rows = []

    for book, reader in readers:
        header = reader.header
        assert header is not None
        key_of = key_of_transaction if book is Book.TRANSACTIONS else key_of_paid_out

        for row in reader.quarantined:
            text = row.data.decode("utf-8", "replace")
            order_id, kind, refund_id, day = key_of(
                [field.strip() for field in text.split(",")]
            )
            rows.append(
                {
                    "book": str(book),
                    "file": reader.name,
                    "day": header.day,
                    "line": row.number,
                    "reason": row.reason.en,
                    "reason_zh": row.reason.zh,
                    "order_id": order_id,
                    "kind": kind,
                    "refund_id": refund_id,
                    "data": row.data,
                    "_day": day,
                }
            )

    kinds: dict[str, pl.DataType] = {
        "day": pl.Date(),
        "line": pl.Int64(),
        "data": pl.Binary(),
    }
    names = ("book", "file", "day", "line", "reason", "reason_zh", *KEY, "data")

    frame = pl.DataFrame(
        rows, schema={name: kinds.get(name, pl.String()) for name in (*names, "_day")}
    )

    if by_day:
        # A refund of the statement has none.
        with_day = number_with_day(pl.col("order_id"), pl.col("_day"))
        frame = frame.with_columns(
            order_id=pl.when(pl.col("order_id") != "")
            .then(with_day)
            .otherwise("order_id")
        )

    return frame.drop("_day")


def unread_amount(
    header: Header, total: Decimal, sums: Sums, rule: RuleChoice, *, paid_out: bool
) -> Decimal | None:
    """
    Return what the total of a file has more than its rows that were read, in CNY; None
    where that depends on which rule its total has.

    Args:
        total: Of its last line.
        sums: Of the rows that were read.
        rule: Which it may be, by the files that are whole.
    """
    if isinstance(rule, TotalRules):
        possible = rule.of(header.merchant, paid_out=paid_out)
    else:
        possible = frozenset({rule} if isinstance(rule, TotalRule) else TotalRule)

    amounts = {total - sums.by(one) for one in possible}

    return amounts.pop() if len(amounts) == 1 else None


@attrs.frozen
class UnreadRows:
    """
    What was set aside of a book.

    Args:
        rows: How many.
        amount: In CNY; None where it is unknown.
    """

    rows: int = 0
    amount: Decimal | None = Decimal(0)

    @classmethod
    def of(cls, facts: Mapping[str, Any], book: Book) -> UnreadRows:
        """
        Return it for all files of *book*.
        """
        files = [
            one["unread"]
            for one in facts["files"]
            if one["book"] == str(book) and one["unread"]["rows"]
        ]
        amounts = [one["amount"] for one in files]

        return cls(
            rows=sum(one["rows"] for one in files),
            amount=None if None in amounts else sum(map(Decimal, amounts), Decimal(0)),
        )


def quarantine_notes(quarantined: pl.DataFrame) -> list[Text]:
    """
    Return how many rows were set aside, by file and reason.
    """
    lines: dict[tuple[str, str, str, str], list[int]] = {}

    for row in quarantined.iter_rows(named=True):
        place = (row["book"], row["file"], row["reason"], row["reason_zh"])
        lines.setdefault(place, []).append(row["line"])

    return [
        quarantine_note(*place, rows=len(numbers), lines=numbers)
        for place, numbers in lines.items()
    ]


def quarantine_note(
    book: str,
    file: str,
    reason: str,
    reason_zh: str,
    *,
    rows: int,
    lines: Sequence[int] = (),
) -> Text:
    """
    Return how many *rows* of a file were set aside for one reason.

    Args:
        lines: Where they stand, if that is known.
    """
    name = BOOK_NAMES[book]
    shown = ", ".join(map(str, lines[:_MAX_SHOWN_LINES]))
    shown += ", ..." if len(lines) > _MAX_SHOWN_LINES else ""
    places = Text(f" (line {shown})", f"（第 {shown} 行）") if lines else Text("", "")

    return Text(
        f"{rows} rows of the {name.en} {file} cannot be read: {reason}{places.en}.",
        f"{name.zh} {file} 有 {rows} 行无法识别：{reason_zh}{places.zh}。",
    )
