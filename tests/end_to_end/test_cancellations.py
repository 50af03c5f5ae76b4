"""
A hundred thousand calls cancelled at random moments leave nothing behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end import cancelling


def storm(count, *, seed, options=()):
    """
    Cancel *count* calls in a process of its own; return what it told.

    Not measured for coverage: that would take as long again.
    """
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COV_", "COVERAGE_"))
    }
    done = subprocess.run(
        [sys.executable, *options, cancelling.__file__, str(count), str(seed)],
        capture_output=True,
        text=True,
        timeout=400,
        cwd=Path(__file__).parent,
        env=clean,
    )

    assert not done.returncode, done.stderr

    return json.loads(done.stdout), done.stderr


def must_be_clean(counts):
    assert 20 == counts["good"]
    assert (0, 0) == (counts["tasks"], counts["timers"])
    assert counts["sockets afterwards"] <= cancelling.POOL
    # One that was cut is still closing when the next takes its place, one per caller.
    assert counts["most sockets"] <= cancelling.POOL + cancelling.WORKERS


@pytest.mark.timeout(420)
def test_a_hundred_thousand_cancellations_leave_a_session_that_works():
    """
    20 of 20 calls succeed afterwards; no task, timer or socket is left; and each write
    that the gateway read before its caller went away was handed to `on_unknown`.
    """
    counts, _ = storm(100_000, seed=1)

    must_be_clean(counts)
    assert 100_000 == counts["cancelled"] + counts["ended"]
    assert counts["executed and cancelled"] > 100
    assert 0 == counts["of these not handed over"]
    assert 0 == counts["handed over though answered"]
    assert 0 == counts["reads handed over"]


@pytest.mark.timeout(120)
def test_cancellations_warn_of_nothing_in_development_mode():
    """
    Under ``-X dev`` neither asyncio nor the interpreter has anything to say.
    """
    counts, words = storm(2_000, seed=2, options=["-X", "dev", "-W", "error"])

    must_be_clean(counts)
    assert "Warning" not in words
    assert "never retrieved" not in words
    assert "was destroyed" not in words
