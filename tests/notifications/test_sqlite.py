"""
What is special about an inbox in a SQLite file.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import stat
import time
from contextlib import closing

import pytest

from umfpay.errors import ConfigError, NotificationError
from umfpay.notifications import _sqlite
from umfpay.notifications._deciding import Decision, Status
from umfpay.notifications._sqlite import SQLiteStore


ONCE = ["PAY_A TRADE_SUCCESS"]


@pytest.fixture(name="place")
def _place(sqlite_place):
    return sqlite_place


@pytest.fixture(name="log")
def _log(caplog):
    caplog.set_level(logging.INFO, logger="umfpay")

    return caplog


@pytest.fixture(name="writer")
def _writer(place):
    """
    Another connection, as another program has one.
    """
    with closing(sqlite3.connect(place.path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture(name="event")
def _event(receiver, signer):
    signed = signer.payment(
        "PAY_A",
        mer_reference_id="n1",
        mer_date="20261123",
        total="3.00",
        currency="USD",
    )

    return receiver.read(signed.body, signed.headers)


@pytest.fixture(name="store")
async def _store(place):
    store = SQLiteStore(place.path)
    await store.open()
    yield store
    await store.aclose()


async def apply(stored, transaction):
    return Decision(Status.APPLIED)


# The file


async def test_a_new_file_is_for_its_owner_only(tmp_path):
    """
    Notifications tell who paid: the mode is 0600, of the journal too.
    """
    store = SQLiteStore(tmp_path / "new.sqlite3")
    await store.open()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    await store.aclose()

    assert modes == {0o600}


async def test_what_is_acknowledged_outlives_a_power_cut(store):
    """
    Both connections write the log to the disk at each commit.
    """
    for connection in (store._keeping, store._applying):
        [(mode,)] = await connection.execute_fetchall("PRAGMA journal_mode")
        [(level,)] = await connection.execute_fetchall("PRAGMA synchronous")

        assert (mode, level) == ("wal", 2)


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
async def test_an_unusable_file_is_a_config_error(open_shop, place, tmp_path, make):
    """
    The message names the file and the reason, in both languages.
    """
    place.spec = make(tmp_path)

    with pytest.raises(ConfigError, match="cannot be opened") as caught:
        await open_shop(place)

    assert str(place.spec) in str(caught.value)
    assert "无法打开收件箱" in str(caught.value)


async def test_a_file_that_stays_locked_cannot_be_opened(
    open_shop, place, writer, monkeypatch
):
    """
    It is waited for, not for ever.
    """
    monkeypatch.setattr(_sqlite, "_BUSY", 0.1)
    writer.execute("BEGIN EXCLUSIVE")

    with pytest.raises(ConfigError, match="locked"):
        await open_shop(place)


async def test_a_file_that_is_locked_for_a_moment_is_opened(place, writer, monkeypatch):
    """
    Another process that makes the file is waited for, also where SQLite does not wait.
    """
    connect = _sqlite._connect
    calls = []

    async def once_busy(path):
        calls.append(path)

        if len(calls) > 1:
            return await connect(path)

        writer.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(_sqlite, "_BUSY", 0.05)

        try:
            return await connect(path)
        finally:
            writer.execute("ROLLBACK")

    monkeypatch.setattr(_sqlite, "_connect", once_busy)
    store = SQLiteStore(place.path)
    await store.open()
    await store.aclose()

    # Once in vain, and two connections.
    assert len(calls) == 3


async def test_a_cancelled_opening_leaves_no_thread(place, monkeypatch):
    """
    The connection that was open is closed.
    """
    connect = _sqlite._connect
    opened = []

    async def slow(path):
        if opened:
            await asyncio.sleep(60)

        opened.append(await connect(path))

        return opened[0]

    monkeypatch.setattr(_sqlite, "_connect", slow)
    store = SQLiteStore(place.path)
    opening = asyncio.create_task(store.open())

    while not opened:
        await asyncio.sleep(0.01)

    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)

    with pytest.raises(ValueError, match="no active connection"):
        await opened[0].execute("SELECT 1")


# A file that is down


async def test_a_locked_file_acknowledges_nothing(
    open_shop, place, writer, monkeypatch, log, eventually
):
    """
    The receipt fails, nothing is stored; when the lock is gone, all goes on.
    """
    monkeypatch.setattr(_sqlite, "_BUSY", 0.1)
    shop = await open_shop(place, unexpected="apply")
    await shop.receive("PAY_B", state="WAIT_BUYER_PAY", number="n2")
    assert await eventually(lambda: len(place.effects()) == 1)
    writer.execute("BEGIN IMMEDIATE")

    with pytest.raises(NotificationError, match="locked") as caught:
        await shop.receive()

    assert "the gateway sends it again" in caught.value.advice.en
    writer.execute("COMMIT")
    assert place.stored() == 1
    await shop.receive()
    assert await eventually(lambda: ONCE[0] in place.effects())


async def test_a_lock_while_applying_is_no_failure_of_the_event(
    open_shop, place, writer, monkeypatch, log, eventually
):
    """
    It is applied when the lock is gone, without a pause of its own.
    """
    monkeypatch.setattr(_sqlite, "_BUSY", 0.1)
    shop = await open_shop(place)
    await shop.receive()
    await shop.inbox.replay()
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE umf_events SET status = 'ready'")
    writer.execute("INSERT INTO umf_expected VALUES ('n1', '3.00', 'USD')")
    writer.execute("COMMIT")
    writer.execute("BEGIN IMMEDIATE")
    assert await eventually(lambda: "the inbox cannot work now" in log.text)
    assert shop.seen == []
    writer.execute("ROLLBACK")

    assert await eventually(lambda: place.effects() == ONCE)
    assert place.run("SELECT attempts FROM umf_events") == [(0,)]


async def test_a_full_disk_acknowledges_nothing(open_shop, place):
    """
    What cannot be written is not acknowledged.
    """
    shop = await open_shop(place)
    await shop.inbox._store._keeping.execute("PRAGMA max_page_count = 1")

    with pytest.raises(NotificationError, match="full"):
        for number in range(200):
            await shop.receive(f"PAY_{number}", number=f"n{number}")

    assert place.stored() < 200


# Transactions


async def test_an_inbox_in_sqlite_has_no_pipeline(open_shop, place, eventually, log):
    """
    transaction.pipeline is a ConfigError that names the cure.
    """
    shop = await open_shop(place, unexpected="apply")
    caught = []

    @shop.inbox.handler
    async def wrong(event, transaction):
        try:
            transaction.pipeline  # noqa: B018
        except ConfigError as error:
            caught.append(str(error))

    await shop.receive()

    assert await eventually(lambda: caught)
    assert "transaction.pipeline: the inbox is not kept in Redis" in caught[0]


@pytest.mark.parametrize("how", ["commit", "executescript", "fail"])
async def test_a_handler_that_commits_is_logged(open_shop, place, eventually, log, how):
    """
    It ends the transaction in which the event is marked.
    """
    shop = await open_shop(place, unexpected="apply")

    @shop.inbox.handler
    async def wrong(event, transaction):
        if how == "executescript":
            await transaction.connection.executescript("SELECT 1;")
        else:
            await transaction.connection.commit()

        if how == "fail":
            raise ValueError

    await shop.receive()

    assert await eventually(
        lambda: "a handler ended the inbox's transaction" in log.text
    )
    assert (await shop.inbox.notified(object_id="PAY_A") is None) == (how == "fail")


async def test_what_the_file_refuses_at_the_commit_is_the_handlers_failure(
    open_shop, place, eventually, log
):
    """
    A deferred foreign key, say: it is rolled back, and others are applied.
    """
    place.run("CREATE TABLE orders (number TEXT PRIMARY KEY)")
    place.run(
        "CREATE TABLE lines (number TEXT REFERENCES orders (number)"
        " DEFERRABLE INITIALLY DEFERRED)"
    )
    shop = await open_shop(place, unexpected="apply")
    await shop.inbox._store._applying.execute("PRAGMA foreign_keys = ON")

    @shop.inbox.handler
    async def refused(event, transaction):
        if event.object_id == "PAY_A":
            await transaction.connection.execute("INSERT INTO lines VALUES ('none')")

    await shop.receive()
    await shop.receive("PAY_B", number="n2")

    assert await eventually(lambda: place.effects() == ["PAY_B TRADE_SUCCESS"])
    assert "FOREIGN KEY constraint failed" in log.text


async def test_the_shops_own_tables_are_written_with_the_mark(
    open_shop, place, eventually
):
    """
    Whoever reads the file sees the effect and the mark together, or neither.
    """
    shop = await open_shop(place, unexpected="apply")
    views = []

    async def look(event):
        views.append((place.effects(), place.run("SELECT status FROM umf_events")))

    shop.after = look
    await shop.receive()

    assert await eventually(lambda: place.effects() == ONCE)
    assert views == [([], [("ready",)])]
    assert place.run("SELECT status FROM umf_events") == [("applied",)]


# The store


async def test_an_event_is_added_once(store, event):
    """
    The second time it is there already.
    """
    assert await store.add(event) is True
    assert await store.add(event) is False


async def test_what_is_done_is_not_done_again(store, event):
    """
    Neither an event that was applied nor one that is unknown is processed.
    """
    await store.add(event)

    assert await store.process(event.key, apply) == Decision(Status.APPLIED)
    assert await store.process(event.key, apply) is None
    assert await store.process("unknown", apply) is None


async def test_a_new_expectation_replaces_the_old_one(open_shop, place, eventually):
    """
    The last word of the shop counts.
    """
    shop = await open_shop(place)
    await shop.expect(total="1.00")
    await shop.expect()
    await shop.receive()

    assert await eventually(lambda: place.effects() == ONCE)


async def test_expect_releases_in_the_same_moment(store, event, place):
    """
    A crash cannot come between the expectation and what it releases.
    """

    async def hold(stored, transaction):
        return Decision(Status.HELD)

    await store.add(event)
    await store.process(event.key, hold)
    assert await store.due(time.time()) == []
    place.run("INSERT INTO umf_expected VALUES ('n1', '3.00', 'USD')")

    assert await store.due(time.time()) == [event.key]


async def test_changed_returns_when_another_connection_has_written(store, place):
    """
    And at the end of its time if none has.
    """
    loop = asyncio.get_running_loop()
    await store.changed(5)
    start = loop.time()
    await store.changed(0.1)
    assert 0.05 < loop.time() - start < 1.0

    waiting = asyncio.create_task(store.changed(10))
    await asyncio.sleep(0.05)
    place.run("INSERT INTO effects VALUES ('x')")
    await asyncio.wait_for(waiting, 1.0)


async def test_a_closed_store_says_so(place, event):
    """
    Before open() and after aclose().
    """
    store = SQLiteStore(place.path)

    with pytest.raises(NotificationError, match="closed"):
        await store.add(event)

    with pytest.raises(NotificationError, match="closed"):
        await store.process(event.key, apply)
