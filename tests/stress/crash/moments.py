"""
Where a process is: counted in memory that outlives it, so that a killed one is found there.
"""

from __future__ import annotations

import functools
import mmap
from collections import deque
from enum import StrEnum
from pathlib import Path

from umfpay.journal import EndingWriter, JournaledCall, Recovery
from umfpay.notifications import NotificationInbox
from umfpay.notifications._worker import Applier
from umfpay.transport import ConnectionPool


_BYTES = 32
_READY = 0


class Moment(StrEnum):
    """
    What a process was doing when it was killed; it may do several things at once.
    """

    WRITING = "a row is being committed, nothing has left"
    CREATE_LEFT = "a create left, its answer has not come"
    EXECUTE_LEFT = "an execute left, its answer has not come"
    REFUND_LEFT = "a refund left, its answer has not come"
    ANSWERED = "the answer came, the end is not written"
    RECEIVING = "a notification is being stored, not acknowledged"
    APPLYING = "an event is locked, before or after its handler"
    HANDLING = "in a handler"
    HANDLED = "the handler is done, its commit is not"
    CLAIMING = "recovery claims a row"
    ASKING = "recovery asks about a row"
    SETTLING = "recovery settles a row"


ELSEWHERE = "none of these: starting, a token, a query, an SMS code"
_AT = {moment: number for number, moment in enumerate(Moment, _READY + 1)}
_LEFT = {
    "payments.create": Moment.CREATE_LEFT,
    "payments.execute": Moment.EXECUTE_LEFT,
    "refunds.create": Moment.REFUND_LEFT,
}


class Board:
    """
    A file in memory in which each life has a line.
    """

    def __init__(self, path):
        with Path(path).open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    @classmethod
    def make(cls, path, lives):
        """
        Return a new one for so many lives.
        """
        Path(path).write_bytes(bytes(_BYTES * lives))

        return cls(path)

    def is_ready(self, life):
        """
        Tell whether the process of *life* has begun to work.
        """
        return bool(self._memory[life * _BYTES + _READY])

    def moments(self, life):
        """
        Return where the process of *life* is, or was when it was killed.
        """
        return [one for one in Moment if self._memory[life * _BYTES + _AT[one]]]

    def line(self, life):
        """
        Return what the process of *life* writes into.
        """
        return Line(self._memory, life * _BYTES)


class Line:
    """
    The line of one life.

    Args:
        on_enter: Called with each moment that begins.
    """

    def __init__(self, memory, start):
        self._memory = memory
        self._start = start
        self.on_enter = lambda moment: None

    def ready(self):
        """
        Let others know that work begins.
        """
        self._memory[self._start + _READY] = 1

    def enter(self, moment):
        """
        Note that *moment* begins; it may be there already.
        """
        self.set(moment, self._memory[self._start + _AT[moment]] + 1)

    def leave(self, moment):
        """
        Note that it ends.
        """
        self.set(moment, self._memory[self._start + _AT[moment]] - 1)

    def set(self, moment, count):
        """
        Note how often it is there.
        """
        self._memory[self._start + _AT[moment]] = max(0, min(255, count))

        if count > 0:
            self.on_enter(moment)


def watch(line):
    """
    Have this process note in *line* where it is; nothing else is changed.
    """
    for owner, name, moment in (
        (JournaledCall, "write", Moment.WRITING),
        (NotificationInbox, "receive", Moment.RECEIVING),
        (Recovery, "_claim", Moment.CLAIMING),
        (Recovery, "_resolve", Moment.ASKING),
        (Recovery, "_settle", Moment.SETTLING),
    ):
        _replace(owner, name, functools.partial(_within, line, moment))

    _replace(ConnectionPool, "exchange", functools.partial(_out, line))
    _replace(Applier, "_apply", functools.partial(_applying, line))
    _replace(Applier, "_run", functools.partial(_handling, line))
    make = EndingWriter.__init__

    def make_and_note(self, database):
        make(self, database)
        self._queue = _Queue(line)

    EndingWriter.__init__ = make_and_note


class _Queue(deque):
    """
    Ends that are to be written.
    """

    def __init__(self, line):
        super().__init__()
        self._line = line

    def append(self, ending):
        super().append(ending)
        self._line.set(Moment.ANSWERED, len(self))

    def popleft(self):
        ending = super().popleft()
        self._line.set(Moment.ANSWERED, len(self))

        return ending


def _replace(owner, name, around):
    original = getattr(owner, name)

    @functools.wraps(original)
    async def watched(self, *arguments, **options):
        return await around(original, self, *arguments, **options)

    setattr(owner, name, watched)


async def _within(line, moment, original, *arguments, **options):
    line.enter(moment)

    try:
        return await original(*arguments, **options)
    finally:
        line.leave(moment)


async def _out(line, original, pool, state):
    moment = _LEFT.get(state.call.name)

    if moment is None:
        return await original(pool, state)

    return await _within(line, moment, original, pool, state)


async def _applying(line, original, *arguments, **options):
    try:
        return await _within(line, Moment.APPLYING, original, *arguments, **options)
    finally:
        line.set(Moment.HANDLED, 0)


async def _handling(line, original, *arguments, **options):
    line.set(Moment.HANDLED, 0)
    await _within(line, Moment.HANDLING, original, *arguments, **options)
    line.set(Moment.HANDLED, 1)
