"""
Transactions in each database: whole or not at all, whoever is cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sqlite3
import threading
import time

import pytest
from sqlalchemy import func, select

from umfpay.errors import DatabaseError, DatabaseTimeoutError
from umfpay.sql import Database, insert_if_absent, now


def _token(number=1, merchant="m"):
    return {"merchant": merchant, "generation": number, "record": "{}"}


async def _count(database):
    async def work(connection):
        rows = select(func.count()).select_from(database.tables.tokens)

        return (await connection.execute(rows)).scalar_one()

    return await database.run(work, read_only=True)


def _insert(database, merchant="m"):
    async def work(connection):
        return await insert_if_absent(
            connection, database.tables.tokens, _token(merchant=merchant)
        )

    return work


async def test_what_work_returns_is_returned_and_kept(database):
    """
    The row is there for the next transaction.
    """
    assert await database.run(_insert(database)) is True
    assert 1 == await _count(database)


async def test_a_key_that_is_taken_is_no_error(database):
    """
    The second insert says so, and its transaction goes on.
    """
    await database.run(_insert(database))

    assert await database.run(_insert(database)) is False
    assert 1 == await _count(database)


async def test_what_work_raises_comes_out_and_nothing_is_kept(database):
    """
    The very error, with its own traceback.
    """
    wrong = ValueError("wrong")

    async def work(connection):
        await _insert(database)(connection)

        raise wrong

    with pytest.raises(ValueError) as caught:
        await database.run(work)

    assert wrong is caught.value
    assert 0 == await _count(database)


async def test_the_clock_is_that_of_the_database(database):
    """
    In microseconds since 1970.
    """

    async def work(connection):
        return (await connection.execute(select(now()))).scalar_one()

    before = time.time()
    found = await database.run(work)

    assert before - 1 < found / 1e6 < time.time() + 1


async def test_a_transaction_that_takes_too_long_is_ended(database):
    """
    Nothing is kept, and the connection is replaced.
    """

    async def work(connection):
        await _insert(database)(connection)
        await asyncio.sleep(60)

    # The first transaction makes the connection and looks at the tables.
    assert 0 == await _count(database)

    with pytest.raises(DatabaseTimeoutError):
        await database.run(work, timeout=1)

    assert 0 == await _count(database)


async def test_work_may_not_commit(database):
    """
    It is refused before anything is committed.
    """

    async def work(connection):
        await _insert(database)(connection)
        await connection.commit()

    with pytest.raises(DatabaseError, match="ended from inside"):
        await database.run(work)

    assert 0 == await _count(database)


async def test_a_commit_from_inside_keeps_nothing_though_its_error_is_caught(database):
    """
    What comes after it would be kept without what came before.
    """

    async def work(connection):
        await _insert(database)(connection)

        with contextlib.suppress(DatabaseError):
            await connection.commit()

    with pytest.raises(DatabaseError, match="ended from inside"):
        await database.run(work)

    assert 0 == await _count(database)


async def test_whoever_is_cancelled_leaves_a_whole_transaction(database):
    """
    It goes on to its end.
    """
    begun = asyncio.Event()

    async def work(connection):
        begun.set()
        await asyncio.sleep(0.05)

        return await _insert(database)(connection)

    task = asyncio.create_task(database.run(work))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    await database.aclose()

    assert 1 == await _count(database)


async def test_work_that_fails_after_its_caller_was_cancelled_is_no_surprise_to_the_loop(
    database,
):
    """
    Nobody is left who could take its error: nothing was kept.
    """
    begun, complaints = asyncio.Event(), []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: complaints.append(context["message"])
    )

    async def work(connection):
        begun.set()
        await asyncio.sleep(0.05)

        raise ValueError

    task = asyncio.create_task(database.run(work))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    await database.aclose()
    gc.collect()
    await asyncio.sleep(0)

    assert not complaints


async def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path):
    """
    A folder that does not exist. No thread is left that would outlive the loop.
    """
    threads = {*threading.enumerate()}
    database = Database(tmp_path / "nowhere" / "shop.db")

    with pytest.raises(DatabaseError) as caught:
        await database.run(_insert(database))

    assert {*threading.enumerate()} <= threads
    assert "SQLITE_CANTOPEN" in str(caught.value)
    await database.aclose()


async def test_another_has_connections_of_its_own_and_knows_the_tables(database):
    """
    It is closed without the first, and does not look at the tables again.
    """
    await database.run(_insert(database))

    async with database.another() as other:
        assert 1 == await _count(other)
        assert other._binding is not database._binding

    fresh = database.another()
    fresh._bind()

    assert fresh._place.has_tables()
    assert 1 == await _count(database)
    await fresh.aclose()


async def test_another_file_at_the_same_path_has_no_tables_yet(tmp_path):
    """
    They are made in it, too.
    """
    file = tmp_path / "shop.db"
    database = Database(file)

    for _ in range(2):
        async with database.another() as one:
            await one.run(_insert(one))

            assert 1 == await _count(one)

        for part in tmp_path.iterdir():
            part.unlink()


async def test_whoever_closes_it_while_it_looks_at_the_tables_leaves_nothing(
    database_url,
):
    """
    Each connection is closed: one that nobody closes is reported when it is collected.
    """
    async with Database(database_url) as database:
        await database.create_tables()

    for step in range(20):
        database = Database(database_url)
        counting = asyncio.create_task(_count(database))
        await asyncio.sleep(step / 500)
        await database.aclose()

        assert 0 == await counting

        # It may not have begun before.
        await database.aclose()

    del database, counting
    gc.collect()


async def test_a_sqlite_connection_that_was_closed_is_replaced(tmp_path):
    """
    Its driver answers with an error that is none of a database.
    """
    async with Database(str(tmp_path / "shop.sqlite3")) as database:
        await (await database.run(driver_of)).close()

        assert 1 == await database.run(one)


async def driver_of(connection):
    raw = await connection.get_raw_connection()

    return raw.driver_connection


async def one(connection):
    return (await connection.exec_driver_sql("SELECT 1")).scalar_one()


async def commits(connection):
    await connection.commit()


async def rolls_back(connection):
    await connection.rollback()


async def closes(connection):
    await connection.close()


async def invalidates(connection):
    await connection.invalidate()


async def never_ends(connection):
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (commits, "ended from inside"),
        (rolls_back, "ended from inside"),
        (closes, "ended from inside"),
        (invalidates, "ended from inside"),
        (never_ends, "did not end in time"),
    ],
)
async def test_a_cursor_that_was_kept_keeps_no_lock_of_sqlite(tmp_path, end, error):
    """
    SQLite keeps a closed connection, and its lock, while a cursor of it is known.
    """
    path = tmp_path / "shop.sqlite3"
    kept = []

    async def work(connection):
        driver = await driver_of(connection)
        await driver.execute("CREATE TABLE numbers (n)")
        await driver.execute("INSERT INTO numbers VALUES (1), (2), (3)")
        cursor = await driver.execute("SELECT * FROM numbers a, numbers b, numbers c")
        kept.append((cursor, await cursor.fetchone()))
        await end(connection)

    async with Database(str(path)) as database:
        await database.run(one)

        with pytest.raises(DatabaseError, match=error):
            await database.run(work, timeout=1)

        with contextlib.closing(sqlite3.connect(path, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
            names = {
                name for (name,) in other.execute("SELECT name FROM sqlite_master")
            }

        assert "numbers" not in names
        assert kept
