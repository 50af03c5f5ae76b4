"""
No test depends on how the tests were started.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


# As under nohup and behind "&": both are ignored, and children would ignore them, too.
_STARTED = """
import os, runpy, signal, subprocess, sys

for number in (signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)

conftest = runpy.run_path(sys.argv[1])
conftest["pytest_runtest_setup"]()

for number in (signal.SIGHUP, signal.SIGINT):
    os.kill(os.getpid(), number)

print("goes on", flush=True)
child = "import signal; print(*map(signal.getsignal, (signal.SIGHUP, signal.SIGINT)))"
subprocess.run([sys.executable, "-c", child], check=True)
"""


def test_ignored_signals_are_not_handed_on():
    """
    The tests go on under nohup; what they start can be ended as usual.
    """
    done = subprocess.run(
        [sys.executable, "-c", _STARTED, str(Path(__file__).parent / "conftest.py")],
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    first, second = done.stdout.splitlines()

    assert "goes on" == first
    assert second.startswith(("0 <built-in function default_int", "Handlers.SIG_DFL"))
    assert "default_int_handler" in second
