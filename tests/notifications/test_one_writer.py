"""
An inbox in a SQLite file: one writer at a time, files that are locked, full or gone.
"""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from contextlib import closing

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import create_async_engine

from umfpay.errors import DatabaseError
from umfpay.notifications import _inbox


ONCE = ["PAY_A TRADE_SUCCESS"]


@pytest.fixture(name="writer")
def _writer(place):
    """
    Another connection, as another program has one.
    """
    with closing(sqlite3.connect(place.path, isolation_level=None)) as connection:
        yield connection


async def test_a_new_file_is_for_its_owner_only(make_shop, receiver, signer, tmp_path):
    """
    Notifications tell who paid: the mode is 0600, of the log too.
    """

    class New:
        spec = str(tmp_path / "new.sqlite3")

    async with make_shop(New, receiver, signer).inbox:
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert {0o600} == modes


def _missing_folder(path):
    return path / "missing" / "x.sqlite3"


def _folder(path):
    return path


def _other_file(path):
    other = path / "notes.txt"
    other.write_text("no database at all, but long enough to be looked at" * 20)

    return other


def _other_tables(path):
    other = path / "other.sqlite3"

    with closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("CREATE TABLE umf_events (something INTEGER)")

    return other


@pytest.mark.parametrize("make", [_missing_folder, _folder, _other_file, _other_tables])
async def test_an_unusable_file_is_refused_at_the_start(
    open_shop, place, tmp_path, make
):
    """
    The message names the file, in both languages: not when money is waiting.
    """
    place.spec = str(make(tmp_path))

    with pytest.raises(DatabaseError) as caught:
        await open_shop(place)

    assert place.spec in caught.value.what.en
    assert place.spec in caught.value.what.zh


async def test_a_locked_file_acknowledges_nothing(
    open_shop, place, writer, monkeypatch, eventually
):
    """
    The receipt fails, nothing is stored; when the lock is gone, all goes on, and the
    event has lost no attempt.
    """
    monkeypatch.setattr(_inbox, "MARGIN_SECONDS", 0.2)
    shop = await open_shop(place, own=True, handler_timeout=0.2)
    await shop.receive("PAY_B", state="WAIT_BUYER_PAY", number="n2")
    assert await eventually(lambda: len(place.effects()) == 1)
    writer.execute("BEGIN IMMEDIATE")

    with pytest.raises(DatabaseError, match=r"SQLITE_BUSY|others hold|no transaction"):
        await shop.receive()

    writer.execute("COMMIT")
    assert 1 == place.stored()
    await shop.receive()
    assert await eventually(lambda: ONCE[0] in place.effects())
    assert {0} == {row[0] for row in place.run("SELECT attempts FROM umf_events")}


async def test_a_full_disk_acknowledges_nothing(open_shop, place):
    """
    What cannot be written is not acknowledged.
    """
    engine = create_async_engine(f"sqlite+aiosqlite:///{place.path}")

    @event.listens_for(engine.sync_engine, "connect")
    def limit(connection, _record):
        connection.execute("PRAGMA max_page_count = 60")

    place.spec = engine
    shop = await open_shop(place)

    with pytest.raises(DatabaseError, match="SQLITE_FULL"):
        for number in range(200):
            await shop.receive(f"PAY_{number}", number=f"n{number}")

    assert place.stored() < 200
    await shop.inbox.aclose()
    await engine.dispose()


async def test_a_slow_handler_does_not_refuse_what_comes(open_shop, place, eventually):
    """
    Whoever has the file, this process or another one, is waited for.
    """
    shop = await open_shop(place, own=True)
    other = await open_shop(place, own=True)

    async def slow(event):
        if event.object_id == "PAY_A":
            await asyncio.sleep(1.5)

    shop.before = other.before = slow
    await shop.receive()
    assert await eventually(lambda: shop.seen or other.seen)

    replies = await asyncio.gather(
        shop.receive("PAY_B", number="n2"), other.receive("PAY_C", number="n3")
    )

    assert [200, 200] == [reply.status for reply in replies]
    assert await eventually(lambda: len(place.effects()) == 3)


async def test_reading_does_not_wait_for_a_handler(open_shop, place, eventually):
    """
    A list is shown while somebody writes.
    """
    shop = await open_shop(place, own=True)
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow(event):
        begun.set()
        await end.wait()

    shop.before = slow
    await shop.receive()
    await begun.wait()

    # It would wait for ever.
    assert await shop.inbox.notified(object_id="PAY_A") is None
    assert [] == await shop.inbox.held()
    end.set()
    assert await eventually(lambda: place.effects() == ONCE)


async def test_what_is_refused_at_the_commit_is_the_handlers_failure(
    open_shop, place, eventually, log
):
    """
    A deferred foreign key, say: it is rolled back, and others are applied.
    """
    place.run("CREATE TABLE books (number TEXT PRIMARY KEY)")
    place.run(
        "CREATE TABLE lines (number TEXT REFERENCES books (number)"
        " DEFERRABLE INITIALLY DEFERRED)"
    )
    engine = create_async_engine(f"sqlite+aiosqlite:///{place.path}")

    @event.listens_for(engine.sync_engine, "connect")
    def check(connection, _record):
        connection.execute("PRAGMA foreign_keys = ON")

    place.spec = engine
    shop = await open_shop(place, own=True)

    @shop.inbox.handler
    async def refused(event, transaction):
        if event.object_id == "PAY_A":
            await transaction.connection.execute(
                text("INSERT INTO lines VALUES ('none')")
            )

    await shop.receive()
    await shop.receive("PAY_B", number="n2")

    assert await eventually(lambda: place.effects() == ["PAY_B TRADE_SUCCESS"])
    [failed] = await shop.inbox.failed()
    assert "failed: IntegrityError" == failed.reason
    assert "FOREIGN KEY constraint failed" in log.text
    await shop.inbox.aclose()
    await engine.dispose()


def _removed(path):
    path.unlink()


def _replaced(path):
    path.rename(path.with_suffix(".old"))
    path.touch()


@pytest.mark.parametrize("lose", [_removed, _replaced])
async def test_a_file_that_lost_its_name_acknowledges_nothing(
    open_shop, place, eventually, log, lose
):
    """
    What is written into it is gone with the process: a deployment tidied the folder.
    """
    shop = await open_shop(place)
    await shop.expect()
    lose(place.path)

    with pytest.raises(DatabaseError, match="removed or replaced"):
        await shop.receive()

    with pytest.raises(DatabaseError, match="removed or replaced"):
        await shop.expect()


async def test_a_file_is_found_again_from_another_folder(
    open_shop, place, tmp_path, monkeypatch
):
    """
    A process that becomes a daemon changes its folder, perhaps after the opening.
    """
    monkeypatch.chdir(tmp_path)
    place.spec = place.path.name
    shop = await open_shop(place)
    monkeypatch.chdir("/")

    assert 200 == (await shop.receive()).status
