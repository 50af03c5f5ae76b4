"""
CPU time of one side of a benchmark: this process and all that it started.
"""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator
from pathlib import Path


def cpu_seconds(*, without: int | None = None) -> float:
    """
    Return the CPU time so far of this process, its threads, and its child processes.

    Whoever moves work into a process of its own must not look faster by that. Children
    that still run are found on Linux only.

    Args:
        without: The process that plays the other side.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() + ended.ru_utime + ended.ru_stime

    for pid in _children("self"):
        if pid != without:
            seconds += _of_tree(pid)

    return seconds


def _of_tree(pid: int) -> float:
    seconds = 0.0

    with contextlib.suppress(OSError):
        # The clock of another process, as clock_getcpuclockid(3) makes its number.
        seconds = time.clock_gettime(~pid << 3 | 2)

    return seconds + sum(_of_tree(child) for child in _children(str(pid)))


def _children(pid: str) -> Iterator[int]:
    for threads in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            yield from map(int, threads.read_text(encoding="ascii").split())
