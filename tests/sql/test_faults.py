"""
A server that goes away, comes back, says nothing, or whose answer is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback

import pytest
from sqlalchemy import func, select

from tests.servers import databases
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


def _assert_no_password(error):
    """
    Look at all that a report of *error* shows, but for the frame of the test itself.
    """
    frames = [
        frame.f_locals
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename != __file__
    ]
    shown = f"{error!s}{error!r}{frames!r}"

    assert frames
    assert error.__cause__ is None
    assert error.__context__ is None
    assert databases.PASSWORD not in shown
    assert databases.QUOTED_PASSWORD not in shown


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

        with pytest.raises(
            CommitUnknownError, match="answer to a commit was lost"
        ) as caught:
            await database.run(_insert(database))

        _assert_no_password(caught.value)

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


@pytest.mark.parametrize("kind", [databases.PostgreSQL, databases.MariaDB])
async def test_a_server_is_restarted(kind):
    """
    Killed and started again: connections of before it are replaced.
    """
    with databases.running(kind) as server:
        server.make_database("shop")

        async with Database(server.url("shop")) as database:
            await database.create_tables()
            await asyncio.gather(*(_count(database) for _ in range(3)))
            server.kill()

            with pytest.raises(DatabaseUnavailableError) as caught:
                await database.run(_insert(database))

            _assert_no_password(caught.value)
            await asyncio.to_thread(server.start)

            assert await database.run(_insert(database))


def _kill_idle_in_transaction(server, name):
    """
    End what holds a transaction open, as an operator does.
    """
    if server.dialect == "postgresql":
        server.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{name}' AND state = 'idle in transaction'"
        )

        return

    rows = server.sql(
        "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx"
        " JOIN information_schema.processlist ON id = trx_mysql_thread_id"
        f" WHERE db = '{name}'"
    )

    for row in rows.split():
        server.sql(f"KILL {row}")


@pytest.mark.parametrize("repeatable", [False, True])
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
async def test_an_operator_ends_a_transaction_that_is_idle(kind, repeatable, request):
    """
    Nothing of it is kept, and the connection is replaced.
    """
    server = request.getfixturevalue(f"{kind}_server")
    calls = 0

    with databases.fresh_database(server, tables=True) as url:
        async with Database(url) as database:

            async def work(connection):
                nonlocal calls
                calls += 1
                await _insert(database, f"before {calls}")(connection)

                if calls == 1:
                    name = url.rpartition("/")[2]
                    await asyncio.to_thread(_kill_idle_in_transaction, server, name)

                return await _insert(database, "after")(connection)

            running = database.run(work, repeatable=repeatable)

            if repeatable:
                assert await running
            else:
                with pytest.raises(DatabaseUnavailableError) as caught:
                    await running

                _assert_no_password(caught.value)

            assert 2 * repeatable == await _count(database)
            assert 0 == database._binding.engine.sync_engine.pool.checkedout()


async def test_postgresql_ends_a_transaction_that_idles_too_long(postgresql_server):
    """
    By ``idle_in_transaction_session_timeout``, which many providers set.
    """
    with databases.fresh_database(postgresql_server, tables=True) as url:
        name = url.rpartition("/")[2]
        postgresql_server.sql(
            f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '100ms'"
        )

        async with Database(url) as database:

            async def work(connection):
                await _insert(database)(connection)
                await asyncio.sleep(0.5)

                return await _insert(database, "after")(connection)

            with pytest.raises(DatabaseUnavailableError, match="cannot be used"):
                await database.run(work)

            assert 0 == await _count(database)


async def test_a_full_sqlite_file_keeps_nothing(tmp_path):
    """
    Its disk has no page left; when there is room again, all goes on.
    """
    async with Database(tmp_path / "shop.db", pool_size=1) as database:
        assert 0 == await _count(database)

        async def limit(pages):
            async with database._binding.engine.connect() as connection:
                await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        async def fill(connection):
            for number in range(200):
                values = {"merchant": str(number), "record": "x" * 4000}
                await insert_if_absent(connection, database.tables.tokens, values)

        await limit(1)

        with pytest.raises(DatabaseUnavailableError, match="SQLITE_FULL"):
            await database.run(fill)

        assert 0 == await _count(database)

        await limit(1_000_000)
        await database.run(fill)

        assert 200 == await _count(database)


_CODES = {
    "postgresql": {
        "53100": DatabaseUnavailableError,  # disk full
        "53300": DatabaseUnavailableError,  # too many connections
        "25006": DatabaseUnavailableError,  # read only
        "40001": DatabaseTimeoutError,
        "40P01": DatabaseTimeoutError,
        "55P03": DatabaseTimeoutError,
    },
    "mariadb": {
        "1021": DatabaseUnavailableError,  # disk full
        "1114": DatabaseUnavailableError,  # table full
        "1290": DatabaseUnavailableError,  # read only
        "1205": DatabaseTimeoutError,
        "1213": DatabaseTimeoutError,
    },
}


def _raising(dialect, code):
    """
    Return a statement by which the server itself answers *code*.
    """
    if dialect == "postgresql":
        return f"DO $$ BEGIN RAISE EXCEPTION 'canary' USING ERRCODE = '{code}'; END $$"

    return f"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'canary'"


@pytest.mark.parametrize(
    ("kind", "code"), [(kind, code) for kind, codes in _CODES.items() for code in codes]
)
async def test_what_a_server_answers_is_named_by_its_code(kind, code, request):
    """
    A deadlock and a lock are tried again until the time is over; a full disk is not.
    """
    server = request.getfixturevalue(f"{kind}_server")
    calls = 0

    with databases.fresh_database(server, tables=True) as url:
        async with Database(url) as database:
            assert 0 == await _count(database)

            async def work(connection):
                nonlocal calls
                calls += 1
                await _insert(database)(connection)
                await connection.exec_driver_sql(_raising(kind, code))

            with pytest.raises(_CODES[kind][code], match=code) as caught:
                await database.run(work, timeout=3)

            assert "canary" not in str(caught.value)
            assert (calls > 1) is (_CODES[kind][code] is DatabaseTimeoutError)
            assert 0 == await _count(database)


@pytest.mark.parametrize(
    ("kind", "code"), [("postgresql", "40001"), ("mariadb", "1213")]
)
async def test_what_disturbed_us_once_is_done_again(kind, code, request):
    """
    In a new transaction, whole.
    """
    server = request.getfixturevalue(f"{kind}_server")
    calls = 0

    with databases.fresh_database(server, tables=True) as url:
        async with Database(url) as database:

            async def work(connection):
                nonlocal calls
                calls += 1
                await _insert(database, str(calls))(connection)

                if calls < 3:
                    await connection.exec_driver_sql(_raising(kind, code))

            await database.run(work)

            assert 3 == calls
            assert 1 == await _count(database)


async def test_a_connection_that_is_lost_while_it_is_made_ready_is_replaced(cable):
    """
    By the first statement of ours; no error of the driver's own comes through.
    """
    cable.pattern = rb"lock_(wait_)?timeout"
    cable.lose_commits = True

    async with Database(cable.url) as database:
        with contextlib.suppress(DatabaseUnavailableError):
            await _count(database)

        assert 1 == cable.lost
        assert 0 == await _count(database)
