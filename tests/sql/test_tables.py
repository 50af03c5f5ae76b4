"""
The tables: what they keep exactly, and what is said when they are not there.
"""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, text

from umfpay.errors import DatabaseError, DatabaseTablesError
from umfpay.sql import Database, insert_if_absent


async def test_missing_tables_are_named_with_the_command(database_url):
    """
    Before the first transaction; SQLite makes its own.
    """

    async def work(connection):
        return 1

    async with Database(database_url) as database:
        if database.dialect == "sqlite":
            assert 1 == await database.run(work)

            return

        for _ in range(2):
            with pytest.raises(DatabaseTablesError) as caught:
                await database.run(work)

            assert "umf_events" in str(caught.value)
            assert "umfpay tables create --url" in str(caught.value)

        await database.create_tables()

        assert 1 == await database.run(work)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("ALTER TABLE umf_journal ADD COLUMN other INTEGER", "umf_journal.other"),
        ("ALTER TABLE umf_tokens DROP COLUMN owner", "umf_tokens.owner"),
        ("DROP TABLE umf_sealed", "umf_sealed"),
    ],
)
async def test_tables_of_another_version_are_named(database, change, words):
    """
    By what is missing or too much.
    """
    await database.check_tables()
    engine = database._binding.engine

    async with engine.connect() as connection:
        await connection.execute(text(change))
        await connection.commit()

    with pytest.raises(DatabaseTablesError, match=words):
        await database.check_tables()

    if "DROP TABLE" not in change:
        with pytest.raises(DatabaseTablesError, match=words):
            await database.create_tables()


async def test_a_table_that_goes_while_we_run_is_named(database):
    """
    A table of the shop that is missing is the shop's error.
    """
    await database.run(lambda c: c.execute(text("SELECT 1")))
    engine = database._binding.engine

    async with engine.connect() as connection:
        await connection.execute(text("DROP TABLE umf_tokens"))
        await connection.commit()

    with pytest.raises(DatabaseTablesError):
        await database.run(lambda c: c.execute(select(database.tables.tokens)))

    with pytest.raises(Exception, match="orders"):
        await database.run(lambda c: c.execute(text("SELECT number FROM orders")))


async def test_many_make_the_tables_at_the_same_time(database_url):
    """
    Each of them finds them made.
    """
    databases = [Database(database_url) for _ in range(4)]
    await asyncio.gather(*(one.create_tables() for one in databases))
    await asyncio.gather(*(one.aclose() for one in databases))


async def test_ids_differ_by_case_and_blanks(database):
    """
    Also where text is compared without regard to them.
    """
    table = database.tables.tokens

    async def work(connection):
        for merchant in ("Ab1", "aB1", "ab1", "ab1 ", "äb1", "ab1\t"):
            values = {"merchant": merchant, "record": "{}"}

            assert await insert_if_absent(connection, table, values)

        found = select(table.c.merchant).where(table.c.merchant == "ab1")

        return [*(await connection.execute(found)).scalars()]

    assert ["ab1"] == await database.run(work)


async def test_what_is_kept_comes_back_exactly(database):
    """
    Amounts, long bodies, long texts in any script.
    """
    events, orders = database.tables.events, database.tables.orders
    body = bytes(range(256)) * 1000
    reason = "付款 🏦" * 20_000

    async def work(connection):
        await connection.execute(
            orders.insert().values(
                merchant="m",
                kind="payment",
                mer_reference_id="1",
                total="90071992547409.9303",
                currency="USD",
            )
        )
        values = {
            "merchant": "m",
            "event_key": "k",
            "body": body,
            "signature": "s",
            "origin": "notification",
            "status": "ready",
            "reason": reason,
            "received_at": 2**62,
        }

        assert await insert_if_absent(connection, events, values)
        assert not await insert_if_absent(connection, events, values)

        row = (await connection.execute(select(events))).one()
        total = (await connection.execute(select(orders.c.total))).scalar_one()

        return row.body, row.reason, row.received_at, total

    assert (body, reason, 2**62, "90071992547409.9303") == await database.run(work)


@pytest.mark.parametrize("value", ["x" * 65, "nul\0"])
async def test_an_id_that_does_not_fit_is_refused_and_never_cut(database, value):
    """
    SQLite would keep it, and others cut it.
    """

    async def work(connection):
        values = {"merchant": value, "record": "{}"}
        await insert_if_absent(connection, database.tables.tokens, values)

    with pytest.raises(Exception) as caught:
        await database.run(work)

    cause = caught.value.__cause__ or caught.value

    assert isinstance(cause, DatabaseError)
    assert value not in str(caught.value)


async def test_tables_of_a_schema(postgresql_server, mariadb_server):
    """
    It is made with them; the default one stays empty.
    """
    from tests.servers import databases

    for server in (postgresql_server, mariadb_server):
        with databases.fresh_database(server) as url:
            name = f"shop_{url.rpartition('/')[2]}"

            async with Database(url, schema=name) as database:
                await database.create_tables()
                table = database.tables.tokens

                async def work(connection, table=table):
                    values = {"merchant": "m", "record": "{}"}

                    return await insert_if_absent(connection, table, values)

                assert await database.run(work)

            async with Database(url) as database:
                with pytest.raises(DatabaseTablesError):
                    await database.check_tables()

            if server is mariadb_server:
                server.drop_database(name)


async def test_what_stands_in_a_document_is_not_logged(tmp_path, caplog):
    """
    aiosqlite logs the values of its statements.
    """
    import logging

    caplog.set_level(logging.DEBUG)

    async with Database(tmp_path / "shop.db") as database:

        async def work(connection):
            values = {"merchant": "merchant-id", "record": "canary"}
            await insert_if_absent(connection, database.tables.tokens, values)

        await database.run(work)

    assert "merchant-id" in caplog.text
    assert "canary" not in caplog.text
