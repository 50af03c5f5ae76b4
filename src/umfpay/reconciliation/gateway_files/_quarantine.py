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
from umfpay.reconciliation._books import KEY, Book, number_with_day
from umfpay.reconciliation._difference import Difference
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

    from umfpay.reconciliation.comparison._engines import ComparisonResult
    from umfpay.reconciliation.gateway_files._reading import StatementReader


# Of a row of the statement: its key may be that of a row set aside.
QUARANTINED_FLAG: Final = "_quarantined"

_MAX_SHOWN_LINES: Final = 5
_BOOK_NAMES: Final = {
    str(Book.TRANSACTIONS): Text("transactions", "交易明细"),
    str(Book.STATEMENT): Text("statement", "结算明细"),
}


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


def with_quarantine(
    found: ComparisonResult, quarantined: pl.DataFrame | None
) -> ComparisonResult:
    """
    Return what was *found* with the class of rows set aside, and `QUARANTINED_FLAG` in
    what is not in the transactions.
    """
    import polars as pl

    keys = _known_keys(quarantined)
    unlisted = found.unlisted

    if unlisted is not None:
        is_known = pl.lit(value=False)

        if keys is not None:
            is_known = pl.struct("kind", "number").is_in(
                keys.filter(pl.col("book") == str(Book.TRANSACTIONS))
                .select(pl.struct("kind", "number"))
                .to_series()
                .implode()
            )

        unlisted = unlisted.with_columns(is_known.alias(QUARANTINED_FLAG))

    rows = found.rows if keys is None else _with_class(found.rows, keys)

    return attrs.evolve(found, rows=rows, unlisted=unlisted)


def _known_keys(quarantined: pl.DataFrame | None) -> pl.DataFrame | None:
    import polars as pl

    if quarantined is None:
        return None

    keys = quarantined.filter(pl.col("kind") != "").select(
        "book", "kind", number=_number(), order="order_id"
    )

    return keys if keys.height else None


def _number() -> pl.Expr:
    """
    Return what the statement knows of a key.
    """
    import polars as pl

    return pl.when(pl.col("kind") == "T").then("refund_id").otherwise("order_id")


def _with_class(rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    open_rows = (
        rows.select("order_id", "refund_id", "kind", "class", "side")
        .with_row_index("_row")
        .filter(
            pl.col("side") == "",
            ~pl.col("class").is_in(
                [str(Difference.MATCHED), str(Difference.DUPLICATE)]
            ),
        )
    )
    # Nobody but the transactions and the ledger knows the order of a refund.
    same = (
        open_rows.with_columns(number=_number())
        .join(keys, on=["kind", "number"])
        .filter(
            (pl.col("order") == pl.col("order_id"))
            | (pl.col("order") == "")
            | (pl.col("order_id") == "")
        )
        .get_column("_row")
        .unique()
    )
    is_same = pl.int_range(pl.len(), dtype=pl.UInt32).is_in(same.implode())
    also = pl.concat_str(
        "class",
        pl.when(pl.col("also") != "").then("also"),
        separator=",",
        ignore_nulls=True,
    )

    return rows.with_columns(
        pl.when(is_same)
        .then(pl.lit(str(Difference.QUARANTINED)))
        .otherwise("class")
        .alias("class"),
        pl.when(is_same).then(also).otherwise("also").alias("also"),
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
    name = _BOOK_NAMES[book]
    shown = ", ".join(map(str, lines[:_MAX_SHOWN_LINES]))
    shown += ", ..." if len(lines) > _MAX_SHOWN_LINES else ""
    places = Text(f" (line {shown})", f"（第 {shown} 行）") if lines else Text("", "")

    return Text(
        f"{rows} rows of the {name.en} {file} cannot be read: {reason}{places.en}.",
        f"{name.zh} {file} 有 {rows} 行无法识别：{reason_zh}{places.zh}。",
    )
