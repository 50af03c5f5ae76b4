"""
The month as text, and as one page, for a colleague of finance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import attrs

from umfpay.errors import Text, escape
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation.bridge._bridge import BridgeItem, BridgeLine
from umfpay.reconciliation.reports._files import rendered
from umfpay.reconciliation.reports._summary import (
    KIND_NAMES,
    amount_text,
    bridge_tables,
)
from umfpay.reconciliation.reports._text import AMOUNT_WIDTH, Say, bridge_lines, saying


if TYPE_CHECKING:
    from umfpay.reconciliation.nights._ages import OpenLine
    from umfpay.reconciliation.nights._months import Month
    from umfpay.reconciliation.reports._report import Language


_MAX_LINE: Final = 400
TITLE: Final = Text("Month-end summary", "月末汇总")
PROVEN: Final = Text("All nights are there and proven.", "各晚齐全，且均已证明。")
NOT_PROVEN: Final = Text("The figures are not proven.", "数据未能证明。")
OPEN: Final = Text("Open now, by age in working days", "期末未结算，按账龄（工作日）")
BEFORE_BOOKS: Final = Text("of before the first night", "首晚之前")
FEES: Final = Text(
    "Fees in CNY: taken, expected, difference", "手续费（CNY）：实收、应收、差额"
)
NO_RULE: Final = Text("no rule", "无规则")
EXCHANGE: Final = Text("Change of the rate: gain, loss", "汇兑：收益、损失")
DIFFERENCES: Final = Text("Differences that nobody has accepted", "尚未确认的差异")

# Those that the bridge takes away are shown as what they are.
_FIGURES: Final = (
    (BridgeItem.TRADED, Text("Traded", "交易"), 1),
    (BridgeItem.REFUNDED, Text("Refunded", "退款"), -1),
    (BridgeItem.FEES, Text("Fees", "手续费"), -1),
    (BridgeItem.PAID_OUT, Text("Paid out", "已结算"), 1),
    (BridgeItem.CLOSING, Text("Open now", "期末未结算"), -1),
)


def month_text(month: Month, *, language: Language) -> str:
    """
    Return *month* as text.
    """
    say = saying(language)
    verdict = PROVEN if month.is_proven else NOT_PROVEN
    lines = [
        f"{say(TITLE)} {month.first:%Y-%m}, {month.merchant}: {say(verdict)}",
        *(f"{say(Text('not proven', '未证明'))}: {say(one)}" for one in month.missing),
        *map(say, month.notes),
        *bridge_lines(month.bridge, say),
        *_open(month, say),
        *_fees(month, say),
        *_exchange(month, say),
        *_differences(month, say),
    ]

    return "".join(f"{escape(line, limit=_MAX_LINE)}\n" for line in lines)


def _open(month: Month, say: Say) -> Iterator[str]:
    if month.open_items or month.open_before_books is not None:
        yield ""
        yield say(OPEN)

    for one in month.open_items:
        yield (
            f"{_amount(one.total)} {one.currency} {one.rows:>10,}  {age_text(one):<7}"
            f" {say(KIND_NAMES[one.kind])} ({amount_text(one.total_cny)} CNY)"
        )

    if month.open_before_books is not None:
        yield f"{_amount(month.open_before_books)} CNY {'':>10}  {say(BEFORE_BOOKS)}"


def age_text(one: OpenLine) -> str:
    """
    Return the ages of a line, such as 6-10 or 61+.
    """
    return f"{one.since}+" if one.until is None else f"{one.since}-{one.until}"


def _fees(month: Month, say: Say) -> Iterator[str]:
    if month.fees:
        yield ""
        yield say(FEES)

    for one in month.fees:
        rule = NO_RULE if one.rule is None else one.rule.name
        name = f"{one.currency} {say(KIND_NAMES[one.kind])}: {say(rule)}"

        if one.expected is None:
            figures = f"{_amount(one.charged)} {'-':>{AMOUNT_WIDTH}} {'-':>12}"
        else:
            left = one.charged - one.expected
            figures = f"{_amount(one.charged)} {_amount(one.expected)} {amount_text(left):>12}"

        yield f"{figures} {one.rows:>10,}  {name}"


def _exchange(month: Month, say: Say) -> Iterator[str]:
    if month.exchange:
        yield ""
        yield say(EXCHANGE)

    for one in month.exchange:
        yield (
            f"{_amount(one.gain)} {_amount(one.loss)} {one.currency} {one.rows:>10,}"
        )


def _differences(month: Month, say: Say) -> Iterator[str]:
    if month.differences:
        yield ""
        yield say(DIFFERENCES)

    for name, count in month.differences.items():
        yield f"{count:>10,}  {say(Difference(name).label)}"


def _amount(amount: Decimal) -> str:
    return f"{amount_text(amount):>{AMOUNT_WIDTH}}"


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
        title=Text(f"{TITLE.en} {name}", f"{TITLE.zh} {name}"),
        month=month,
        name=name,
        words={
            "title": TITLE,
            "open": OPEN,
            "before_books": BEFORE_BOOKS,
            "no_rule": NO_RULE,
            "differences": DIFFERENCES,
        },
        verdict=PROVEN if month.is_proven else NOT_PROVEN,
        is_good=month.is_proven,
        figures=[text for _, text, _ in _FIGURES],
        overview=[*_overview(month)],
        bridge=[*bridge_tables(month.bridge)],
        kinds=KIND_NAMES,
        age=age_text,
        open_cny=sum((one.total_cny for one in month.open_items), Decimal("0.00"))
        + (month.open_before_books or 0),
        differences=[
            (Difference(one).label, count) for one, count in month.differences.items()
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
