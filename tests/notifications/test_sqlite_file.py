"""
A file that several write to: its mode, its transactions, and when it is down.
"""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
import time
from contextlib import closing

import pytest

from umfpay.errors import ConfigError, NotificationError
from umfpay.notifications import _inbox, _sqlite_file
from umfpay.notifications._decision import Decision, Status
from umfpay.notifications._sqlite import SQLiteStore


ONCE = ["PAY_A TRADE_SUCCESS"]


@pytest.fixture(name="writer")
def _writer(place):
    """
    Another connection, as another program has one.
    """
    with closing(sqlite3.connect(place.path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture(name="open_store")
async def _open_store(place):
    opened = []

    async def open_store(**options):
        opened.append(SQLiteStore(place.path, **options))
        await opened[-1].open()

        return opened[-1]

    yield open_store

    for store in opened:
        await store.aclose()


@pytest.fixture(name="store")
async def _store(open_store):
    return await open_store()


@pytest.fixture(name="events")
def _events(receiver, signer):
    """
    Make events of as many payments as are wanted.
    """

    def events(number):
        signed = signer({"payment": {"id": f"PAY_{number}", "state": "TRADE_SUCCESS"}})

        return receiver.read(signed.body, signed.headers)

    return events


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
    for connection in (store._file._keeping, store._file._applying):
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


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_other_file, "keep the file: what it holds was acknowledged"),
        (_missing_folder, "its folder and the permissions"),
    ],
)
async def test_who_cannot_open_the_file_reads_what_to_do(
    open_shop, place, tmp_path, make, words
):
    """
    Nobody deletes a damaged inbox because he was told to correct a setting.
    """
    place.spec = make(tmp_path)

    with pytest.raises(ConfigError) as caught:
        await open_shop(place)

    assert words in caught.value.advice.en


async def test_a_file_that_stays_locked_cannot_be_opened(
    open_shop, place, writer, monkeypatch
):
    """
    It is waited for, not for ever.
    """
    monkeypatch.setattr(_inbox, "_LEASE_MARGIN_SECONDS", 0.1)
    writer.execute("BEGIN EXCLUSIVE")

    with pytest.raises(ConfigError, match="locked") as caught:
        await open_shop(place, handler_timeout=0.1)

    assert "Another program" in caught.value.advice.en


async def test_a_file_that_is_locked_for_a_moment_is_opened(place, writer, monkeypatch):
    """
    Another process that makes the file is waited for, also where SQLite does not wait.
    """
    connect = _sqlite_file._connect
    calls = []

    async def once_busy(path):
        calls.append(path)

        if len(calls) > 1:
            return await connect(path)

        writer.execute("BEGIN EXCLUSIVE")

        try:
            return await connect(path)
        finally:
            writer.execute("ROLLBACK")

    monkeypatch.setattr(_sqlite_file, "_connect", once_busy)
    store = SQLiteStore(place.path)
    await store.open()
    await store.aclose()

    # Once in vain, and two connections.
    assert len(calls) == 3


async def test_a_cancelled_opening_leaves_no_thread(place, monkeypatch):
    """
    The connection that was open is closed.
    """
    connect = _sqlite_file._connect
    opened = []

    async def slow(path):
        if opened:
            await asyncio.sleep(60)

        opened.append(await connect(path))

        return opened[0]

    monkeypatch.setattr(_sqlite_file, "_connect", slow)
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
    monkeypatch.setattr(_inbox, "_LEASE_MARGIN_SECONDS", 0.1)
    shop = await open_shop(place, own=True, handler_timeout=0.1)
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
    monkeypatch.setattr(_inbox, "_LEASE_MARGIN_SECONDS", 0.1)
    shop = await open_shop(place, handler_timeout=0.1)
    shop.stop_applying()
    await shop.receive()
    await shop.inbox.replay()
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE umf_events SET status = 'ready'")
    writer.execute(
        "INSERT INTO umf_expected VALUES ('payment', 'n1', '3.00', 'USD', NULL, NULL)"
    )
    writer.execute("INSERT INTO umf_bound VALUES ('PAY_A', 'payment', 'n1', NULL)")
    writer.execute("COMMIT")
    writer.execute("BEGIN IMMEDIATE")

    with pytest.raises(NotificationError, match="locked"):
        await shop.inbox.replay()

    assert shop.seen == []
    writer.execute("ROLLBACK")
    assert place.run("SELECT attempts FROM umf_events") == [(0,)]
    assert await eventually(lambda: place.effects() == ONCE, shop.inbox.replay)


async def test_a_full_disk_acknowledges_nothing(open_shop, place):
    """
    What cannot be written is not acknowledged.
    """
    shop = await open_shop(place)
    await shop.inbox._store._file._keeping.execute("PRAGMA max_page_count = 1")

    with pytest.raises(NotificationError, match="full"):
        for number in range(200):
            await shop.receive(f"PAY_{number}", number=f"n{number}")

    assert place.stored() < 200


# A file has one writer


