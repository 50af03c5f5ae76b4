"""
The ASGI application: its names, its bodies, its life.
"""

from __future__ import annotations

import asyncio
import http.client
import socket

import pytest

from umfpay.emulator import Clock, Emulator, serve
from umfpay.errors import ConfigError


RATE = "/cberest/v1/exchange_rate?currency=USD"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 401),
        ("LocalHost:80", 401),
        ("127.0.0.1", 401),
        ("127.9.9.9:1", 401),
        ("[::1]:8100", 401),
        ("[::1]", 401),
        ("evil.test", 421),
        ("evil.test:8100", 421),
        ("127.0.0.1.evil.test", 421),
        ("192.0.2.1", 421),
        ("", 421),
    ],
)
def test_only_its_own_names_reach_it(shop, host, status):
    """
    A page of another site cannot take a name for it: gateway and control alike.
    """
    assert status == shop.raw("GET", RATE, headers={"Host": host}).status
    assert (status == 421) is (
        shop.raw("GET", "/_emulator/", headers={"Host": host}).status == 421
    )


def test_more_names_can_be_given(make_box, running):
    """
    In any case.
    """
    box = make_box(hosts=["Gateway.test"])

    with running(box) as shop:
        assert 401 == shop.raw("GET", RATE, headers={"Host": "gateway.TEST:1"}).status
        assert 421 == shop.raw("GET", RATE, headers={"Host": "other.test"}).status


def test_a_client_that_goes_away_harms_nobody(shop):
    """
    In the middle of a body.
    """
    host, _, port = shop.host.partition(":")

    for _ in range(3):
        with socket.create_connection((host, int(port)), timeout=5) as peer:
            peer.sendall(
                b"POST /cberest/v1/payments/payment HTTP/1.1\r\n"
                b"Host: localhost\r\nContent-Length: 1000\r\n\r\n{"
            )

    assert "0000" == shop.get("/exchange_rate?currency=USD").code


def test_what_is_no_http_gets_an_answer(shop):
    """
    400, and the next one is served.
    """
    host, _, port = shop.host.partition(":")

    with socket.create_connection((host, int(port)), timeout=5) as peer:
        peer.sendall(b"\x16\x03\x01 hello\r\n\r\n")

        assert b"400" in peer.recv(1000)

    assert "0000" == shop.get("/exchange_rate?currency=USD").code


async def test_it_leaves_nothing_behind(make_box, listener):
    """
    No task and no socket, also in the middle of deliveries.
    """
    before = asyncio.all_tasks()
    box = make_box()

    async with serve(box) as server:
        assert server.base_url == box.base_url

        def ask():
            connection = http.client.HTTPConnection(server.origin[7:], timeout=5)
            connection.request("GET", "/_emulator/")
            body = connection.getresponse().read()
            connection.close()

            return body

        assert b"umfpay" in await asyncio.to_thread(ask)

        listener.replies = [(500, [b""], {})] * 3
        box._gateway_state.store.put(
            "payment",
            "PAY_A",
            {
                "id": "PAY_A", "state": "TRADE_SUCCESS", "notify_url": listener.url,
                "merchant": "", "method": "CREDIT_CARD", "order": {}, "total": "1.00",
                "currency": "CNY",
            },
        )  # fmt: skip
        box._gateway_state.notify("payment", "PAY_A")
        await asyncio.to_thread(listener.wait, 1)

    assert before == asyncio.all_tasks()

    with pytest.raises(OSError):
        await asyncio.to_thread(
            socket.create_connection, ("127.0.0.1", int(server.origin.split(":")[2])), 5
        )


async def call(box, scope, *messages):
    """
    Call the application without a server.
    """
    sent, given = [], list(messages)

    async def receive():
        return given.pop(0)

    async def send(message):
        sent.append(message)

    await box(scope, receive, send)

    return sent


SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/_emulator/",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
}
EMPTY = {"type": "http.request", "body": b"", "more_body": False}


