"""
Ends are written by one task of one loop and process.
"""

from __future__ import annotations

import asyncio
import os
import threading

from umfpay.journal import Journal
from umfpay.journal._endings import Ending, EndingWriter
from umfpay.sql import Database


class Rows:
    """
    Rows that note that an end was written.
    """

    def __init__(self, written, error=None):
        self._written = written
        self._error = error

    async def change(self, connection, which, values):
        if self._error is not None:
            raise self._error

        self._written.append(1)

        return True


def _ending(*rows):
    return Ending(Rows(*rows), "a call", {}, {}, open_intent="a")


def test_what_a_closed_loop_has_not_written_is_left_to_recovery(tmp_path):
    """
    As what a process leaves that dies: the next loop has a writer of its own.
    """
    written = []
    journal = Journal(tmp_path / "shop.db")

    async def leave():
        writer = journal.endings
        writer.put(_ending(written))
        writer._task.cancel()
        await journal.database.aclose()

        return writer

    async def go_on():
        writer.put(_ending(written))
        assert journal.endings is not writer
        await journal.aclose()

    writer = asyncio.run(leave())
    # Of a call that is thrown away without a loop.
    writer.put(_ending(written))
    asyncio.run(go_on())

    assert not written


async def test_what_is_cancelled_as_soon_as_it_begins_is_not_waited_for(
    tmp_path, monkeypatch
):
    """
    As in a loop that is about to be closed: the rows are left to recovery.
    """
    async with Database(tmp_path / "shop.db") as database:
        writer = EndingWriter(database)
        spawn = writer.spawn

        def spawn_cancelled(work):
            task = spawn(work)
            task.cancel()

            return task

        monkeypatch.setattr(writer, "spawn", spawn_cancelled)
        writer.put(_ending([]))

        assert 1 == await writer.drain(60)


def test_a_child_leaves_the_ends_of_its_parent_to_it(tmp_path):
    """
    They would be written twice.
    """
    written = []
    journal = Journal(tmp_path / "shop.db")

    async def put():
        journal.endings.put(_ending(written))
        child = os.fork()

        if child == 0:
            thread = threading.Thread(target=lambda: asyncio.run(journal.aclose()))
            thread.start()
            thread.join()
            os._exit(1 if written else 7)

        await journal.aclose()

        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert 7 == asyncio.run(put())
    assert [1] == written


async def test_one_that_cannot_be_written_stops_no_other(tmp_path, caplog):
    """
    It is said, and its row is left to recovery.
    """
    written = []

    async with Database(tmp_path / "shop.db") as database:
        writer = EndingWriter(database)
        writer.put(_ending(written, ValueError()))
        writer.put(_ending(written))
        assert 0 == await writer.drain(10)

    assert written
    assert any("ValueError" in one.message for one in caplog.records)
