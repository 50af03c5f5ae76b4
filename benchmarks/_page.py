"""
The page of results in the docs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks._result import short


_ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = _ROOT / "benchmarks" / "results"
PAGE: Final = _ROOT / "docs" / "explanation" / "benchmark-results.md"

_HEAD: Final = """\
# What the benchmarks measured

Written by `nox -s bench`; [Benchmarks](benchmarks.md) says what is compared, why, and \
how to repeat it. Each
line has the median of its rounds, the noise (half the width of the middle half of the \
rounds), the smallest and the
largest round. A ratio is taken round by round, of two that ran next to each other; of \
calls it says how many of ours
are made in the time of one of the other's.
"""


def write_page(results: Path, page: Path) -> None:
    """
    Write *page* from the JSON files of the folder *results*.
    """
    page.write_text(page_text(results, page), encoding="utf-8")


def page_text(results: Path, page: Path) -> str:
    """
    Return what *page* says about the results.
    """
    parts = [_HEAD]

    for path in sorted(results.glob("*.json")):
        chart = os.path.relpath(path.with_suffix(".svg"), page.parent)
        parts.append(_section(json.loads(path.read_text(encoding="utf-8")), chart))

    return "\n".join(parts)


def _section(result: Mapping[str, Any], chart: str) -> str:
    lines = [
        f"## {result['title']}",
        "",
        f"![{result['title']}]({Path(chart).as_posix()})",
        "",
    ]

    if result["table"]:
        header, *rows = result["table"]
        lines += [_cells(header), "| --- " * len(header) + "|"]
        lines += [*(_cells(row) for row in rows), ""]

    lines += [
        "| | median | noise | min | max | unit | target | |",
        "| --- | ---: | ---: | ---: | ---: | --- | --- | --- |",
        *(_row(figure) for figure in result["figures"] if not figure["is_detail"]),
        "",
        *(f"- {note}" for note in (result["machine"], *result["notes"])),
        "",
    ]

    return "\n".join(lines)


def _row(figure: Mapping[str, Any]) -> str:
    bound, met = "", ""

    if figure["target"] is not None:
        bound = f"{'≤' if figure['below'] else '≥'} {short(figure['target'])}"
        met = "met" if figure["met"] else "**missed**"

    numbers = (
        short(figure[name]) for name in ("median", "noise", "minimum", "maximum")
    )

    return _cells([figure["label"], *numbers, figure["unit"], bound, met])


def _cells(words: Sequence[str]) -> str:
    return f"| {' | '.join(words)} |"


if __name__ == "__main__":
    # After a change of the page's words: the results stay what they are.
    write_page(RESULTS, PAGE)
