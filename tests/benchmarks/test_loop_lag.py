"""
The lag of a loop: that it is seen, and that the figures are there and paired.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from benchmarks import loop_lag


@pytest.fixture(name="figures", scope="module")
def _figures():
    return {figure.label: figure for figure in loop_lag.run(quick=True).figures}


@pytest.mark.parametrize("name", ["no calls", *loop_lag.BACKENDS])
def test_the_figures_are_in_order(figures, name):
    """
    A percentile is no longer than a larger one.
    """
    p50, p99, longest = (
        figures[f"lag of the loop, {part}, {name}"].median
        for part in ("p50", "p99", "longest")
    )

    assert 0 < p50 <= p99 <= longest


@pytest.mark.parametrize("backend", loop_lag.BACKENDS)
def test_calls_really_ended(figures, backend):
    """
    A loop without work is never late.
    """
    assert figures[f"calls that ended, {backend}"].minimum > 0


@pytest.mark.parametrize("backend", loop_lag.BACKENDS)
def test_the_time_of_the_calls_is_not_called_lag(figures, backend):
    """
    It has lines and a name of its own, and no target.
    """
    p50, p99 = (figures[f"a call itself, {part}, {backend}"] for part in ("p50", "p99"))

    assert 0 < p50.median <= p99.median
    assert p50.target is p99.target is None
    assert figures[f"lag of the loop, p99, {backend}"].target


def test_a_loop_without_calls_has_no_time_of_calls(figures):
    """
    Only its lag.
    """
    assert 3 == sum(label.endswith("no calls") for label in figures)


async def test_a_loop_that_is_kept_waiting_is_seen_to_be_late():
    """
    Every time that passed meanwhile counts, not the first one alone.
    """
    watching = loop_lag.Watch()
    await asyncio.sleep(0.01)
    time.sleep(0.05)
    await asyncio.sleep(0.01)
    watching.stop()

    assert max(watching.late) > 0.04
    assert sum(late > 0.01 for late in watching.late) > 10
