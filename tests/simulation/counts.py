"""
The counts of many schedules as the documentation has them: a Markdown table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tests.simulation.runner import Report


# What is promised, and the violations that break it.
PROMISES: Final = (
    ("an order is charged once", re.compile(r": paid \d+ times")),
    (
        "no request for money is repeated blindly",
        re.compile(r"refund \S+ was sent twi"),
    ),
    (
        "no money call leaves without a committed row, or twice by one",
        re.compile(r"left without a committed row|left twice by row"),
    ),
    ("every row ends, or is left to a person", re.compile(r"neither ended nor left")),
    (
        "what the rows say is what the gateway did",
        re.compile(r"told \d+ executes|told \d+ refunds, the|told executed, the"),
    ),
    ("a handler is called once for each row", re.compile(r"handled")),
    ("card data go with the end", re.compile(r"card data of|sealed data are")),
    ("an SMS code is sent once", re.compile(r"execute \S+ was sent twice")),
    (
        'nobody is told "not done" of what was done',
        re.compile(r"told not |told \w+( \w+)?, the ledger has"),
    ),
    (
        "nothing is refunded twice or in excess",
        re.compile(r"refunded (\d+ t|of)|made \d"),
    ),
    ("no payment of another merchant is applied", re.compile(r"another merchant")),
    ("what is told as done was done", re.compile(r"told \S+, not in the ledger")),
    ("every outcome is resolved in the end", re.compile(r"never resolved")),
)
_SECTIONS: Final = (
    ("fault: ", "faults"),
    ("purchase: ", "purchases"),
    ("refund: ", "refunds"),
    ("unknown: ", "unclear ends"),
    ("resolve ", "resolved"),
    ("customer: ", "customer"),
    ("row: ", "rows"),
)


def broken_promises(report: Report) -> dict[str, int]:
    """
    Return how many violations break each promise; "another" is for none of them.
    """
    broken = {name: 0 for name, _ in PROMISES}
    broken["another"] = 0

    for violations in report.failures.values():
        for violation in violations:
            names = [name for name, words in PROMISES if words.search(violation)]

            for name in names or ["another"]:
                broken[name] += 1

    return broken


def markdown(report: Report) -> Iterable[str]:
    """
    Give a table of what was drawn and what came of it, line by line.
    """
    schedules = report.counts["schedules"]
    yield "| what | count |"
    yield "| --- | ---: |"
    yield f"| schedules | {schedules:,} |"
    yield (
        "| of them with a fault after the gateway had worked |"
        f" {report.counts['schedules with a fault after commit']:,} |"
    )

    for prefix, title in _SECTIONS:
        for name in sorted(report.counts):
            if name.startswith(prefix) and report.counts[name]:
                words = name.removeprefix(prefix)
                yield f"| {title}: {words} | {report.counts[name]:,} |"

    for promise, count in broken_promises(report).items():
        yield f"| broken: {promise} | {count:,} |"

    for seed in sorted(report.failures):
        yield f"| failed | `python -m tests.simulation --seed {seed}` |"
