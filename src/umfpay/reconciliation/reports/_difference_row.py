"""
`DifferenceRow`: a difference as an object, and the columns in which its members stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from umfpay.errors import Text
from umfpay.reconciliation._books import KEY
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._formatting import (
    BOOKS,
    MONEY_COLUMNS,
    RATE_COLUMNS,
    rate_of,
)
from umfpay.reconciliation.gateway_files._locations import PLACE_SEPARATOR
from umfpay.reconciliation.reports._reasons import REASON_COLUMNS
from umfpay.reconciliation.reports._suggestions import Suggestion


@attrs.frozen(kw_only=True)
class DifferenceRow:
    """
    One row of a difference.

    Args:
        order_id: The merchant's order number.
        kind: P for payments, T for refunds.
        refund_id: The refund's number, "" for payments.
        difference: Its class.
        also: Later classes that apply as well.
        side: Whose row it is, of a duplicate; "" otherwise.
        ledger: What the merchant's book says, by our names; None where it says nothing.
        gateway: What the transaction list says.
        statement: What the reconciliation statement says.
        reason: What is different, in words.
        id: The same for the same key and class in every night.
        age: Of what was not paid out, in working days; else None.
        trade_no: UMF's number of the row in the transactions, "" where there is none.
        object_id: The payment's or refund's id, where the statement has it.
        booked_at: File and line of the ledger, as ``orders.csv:12``.
        listed_at: Of the transactions, likewise.
        paid_out_at: Of the statement, likewise.
        suggestions: Rows of the other side that this may be the same as.
    """

    order_id: str
    kind: str
    refund_id: str
    difference: Difference
    also: tuple[Difference, ...]
    side: str
    ledger: Mapping[str, Any]
    gateway: Mapping[str, Any]
    statement: Mapping[str, Any]
    reason: Text
    id: str
    age: int | None = None
    trade_no: str = ""
    object_id: str = ""
    booked_at: tuple[str, ...] = ()
    listed_at: tuple[str, ...] = ()
    paid_out_at: tuple[str, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()

    @property
    def advice(self) -> Text:
        """
        What to do about it.
        """
        return self.difference.advice


class DifferenceColumns:
    """
    Where the members of a difference stand in the rows of a frame, whether its values
    are typed or texts: those of `Report.frame` and, behind them, `REASON_COLUMNS`.

    Args:
        names: The columns of the frame.

    Attributes:
        books: For each book the names of its values, and where they stand.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._at = {name: index for index, name in enumerate(names)}
        self.books: dict[str, list[tuple[str, int]]] = {
            book: [
                (name.removeprefix(f"{book}_"), index)
                for index, name in enumerate(names)
                if name.startswith(f"{book}_")
            ]
            for book in BOOKS
        }

    def members(self, row: Sequence[Any]) -> dict[str, Any]:
        """
        Return the members of a *row* that are of no book, but for its reason.
        """
        at = self._at

        def text(name: str) -> str:
            return (row[at[name]] if name in at else None) or ""

        def texts(name: str, separator: str) -> list[str]:
            given = text(name)

            return given.split(separator) if given else []

        age = row[at["age"]] if "age" in at else None

        return {
            "id": text("id"),
            "class": text("class"),
            "also": texts("also", ","),
            **{name: text(name) for name in (*KEY, "side")},
            "age": None if age is None else int(age),
            **{name: text(name) for name in ("trade_no", "object_id")},
            **{
                name: texts(name, PLACE_SEPARATOR)
                for name in ("booked_at", "listed_at", "paid_out_at")
            },
        }

    def reason(self, row: Sequence[Any]) -> Text:
        """
        Return the reason of a *row*.
        """
        return Text(*(row[self._at[name]] for name in REASON_COLUMNS))

    def object(
        self, row: Sequence[Any], suggestions: Mapping[str, tuple[Suggestion, ...]]
    ) -> DifferenceRow:
        """
        Return a *row* of typed values as an object.

        Args:
            suggestions: By the ids of the differences.
        """
        members = self.members(row)
        name, also = members.pop("class"), members.pop("also")

        for places in ("booked_at", "listed_at", "paid_out_at"):
            members[places] = tuple(members[places])

        for book, values in self.books.items():
            members[book] = {one: _value(one, row[index]) for one, index in values}

        return DifferenceRow(
            **members,
            difference=Difference(name),
            also=tuple(map(Difference, also)),
            reason=self.reason(row),
            suggestions=suggestions.get(members["id"], ()),
        )


def _value(name: str, given: Any) -> Any:
    if given is None:
        return None

    if name in MONEY_COLUMNS:
        return Decimal(given).scaleb(-2)

    return rate_of(given) if name in RATE_COLUMNS else given
