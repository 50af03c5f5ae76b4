"""
The server of an inbox in Redis: where it is, and what happens when it is down.
"""

from __future__ import annotations

import asyncio
import sys

import pytest

from umfpay.errors import ConfigError, NotificationError
from umfpay.notifications import _inbox


ONCE = ["PAY_A TRADE_SUCCESS"]


@pytest.fixture(name="place")
def _place(redis_place):
    return redis_place


@pytest.fixture(name="mortal_server")
def _mortal_server(tmp_path, make_redis):
    """
    A server that keeps what it has taken, to be stopped and started.
    """
    servers = []
    ports = []

    def start():
        server = make_redis(
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


async def test_a_subscription_that_fails_is_tried_again(
    open_redis_store, place, monkeypatch
):
    """
    The store says that it is down, and the next call subscribes.
    """
    store = await open_redis_store()
    await store._server._unsubscribe()
    pubsub = store._server._client.pubsub

    class Broken:
        async def subscribe(self, name):
            raise OSError("reset")

        async def aclose(self):
            raise OSError("reset")

    monkeypatch.setattr(store._server._client, "pubsub", lambda **_: Broken())

    with pytest.raises(NotificationError):
        await store.changed(1)

    monkeypatch.setattr(store._server._client, "pubsub", pubsub)
    await store.changed(1)
    assert store._server._subscription is not None
