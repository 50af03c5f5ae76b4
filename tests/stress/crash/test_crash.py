"""
The session of kills itself, small: it runs, and it catches builds with a mistake.
"""

from __future__ import annotations

import pytest

from tests.stress.crash.promises import PROMISES
from tests.stress.crash.session import run_session


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_twenty_killed_processes_leave_keeps_all_promises(database):
    """
    Nothing is sent without a row, done twice, handled twice or never, left open.
    """
    session = run_session(
        database,
        kills=20,
        seed="smoke",
        listen=1.0,
        stops=False,
        restarts=0,
        patience=1.0,
    )

    assert 20 == session.killed.kills
    assert {promise: [] for promise in PROMISES} == session.broken
    assert [] == session.killed.ended
