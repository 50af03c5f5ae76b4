"""
The report as one page: no network, no script, charts as inline SVG.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from umfpay.errors import Text
from umfpay.reconciliation._class_names import CLASS_NAMES
from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._extra import needs_reconcile_extra


if TYPE_CHECKING:
    from umfpay.reconciliation._report import DifferenceRow, Language, Report


def page(report: Report, *, language: Language, limit: int, produced_at: str) -> str:
    """
    Return the page of *report*.
    """
    with needs_reconcile_extra():
        import jinja2

    source = resources.files("umfpay.reconciliation") / "templates" / "report.html"
    template = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).from_string(source.read_text(encoding="utf-8"))

    def say(text: Text) -> str:
        if language == "both":
            return f"{text.zh} {text.en}"

        return text.zh if language == "zh" else text.en

    # Against the largest of the differences: next to what matched none could be seen.
    most = max(
        1, *(count for name, count in report.counts.items() if name != "matched")
    )
    classes = [
        {
            "id": str(name),
            "name": say(CLASS_NAMES[name]),
            "count": report.counts[name],
            "width": min(100, round(100 * report.counts[name] / most, 2)),
            "totals": report.totals[name],
            "off": say(report.switched_off[name])
            if name in report.switched_off
            else "",
        }
        for name in Difference
    ]

    return template.render(
        t=lambda en, zh: say(Text(en, zh)),
        lang="en" if language == "en" else "zh-CN",
        classes=classes,
        sections=_sections(report, limit, say),
        clean=report.is_clean,
        books=report.books,
        notes=[say(note) for note in report.notes],
        produced_at=produced_at,
    )


def _sections(report: Report, limit: int, say: Any) -> list[dict[str, Any]]:
    rows: dict[str, list[DifferenceRow]] = {}
    counted: dict[str, int] = {}

    for row in report.rows():
        counted[row.difference] = counted.get(row.difference, 0) + 1

        if counted[row.difference] <= limit:
            rows.setdefault(row.difference, []).append(row)

    return [
        {
            "id": str(name),
            "name": say(CLASS_NAMES[name]),
            "rows": [{"row": row, "reason": say(row.reason)} for row in rows[name]],
            "more": counted[name] - len(rows[name]),
        }
        for name in Difference
        if name in rows
    ]
