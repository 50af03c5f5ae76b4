"""
A token in Redis: shared by machines, and nothing hangs when Redis is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

import pytest

from tests.servers.redis import redis_server
from umfpay.errors import ConfigError, TokenStoreError
from umfpay.tokens import RedisTokenStore, TokenCache, open_store


@pytest.fixture(name="store")
def _store(redis_server, tmp_path):
    return RedisTokenStore(redis_server.connection_url, key=tmp_path.name)


@pytest.fixture(name="record_key")
def _record_key(tmp_path):
    return f"umfpay:token:{{{tmp_path.name}}}"


@pytest.fixture(name="client")
async def _client(redis_server):
    """
    A look into Redis past the store.
    """
    from redis.asyncio import Redis

    async with Redis.from_url(redis_server.connection_url) as client:
        yield client


@pytest.fixture(name="own_server")
def _own_server():
    """
    A server that a test may end or freeze.
    """
    server = redis_server()
    server.start()
    yield server
    server.stop()


def pid_of(server):
    return server._process.pid


def test_addresses_of_redis_open_it(redis_server):
    """
    And equal addresses are one store, so that a process fetches once.
    """
    first, second = (open_store(redis_server.connection_url, key="k") for _ in range(2))

    assert isinstance(first, RedisTokenStore)
    assert first == second
    assert hash(first) == hash(second)
    assert first != open_store(redis_server.connection_url, key="other")


def test_a_password_is_shown_nowhere():
    """
    Neither in the repr nor in an error.
    """
    store = open_store("redis://me:c0ffee@127.0.0.1:1/0", key="k")

    assert "c0ffee" not in repr(store)
    assert "127.0.0.1:1/0" in repr(store)


async def test_a_server_that_is_not_there_is_reported(caplog):
    """
    By host and port, without the password; nothing else is tried.
    """
    store = RedisTokenStore("redis://me:c0ffee@127.0.0.1:1/0", key="k")

    for attempt in (store.load(), store.refuse(1), _enter(store)):
        with pytest.raises(TokenStoreError, match=r"127\.0\.0\.1:1") as caught:
            await attempt

        assert "c0ffee" not in str(caught.value)
        assert caught.value.__cause__ is None


async def _enter(store, lease=0.2):
    async with store.refreshing(lease):
        pass


async def test_a_wrong_password_is_reported(redis_server):
    """
    The server says so; the password is in no text.
    """
    url = redis_server.connection_url.replace("redis://", "redis://me:c0ffee@")

    with pytest.raises(TokenStoreError, match="Error") as caught:
        await RedisTokenStore(url, key="k").load()

    assert "c0ffee" not in str(caught.value)


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


async def test_no_traceback_shows_a_password(redis_server):
    """
    Redis' own frames hold it while a connection is made.
    """
    url = redis_server.connection_url.replace("redis://", "redis://me:c0ffee@")
    store = open_store(url, key="k")

    for attempt in (store.load(), store.refuse(1), _enter(store)):
        with pytest.raises(TokenStoreError) as caught:
            await attempt

        assert "c0ffee" not in _in_frames(caught.value)
        assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    [
        "redis://:c0ffee@h:port",
        "redis://:c0ffee@127.0.0.1/0?nonsense=1",
        "redis://:c0ffee@127.0.0.1/0?socket_timeout=long",
        "mysql://:c0ffee@127.0.0.1/0",
        "ftp://:c0ffee@127.0.0.1/0",
    ],
)
def test_no_traceback_of_a_wrong_address_shows_a_password(url):
    """
    Nor is an option taken that nobody knows.
    """
    with pytest.raises(ConfigError) as caught:
        open_store(url, key="k")

    assert "c0ffee" not in _in_frames(caught.value)


def test_without_the_package_it_is_a_config_error(monkeypatch):
    """
    The advice is the command that installs it.
    """
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)

    with pytest.raises(ConfigError) as caught:
        open_store("redis://127.0.0.1:1/0", key="k")

    assert 'pip install "umfpay[redis]"' in caught.value.advice.en


async def test_a_key_of_somebody_else_is_never_a_token(store, client, record_key):
    """
    It is named, and stays as it is.
    """
    await client.hset(record_key, mapping={"generation": "5", "record": "[1]"})

    with pytest.raises(TokenStoreError, match="no token of this version"):
        await store.load()

    await client.delete(record_key)
    await client.set(record_key, "text")

    with pytest.raises(TokenStoreError, match="ResponseError"):
        await store.load()


async def test_a_record_ends_some_time_after_its_token(
    store, client, record_key, make_record
):
    """
    Nothing is left behind for ever; generations go on growing until then.
    """
    await store.save(make_record(7))
    left = await client.pttl(record_key)

    assert 86_400_000 < left <= 2 * 86_400_000


async def test_the_turn_of_one_who_was_killed_ends_by_itself(
    store, redis_server, tmp_path
):
    """
    Whoever waited from the first moment on still gets in.
    """
    entered = asyncio.create_task(_enter(store, lease=0.5))
    code = (
        "import asyncio, os, sys\n"
        "from umfpay.tokens import RedisTokenStore\n"
        "async def main():\n"
        "    store = RedisTokenStore(sys.argv[1], key=sys.argv[2])\n"
        "    async with store.refreshing(1.5):\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    await entered
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, redis_server.connection_url, tmp_path.name
    )

    assert -signal.SIGKILL == await process.wait()

    started = time.monotonic()
    await _enter(store, lease=1.5)

    assert time.monotonic() - started < 1.5 + 1.0


async def test_a_turn_that_ran_out_is_not_taken_from_the_next(store):
    """
    Who comes back late leaves the key of the one who is inside now.
    """
    late = store.refreshing(0.1)
    await late.__aenter__()
    await asyncio.sleep(0.15)
    now = store.refreshing(5)
    await now.__aenter__()
    await late.__aexit__(None, None, None)

    with pytest.raises(TokenStoreError, match="Other workers"):
        await _enter(store, lease=0.1)

    await now.__aexit__(None, None, None)
    await _enter(store, lease=0.1)


class Relay:
    """
    A way to Redis on which answers can be held back, one chunk at a time.
    """

    def __init__(self, port):
        self.port = port
        self.slow = None

    async def answer(self, reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        ways = [self._pass(reader, back), self._pass(there, writer, is_answer=True)]
        await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(self, reader, writer, *, is_answer=False):
        try:
            while chunk := await reader.read(65536):
                # The script that takes the turn; its answer comes late, once.
                if not is_answer and self.slow == "armed" and b"'PX'" in chunk:
                    self.slow = "waiting"
                elif is_answer and self.slow == "waiting":
                    self.slow = None
                    await asyncio.sleep(0.5)

                writer.write(chunk)
                await writer.drain()
        finally:
            writer.close()


@pytest.fixture(name="relay")
async def _relay(redis_server):
    relay = Relay(redis_server.port)
    server = await asyncio.start_server(relay.answer, "127.0.0.1", 0)
    relay.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"

    yield relay

    server.close()


async def test_whoever_enters_has_the_lease_before_him(
    relay, client, record_key, tmp_path
):
    """
    An answer that was long under way grants a turn that is half over: it is taken anew.
    """
    slow = RedisTokenStore(relay.url, key=tmp_path.name)
    relay.slow = "armed"

    async with slow.refreshing(1.0):
        assert relay.slow is None
        assert 800 < await client.pttl(f"{record_key}:turn") <= 1000


async def test_a_turn_that_was_granted_unheard_is_given_back(
    relay, store, client, record_key, tmp_path
):
    """
    Somebody is cancelled before the answer is there.
    """
    slow = RedisTokenStore(relay.url, key=tmp_path.name)
    relay.slow = "armed"
    task = asyncio.create_task(_enter(slow, lease=30))
    await asyncio.sleep(0.2)

    assert await client.exists(f"{record_key}:turn")

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    await _enter(store, lease=0.1)


def test_a_turn_that_is_thrown_away_ends_by_itself(store):
    """
    Its loop is closed, so nobody can tell Redis.
    """
    loop = asyncio.new_event_loop()
    inside = loop.create_future()

    async def stay():
        async with store.refreshing(0.4):
            inside.set_result(None)
            await asyncio.Event().wait()

    coroutine = stay()
    task = loop.create_task(coroutine)
    loop.run_until_complete(inside)
    task._log_destroy_pending = False
    loop.close()
    coroutine.close()
    started = time.monotonic()
    asyncio.run(_enter(store, lease=0.4))

    assert time.monotonic() - started < 0.8


async def test_who_waits_hears_of_a_renewal(store, make_record, make_cache, gateway):
    """
    Hundreds may wait: they take the token and need no turn of their own.
    """
    cache = make_cache(store)

    async with store.refreshing(10):
        waiting = asyncio.create_task(cache.acquire(deadline=_soon()))
        await asyncio.sleep(0.2)
        await store.save(make_record(7, token="theirs"))

        # The turn is still taken.
        assert "theirs" == (await waiting).token.reveal()

    assert 0 == gateway.requests


async def test_a_token_that_is_there_outlives_a_redis_that_is_gone(own_server, gateway):
    """
    The generation in memory is used until it is due; nobody falls back to another
    store, and a search tells what is wrong.
    """
    store = RedisTokenStore(own_server.connection_url, key="k")
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
    new_copy = await cache.acquire(deadline=_soon())

    assert new_copy.generation > record.generation
    assert 2 == gateway.requests


async def test_a_frozen_redis_holds_nobody_beyond_the_deadline(own_server, gateway):
    """
    It takes connections and says nothing.
    """
    cache = TokenCache(
        RedisTokenStore(own_server.connection_url, key="k"),
        gateway.fetch,
        token_timeout=1.0,
    )
    os.kill(pid_of(own_server), signal.SIGSTOP)

    try:
        started = time.monotonic()

        with pytest.raises(Exception, match=r"deadline|Redis|令牌") as caught:
            await cache.acquire(deadline=asyncio.get_running_loop().time() + 0.5)

        assert time.monotonic() - started < 2
        assert not gateway.requests
        assert caught.value.money_may_have_moved is False
        await cache.aclose()
    finally:
        os.kill(pid_of(own_server), signal.SIGCONT)


def _soon():
    return asyncio.get_running_loop().time() + 8


def test_one_store_serves_one_loop_after_another(redis_server, make_record, tmp_path):
    """
    It belongs to no loop and leaves no connection open.
    """
    store = RedisTokenStore(redis_server.connection_url, key=tmp_path.name)
    asyncio.run(store.save(make_record(7)))

    assert 7 == asyncio.run(store.load()).generation


@pytest.mark.parametrize("url", ["redis://[bad", "rediss://h:99999", "http://h"])
def test_an_address_that_is_none_is_refused(url):
    """
    Before anything is connected.
    """
    with pytest.raises(ConfigError, match="no address of Redis"):
        RedisTokenStore(url, key="k")


async def test_a_cancellation_is_never_lost(redis_server, tmp_path):
    """
    Whenever it comes: while connecting, asking or waiting; and no socket stays open.
    """

    async def stay():
        async with store.refreshing(10):
            await asyncio.sleep(10)

    for step in range(100):
        store = RedisTokenStore(redis_server.connection_url, key=f"{tmp_path}/{step}")
        task = asyncio.create_task(stay())
        await asyncio.sleep(step / 10_000)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
