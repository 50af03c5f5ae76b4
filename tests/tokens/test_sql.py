"""
A token in the merchant's own database: its clock, its tables, its servers that go.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers.databases import (
    PASSWORD,
    QUOTED_PASSWORD,
    MariaDB,
    PostgreSQL,
    running,
)
from tests.tokens.conftest import make_tables
from umfpay import Config, UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.errors import (
    ConfigError,
    MissingExtraError,
    TokenStoreError,
    WrongLoopError,
)
from umfpay.sql import Database
from umfpay.testing import EmulatorBox
from umfpay.tokens import SQLTokenStore, TokenCache, open_store


SERVERS = ["postgresql", "mariadb"]
NOBODY = "postgresql+asyncpg://me:canary-7f3a%2F%40%3A%25@127.0.0.1:1/shop"


@pytest.fixture(name="url", params=["sqlite", *SERVERS])
def _url(request):
    return request.getfixturevalue(f"{request.param}_tokens")


@pytest.fixture(name="store")
def _store(url, tmp_path):
    return SQLTokenStore(url, key=tmp_path.name)


@pytest.fixture(name="own_server", params=[PostgreSQL, MariaDB])
def _own_server(request):
    """
    A server with an empty database that a test may end or freeze.
    """
    with running(request.param) as server:
        server.make_database("shop")

        yield server


def _soon(seconds=30):
    return asyncio.get_running_loop().time() + seconds


async def _enter(store, lease=0.2):
    async with store.refreshing(lease):
        pass


async def _execute(url, statement, **values):
    async with Database(url) as database:
        return await database.run(lambda c: c.execute(text(statement), values))


async def _end_connections(url):
    """
    Have the server drop all idle connections, as an operator or a firewall may.
    """
    if url.startswith("postgresql"):
        await _execute(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state = 'idle'",
        )

        return

    async with Database(url) as database:

        async def work(connection):
            found = await connection.execute(
                text(
                    "SELECT id FROM information_schema.processlist WHERE id <>"
                    " connection_id() AND db = database() AND command = 'Sleep'"
                )
            )

            for (number,) in found.all():
                await connection.execute(text(f"KILL {number}"))

        await database.run(work)


def _in_frames(error):
    """
    What a crash reporter shows: the locals of all frames, of all errors behind it.
    """
    shown = []

    while error is not None:
        traceback = error.__traceback__

        while traceback is not None:
            frame = traceback.tb_frame

            if __file__ != frame.f_code.co_filename:
                shown.extend(map(repr, frame.f_locals.values()))

            traceback = traceback.tb_next

        shown.append(str(error))
        error = error.__cause__ or error.__context__

    return "\n".join(shown)


def _hides_password(shown):
    return PASSWORD not in shown and QUOTED_PASSWORD not in shown


def test_addresses_of_databases_open_it(url):
    """
    And equal addresses are one store, so that a process fetches once.
    """
    first, second = (open_store(url, key="k") for _ in range(2))

    assert isinstance(first, SQLTokenStore)
    assert first == second
    assert hash(first) == hash(second)
    assert first != open_store(url, key="other")


def test_a_password_is_shown_nowhere():
    """
    Neither in the repr nor in the log.
    """
    store = open_store(NOBODY, key="k")

    assert "SQLTokenStore('postgresql+asyncpg://127.0.0.1:1/shop')" == repr(store)


async def test_a_server_that_is_not_there_is_reported(caplog):
    """
    By host and port; neither text nor frame nor log shows the password.
    """
    store = open_store(NOBODY, key="k")

    with caplog.at_level(logging.DEBUG):
        for attempt in (store.load(), store.refuse(1), _enter(store)):
            with pytest.raises(TokenStoreError, match=r"127\.0\.0\.1:1") as caught:
                await attempt

            assert _hides_password(_in_frames(caught.value))
            assert caught.value.__cause__ is None
            assert caught.value.__context__ is None

    assert _hides_password(caplog.text)


async def test_a_wrong_password_is_reported(postgresql_tokens):
    """
    By the name of the driver's error, not by its words.
    """
    store = SQLTokenStore(postgresql_tokens.replace("canary", "kanary"), key="k")

    with pytest.raises(TokenStoreError, match="InvalidPassword") as caught:
        await store.load()

    assert "kanary" not in _in_frames(caught.value)


@pytest.mark.parametrize(
    ("scheme", "module", "extra"),
    [
        ("postgresql+asyncpg", "asyncpg", "postgres"),
        ("mysql+asyncmy", "asyncmy", "mysql"),
        ("sqlite+aiosqlite", "aiosqlite", "sql"),
    ],
)
def test_without_the_driver_the_error_names_the_extra(
    scheme, module, extra, monkeypatch
):
    """
    The advice is the command that installs it.
    """
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(MissingExtraError) as caught:
        open_store(f"{scheme}://me:{QUOTED_PASSWORD}@h/shop", key="k")

    assert extra == caught.value.extra
    assert f'pip install "umfpay[{extra}]"' in caught.value.advice.en
    assert _hides_password(_in_frames(caught.value))


@pytest.mark.parametrize("server", SERVERS)
async def test_missing_tables_are_one_error_that_names_the_command(server, request):
    """
    From the first look on, and until they are made; SQLite makes its own.
    """
    server = request.getfixturevalue(f"{server}_server")
    name = f"bare_{os.getpid()}"
    server.make_database(name)

    try:
        store = open_store(server.url(name), key="k")

        for attempt in (store.load(), _enter(store), store.load()):
            with pytest.raises(TokenStoreError, match="umfpay tables create"):
                await attempt

        await make_tables(server.url(name))

        assert await store.load() is None
    finally:
        server.drop_database(name)


async def test_a_row_of_somebody_else_is_never_a_token(
    store, url, make_record, tmp_path
):
    """
    It is named, and stays as it is.
    """
    await store.save(make_record(7))

    for document in ("[1]", "text", '{"token": "canary"}'):
        await _execute(
            url,
            "UPDATE umf_tokens SET record = :record WHERE merchant = :key",
            record=document,
            key=tmp_path.name,
        )

        with pytest.raises(TokenStoreError, match="no token of this") as caught:
            await store.load()

        assert "canary" not in _in_frames(caught.value)


async def test_an_operator_sees_who_fetched_a_token_and_until_when_it_lives(
    store, url, make_record, clock, tmp_path
):
    """
    In columns of their own, by the unit of all moments.
    """
    await store.save(make_record(7, fetched_by="web-1:42"))

    async with store.refreshing(10):
        rows = await _execute(
            url,
            "SELECT generation, fetched_by, not_after, owner, lease_until FROM umf_tokens"
            " WHERE merchant = :key",
            key=tmp_path.name,
        )
        [(generation, fetched_by, not_after, owner, until)] = rows.all()

    assert (7, "web-1:42") == (generation, fetched_by)
    assert (clock.wall + 3600) * 1e6 == not_after
    assert owner
    assert 8 < until / 1e6 - time.time() < 12


async def test_two_merchants_share_a_database(url, make_record):
    """
    Neither sees the other's token, waits for its turn, or is refused with it.
    """
    one, other = (SQLTokenStore(url, key=f"{time.time_ns()}-{n}") for n in range(2))

    async with one.refreshing(10):
        await one.save(make_record(7, token="of-one"))
        await _enter(other, lease=0.2)
        await other.save(make_record(3, token="of-other"))

    await other.refuse(9)

    assert "of-one" == (await one.load()).token.reveal()
    assert not (await one.load()).refused
    assert "of-other" == (await other.load()).token.reveal()
    assert (await other.load()).refused


async def test_a_lease_runs_by_the_clock_of_the_database(store, monkeypatch):
    """
    That of this machine may be wrong by hours.
    """
    monkeypatch.setattr(time, "time", lambda: 5_000_000_000.0)

    async with store.refreshing(30):
        with pytest.raises(TokenStoreError, match="Other workers"):
            await _enter(store, lease=0.05)


async def test_the_turn_of_one_who_was_killed_ends_by_itself(store, url, tmp_path):
    """
    Whoever waited from the first moment on still gets in.
    """
    code = (
        "import asyncio, os, sys\n"
        "from umfpay.tokens import SQLTokenStore\n"
        "async def main():\n"
        "    store = SQLTokenStore(sys.argv[1], key=sys.argv[2])\n"
        "    async with store.refreshing(3):\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, url, tmp_path.name
    )

    assert -signal.SIGKILL == await process.wait()

    await _enter(store, lease=3)


async def test_a_turn_that_ran_out_is_not_taken_from_the_next(store):
    """
    Who comes back late leaves the turn of the one who is inside now.
    """
    late = store.refreshing(0.4)
    await late.__aenter__()
    await asyncio.sleep(0.5)
    now = store.refreshing(60)
    await now.__aenter__()
    await late.__aexit__(None, None, None)

    with pytest.raises(TokenStoreError, match="Other workers"):
        await _enter(store, lease=0.1)

    await now.__aexit__(None, None, None)
    await _enter(store, lease=30)


async def test_who_waits_hears_of_a_renewal(store, make_record, make_cache, gateway):
    """
    Hundreds may wait: they take the token and need no turn of their own.
    """
    cache = make_cache(store)

    async with store.refreshing(60):
        waiting = asyncio.create_task(cache.acquire(deadline=_soon()))
        await asyncio.sleep(0.3)
        await store.save(make_record(7, token="theirs"))

        # The turn is still taken.
        assert "theirs" == (await waiting).token.reveal()

    assert 0 == gateway.requests


async def test_a_refused_token_is_replaced_once(url, tmp_path, make_cache, gateway):
    """
    Whoever of several was refused: the next token is one for all.
    """
    stores = [SQLTokenStore(url, key=f"{tmp_path.name}") for _ in range(3)]
    caches = [make_cache(store) for store in stores]
    first = await caches[0].acquire(deadline=_soon())
    await asyncio.gather(*(cache.refuse(first.generation) for cache in caches))
    found = await asyncio.gather(*(one.acquire(deadline=_soon()) for one in caches))

    assert {"token2"} == {record.token.reveal() for record in found}
    assert 2 == gateway.requests
    # It is a newer one, which a late refusal of the first leaves alone.
    await stores[0].refuse(first.generation)

    assert not (await stores[0].load()).refused


@pytest.mark.parametrize("url", SERVERS, indirect=True)
async def test_a_connection_that_was_lost_is_made_again(url, store):
    """
    While somebody waits for his turn, whose connection lives longest.
    """
    inside = store.refreshing(60)
    await inside.__aenter__()
    waiting = asyncio.create_task(_enter(store, lease=60))

    for _ in range(5):
        await asyncio.sleep(0.1)
        await _end_connections(url)

    assert not waiting.done()

    await inside.__aexit__(None, None, None)
    await waiting


async def test_a_server_that_is_started_again_is_used_again(own_server, gateway):
    """
    The generation in memory is used until it is due; nobody falls back to another
    store, the gateway is not asked meanwhile, and the turn of before is remembered.
    """
    url = own_server.url("shop")
    await make_tables(url)
    store = SQLTokenStore(url, key="k")
    cache = TokenCache(store, gateway.fetch, token_timeout=1.0)
    record = await cache.acquire(deadline=_soon())
    own_server.stop()

    assert record == await cache.acquire(deadline=_soon())

    await cache.refuse(record.generation)

    with pytest.raises(TokenStoreError):
        await cache.acquire(deadline=_soon())

    # The next callers do not knock again at once, and the gateway is not asked.
    with pytest.raises(TokenStoreError):
        await cache.acquire(deadline=_soon())

    assert 1 == gateway.requests

    own_server.start()
    await asyncio.sleep(1.1)
    renewed = await cache.acquire(deadline=_soon())

    assert renewed.generation > record.generation
    assert renewed == await store.load()
    assert 2 == gateway.requests


async def test_a_frozen_server_holds_nobody_beyond_the_deadline(own_server, gateway):
    """
    It takes connections and says nothing.
    """
    url = own_server.url("shop")
    await make_tables(url)
    cache = TokenCache(SQLTokenStore(url, key="k"), gateway.fetch, token_timeout=1.0)
    os.kill(own_server._process.pid, signal.SIGSTOP)

    try:
        started = time.monotonic()

        with pytest.raises(Exception, match=r"deadline|127\.0\.0\.1") as caught:
            await cache.acquire(deadline=_soon(0.5))

        assert time.monotonic() - started < 30
        assert not gateway.requests
        assert caught.value.money_may_have_moved is False
    finally:
        os.kill(own_server._process.pid, signal.SIGCONT)

    await cache.aclose()


def test_one_store_serves_one_loop_after_another(store, make_record):
    """
    And several at once: it belongs to none, and leaves no connection open.
    """
    asyncio.run(store.save(make_record(7)))
    found = []

    async def look():
        await asyncio.sleep(0)
        found.append(await store.load())

    threads = [threading.Thread(target=lambda: asyncio.run(look())) for _ in range(4)]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join()

    assert [7] * 4 == [record.generation for record in found]


@pytest.mark.parametrize("server", SERVERS)
async def test_nothing_stays_open_between_two_looks(server, request, make_record):
    """
    A token is looked for once an hour: an open connection would be dead by then.
    """
    server = request.getfixturevalue(f"{server}_server")
    name = f"looks_{os.getpid()}"
    server.make_database(name)

    try:
        url = server.url(name)
        await make_tables(url)
        store = SQLTokenStore(url, key="k")

        async with store.refreshing(10):
            await store.save(make_record(7))
            counted = (
                f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
                if server.dialect == "postgresql"
                else "SELECT count(*) FROM information_schema.processlist"
                f" WHERE db = '{name}'"
            )
            end = _soon()

            # A server needs a moment to see that somebody has left.
            while "0" != server.sql(counted):
                assert asyncio.get_running_loop().time() < end

                await asyncio.sleep(0.05)
    finally:
        server.drop_database(name)


async def test_a_shops_own_database_is_used_and_stays_open(url, make_record):
    """
    As `token_store` of a Config; it is the shop that closes it.
    """
    async with Database(url) as database:
        store = open_store(database, key="of-a-database")

        assert store == open_store(database, key="of-a-database")

        async with store.refreshing(10):
            assert await store.save(make_record(time.time_ns())) is True

        await database.check_tables()

        assert database._binding is not None


async def test_a_shops_own_engine_is_used_and_hides_the_token(url, make_record, caplog):
    """
    It may show its statements, and never what is stored by them.
    """
    engine = create_async_engine(url, echo=True)

    with caplog.at_level(logging.DEBUG):
        store = open_store(engine, key="of-an-engine")
        record = make_record(time.time_ns(), token="canary-token")

        async with store.refreshing(10):
            await store.save(record)
            assert record == await store.load()

        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    await engine.dispose()

    assert "UPDATE umf_tokens" in caplog.text
    assert "canary-token" not in caplog.text


async def test_a_database_of_another_loop_is_refused(url):
    """
    Its connections belong to that loop; the advice says what to do.
    """
    async with Database(url) as database:
        store = open_store(database, key="k")
        await store.load()

        def elsewhere():
            with pytest.raises(WrongLoopError):
                asyncio.run(store.load())

        await asyncio.to_thread(elsewhere)


async def test_a_cancellation_is_never_lost(url, tmp_path):
    """
    Whenever it comes: while connecting, asking or waiting; and nothing stays open.
    """

    async def stay():
        async with store.refreshing(10):
            await asyncio.sleep(10)

    for step in range(30):
        store = SQLTokenStore(url, key=f"{tmp_path.name}/{step}")
        task = asyncio.create_task(stay())
        await asyncio.sleep(step / 500)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

        # Nor does it keep the turn.
        await _enter(store, lease=1)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+asyncpg://me:canary-7f3a@h:port/shop",
        "mysql+pymysql://me:canary-7f3a@h/shop",
        "oracle+oracledb://me:canary-7f3a@h/shop",
    ],
)
def test_no_traceback_of_a_wrong_address_shows_a_password(address):
    """
    Before anything is connected.
    """
    with pytest.raises(ConfigError, match="token_store") as caught:
        open_store(address, key="k")

    assert "canary" not in _in_frames(caught.value)


@pytest.mark.parametrize("kind", ["address", "environment", "database", "engine"])
async def test_a_config_takes_it_and_shows_no_password(kind, credentials):
    """
    As text, also of the environment, or as an object of the shop's.
    """
    members = {
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "merchant_key": credentials.merchant_key,
        "gateway_certificate": credentials.gateway_certificate,
        "base_url": "http://127.0.0.1:1/v1/",
    }

    if kind == "environment":
        config = Config.from_env(environ={"UMF_TOKEN_STORE": NOBODY}, **members)
    else:
        make = {"address": str, "database": Database, "engine": create_async_engine}
        config = Config(**members, token_store=make[kind](NOBODY))

    assert isinstance(open_store(config.token_store, key="k"), SQLTokenStore)
    assert _hides_password(repr(config))


async def test_a_session_uses_the_shops_own_database_and_leaves_it_open(url):
    """
    The first call fetches a token into it; another session finds it there.
    """
    emulator = Emulator(key_bits=1024)

    async with serve(emulator), Database(url) as database:
        config = EmulatorBox(emulator).config(token_store=database)

        for _ in range(2):
            async with UMFSession(config) as session:
                await session.exchange_rates.get("USD")

        await database.check_tables()

        assert 1 == emulator.control("GET", "/token")["requests"]
