"""
Real servers that are stopped and come back, and a disk that is full.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from tests import orders
from tests.servers import databases
from umfpay import UMFSession
from umfpay.errors import DuplicateIntentError, JournalError
from umfpay.journal import Journal
from umfpay.testing import EmulatorBox, emulator_transport


@pytest.fixture(
    name="server",
    scope="module",
    params=[databases.PostgreSQL, databases.MariaDB],
    ids=["postgresql", "mariadb"],
)
def _server(request):
    """
    A server that may be stopped: it serves no other test.
    """
    with databases.running(request.param) as server:
        yield server


@pytest.fixture(name="tables_url")
def _tables_url(server):
    with databases.fresh_database(server, tables=True) as url:
        yield url


async def test_a_call_is_not_sent_while_the_server_is_away(shop, process, paid, server):
    """
    No money has moved, and it is the same call when the server is back.
    """
    session, journal = process
    await shop.settled(journal)
    new = orders.refund()
    server.stop()

    try:
        with pytest.raises(JournalError, match="cannot be written down") as caught:
            await session.refunds.create(paid, new, deadline=3)
    finally:
        await asyncio.to_thread(server.start)

    assert not caught.value.money_may_have_moved
    assert databases.PASSWORD not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert not shop.requests("/refund")

    made = await session.refunds.create(paid, new)
    rows = await shop.settled(journal)
    assert ["executed", "executed"] == [row["outcome"] for row in rows]
    assert made.id == rows[-1]["object_id"]


async def test_an_end_is_written_when_the_server_is_back(
    shop, process, paid, server, caplog
):
    """
    The caller has its verified answer meanwhile, and nobody repeats the call.
    """
    session, journal = process
    await shop.settled(journal)
    new = orders.refund()
    shop.fault("delay", path="refund", seconds=0.5)
    call = asyncio.create_task(session.refunds.create(paid, new))

    while not shop.requests("/refund"):
        await asyncio.sleep(0.01)

    server.stop()

    try:
        made = await call

        async with asyncio.timeout(30):
            while "goes on trying" not in caplog.text:
                await asyncio.sleep(0.01)
    finally:
        await asyncio.to_thread(server.start)

    row = (await shop.settled(journal))[-1]
    assert ("executed", made.id) == (row["outcome"], row["object_id"])
    other, _ = await shop.process()

    with pytest.raises(DuplicateIntentError):
        await other.refunds.create(paid, new)

    assert 1 == len(shop.requests("/refund"))


@asynccontextmanager
async def _small_disk(path, pages):
    """
    An engine on a SQLite file that holds so many pages more, and then no more.
    """
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")

    @event.listens_for(engine.sync_engine, "connect")
    def limit(connection, _record):
        count = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {max(count, 1) + pages}")

    try:
        yield engine
    finally:
        await engine.dispose()


async def test_a_call_is_not_sent_when_the_disk_is_full(emulated, tmp_path):
    """
    Each that was sent has its row; whoever could not write it down sent nothing.
    """
    config, emulator = emulated
    path = tmp_path / "shop.db"

    async with Journal(path):
        pass

    async with (
        _small_disk(path, 4) as engine,
        Journal(engine) as journal,
        UMFSession(
            config, transport=emulator_transport(emulator), journal=journal
        ) as session,
    ):
        for _ in range(200):
            try:
                await session.payments.create(orders.cashier_payment())
            except JournalError as error:
                refused = error

                break

        rows = await journal.entries()

    requests = emulator.control("GET", "/requests")["requests"]
    assert not refused.money_may_have_moved
    assert "cannot be used" in refused.what.en
    sent = sum(one["path"].endswith("/payment") for one in requests)
    assert sent == len(rows) > 0


@pytest.fixture(name="emulated")
async def _emulated(credentials, tmp_path):
    from umfpay.emulator import Emulator

    emulator = Emulator(credentials=credentials)

    yield EmulatorBox(emulator).config(token_store=str(tmp_path / "token")), emulator

    await emulator.aclose()
