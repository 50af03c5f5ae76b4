"""
One session opens no more connections than its pool holds, and keeps them.
"""

from __future__ import annotations

import pytest

from benchmarks import connections


@pytest.fixture(name="figures", scope="module")
def _figures():
    return {one.label: one for one in connections.run(quick=True).figures}


@pytest.mark.parametrize("concurrency", [1, 50])
def test_one_session_opens_as_many_connections_as_calls_at_a_time(figures, concurrency):
    """
    As far as the pool goes; each was made and shaken hands over once.
    """
    opened = figures[f"umfpay, one session, at {concurrency}: connections"]
    shaken = figures[f"umfpay, one session, at {concurrency}: full handshakes"]

    assert opened.met
    assert 1 <= opened.maximum <= min(concurrency, connections.QUICK.pool)
    assert opened.rounds == shaken.rounds


def test_a_session_per_call_opens_one_each_time(figures):
    """
    What a shop pays that makes a session in each request.
    """
    opened = figures["umfpay, a session per call, at 1: connections"].median

    # One call came before the clock was started.
    assert 41 == opened


def test_waits_are_compared_where_callers_share_connections(figures):
    """
    With a target for us, and the same figures of the peers.
    """
    compared = [label for label in figures if label.endswith("p99 / p50")]

    assert [f"{name}, at 50: p99 / p50" for name in connections.NAMES[:3]] == compared
    assert connections.FAIR == figures[compared[0]].target
    assert all(figures[label].minimum >= 1 for label in compared)
