"""
The report as one page, of which one script of ours sorts and filters the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import attrs

from umfpay.errors import Text
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._formatting import (
    BOOKS,
    MONEY_COLUMNS,
    RATE_COLUMNS,
    money_of,
)
from umfpay.reconciliation.bridge._bridge import Bridge
from umfpay.reconciliation.reports._bridge_rows import differences_of
from umfpay.reconciliation.reports._files import rendered
from umfpay.reconciliation.reports._summary import (
    BOOK_TITLES,
    KIND_NAMES,
    TITLE,
    ClassLine,
    Summary,
    amount_text,
)


if TYPE_CHECKING:
    import polars as pl

    from umfpay.reconciliation.reports._difference_row import DifferenceRow
    from umfpay.reconciliation.reports._report import Language, Report


# Names of members in the cells of the books, where the value alone would not say it.
_MEMBER_NAMES: Final = {
    "state": Text("state", "状态"),
    "service_fee": Text("fee", "手续费"),
    "exchanged": Text("paid out", "结算"),
    "exchanged_cny": Text("paid out", "结算"),
    "exchange_rate": Text("rate", "汇率"),
    "refunded": Text("refunds of the order", "该订单退款合计"),
    "refunded_cny": Text("refunds of the order", "该订单退款合计"),
}
# Beside others it says nothing new.
_NOT_SHOWN: Final = frozenset({"listed_on", "currency"})
# What marks a value that differs; of others the words differ where the meaning does not.
_MARKS: Final[Mapping[Difference, frozenset[str]]] = {
    Difference.CURRENCY_DIFFERS: frozenset({"total"}),
    Difference.AMOUNT_DIFFERS: frozenset(
        {"total", "total_cny", "refunded", "refunded_cny"}
    ),
    Difference.STATE_DIFFERS: frozenset({"state"}),
    Difference.WRONG_DAY: frozenset({"mer_date"}),
    Difference.FEE_DIFFERS: frozenset({"service_fee"}),
    Difference.EXCHANGE_DIFFERS: frozenset({"exchanged", "exchanged_cny"}),
}


@attrs.frozen(kw_only=True)
class _Value:
    """
    A value in a cell.
    """

    text: str
    name: Text | None
    is_marked: bool


def page(
    report: Report,
    *,
    language: Language,
    limit: int,
    rest: str,
    bridge_rows: str,
    produced_at: str,
) -> str:
    """
    Return the page of *report*.
    """
    summary = Summary.of(report)
    sections = [*_sections(report, limit)]
    parts = {
        "sections": sections,
        "opening_items": _listed(report.opening_items, limit, report.bridge),
        "open_items": _listed(report.open_items, limit, report.bridge),
        "other_days": _listed(report.other_days, limit, None),
        "quarantined": _quarantined(report.quarantined, limit),
        "makers": _makers(report, sections, limit),
    }

    return rendered(
        "report.html",
        language=language,
        title=TITLE,
        **parts,
        anchors=_anchors(parts) | {file.section for file in summary.files},
        book_names=BOOK_TITLES,
        verdict=summary.verdict,
        is_good=report.is_clean,
        summary=summary,
        missing=report.missing,
        classes=_classes(report, summary.classes),
        notes=[note for note in report.notes if note not in report.missing],
        rest=rest,
        bridge_rows=bridge_rows,
        # A name that begins with a scheme is a file all the same.
        link=lambda name: f"./{quote(name)}",
        produced_at=produced_at,
    )


def _anchors(parts: Mapping[str, Any]) -> set[str]:
    """
    Return the sections that a page of *parts* has.
    """
    names = {
        "opening_items": "opening",
        "open_items": "open",
        "other_days": "other-days",
        "quarantined": "quarantined-rows",
    }
    listed = {anchor for name, anchor in names.items() if parts[name]}

    return listed | {section["id"] for section in parts["sections"]}


def _makers(
    report: Report, sections: Sequence[Mapping[str, Any]], limit: int
) -> dict[str, dict[str, Any]]:
    """
    Return the differences that make lines of the bridge and have several classes, by
    the names of the lines: their numbers, and which of them the page has.
    """
    shown = {one["anchor"] for section in sections for one in section["rows"]}

    return {
        str(item): {
            "id": f"rows-{item}",
            "name": item.label,
            "rows": [
                {
                    "number": row["refund_id"] or row["order_id"],
                    "anchor": row["id"] if row["id"] in shown else "",
                }
                for row in rows.head(limit).iter_rows(named=True)
            ],
            "more": max(0, rows.height - limit),
        }
        for item, rows in differences_of(report).items()
    }


def _classes(report: Report, lines: Sequence[ClassLine]) -> list[dict[str, Any]]:
    # Against the largest of the differences: next to what matched none could be seen.
    most = max(
        1, *(count for name, count in report.counts.items() if name != "matched")
    )

    return [
        {"line": line, "width": min(100, round(100 * line.count / most, 2))}
        for line in lines
    ]


def _sections(report: Report, limit: int) -> Iterator[dict[str, Any]]:
    rows: dict[Difference, list[DifferenceRow]] = {}

    for row in report.rows(limit=limit):
        rows.setdefault(row.difference, []).append(row)

    # All rows of a duplicate have one id; the first has the anchor.
    shown = {row.id: row for found in rows.values() for row in reversed(found)}
    anchors = {id(row): row.id for row in shown.values()}

    for name in Difference:
        if name not in rows:
            continue

        yield {
            "id": str(name),
            "name": name.label,
            "advice": rows[name][0].advice,
            "rows": [
                {
                    "row": row,
                    "anchor": anchors.get(id(row), ""),
                    "kind": KIND_NAMES.get(row.kind, Text(row.kind, row.kind)),
                    "books": _cells(row),
                    "suggestions": [
                        {"one": one, "links": [*zip(one.ids, one.numbers, strict=True)]}
                        for one in row.suggestions
                    ],
                }
                for row in rows[name]
            ],
            "shown": shown,
            "has_suggestions": any(row.suggestions for row in rows[name]),
            "more": report.rows_of(name) - len(rows[name]),
        }


def _cells(row: DifferenceRow) -> dict[str, list[_Value]]:
    given = {name: getattr(row, name) for name in BOOKS}
    marked = {
        member
        for name in (row.difference, *row.also)
        for member in _MARKS.get(name, frozenset())
        if _differs(member, given.values())
    }

    if Difference.NOT_COMPARED in (row.difference, *row.also):
        marked |= {name for name, value in row.ledger.items() if value is None}

    return {book: [*_values(values, marked)] for book, values in given.items()}


def _differs(member: str, books: Any) -> bool:
    if member in ("exchanged", "exchanged_cny", "state"):
        # Only one book has it, or each in words of its own.
        return True

    names = (member, "currency") if member == "total" else (member,)
    found = [
        tuple(book.get(name) for name in names)
        for book in books
        if book.get(member) is not None
    ]

    return len({*found}) > 1


def _values(book: Mapping[str, Any], marked: set[str]) -> Iterator[_Value]:
    if all(value is None for value in book.values()):
        return

    for name, value in book.items():
        if name in _NOT_SHOWN or (value is None and name not in marked):
            continue

        currency = book.get("currency") or ""
        unit = currency if name in ("total", "exchanged", "refunded") else "CNY"
        text = _shown(name, value)
        yield _Value(
            text=f"{text} {unit}".rstrip()
            if name in MONEY_COLUMNS and value is not None
            else text,
            name=_MEMBER_NAMES.get(name),
            is_marked=name in marked,
        )


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "-"

    if name in RATE_COLUMNS:
        return f"{value:f}"

    return amount_text(value) if isinstance(value, Decimal) else str(value)


def _listed(
    rows: pl.DataFrame | None, limit: int, bridge: Bridge | None
) -> dict[str, Any] | None:
    """
    Return rows of a gateway's book, the oldest first.

    Args:
        bridge: Where there is one, they have an age until its day.
    """
    import polars as pl

    if rows is None or not rows.height:
        return None

    day = "listed_on" if "listed_on" in rows.columns else "mer_date"
    sign = pl.when(pl.col("kind") == "T").then(-1).otherwise(1)
    total = rows.select((pl.col("total_cny").cast(pl.Int128) * sign).sum()).item()
    first = rows.sort(day, maintain_order=True).head(limit)

    def line(row: Mapping[str, Any]) -> dict[str, Any]:
        number = row.get("number") or row.get("refund_id") or row.get("order_id")
        listed: date | None = row[day]

        return {
            "number": number,
            "kind": KIND_NAMES.get(row["kind"], Text(row["kind"], row["kind"])),
            "day": listed,
            "age": None
            if bridge is None or listed is None
            else (bridge.as_of - listed).days,
            "total": money_of(row["total"]),
            "currency": row["currency"] or "",
            "cny": money_of(row["total_cny"]),
        }

    return {
        "rows": [line(row) for row in first.iter_rows(named=True)],
        "count": rows.height,
        "more": rows.height - first.height,
        "sum": money_of(int(total)),
        "has_ages": bridge is not None,
    }


def _quarantined(rows: pl.DataFrame | None, limit: int) -> dict[str, Any] | None:
    if rows is None or not rows.height:
        return None

    return {
        "rows": [
            {
                "place": row["file"]
                if row["line"] is None
                else f"{row['file']}:{row['line']}",
                "reason": Text(row["reason"], row["reason_zh"]),
            }
            for row in rows.head(limit).iter_rows(named=True)
        ],
        "count": rows.height,
        "more": max(0, rows.height - limit),
    }
