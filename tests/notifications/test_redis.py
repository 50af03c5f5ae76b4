"""
What an inbox in Redis keeps.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from umfpay.errors import NotificationError
from umfpay.notifications._deciding import Decision, Status
from umfpay.notifications._redis import RedisStore


ONCE = ["PAY_A TRADE_SUCCESS"]


@pytest.fixture(name="place")
def _place(redis_place):
    return redis_place


async def leave(stored, transaction):
    transaction.pipeline.rpush("effects", stored.key)

    return Decision(Status.APPLIED)


async def test_two_prefixes_do_not_meet(open_redis_store, event):
    """
    One server serves two shops.
    """
    one = await open_redis_store()
    other = await open_redis_store(prefix="other:")
    await one.add(event)

    assert await one.due(time.time()) == [event.key]
    assert await other.due(time.time()) == []
    assert await other.add(event) is True
    assert await other.add(event) is False


async def test_what_is_done_is_not_done_again(open_redis_store, event):
    """
    Neither an event that was applied nor one that is unknown is processed.
    """
    store = await open_redis_store()
    await store.add(event)

    assert await store.process(event.key, leave) == Decision(Status.APPLIED)
    assert await store.process(event.key, leave) is None
    assert await store.process("unknown", leave) is None


async def test_what_was_removed_meanwhile_is_no_conflict(
    open_redis_store, event, place
):
    """
    A key in a list whose event is gone is passed over.
    """
    store = await open_redis_store()
    place.client.zadd("umf:inbox:troubles", {"gone": 1})

    assert await store.troubles() == []


async def test_changed_returns_when_another_worker_has_stored(open_redis_store, event):
    """
    And at the end of its time if none has.
    """
    here = await open_redis_store()
    there = await open_redis_store()
    loop = asyncio.get_running_loop()
    start = loop.time()
    await here.changed(0.1)
    assert 0.05 < loop.time() - start < 1.0

    waiting = asyncio.create_task(here.changed(10))
    await asyncio.sleep(0.05)
    await there.add(event)
    await asyncio.wait_for(waiting, 0.5)


async def test_a_closed_store_says_so(place, event):
    """
    Before open() and after aclose().
    """
    store = RedisStore(place.spec)

    with pytest.raises(NotificationError, match="closed"):
        await store.add(event)
