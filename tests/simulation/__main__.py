"""
The command line: python -m tests.simulation.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

from tests.simulation.counts import markdown
from tests.simulation.runner import (
    OnProgress,
    Report,
    be_quiet,
    first_caught,
    run_again,
    run_all,
)
from tests.simulation.schedule import Result, run_schedule
from tests.simulation.with_journal.mistakes import run_unwritten
from tests.simulation.with_journal.schedule import run_with_journal


def main() -> int:
    """
    Run what is asked for; return 1 if a schedule failed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=__doc__
    )
    parser.add_argument("--schedules", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed")
    parser.add_argument("--seed", type=int, help="replay this one alone")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--with-journal",
        action="store_true",
        help="the schedules in which the caller dies, and has a journal",
    )
    parser.add_argument(
        "--broken",
        action="store_true",
        help="run a build that sends POSTs again, or with a journal one that commits"
        " nothing before it sends, until it is caught",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print the counts as docs have them"
    )
    arguments = parser.parse_args()
    be_quiet()
    first = arguments.first if arguments.seed is None else arguments.seed
    count = arguments.schedules if arguments.seed is None else 1
    seeds = range(first, first + count)

    if arguments.broken:
        return _broken(seeds, run_unwritten if arguments.with_journal else run_again)

    report = run_all(
        seeds,
        workers=1 if count == 1 else arguments.workers,
        on_progress=_progress(count) if sys.stderr.isatty() else None,
        run=run_with_journal if arguments.with_journal else run_schedule,
    )
    report.options = "--with-journal " if arguments.with_journal else ""
    print("\n".join(markdown(report) if arguments.markdown else report.lines()))

    return 1 if report.failures else 0


def _progress(count: int) -> OnProgress:
    """
    Return what shows on a terminal how far it is.
    """

    def on_progress(report: Report, started: float) -> None:
        done = report.counts["schedules"]
        rate = done / max(time.perf_counter() - started, 1e-9)
        print(
            f"\r{done:,} of {count:,}, {rate:.1f} a second, {len(report.failures)} failed",
            end="\n" if done == count else "",
            file=sys.stderr,
            flush=True,
        )

    return on_progress


def _broken(seeds: range, run: Callable[[int], Result]) -> int:
    caught = first_caught(seeds, run)

    if caught is None:
        print(f"the broken build was not caught in {len(seeds)} schedules")

        return 1

    print(f"caught by seed {caught.seed}:", *caught.violations, sep="\n    ")

    return 0


if __name__ == "__main__":
    sys.exit(main())
