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
    200 calls, each connection made and shaken hands over once.
    """
    opened = figures[f"umfpay, one session, at {concurrency}: connections"]
    shaken = figures[f"umfpay, one session, at {concurrency}: full handshakes"]

    assert opened.met
    assert 1 <= opened.maximum <= concurrency
    assert opened.rounds == shaken.rounds


def test_a_session_per_call_opens_one_each_time(figures):
    """
    What a shop pays that makes a session in each request.
    """
    assert 40 == figures["umfpay, a session per call, at 1: connections"].median
