"""
How the tests were started changes nothing for what they start.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path


_IGNORED = """
import signal
print(*(
    number.name
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    if signal.getsignal(number) is signal.SIG_IGN
))
"""

# As nohup and the background of a script do it.
_IGNORING = """
import os, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_a_child_ignores_no_signal():
    """
    A process that a test starts ends by each signal that ends a process.
    """
    child = subprocess.run(
        [sys.executable, "-c", _IGNORED], capture_output=True, text=True, check=True
    )

    assert "" == child.stdout.strip()


def test_a_child_ignores_no_signal_under_nohup():
    """
    Nor does it when whoever started the tests ignored them.
    """
    inner = f"{Path(__file__)}::{test_a_child_ignores_no_signal.__name__}"
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [sys.executable, "-c", _IGNORING, "-m", "pytest", *options, inner],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout
    assert signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
