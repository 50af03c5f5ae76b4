"""
One worker at a time in Redis, each effect once, and what a handler may not do.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from umfpay.errors import ConfigError
from umfpay.models import Money
from umfpay.notifications._deciding import Decision, Status
from umfpay.notifications._expectations import Expectation


ONCE = ["PAY_A TRADE_SUCCESS"]


@pytest.fixture(name="place")
def _place(redis_place):
    return redis_place


async def leave(stored, transaction):
    transaction.pipeline.rpush("effects", stored.key)

    return Decision(Status.APPLIED)


# Leases


async def test_who_was_too_slow_cannot_commit(open_redis_store, place, event):
    """
    Its lease has ended: neither its commands nor its mark are there.
    """
    store = await open_redis_store(lease=0.1)
    await store.add(event)

    async def slow(stored, transaction):
        await asyncio.sleep(0.25)

        return await leave(stored, transaction)

    assert await store.process(event.key, slow) is None
    assert place.effects() == []
    assert await store.due(time.time()) == [event.key]


async def test_who_took_over_commits_once(open_redis_store, place, event, log):
    """
    The slow worker and the next one: one effect.
    """
    slow_one = await open_redis_store(lease=0.1)
    next_one = await open_redis_store()
    await slow_one.add(event)
    begun = asyncio.Event()
    done = asyncio.Event()

    async def slow(stored, transaction):
        begun.set()
        await done.wait()

        return await leave(stored, transaction)

    slow_work = asyncio.create_task(slow_one.process(event.key, slow))
    await begun.wait()
    assert await next_one.process(event.key, leave) is None
    await asyncio.sleep(0.15)
    assert await next_one.process(event.key, leave) == Decision(Status.APPLIED)
    done.set()

    assert await slow_work is None
    assert place.effects() == [event.key]
    assert "changed while it was applied" in log.text


async def test_the_slow_one_does_not_end_the_next_ones_lease(
    open_redis_store, event, place
):
    """
    A lease is released by its holder only.
    """
    slow_one = await open_redis_store(lease=0.1)
    next_one = await open_redis_store()
    await slow_one.add(event)
    begun, done = asyncio.Event(), asyncio.Event()
    begun_next, done_next = asyncio.Event(), asyncio.Event()

    def work(start, end):
        async def wait(stored, transaction):
            start.set()
            await end.wait()

            return await leave(stored, transaction)

        return wait

    slow_work = asyncio.create_task(slow_one.process(event.key, work(begun, done)))
    await begun.wait()
    await asyncio.sleep(0.15)
    next_work = asyncio.create_task(
        next_one.process(event.key, work(begun_next, done_next))
    )
    await begun_next.wait()
    done.set()
    assert await slow_work is None
    assert await slow_one.process(event.key, leave) is None
    done_next.set()

    assert await next_work == Decision(Status.APPLIED)
    assert place.effects() == [event.key]


@pytest.mark.parametrize("how", ["the lease ends", "the worker closes"])
async def test_a_worker_that_stops_lets_no_later_state_overtake(
    open_redis_store, place, event, payment, how
):
    """
    Another worker has passed the first state over when its lease ends: it is next.
    """
    later = payment("TRADE_CANCEL")
    stopping = await open_redis_store(lease=0.15)
    other = await open_redis_store()
    await stopping.add(event)
    await stopping.add(later)
    begun = asyncio.Event()

    async def block(stored, transaction):
        begun.set()
        await asyncio.sleep(60)

    blocked = asyncio.create_task(stopping.process(event.key, block))
    await begun.wait()
    first, second = await other.due(time.time())
    assert (first, second) == (event.key, later.key)
    assert await other.process(first, leave) is None

    if how == "the lease ends":
        await asyncio.sleep(0.2)

    blocked.cancel()
    await asyncio.gather(blocked, return_exceptions=True)

    assert await other.process(second, leave) is None
    assert await other.process(first, leave) == Decision(Status.APPLIED)
    assert await other.process(second, leave) == Decision(Status.APPLIED)
    assert place.effects() == [event.key, later.key]


async def test_clocks_that_differ_do_not_change_the_order(
    open_redis_store, place, event, payment, monkeypatch
):
    """
    The server counts what comes; who has stored it may be a minute ahead.
    """
    later = payment("TRADE_CANCEL")
    store = await open_redis_store()

    with monkeypatch.context() as ahead:
        now = time.time()
        ahead.setattr(time, "time", lambda: now + 60)
        await store.add(event)

    await store.add(later)

    assert await store.due(time.time()) == [event.key, later.key]


async def test_a_lease_outlives_the_handlers_time(open_shop, place):
    """
    A shop that gives its handler more time gives the lease more time.
    """
    shop = await open_shop(place, unexpected="apply", handler_timeout=100.0)
    left = []

    async def look(event):
        left.append(place.client.pttl("umf:inbox:lease:PAY_A"))

    shop.before = look
    await shop.receive()
    await shop.inbox.replay()

    assert left[0] > 100_000
    assert place.client.exists("umf:inbox:lease:PAY_A") == 0


async def test_what_the_shop_tells_meanwhile_counts(open_redis_store, place, event):
    """
    An expectation that comes while an event is decided has it decided again.
    """
    store = await open_redis_store()
    await store.add(event)

    async def hold(stored, transaction):
        assert stored.expected == ()
        await store.expect(
            Expectation(
                kind="payment",
                mer_reference_id="n1",
                total=Money("3.00", "USD").total,
                currency="USD",
            )
        )

        return Decision(Status.HELD)

    assert await store.process(event.key, hold) is None
    assert await store.due(time.time()) == [event.key]


# Pipelines


async def test_an_inbox_in_redis_has_no_connection(open_shop, place):
    """
    transaction.connection is a ConfigError that names the cure.
    """
    shop = await open_shop(place, unexpected="apply")
    caught = []

    @shop.inbox.handler
    async def wrong(event, transaction):
        try:
            transaction.connection  # noqa: B018
        except ConfigError as error:
            caught.append(str(error))

    await shop.receive()
    await shop.inbox.replay()

    assert "transaction.connection: the inbox is not kept in SQLite" in caught[0]


async def test_a_handler_that_executes_is_logged(open_shop, place, log):
    """
    It ends the transaction in which the event is marked.
    """
    shop = await open_shop(place, unexpected="apply")

    @shop.inbox.handler
    async def wrong(event, transaction):
        await transaction.pipeline.execute()

    await shop.receive()
    await shop.inbox.replay()

    assert "a handler ended the inbox's transaction" in log.text
    assert place.effects() == ONCE


async def test_a_command_that_redis_does_not_know_is_the_handlers_failure(
    open_shop, place, log, eventually
):
    """
    Nothing is written, the event is tried again, and others are applied.
    """
    shop = await open_shop(place, unexpected="apply")

    @shop.inbox.handler
    async def wrong(event, transaction):
        if event.object_id == "PAY_A":
            transaction.pipeline.execute_command("NONSENSE", "x")

    await shop.receive()
    await shop.receive("PAY_B", number="n2")

    assert await eventually(lambda: place.effects() == ["PAY_B TRADE_SUCCESS"])
    assert "it is tried again" in log.text
    assert await shop.inbox.notified(object_id="PAY_A") is None


async def test_a_command_that_fails_alone_is_logged(open_shop, place, log):
    """
    Redis does not roll back: the other commands and the mark are written.
    """
    shop = await open_shop(place, unexpected="apply")

    @shop.inbox.handler
    async def wrong(event, transaction):
        transaction.pipeline.incr("effects")

    await shop.receive()
    await shop.inbox.replay()

    assert "a command of a handler failed in Redis: WRONGTYPE" in log.text
    assert place.effects() == ONCE
    assert (await shop.inbox.notified(object_id="PAY_A")).state == "TRADE_SUCCESS"
