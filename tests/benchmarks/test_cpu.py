"""
CPU time counts wherever the client's side works, and not where the other side does.
"""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from benchmarks._cpu import cpu_seconds


WORK = 0.1
# Works for so long by its own CPU time, says so, and waits.
CHILD = f"""
import sys, time

while time.process_time() < {WORK}:
    pass

print(flush=True)
sys.stdin.read()
"""


@pytest.fixture(name="child")
def _child():
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        yield child


def test_our_own_work_counts():
    """
    As the process's own clock says.
    """
    before, began = cpu_seconds(), time.process_time()

    while time.process_time() < began + WORK:
        pass

    assert cpu_seconds() - before >= WORK


@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
def test_a_child_counts_while_it_runs_and_once_it_has_ended(child):
    """
    And only once.
    """
    child.stdout.readline()
    alone = cpu_seconds(without=child.pid)
    running = cpu_seconds()
    child.communicate()

    assert running - alone >= WORK
    assert cpu_seconds() >= running


@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
def test_the_server_does_not_count(child):
    """
    While it runs, which is as long as anything is measured.
    """
    before = cpu_seconds(without=child.pid)
    child.stdout.readline()

    assert cpu_seconds(without=child.pid) - before < WORK
