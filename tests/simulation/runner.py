"""
Many schedules, on as many processors as are given.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterable

import attrs

from tests.simulation.network import SendsAgain
from tests.simulation.schedule import Result, run_schedule


@attrs.define
class Report:
    """
    What many schedules showed.

    Attributes:
        failures: By seed.
        seconds: Of real time.
        options: Of the command line that replays one.
    """

    counts: Counter[str] = attrs.field(factory=Counter)
    failures: dict[int, tuple[str, ...]] = attrs.field(factory=dict)
    seconds: float = 0.0
    options: str = ""

    def add(self, result: Result) -> None:
        """
        Count one more schedule.
        """
        self.counts += result.counts

        if result.violations:
            self.failures[result.seed] = result.violations

    def lines(self) -> Iterable[str]:
        """
        Give the report line by line: counts, then failures with their seeds.
        """
        for name in sorted(self.counts):
            yield f"{self.counts[name]:>9,}  {name}"

        schedules = self.counts["schedules"]

        if schedules:
            struck = self.counts["schedules with a fault after commit"]
            yield (
                f"{schedules:,} schedules in {self.seconds:.0f} s,"
                f" {schedules / max(self.seconds, 1e-9):.1f} a second;"
                f" {struck / schedules:.0%} with a fault after commit;"
                f" {len(self.failures)} failed"
            )

        for seed in sorted(self.failures):
            yield f"FAILED: python -m tests.simulation {self.options}--seed {seed}"

            for violation in self.failures[seed]:
                yield f"    {violation}"


OnProgress = Callable[[Report, float], None]


def run_all(
    seeds: Iterable[int],
    *,
    workers: int = 1,
    on_progress: OnProgress | None = None,
    run: Callable[[int], Result] = run_schedule,
) -> Report:
    """
    Run the schedules of *seeds*.

    Args:
        workers: Processes; the counts are the same with any number.
        run: Runs one of them.
        on_progress: Given the report so far after each, and when it all began.
    """
    report = Report()
    started = time.perf_counter()

    if workers == 1:
        for seed in seeds:
            report.add(run(seed))

            if on_progress is not None:
                on_progress(report, started)
    else:
        # Spawned: a fork would take the parent's keys and threads along.
        context = multiprocessing.get_context("spawn")

        with context.Pool(workers, initializer=be_quiet) as pool:
            for result in pool.imap_unordered(run, seeds, chunksize=20):
                report.add(result)

                if on_progress is not None:
                    on_progress(report, started)

    report.seconds = time.perf_counter() - started

    return report


def run_again(seed: int) -> Result:
    """
    Run a schedule with a build that sends POSTs again.
    """
    return run_schedule(seed, wrap=SendsAgain)


def first_caught(
    seeds: Iterable[int], run: Callable[[int], Result] = run_again
) -> Result | None:
    """
    Return the first schedule that shows a broken build; None if none.

    Args:
        run: Runs one with that build.
    """
    for seed in seeds:
        result = run(seed)

        if result.violations:
            return result

    return None


def be_quiet() -> None:
    """
    Keep the log of thousands of bad days off the screen.
    """
    for name in ("umfpay", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
