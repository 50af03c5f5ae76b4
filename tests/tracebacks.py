"""
What a crash reporter could show of an error: its words, its causes, the locals of frames.
"""

from __future__ import annotations

import traceback
from pathlib import Path

import umfpay


TESTS = str(Path(__file__).parent)
OURS = str(Path(umfpay.__file__).parent)


def chain(error):
    """
    Return *error*, its causes and contexts.
    """
    seen, queue = [], [error]

    while queue:
        one = queue.pop()

        if one is not None and not any(one is other for other in seen):
            seen.append(one)
            queue += [one.__cause__, one.__context__]

    return seen


def everything(error):
    """
    Return all that a crash reporter could show of *error*, causes and contexts too.
    """
    parts = []

    for one in chain(error):
        trace = traceback.TracebackException(
            type(one), one, one.__traceback__, capture_locals=True
        )
        # The test's own frames hold the canaries by design.
        frames = [
            frame for frame in trace.stack if not frame.filename.startswith(TESTS)
        ]
        parts += [repr(one), str(one), repr(vars(one))]
        parts += traceback.StackSummary.from_list(frames).format()
        parts += [repr(frame.locals) for frame in frames]

    return "\n".join(parts)


def by_us(error):
    """
    Return what could be shown of *error*, but for the frames of others above it.

    A client of httpx has what it was given in its own frames.
    """
    parts = []

    for one in chain(error):
        trace = traceback.TracebackException(
            type(one), one, one.__traceback__, capture_locals=True
        )
        parts += [repr(one), str(one), repr(vars(one))]
        parts += [
            repr(frame.locals)
            for frame in trace.stack
            if frame.filename.startswith(OURS)
        ]

    return "\n".join(parts)


def assert_silent(text, canaries):
    """
    Fail with the canaries that *text* shows.
    """
    assert [] == [canary for canary in canaries if canary in text]
