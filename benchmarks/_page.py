"""
The page of results in the docs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


_HEAD = """\
# What the benchmarks measured

Written by `nox -s bench`; [Benchmarks](benchmarks.md) says what is compared, why, and \
how to
repeat it. Each line has the smallest, the middle and the largest of its rounds.
"""


def write_page(results: Path, page: Path) -> None:
    """
    Write *page* from the JSON files of the folder *results*.
    """
    parts = [_HEAD]

    for path in sorted(results.glob("*.json")):
        chart = os.path.relpath(path.with_suffix(".svg"), page.parent)
        parts.append(_section(json.loads(path.read_text(encoding="utf-8")), chart))

    page.write_text("\n".join(parts), encoding="utf-8")


def _section(result: Mapping[str, Any], chart: str) -> str:
    lines = [
        f"## {result['title']}",
        "",
        f"![{result['title']}]({Path(chart).as_posix()})",
        "",
        "| | min | median | max | unit | target | |",
        "| --- | ---: | ---: | ---: | --- | --- | --- |",
        *(_row(figure) for figure in result["figures"]),
        "",
        *(f"- {note}" for note in (result["machine"], *result["notes"])),
        "",
    ]

    return "\n".join(lines)


def _row(figure: Mapping[str, Any]) -> str:
    bound, met = "", ""

    if figure["target"] is not None:
        bound = f"{'≤' if figure['below'] else '≥'} {_short(figure['target'])}"
        met = "met" if figure["met"] else "**missed**"

    numbers = (_short(figure[name]) for name in ("minimum", "median", "maximum"))

    return f"| {figure['label']} | {' | '.join(numbers)} | {figure['unit']} | {bound} | {met} |"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
