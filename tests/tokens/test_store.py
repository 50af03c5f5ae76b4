"""
What every token store promises; each of ours is held to it.
"""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from umfpay.errors import TokenStoreError
from umfpay.tokens import (
    FileTokenStore,
    MemoryTokenStore,
    RedisTokenStore,
    SQLTokenStore,
    TokenStore,
)


@pytest.fixture(
    name="store",
    params=["memory", "file", "redis", "sqlite", "postgresql", "mariadb"],
)
def _store(request, tmp_path):
    if request.param == "memory":
        return MemoryTokenStore()

    if request.param == "file":
        return FileTokenStore(tmp_path / "token.json", key="k")

    # A key of its own for each test: the servers are those of all of them.
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")

        return RedisTokenStore(server.connection_url, key=tmp_path.name)

    url = request.getfixturevalue(f"{request.param}_tokens")

    return SQLTokenStore(url, key=tmp_path.name)


async def test_it_is_a_token_store(store):
    """
    Inheritance is not needed, and equal stores can be found in a table.
    """
    assert isinstance(store, TokenStore)
    assert store == {store: store}[store]


async def test_it_starts_empty(store):
    """
    Before the first token there is none, and nothing to refuse.
    """
    await store.refuse(5)

    assert await store.load() is None


async def test_the_larger_generation_wins(store, make_record):
    """
    An older token never overwrites a newer one, whoever comes later.
    """
    newer = make_record(8, token="newer")

    assert await store.save(make_record(7)) is True
    assert await store.save(newer) is True
    assert await store.save(make_record(7)) is False
    assert await store.save(make_record(8, token="other")) is False
    assert newer == await store.load()


async def test_a_refusal_marks_that_generation_and_older_ones(store, make_record):
    """
    Who was refused with an old token cannot take away a newer one.
    """
    await store.save(make_record(7))
    await store.refuse(6)

    assert not (await store.load()).refused

    await store.refuse(7)
    refused = await store.load()

    assert refused.refused
    assert make_record(7, refused=True) == refused

    await store.save(make_record(8))

    assert not (await store.load()).refused

    await store.refuse(9)

    assert (await store.load()).refused


async def test_one_at_a_time_refreshes(store):
    """
    Of several tasks one is inside.
    """
    inside = 0
    most = 0

    async def refresh():
        nonlocal inside, most

        async with store.refreshing(10):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.002)
            inside -= 1

    await asyncio.gather(*(refresh() for _ in range(6)))

    assert 1 == most


def test_one_thread_at_a_time_refreshes(store):
    """
    Threads with loops of their own exclude one another.
    """
    inside = 0
    most = 0
    errors = []

    async def refresh():
        nonlocal inside, most

        for _ in range(3):
            async with store.refreshing(10):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.005)
                inside -= 1

    def run():
        try:
            asyncio.run(refresh())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join()

    assert [] == errors
    assert 1 == most


async def test_waiting_ends_with_the_lease(store):
    """
    Who waits longer than the lease is told so.
    """

    async def wait():
        async with store.refreshing(0.05):
            pytest.fail("two are inside")

    async with store.refreshing(30):
        with pytest.raises(TokenStoreError, match=r"more than 0\.05 s"):
            await wait()


async def test_an_error_inside_gives_the_turn_back(store):
    """
    So does a cancellation.
    """
    with pytest.raises(KeyError):
        async with store.refreshing(10):
            raise KeyError

    task = asyncio.create_task(_stay(store))
    await asyncio.sleep(0.01)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    async with store.refreshing(0.1):
        pass


async def test_a_coroutine_thrown_away_gives_the_turn_back(store):
    """
    Its loop may be closed, so nothing can be awaited any more.
    """
    if isinstance(store, RedisTokenStore | SQLTokenStore):
        pytest.skip("a server cannot be told without awaiting: the lease ends it")

    coroutine = _stay(store)
    coroutine.send(None)
    coroutine.close()

    async with store.refreshing(0.1):
        pass


async def _stay(store):
    async with store.refreshing(10):
        await asyncio.sleep(10)


async def test_simultaneous_writers_leave_the_newest(store, make_record):
    """
    Whatever the order, the largest generation is there at the end.
    """
    await asyncio.gather(
        *(store.save(make_record(generation)) for generation in (3, 9, 1, 7, 5)),
        *(store.refuse(generation) for generation in (2, 4)),
    )

    assert make_record(9) == await store.load()


# The one in memory.


async def test_two_objects_are_two_stores(make_record):
    """
    Only sessions that are given the same object share a token.
    """
    one, other = MemoryTokenStore(), MemoryTokenStore()
    await one.save(make_record())

    assert one != other
    assert await other.load() is None


async def test_who_overstays_the_lease_counts_as_gone():
    """
    A holder whose loop stands still blocks nobody for ever.
    """
    store = MemoryTokenStore()

    async with store.refreshing(0.03):
        async with store.refreshing(1.0):
            pass

        async with store.refreshing(0.5):
            pass


async def test_who_overstayed_does_not_end_the_next_ones_turn():
    """
    A turn is given back by the one whose turn it is.
    """
    store = MemoryTokenStore()
    late = store.refreshing(0.0)
    await late.__aenter__()

    async with store.refreshing(10):
        await late.__aexit__(None, None, None)

        assert store._holder is not None


async def test_the_repr_shows_no_token(make_record):
    """
    Nor anything else.
    """
    store = MemoryTokenStore()
    await store.save(make_record(token="c0ffee"))

    assert "MemoryTokenStore()" == repr(store)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
async def test_a_forked_child_does_not_inherit_the_holder(make_record):
    """
    Locks that a thread of the parent holds are free in the child; the token stays.
    """
    store = MemoryTokenStore()
    await store.save(make_record(5))

    async with store.refreshing(10):
        with store._lock:
            store._after_fork()

            assert await store.save(make_record(6)) is True

        async with store.refreshing(0.0):
            pass
