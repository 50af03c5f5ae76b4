"""
One `Database` in a second `asyncio.run`, after a fork, and in two loops at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from umfpay.errors import WrongLoopError
from umfpay.sql import Database


async def _one(connection):
    await asyncio.sleep(0)

    return (await connection.execute(select(1))).scalar_one()


async def _make(url):
    async with Database(url) as database:
        await database.create_tables()


# Of the drivers: nobody can close what belongs to a closed loop.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_second_run_of_the_loop_gets_connections_of_its_own(database_url):
    """
    Those of a closed loop end when they are collected: their sockets and threads, too.
    """
    database = Database(database_url)
    left = []

    async def use():
        return await asyncio.gather(*(database.run(_one) for _ in range(3)))

    asyncio.run(_make(database_url))

    for _ in range(5):
        assert [1, 1, 1] == asyncio.run(use())

        left.append(_open())

    asyncio.run(database.aclose())
    end = time.monotonic() + 60

    while _open() > left[0] and time.monotonic() < end:
        time.sleep(0.01)

    assert left[0] >= _open()


def _open():
    gc.collect()

    return len([*Path("/proc/self/fd").iterdir()]), threading.active_count()


def test_a_child_process_makes_its_own_connections(database_url):
    """
    And the parent's stay as they are.
    """
    database = Database(database_url)

    async def use():
        await database.run(_one)
        child = os.fork()

        if child == 0:
            code = 1

            try:
                thread = threading.Thread(
                    target=lambda: asyncio.run(database.run(_one))
                )
                thread.start()
                thread.join()
                code = 0 if database._binding.pid == os.getpid() else 2
            finally:
                os._exit(code)

        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        await database.run(_one)
        await database.aclose()

        return os.waitstatus_to_exitcode(status)

    asyncio.run(_make(database_url))

    assert 0 == asyncio.run(use())


async def test_a_loop_that_is_still_open_keeps_it(database):
    """
    Another loop is told to use another one.
    """
    await database.run(_one)
    found = []

    def use():
        with pytest.raises(WrongLoopError) as caught:
            asyncio.run(database.run(_one))

        found.append(caught.value)

    await asyncio.to_thread(use)

    assert "one Database per event loop" in str(found[0])
    assert 1 == await database.run(_one)


async def test_closing_twice_is_closing(database):
    """
    And what was closed opens again.
    """
    await database.aclose()
    await database.aclose()

    assert 1 == await database.run(_one)
