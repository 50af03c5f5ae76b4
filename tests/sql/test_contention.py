"""
Transactions that disturb each other are made again; those of the shop are never halved.
"""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from umfpay.errors import DatabaseError, DatabaseTimeoutError, DatabaseUnavailableError
from umfpay.sql import Database, insert_if_absent


async def _prepare(database):
    async def work(connection):
        for merchant in ("a", "b"):
            values = {"merchant": merchant, "record": "{}", "generation": 0}
            await insert_if_absent(connection, database.tables.tokens, values)

    await database.run(work)


async def _generations(database):
    table = database.tables.tokens

    async def work(connection):
        rows = select(table.c.generation).order_by(table.c.merchant)

        return [*(await connection.execute(rows)).scalars()]

    return await database.run(work, read_only=True)


def _add(table, merchant):
    return (
        update(table)
        .where(table.c.merchant == merchant)
        .values(generation=table.c.generation + 1)
    )


@pytest.mark.parametrize("catches", [False, True])
async def test_two_that_lock_each_other_both_happen_once(database, catches):
    """
    Also when what runs in the transaction catches the error of the deadlock: MySQL has
    undone all that was before it.
    """
    await _prepare(database)
    table = database.tables.tokens
    met = asyncio.Barrier(2)
    first = set()

    def crossing(name, one, other):
        async def work(connection):
            await connection.execute(_add(table, one))

            if name not in first:
                first.add(name)

                try:
                    async with asyncio.timeout(0.5):
                        await met.wait()
                except (TimeoutError, asyncio.BrokenBarrierError):
                    pass

            try:
                await connection.execute(_add(table, other))
            except DBAPIError:
                if not catches or database.dialect == "postgresql":
                    raise

        return work

    await asyncio.gather(
        database.run(crossing("x", "a", "b")), database.run(crossing("y", "b", "a"))
    )

    assert [2, 2] == await _generations(database)


async def test_a_lock_that_somebody_keeps_is_given_up_in_time(database):
    """
    The error says what to look for.
    """
    await _prepare(database)
    table = database.tables.tokens
    locked = asyncio.Event()

    async def keep(connection):
        await connection.execute(_add(table, "a"))
        locked.set()
        await asyncio.sleep(1.5)

    async def want(connection):
        await connection.execute(_add(table, "a"))

    keeping = asyncio.create_task(database.run(keep))
    await locked.wait()

    with pytest.raises((DatabaseTimeoutError, DatabaseUnavailableError)):
        await database.run(want, timeout=0.5)

    await keeping

    assert [1, 0] == await _generations(database)


@pytest.mark.parametrize("level", [None, "REPEATABLE READ", "AUTOCOMMIT"])
async def test_read_committed_sees_what_others_committed(database, tables_url, level):
    """
    Also in the middle of a transaction: MariaDB's default would not. An engine of the
    shop may have any level, and keeps it.
    """
    if database.dialect == "sqlite":
        pytest.skip("one writer at a time")

    await _prepare(database)
    table = database.tables.tokens
    engine = create_async_engine(tables_url, isolation_level=level or "SERIALIZABLE")
    lent = database if level is None else Database(engine)

    async def work(connection):
        rows = select(table.c.generation).where(table.c.merchant == "a")
        before = (await connection.execute(rows)).scalar_one()
        await database.run(other)
        after = (await connection.execute(rows)).scalar_one()
        await connection.execute(_add(table, "b"))

        if after == 1:
            raise ValueError

        return before, after

    async def other(connection):
        await connection.execute(_add(table, "a"))

    with pytest.raises(ValueError):
        await lent.run(work)

    assert [1, 0] == await _generations(database)
    assert (1, 2) == await lent.run(work)
    assert [2, 1] == await _generations(database)

    await lent.aclose()
    await engine.dispose()


async def test_another_program_that_writes_to_a_sqlite_file_is_waited_for(tmp_path):
    """
    It holds the lock of the file for a while.
    """
    async with Database(tmp_path / "shop.db") as database:
        await _prepare(database)
        table = database.tables.tokens

        async def want(connection):
            await connection.execute(_add(table, "a"))

        other = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(database.run(want))
        await asyncio.sleep(0.5)

        assert not waiting.done()

        other.execute("ROLLBACK")
        other.close()
        await waiting

        assert [1, 0] == await _generations(database)


@pytest.mark.parametrize("act", ["commit", "rollback", "close", "COMMIT", "ROLLBACK"])
async def test_work_that_ends_its_transaction_is_refused(database, act):
    """
    What it does afterwards is not kept.
    """
    await _prepare(database)
    table = database.tables.tokens

    async def work(connection):
        if act.isupper():
            await connection.execute(text(act))
        else:
            await getattr(connection, act)()

        if act != "close":
            await connection.execute(_add(table, "a"))

    with pytest.raises(DatabaseError, match="ended"):
        await database.run(work)

    if (act, database.dialect) not in (("COMMIT", "mariadb"), ("ROLLBACK", "mariadb")):
        assert [0, 0] == await _generations(database)


async def test_a_savepoint_may_fail(database):
    """
    The rest of the transaction is kept.
    """
    await _prepare(database)
    table = database.tables.tokens

    async def work(connection):
        await connection.execute(_add(table, "a"))

        with pytest.raises(DBAPIError):
            async with connection.begin_nested():
                await connection.execute(text("SELECT nothing FROM nowhere"))

        async with connection.begin_nested() as savepoint:
            await connection.execute(_add(table, "b"))
            await savepoint.rollback()

    await database.run(work)

    assert [1, 0] == await _generations(database)


async def test_a_sqlite_file_that_was_replaced_is_not_written_to(tmp_path):
    """
    Nobody would ever read it.
    """
    async with Database(tmp_path / "shop.db") as database:
        await _prepare(database)
        (tmp_path / "shop.db").rename(tmp_path / "old.db")

        for _ in range(2):
            with pytest.raises(DatabaseUnavailableError, match="removed or replaced"):
                await _prepare(database)

            (tmp_path / "shop.db").touch()
