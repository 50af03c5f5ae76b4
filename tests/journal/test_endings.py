"""
Ends are written by one task of one loop and process.
"""

from __future__ import annotations

import asyncio
import gc
import os

import attrs

from umfpay.journal._endings import EndingWriter
from umfpay.sql import Database


@attrs.frozen
class Written:
    """
    An end of a call that notes that it was written.
    """

    written: list
    error: Exception | None = None
    open_intent: str | None = "a"
    what: str = "a call"

    async def write(self, connection):
        if self.error is not None:
            raise self.error

        self.written.append(1)

        return False


def test_a_second_loop_writes_what_the_first_left(tmp_path):
    """
    Tasks of a loop that is closed are waited for by nobody.
    """
    written = []
    database = Database(tmp_path / "shop.db")
    writer = EndingWriter(database)

    async def leave():
        writer.spawn(asyncio.sleep(60))
        writer.put(Written(written))
        writer._task.cancel()
        await database.aclose()

    async def go_on():
        async with asyncio.timeout(20), database:
            return await writer.drain(10)

    asyncio.run(leave())
    assert 0 == asyncio.run(go_on())
    assert [1] == written
    gc.collect()


def test_a_child_leaves_the_ends_of_its_parent_to_it(tmp_path):
    """
    They would be written twice.
    """
    written = []
    writer = EndingWriter(Database(tmp_path / "shop.db"))
    writer.put(Written(written))

    child = os.fork()

    if child == 0:
        left = asyncio.run(writer.drain(5))
        os._exit(7 if left == 0 and not written else 1)

    assert 7 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


async def test_one_that_cannot_be_written_stops_no_other(tmp_path, caplog):
    """
    It is said, and its row is left to recovery.
    """
    written = []

    async with Database(tmp_path / "shop.db") as database:
        writer = EndingWriter(database)
        writer.put(Written(written, ValueError()))
        writer.put(Written(written))
        assert 0 == await writer.drain(10)

    assert written
    assert any("ValueError" in one.message for one in caplog.records)
