"""
A server that goes away, comes back, says nothing, or whose answer is lost.
"""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from tests import sql_servers
from umfpay.errors import (
    CommitUnknownError,
    DatabaseTimeoutError,
    DatabaseUnavailableError,
)
from umfpay.sql import Database, insert_if_absent


def _insert(database, merchant="m"):
    async def work(connection):
        values = {"merchant": merchant, "record": "{}"}

        return await insert_if_absent(connection, database.tables.tokens, values)

    return work


async def _count(database):
    async def work(connection):
        rows = select(func.count()).select_from(database.tables.tokens)

        return (await connection.execute(rows)).scalar_one()

    return await database.run(work, read_only=True)


async def test_a_commit_whose_answer_is_lost_has_an_error_of_its_own(cable):
    """
    Here it was kept; the error says that nobody knows.
    """
    async with Database(cable.url) as database:
        assert 0 == await _count(database)

        cable.lose_commits = True

        with pytest.raises(CommitUnknownError, match="answer to a commit was lost"):
            await database.run(_insert(database))

        assert 1 == await _count(database)


async def test_a_connection_that_was_cut_while_idle_is_replaced(cable):
    """
    The work begins on another one, and nobody hears of it.
    """
    async with Database(cable.url) as database:
        await asyncio.gather(*(_count(database) for _ in range(4)))
        cable.cut()
        await asyncio.sleep(0.05)

        assert await database.run(_insert(database))


@pytest.mark.parametrize("repeatable", [False, True])
async def test_work_that_lost_its_connection_is_repeated_if_it_bears_that(
    cable, repeatable
):
    """
    What work does outside of the database happened perhaps.
    """
    calls = 0

    async with Database(cable.url) as database:

        async def work(connection):
            nonlocal calls
            calls += 1

            if calls == 1:
                cable.cut()
                await asyncio.sleep(0.05)

            return await _insert(database)(connection)

        running = database.run(work, repeatable=repeatable)

        if repeatable:
            assert await running
        else:
            with pytest.raises(DatabaseUnavailableError):
                await running

        assert (1 + repeatable, int(repeatable)) == (calls, await _count(database))


async def test_a_server_that_is_away_is_said_at_once(cable):
    """
    And is used again when it is back.
    """
    async with Database(cable.url) as database:
        assert 0 == await _count(database)

        port = cable.port
        await cable.stop()

        with pytest.raises(DatabaseUnavailableError, match="cannot be used"):
            await database.run(_insert(database))

        await cable.start(port)

        assert await database.run(_insert(database))


async def test_a_server_that_says_nothing_is_given_up_in_time(cable):
    """
    Its connection is closed, whatever it would say later.
    """
    loop = asyncio.get_running_loop()

    async with Database(cable.url) as database:
        await _count(database)

        async def work(connection):
            cable.silent = True

            return await _insert(database)(connection)

        begun = loop.time()

        with pytest.raises(DatabaseTimeoutError):
            await database.run(work, timeout=0.3)

        assert loop.time() - begun < 10

        cable.silent = False
        cable.cut()

        assert 0 == await _count(database)


@pytest.mark.parametrize("kind", [sql_servers.PostgreSQL, sql_servers.MariaDB])
async def test_a_server_is_restarted(kind):
    """
    Killed and started again: connections of before it are replaced.
    """
    with sql_servers.running(kind) as server:
        server.make_database("shop")

        async with Database(server.url("shop")) as database:
            await database.create_tables()
            await asyncio.gather(*(_count(database) for _ in range(3)))
            server.kill()

            with pytest.raises(DatabaseUnavailableError):
                await database.run(_insert(database))

            await asyncio.to_thread(server.start)

            assert await database.run(_insert(database))