async def test_a_slow_handler_does_not_refuse_what_comes(open_shop, place, eventually):
    """
    Whoever has the file, this process or another one, is waited for.
    """
    shop = await open_shop(place, own=True)
    other = await open_shop(place, own=True)

    async def slow(event):
        if event.object_id == "PAY_A":
            await asyncio.sleep(5.6)

    shop.before = other.before = slow
    await shop.receive()
    assert await eventually(lambda: shop.seen or other.seen)

    replies = await asyncio.gather(
        shop.receive("PAY_B", number="n2"), other.receive("PAY_C", number="n3")
    )

    assert [reply.status for reply in replies] == [200, 200]
    assert await eventually(lambda: len(place.effects()) == 3)


async def test_a_backlog_of_slow_handlers_lets_others_in(open_store, events):
    """
    After each of them another process gets the file, though more wait to be applied.
    """
    one, other = await open_store(), await open_store()

    for number in range(8):
        await one.add(events(number))

    done = []

    async def slow(stored, transaction):
        await asyncio.sleep(0.3)
        done.append(stored.key)

        return Decision(Status.APPLIED)

    async def work():
        for key in await one.due(Status.READY, time.time()):
            await one.process(key, slow)

    working = asyncio.create_task(work())
    await asyncio.sleep(0.1)
    await other.add(events(99))
    before = len(done)
    await working

    assert before < 8
    assert len(done) == 8


async def test_reading_does_not_wait_for_a_writer(store, event):
    """
    Neither for the one that applies, nor for those that wait to keep something.
    """
    await store.add(event)
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow(stored, transaction):
        begun.set()
        await end.wait()

        return Decision(Status.APPLIED)

    working = asyncio.create_task(store.process(event.key, slow))
    await begun.wait()
    waiting = [asyncio.create_task(store.postpone("k", 1.0, "")) for _ in range(5)]
    await asyncio.sleep(0.05)

    # It would wait for ever.
    assert await store.newest(object_id="PAY_A") is None
    assert not any(task.done() for task in waiting)
    end.set()
    await asyncio.gather(working, *waiting)


async def test_a_handler_that_does_not_end_refuses_what_comes(open_store, event):
    """
    Its own process waits for it as long as others do, not for ever.
    """
    store = await open_store(patience=0.1)
    await store.add(event)
    begun, end = asyncio.Event(), asyncio.Event()

    async def stubborn(stored, transaction):
        begun.set()
        await end.wait()

        return Decision(Status.APPLIED)

    working = asyncio.create_task(store.process(event.key, stubborn))
    await begun.wait()

    with pytest.raises(NotificationError, match="a handler does not end"):
        await store.postpone("k", 1.0, "")

    end.set()

    assert await working == Decision(Status.APPLIED)


async def test_a_handler_that_writes_through_the_inbox_hears_so(
    open_shop, place, eventually, log
):
    """
    It would wait for itself.
    """
    shop = await open_shop(place, own=True)

    async def write_through_the_inbox(event):
        await shop.expect("n2")

    shop.before = write_through_the_inbox
    await shop.receive()

    assert await eventually(
        lambda: "a handler writes through its transaction only" in log.text
    )
    assert place.effects() == []


# Transactions


@pytest.mark.parametrize("how", ["commit", "executescript", "fail"])
async def test_a_handler_that_commits_is_logged(open_shop, place, eventually, log, how):
    """
    It ends the transaction in which the event is marked.
    """
    shop = await open_shop(place, own=True)

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
    shop = await open_shop(place, own=True)
    await shop.inbox._store._file._applying.execute("PRAGMA foreign_keys = ON")

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
    shop = await open_shop(place, own=True)
    views = []

    async def look(event):
        views.append((place.effects(), place.run("SELECT status FROM umf_events")))

    shop.after = look
    await shop.receive()

    assert await eventually(lambda: place.effects() == ONCE)
    assert views == [([], [("ready",)])]
    assert place.run("SELECT status FROM umf_events") == [("applied",)]


async def test_a_file_that_nobody_closes_keeps_no_process_alive(place):
    """
    A start that fails elsewhere ends the process: its threads do not hold it.
    """
    before = set(threading.enumerate())
    store = SQLiteStore(place.path)
    await store.open()
    threads = set(threading.enumerate()) - before
    await store.aclose()

    assert len(threads) == 2
    assert all(thread.daemon for thread in threads)


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

    with pytest.raises(NotificationError, match="removed or replaced"):
        await shop.receive()

    with pytest.raises(NotificationError, match="removed or replaced"):
        await shop.expect()

    assert await eventually(lambda: "the inbox cannot work now" in log.text)


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

    assert (await shop.receive()).status == 200


async def test_a_file_that_may_not_be_looked_at_is_written_all_the_same(
    open_shop, place, monkeypatch
):
    """
    The process gave up the right to search its folder.
    """
    shop = await open_shop(place)

    def refused(path):
        raise PermissionError

    monkeypatch.setattr(_sqlite_file, "_identity", refused)

    assert (await shop.receive()).status == 200


async def test_a_table_with_other_columns_is_refused_at_the_start(open_shop, place):
    """
    Of another version, or the shop's own: it is not found out when money is waiting.
    """
    place.run("CREATE TABLE umf_bound (object_id TEXT PRIMARY KEY, number TEXT)")

    with pytest.raises(ConfigError, match="its table umf_bound has other columns"):
        await open_shop(place)
