"""
The summary of a report, before its rows: the verdict, classes, bridge and books.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import attrs

from umfpay.errors import Text
from umfpay.reconciliation._books import BOOK_NAMES
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation.bridge._bridge import BridgeItem
from umfpay.reconciliation.gateway_files._totals import TotalRule


if TYPE_CHECKING:
    from umfpay.reconciliation.bridge._bridge import Bridge, BridgeLine
    from umfpay.reconciliation.reports._report import Report


CLEAN: Final = Text("All is matched.", "全部一致。")
PROVEN: Final = Text(
    "All is matched, and the bridge proves it.", "全部一致，且资金桥已证明。"
)
NOT_CLEAN: Final = Text("There are differences.", "存在差异。")
NOT_PROVEN: Final = Text(
    "All is matched; the bridge does not prove it.", "全部一致，但资金桥未能证明。"
)
BOOKS_MISSING: Final = Text(
    "What is there is matched, but books are missing.", "现有账册全部一致，但缺少账册。"
)
TITLE: Final = Text("Reconciliation", "对账报告")

BOOK_TITLES: Final = {
    book: Text(name.en.capitalize(), name.zh) for book, name in BOOK_NAMES.items()
}
KIND_NAMES: Final = {"P": Text("payment", "支付"), "T": Text("refund", "退款")}
_RULE_NAMES: Final = {
    TotalRule.PAID: Text("payments", "支付合计"),
    TotalRule.NET: Text("payments less refunds", "支付减退款"),
    TotalRule.GROSS: Text("payments and refunds", "支付加退款"),
}
# Where the rows of a line of the bridge are found.
TRANSACTION_FILES: Final = "files-transactions"
STATEMENT_FILES: Final = "files-statement"
_SECTION_OF_ITEM: Final = {
    BridgeItem.OPENING: "opening",
    **dict.fromkeys(
        (BridgeItem.TRADED, BridgeItem.REFUNDED, BridgeItem.REVERSED),
        TRANSACTION_FILES,
    ),
    **dict.fromkeys(
        (BridgeItem.FEES, BridgeItem.FX, BridgeItem.ROUNDING, BridgeItem.PAID_OUT),
        STATEMENT_FILES,
    ),
    BridgeItem.OTHER_DAYS: "other-days",
    BridgeItem.QUARANTINED: "quarantined-rows",
    BridgeItem.UNKNOWN: Difference.PAID_OUT_UNKNOWN,
    BridgeItem.AMOUNTS: Difference.AMOUNT_DIFFERS,
    BridgeItem.EXCHANGE: Difference.EXCHANGE_DIFFERS,
    BridgeItem.CLOSING: "open",
}


@attrs.frozen(kw_only=True)
class ClassLine:
    """
    What was found of a class.

    Args:
        totals: By currency; ``total_cny`` is all of it in CNY.
        off: Why it was not looked for, None where it was.
    """

    id: str
    name: Text
    count: int
    totals: dict[str, Decimal]
    off: Text | None
    advice: Text


@attrs.frozen(kw_only=True)
class BridgeTable:
    """
    The bridge in one currency.
    """

    currency: str
    lines: tuple[ShownLine, ...]


@attrs.frozen(kw_only=True)
class ShownLine:
    """
    A line of the bridge with its name, and the section of a report that has its rows.
    """

    line: BridgeLine
    name: Text
    section: str


@attrs.frozen(kw_only=True)
class FileLine:
    """
    A file of the gateway that was read.

    Args:
        section: Of a page, which has the files of its book.
        name: Empty for what has none.
    """

    section: str
    name: str
    book: Text
    merchant: str
    day: str
    total: Decimal
    rule: Text


@attrs.frozen(kw_only=True)
class Summary:
    """
    What stands before the rows of a report.

    Args:
        verdict: The end of it in a sentence.
        classes: Every class in its order, found or not.
        bridge: In CNY and in each foreign currency; empty without a statement.
        unproven: What the proof of the bridge lacks.
        files: Of the gateway.
        rows: How many each book has.
    """

    verdict: Text
    classes: Sequence[ClassLine]
    bridge: Sequence[BridgeTable]
    unproven: Sequence[Text]
    files: Sequence[FileLine]
    rows: Mapping[str, int]

    @classmethod
    def of(cls, report: Report) -> Summary:
        """
        Return that of *report*.
        """
        return cls(
            verdict=_verdict(report),
            classes=_class_lines(report),
            bridge=[*bridge_tables(report.bridge)],
            unproven=() if report.bridge is None else report.bridge.missing,
            files=_file_lines(report),
            rows=report.books.get("rows", {}),
        )


def _verdict(report: Report) -> Text:
    """
    Return the end of it in a sentence.
    """
    if report.is_clean:
        return CLEAN if report.bridge is None else PROVEN

    if _differing(report):
        return NOT_CLEAN

    return BOOKS_MISSING if report.missing else NOT_PROVEN


def _differing(report: Report) -> bool:
    return any(
        count for name, count in report.counts.items() if name != Difference.MATCHED
    )


def _class_lines(report: Report) -> list[ClassLine]:
    """
    Return every class in its order, found or not.
    """
    return [
        ClassLine(
            id=str(name),
            name=name.label,
            count=report.counts[name],
            totals={
                currency: Decimal(total)
                for currency, total in report.totals[name].items()
            },
            off=report.switched_off.get(name),
            advice=name.advice,
        )
        for name in Difference
    ]


def bridge_tables(bridge: Bridge | None) -> Iterator[BridgeTable]:
    """
    Give the bridge in CNY and in each foreign currency, there without lines of nothing.
    """
    if bridge is None:
        return

    for currency, lines in (("CNY", bridge.lines), *bridge.currencies.items()):
        yield BridgeTable(
            currency=currency,
            lines=tuple(
                ShownLine(
                    line=line,
                    name=line.item.label,
                    section=str(_SECTION_OF_ITEM.get(line.item, "")),
                )
                for line in lines
                if currency == "CNY" or line.amount != 0 or line.rows
            ),
        )


def _file_lines(report: Report) -> list[FileLine]:
    """
    Return the files of the gateway.
    """
    return [
        FileLine(
            section=f"files-{file['book']}",
            name=file.get("file", ""),
            book=BOOK_TITLES.get(file["book"], Text(file["book"], file["book"])),
            merchant=file["merchant"],
            day=file["day"],
            total=Decimal(file["total"]),
            rule=_rule(file["total_rules"]),
        )
        for file in report.books.get("files", ())
    ]


def _rule(names: Sequence[str]) -> Text:
    if not names:
        return Text("not compared", "未核对")

    # Where there are no refunds all three are the same sum.
    fits = [_RULE_NAMES[TotalRule(name)] for name in names]

    return Text(
        f"the sum of {' or '.join(one.en for one in fits)}",
        "或".join(one.zh for one in fits),
    )


def amount_text(amount: Decimal | None) -> str:
    """
    Return an amount for people: thousands apart, "?" where it is unknown.
    """
    return "?" if amount is None else f"{amount:,.2f}"


def currency_name(currency: str) -> str:
    """
    Return what a total of `ClassLine` is in.
    """
    return "CNY" if currency == "total_cny" else currency or "-"
