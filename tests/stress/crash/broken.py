"""
Builds with a mistake, which must be caught.
"""

from __future__ import annotations

import functools
from weakref import WeakKeyDictionary

from umfpay.journal import JournaledCall
from umfpay.notifications._worker import Applier


def break_journal():
    """
    Write a row after its call has ended, not before it leaves.
    """
    write, end = JournaledCall.write, JournaledCall.end
    deadlines = WeakKeyDictionary()

    async def no_write(self, *, deadline):
        deadlines[self] = deadline

    def write_and_end(self, call_verdict, result, intent):
        async def late():
            await write(self, deadline=deadlines[self])
            end(self, call_verdict, result, intent)

        self.endings.spawn(late())

    JournaledCall.write = no_write
    JournaledCall.is_valid = lambda self: True
    JournaledCall.end = write_and_end


def break_apply():
    """
    Call handlers in a transaction of their own, after the mark is committed.
    """
    run, apply = Applier._run, Applier._apply
    kept = WeakKeyDictionary()

    async def keep(self, handlers, event, trial, connection):
        kept[self].append((handlers, event, trial))

    async def apply_and_run(self, some):
        kept[self] = []
        await apply(self, some)

        for handled in kept.pop(self, []):
            await self._store.database.run(
                functools.partial(run, self, *handled), timeout=10.0
            )

    Applier._run = keep
    Applier._apply = apply_and_run
