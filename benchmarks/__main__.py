"""
Runs the benchmarks: ``python -m benchmarks [--quick] [--all] [--out FOLDER] [NAME ...]``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks._charts import draw
from benchmarks._page import PAGE, RESULTS, write_page
from benchmarks._result import Figure, Result, short


# Ten minutes on two idle cores.
DEFAULT: Final = (
    "whole_call",
    "breakdown",
    "rivals",
    "connections",
    "loop_lag",
    "imports",
    "signing",
    "token_cache",
)
# Half an hour more.
LONG: Final = ("memory", "reconciliation", "inbox", "journal")
NAMES: Final = DEFAULT + LONG


def main(arguments: Sequence[str]) -> int:
    """
    Run what *arguments* name; print tables and write the results.

    Returns:
        0, also where a target is missed: the table says so.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--all", action="store_true", help="those that take long, too")
    parser.add_argument("--quick", action="store_true", help="a few seconds each")
    parser.add_argument("--out", type=Path, help="a folder for the results")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.names) - set(NAMES)

    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")

    # A quick run proves nothing, and must not take the place of one that does.
    out = chosen.out or (None if chosen.quick else RESULTS)
    console = Console(width=None if sys.stdout.isatty() else 120)

    for name in chosen.names or (NAMES if chosen.all else DEFAULT):
        started = time.monotonic()
        result: Result = importlib.import_module(f"benchmarks.{name}").run(
            quick=chosen.quick
        )
        show(result, console)
        console.print(f"  {time.monotonic() - started:.0f} s\n", style="dim")

        if out is not None:
            save(result, out)

    if out == RESULTS:
        write_page(out, PAGE)

    return 0


def save(result: Result, folder: Path) -> None:
    """
    Write *result* as JSON and its chart as SVG.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine(), **result.to_json()}
    (folder / f"{result.name}.json").write_text(
        json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    draw(result, folder / f"{result.name}.svg")


def machine() -> str:
    """
    Return what ran the benchmark, without its name.
    """
    return (
        f"{platform.python_implementation()} {platform.python_version()},"
        f" {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )


def show(result: Result, console: Console) -> None:
    """
    Print the tables of *result*.
    """
    if result.table:
        words = Table(*result.table[0], title=result.title, title_justify="left")

        for row in result.table[1:]:
            words.add_row(*row)

        console.print(words)
        console.print()

    table = Table(title=result.title, title_justify="left", show_edge=False)
    table.add_column("")

    for name in ("median", "noise", "min", "max"):
        table.add_column(name, justify="right")

    for name in ("unit", "target", ""):
        table.add_column(name)

    for figure in result.figures:
        if figure.is_detail:
            continue

        numbers = (figure.median, figure.noise, figure.minimum, figure.maximum)
        table.add_row(
            figure.label,
            *(short(number) for number in numbers),
            figure.unit,
            target(figure),
            {None: "", True: "met", False: "missed"}[figure.met],
        )

    console.print(table)

    for note in result.notes:
        console.print(f"  {note}", style="dim", highlight=False)


def target(figure: Figure) -> str:
    """
    Return the target of *figure* in words, "" without one.
    """
    if figure.target is None:
        return ""

    return f"{'at most' if figure.below else 'at least'} {short(figure.target)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
