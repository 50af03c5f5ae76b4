"""
The month as one page, for a colleague of finance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import attrs

from umfpay.errors import Text
from umfpay.reconciliation._difference import CLASS_NAMES, Difference
from umfpay.reconciliation.bridge._bridge import BridgeItem, BridgeLine
from umfpay.reconciliation.nights import _month_text as words
from umfpay.reconciliation.reports._files import rendered
from umfpay.reconciliation.reports._summary import KIND_NAMES, bridge_tables


if TYPE_CHECKING:
    from umfpay.reconciliation.nights._months import Month
    from umfpay.reconciliation.reports._report import Language


# Those that the bridge takes away are shown as what they are.
_FIGURES: Final = (
    (BridgeItem.TRADED, Text("Traded", "交易"), 1),
    (BridgeItem.REFUNDED, Text("Refunded", "退款"), -1),
    (BridgeItem.FEES, Text("Fees", "手续费"), -1),
    (BridgeItem.PAID_OUT, Text("Paid out", "已结算"), 1),
    (BridgeItem.CLOSING, Text("Open now", "期末未结算"), -1),
)


@attrs.frozen(kw_only=True)
class _Overview:
    """
    What the month came to in a currency.
    """

    currency: Text
    figures: tuple[tuple[Text, Decimal | None], ...]


def month_page(month: Month, *, language: Language) -> str:
    """
    Return the page of *month*.
    """
    name = f"{month.first:%Y-%m}"

    return rendered(
        "month.html",
        language=language,
        title=Text(f"{words.TITLE.en} {name}", f"{words.TITLE.zh} {name}"),
        month=month,
        name=name,
        words={
            "title": words.TITLE,
            "open": words.OPEN,
            "before_books": words.BEFORE_BOOKS,
            "no_rule": words.NO_RULE,
            "differences": words.DIFFERENCES,
        },
        verdict=words.PROVEN if month.is_proven else words.NOT_PROVEN,
        figures=[text for _, text, _ in _FIGURES],
        overview=[*_overview(month)],
        bridge=[*bridge_tables(month.bridge)],
        kinds=KIND_NAMES,
        age=words.age_text,
        open_cny=sum((one.total_cny for one in month.open_items), Decimal("0.00"))
        + (month.open_before_books or 0),
        differences=[
            (CLASS_NAMES[Difference(one)], count)
            for one, count in month.differences.items()
        ],
    )


def _overview(month: Month) -> Iterator[_Overview]:
    bridge = month.bridge

    yield _Overview(
        currency=Text("All, in CNY", "合计（CNY）"), figures=_figures(bridge.lines)
    )

    for currency, lines in bridge.currencies.items():
        yield _Overview(currency=Text(currency, currency), figures=_figures(lines))


def _figures(lines: Sequence[BridgeLine]) -> tuple[tuple[Text, Decimal | None], ...]:
    amounts = {line.item: line.amount for line in lines if not line.is_part}

    def shown(item: BridgeItem, sign: int) -> Decimal | None:
        amount = amounts.get(item, Decimal("0.00"))

        # 0 has no sign.
        return None if amount is None else sign * amount + Decimal("0.00")

    return tuple((text, shown(item, sign)) for item, text, sign in _FIGURES)
