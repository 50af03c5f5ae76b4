"""
`Bridge`: from what was open and traded to what was paid out, to the cent.

In CNY: what was open before, and what was traded, less refunds, reversals, fees and what
is open now, is what was paid out. A currency has two more lines: the rate of the day of
the payout is another one than that of the trade, and each row, or the sum of a day, is
rounded. The bridge adds up rows as they are in the gateway's books; it knows no classes.

A `Bridge` has the lines in CNY (*lines*) and for each foreign currency (*currencies*),
each a `BridgeLine` of a name of `BridgeItem`, an amount with the sign with which it is
added, and the number of its rows. The last line is what was paid out; it is the sum of
all before it that are no part of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import attrs

from umfpay.errors import Text
from umfpay.reconciliation._formatting import members_as_json
from umfpay.reconciliation._options import Rounding


class BridgeItem(StrEnum):
    """
    What a line of the bridge adds up, in their order.
    """

    OPENING = "opening"
    OTHER_DAYS = "other_days"
    TRADED = "traded"
    REFUNDED = "refunded"
    REVERSED = "reversed"
    QUARANTINED = "quarantined"
    FEES = "fees"
    UNKNOWN = "unknown"
    AMOUNTS = "amounts"
    EXCHANGE = "exchange"
    FX = "fx"
    ROUNDING = "rounding"
    CLOSING = "closing"
    PAID_OUT = "paid_out"

    @property
    def label(self) -> Text:
        """
        What people call it.
        """
        return _LABELS[self]


_LABELS: Final[dict[BridgeItem, Text]] = {
    BridgeItem.OPENING: Text("Open before", "期初未结算"),
    BridgeItem.OTHER_DAYS: Text(
        "Paid out for orders of other days", "其他日期订单的结算"
    ),
    BridgeItem.TRADED: Text("Traded", "交易"),
    BridgeItem.REFUNDED: Text("Less refunds", "减：退款"),
    BridgeItem.REVERSED: Text("Less reversals", "减：冲正"),
    BridgeItem.QUARANTINED: Text("In rows that cannot be read", "无法识别的行"),
    BridgeItem.FEES: Text("Less fees of what was paid out", "减：已结算手续费"),
    BridgeItem.UNKNOWN: Text("Paid out for unknown numbers", "未知编号的结算"),
    BridgeItem.AMOUNTS: Text(
        "Paid out for other amounts than were traded", "结算与交易金额之差"
    ),
    BridgeItem.EXCHANGE: Text(
        "Paid out other than amount less fee", "结算与金额减手续费之差"
    ),
    BridgeItem.FX: Text("Change of the rate", "汇率变动"),
    BridgeItem.ROUNDING: Text("Rounding", "舍入"),
    BridgeItem.CLOSING: Text("Less what is open now", "减：期末未结算"),
    BridgeItem.PAID_OUT: Text("Paid out", "已结算"),
}


@attrs.frozen(kw_only=True)
class BridgeLine:
    """
    A line of the bridge.

    Args:
        item: What it adds up.
        amount: With the sign with which it is added; None where it is unknown.
        rows: How many rows make it; None where they are unknown.
        is_part: It is part of another line, and not added.
    """

    item: BridgeItem
    amount: Decimal | None
    rows: int | None
    is_part: bool = False

    def to_json(self) -> dict[str, Any]:
        """
        Return it as JSON, money as text.
        """
        return members_as_json(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> BridgeLine:
        """
        Return what `to_json()` was made of.
        """
        amount = given["amount"]

        return cls(
            item=BridgeItem(given["item"]),
            amount=None if amount is None else Decimal(amount),
            rows=given["rows"],
            is_part=given["is_part"],
        )


@attrs.frozen(kw_only=True)
class Bridge:
    """
    The way from what was traded to what was paid out.

    Args:
        as_of: The last day of the statement.
        lines: In CNY.
        currencies: In each foreign currency.
        rounding: The rule by which payouts are rounded.
        missing: What the proof lacks; empty if it is one.
    """

    as_of: date
    lines: tuple[BridgeLine, ...]
    currencies: Mapping[str, tuple[BridgeLine, ...]]
    rounding: Rounding
    missing: tuple[Text, ...]

    @property
    def is_proven(self) -> bool:
        """
        Whether nothing is left over and nothing is unknown.
        """
        return not self.missing

    def line(self, item: BridgeItem | str, currency: str | None = None) -> BridgeLine:
        """
        Return the line of *item* in CNY, or in a foreign *currency*.
        """
        lines = self.lines if currency is None else self.currencies[currency]

        return next(line for line in lines if line.item == item)

    def to_json(self) -> dict[str, Any]:
        """
        Return it as JSON, money as text.
        """
        return members_as_json(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Bridge:
        """
        Return what `to_json()` was made of.
        """

        def lines(found: Sequence[Mapping[str, Any]]) -> tuple[BridgeLine, ...]:
            return tuple(map(BridgeLine.from_json, found))

        return cls(
            as_of=date.fromisoformat(given["as_of"]),
            lines=lines(given["lines"]),
            currencies={
                name: lines(found) for name, found in given["currencies"].items()
            },
            rounding=Rounding(given["rounding"]),
            missing=tuple(Text(**one) for one in given["missing"]),
        )