async def test_it_runs_under_any_asgi_server(make_box):
    """
    With a lifespan, and with a drop that is an exception where nobody can cut.
    """
    box = make_box()
    sent = await call(
        box,
        {"type": "lifespan"},
        {"type": "lifespan.startup"},
        {"type": "lifespan.shutdown"},
    )

    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == [
        one["type"] for one in sent
    ]
    assert 200 == (await call(box, SCOPE, EMPTY))[0]["status"]

    plan = {
        **SCOPE,
        "method": "PUT",
        "path": "/_emulator/faults",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }
    body = b'{"rules": [{"kind": "drop_before"}]}'
    await call(box, plan, {"type": "http.request", "body": body})

    with pytest.raises(ConnectionResetError):
        await call(box, {**SCOPE, "path": "/cberest/v1/bank"}, EMPTY)

    with pytest.raises(ValueError, match="websocket"):
        await call(box, {"type": "websocket"})

    assert [] == await call(box, SCOPE, {"type": "http.disconnect"})

    await box.aclose()
    await box.aclose()


def test_it_tells_time_and_place():
    """
    Before it is served it has an address of its own; keys are made.
    """
    box = Emulator(key_bits=1024)

    assert "http://127.0.0.1:8100/cberest/v1/" == box.base_url
    assert box.clock.now().tzinfo is not None
    assert 1024 == box.credentials.merchant_key.bits

    asyncio.run(box.aclose())


async def test_the_control_api_works_without_a_socket():
    """
    A test in the same process asks for what HTTP would give, and gets its errors.
    """
    emulator = Emulator(key_bits=1024)

    assert [] == emulator.control("GET", "/payments")["payments"]
    assert (
        5 == emulator.control("PUT", "/settings", {"settle_after": 5})["settle_after"]
    )

    with pytest.raises(ConfigError, match="no such path"):
        emulator.control("GET", "/nothing")

    await emulator.aclose()


async def test_emulators_of_one_process_share_credentials():
    """
    Keys are slow to make.
    """
    first = Emulator(key_bits=1024)
    second = Emulator(credentials=first.credentials)

    assert first.credentials is second.credentials


async def test_time_passes_when_it_is_asked_to():
    """
    Without a tick nothing looks at what is due but requests and `pass_time()`.
    """
    now = [1_795_406_400.0]
    emulator = Emulator(key_bits=1024, clock=Clock(wall=lambda: now[0]), tick=None)

    try:
        assert emulator.pass_time() is None

        emulator._gateway_state.store.put(
            "payment",
            "PAY_A",
            {
                "id": "PAY_A",
                "merchant": "",
                "state": "WAIT_BUYER_PAY",
                "order": {"mer_reference_id": "1"},
                "timeline": [],
                "expires_at": now[0] + 60,
            },
        )
        left = emulator.pass_time()
        now[0] += 61
        after = emulator.pass_time()
        state = emulator.control("GET", "/payments/PAY_A")["payment"]["state"]
        emulator._start_ticker()

        assert (60.0, None, "TRADE_CLOSED") == (left, after, state)
        assert emulator._ticker is None
    finally:
        await emulator.aclose()


async def test_what_fails_by_itself_is_reported_once(full_disk, caplog):
    """
    Not ten times a second, and again when it fails after it went well.
    """
    now = [1_795_406_400.0]
    box = Emulator(key_bits=1024, clock=Clock(wall=lambda: now[0]), tick=0.001)
    pay = {
        "id": "PAY_A", "state": "WAIT_BUYER_PAY", "notify_url": "", "total": "1.00",
        "order": {"mer_reference_id": "1"}, "timeline": [], "currency": "CNY",
        "merchant": "", "method": "CREDIT_CARD", "expires_at": now[0] - 1,
    }  # fmt: skip
    box._gateway_state.store.put("payment", "PAY_A", pay)

    try:
        with full_disk(box):
            box._start_ticker()
            await asyncio.sleep(0.1)

        await asyncio.sleep(0.05)
        state = box._gateway_state.payment("PAY_A")["state"]

        assert 1 == len(caplog.records)
        assert "readonly database" in caplog.text
        assert "TRADE_CLOSED" == state
    finally:
        await box.aclose()
