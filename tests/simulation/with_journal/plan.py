"""
What is drawn beside a schedule: workers, their crashes, and how the database behaves.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Final

import attrs

from tests.simulation.with_journal.database import DatabasePlan


_MOST_STEPS: Final = 4000
# Longer than a lease: the deadline of a call and its margin.
_LONG_STOPS: Final = (20.0, 60.0, 200.0)
GIVE_UP_AFTER: Final = timedelta(minutes=80)
CLOSE_AFTER: Final = timedelta(minutes=50)


@attrs.frozen(kw_only=True)
class ProcessPlan:
    """
    The life of one process.

    Args:
        dies_at: The step at which it dies, None if it does not.
        stops_at: The step at which it stands still.
        stops_for: Seconds.
        rests: Seconds from its death to the next one's start.
    """

    dies_at: int | None = None
    stops_at: int | None = None
    stops_for: float = 0.0
    rests: float = 2.0


@attrs.frozen(kw_only=True)
class JournalPlan:
    """
    The shop's processes and its database.

    Args:
        workers: Of each the lives, one after the other; the last one does not die.
        handler_fails: Probability that the shop's own handler fails.
        checks_tables: Whether each process looks at all tables when it begins: that is
            a third of its steps, and none of them is about money.
    """

    workers: tuple[tuple[ProcessPlan, ...], ...]
    database: DatabasePlan
    handler_fails: float
    checks_tables: bool


def draw_processes(seed: int) -> JournalPlan:
    """
    Return the plan of *seed*.
    """
    rng = random.Random(f"journal {seed}")
    calm = rng.random() < 0.1

    return JournalPlan(
        workers=tuple(_lives(rng) for _ in range(rng.choices((1, 2, 3), (5, 4, 1))[0])),
        database=DatabasePlan(
            lost=0.0 if calm else rng.choice((0.0, 0.0, 0.02, 0.1)),
            slow=0.0 if calm else rng.choice((0.0, 0.0, 0.002, 0.02)),
            cut=0.0 if calm else rng.choice((0.0, 0.0, 0.01, 0.05)),
            skew=rng.uniform(-30.0, 30.0),
        ),
        handler_fails=0.0 if calm else rng.choice((0.0, 0.0, 0.3)),
        checks_tables=rng.random() < 0.05,
    )


def _lives(rng: random.Random) -> tuple[ProcessPlan, ...]:
    crashes = rng.choices((0, 1, 2, 3), (1, 5, 3, 1))[0]

    return tuple(
        ProcessPlan(
            # Most of what counts comes early.
            dies_at=int(_MOST_STEPS * rng.random() ** 2) + 1
            if life < crashes
            else None,
            stops_at=int(_MOST_STEPS * rng.random() ** 2) + 1
            if rng.random() < 0.15
            else None,
            stops_for=rng.choice(_LONG_STOPS) * rng.uniform(0.5, 1.0),
            rests=rng.choice((0.05, 2.0, 60.0)) * rng.random(),
        )
        for life in range(crashes + 1)
    )
