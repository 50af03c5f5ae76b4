"""
The adapter for a user's own transport, around httpx over real sockets and around fakes.
"""

from __future__ import annotations

import asyncio
import contextlib
import re

import httpx
import pytest
from umfpay._session._transport_adapter import TransportAdapter, needed_transport

from umfpay import Config, UMFSession
from umfpay.errors import ConfigError, DeadlineExceededError, TransportError
from umfpay.protocol import PrivateKey
from umfpay.transport import CallState, Effect, build_request, perform


class Server:
    """
    Answers requests as *answer* says, and keeps what arrived.
    """

    def __init__(self):
        self.heads = []
        self.bodies = []
        self.connections = 0
        self.free = asyncio.Event()
        self.free.set()
        self.behind = b""

    async def talk(self, reader, writer):
        self.connections += 1

        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = re.search(rb"content-length: (\d+)", head.lower())
                body = await reader.readexactly(int(length[1])) if length else b""
                self.bodies.append(body)
                await self.free.wait()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" + self.behind
                )

        writer.close()

    @property
    def posts(self):
        return [body for body in self.bodies if body]


@pytest.fixture(name="server")
async def _server():
    server = Server()
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1/"

    yield server

    server.free.set()
    listening.close()


@pytest.fixture(name="adapter")
async def _adapter():
    limits = httpx.Limits(max_connections=3)
    adapter = TransportAdapter(httpx.AsyncHTTPTransport(limits=limits))

    yield adapter

    await adapter.aclose()


def make(server, effect=Effect.MONEY, *, number=0, **changes):
    write = effect is not Effect.READ
    now = asyncio.get_running_loop().time()
    given = {
        "method": "POST" if write else "GET",
        "path": "/thing",
        "url": server.url + "thing",
        "body": b'{"number":%d}' % number if write else b"",
        "deadline": now + 10.0,
        "timeout": 5.0,
        "effect": effect,
        "handed_over": True,
    }

    return CallState(**{**given, **changes})


async def exchange(adapter, state):
    response = await adapter.handle_async_request(build_request(state))

    return b"".join([chunk async for chunk in response.stream])


async def ended(*tasks):
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_ninety_cancelled_writes_that_waited_are_never_sent(server, adapter):
    """A pool of three stays usable, and no cancelled POST leaves afterwards."""
    server.free.clear()
    holding = [
        asyncio.create_task(exchange(adapter, make(server, Effect.READ)))
        for _ in range(3)
    ]

    while len(server.heads) < 3:
        await asyncio.sleep(0.005)

    states = [make(server, number=number) for number in range(90)]
    calls = [asyncio.create_task(exchange(adapter, state)) for state in states]
    await asyncio.sleep(0.02)

    for call in calls:
        call.cancel()

    assert {asyncio.CancelledError} == {type(end) for end in await ended(*calls)}
    assert not any(state.may_have_been_sent() for state in states)

    server.free.set()

    assert [b"{}"] * 3 == await ended(*holding)

    for _ in range(4):
        assert b"{}" == await exchange(adapter, make(server, Effect.READ))

    while adapter._left:
        await asyncio.sleep(0.005)

    # Not even a head: the exchange stops before it has a byte to send.
    assert {b"GET"} == {head[:3] for head in server.heads}
    assert [] == server.posts


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55])
async def test_whenever_a_write_is_cancelled_the_state_tells_the_truth(
    server, adapter, turns
):
    """What is not marked as begun does not arrive, however late one looks."""
    states = [make(server, number=number) for number in range(9)]
    calls = [asyncio.create_task(exchange(adapter, state)) for state in states]

    for _ in range(turns):
        await asyncio.sleep(0)

    for call in calls:
        call.cancel()

    await ended(*calls)
    unsent = {state.body for state in states if not state.may_have_been_sent()}

    assert b"{}" == await exchange(adapter, make(server, Effect.READ))

    while adapter._left:
        await asyncio.sleep(0.005)

    assert set() == unsent & set(server.posts)


async def test_an_exchange_that_was_sent_is_read_to_its_end(server, adapter):
    """Its connection is used again after the caller has gone."""
    server.free.clear()
    state = make(server)
    call = asyncio.create_task(exchange(adapter, state))

    while not server.posts:
        await asyncio.sleep(0.005)

    call.cancel()
    await ended(call)
    server.free.set()

    assert state.may_have_been_sent()

    while adapter._left:
        await asyncio.sleep(0.005)

    await exchange(adapter, make(server, Effect.READ))

    assert 1 == server.connections


async def test_the_body_is_marked_before_it_arrives(server, adapter, monkeypatch):
    """When the server reads it, the state says so already."""
    state = make(server)
    seen = []
    read = asyncio.StreamReader.readexactly

    async def watched(self, count):
        got = await read(self, count)
        seen.append((state.body_tracked, state.body_started))

        return got

    monkeypatch.setattr(asyncio.StreamReader, "readexactly", watched)
    await exchange(adapter, state)

    assert [(True, True)] == seen


class Steps(httpx.AsyncBaseTransport):
    """
    A transport that tells its steps as httpcore does, and fails after *count* of them.
    """

    STEPS = (
        "connection.connect_tcp.started",
        "connection.connect_tcp.complete",
        "http11.send_request_headers.started",
        "http11.send_request_headers.complete",
        "http11.send_request_body.started",
    )

    def __init__(self, count, *, tells=True):
        self.count = count
        self.tells = tells

    async def handle_async_request(self, request):
        for step in self.STEPS[: self.count]:
            if self.tells:
                await request.extensions["trace"](step, {"request": None})

            if step.endswith("body.started"):
                [part async for part in request.stream]

        raise httpx.WriteError("the connection broke")


@pytest.mark.parametrize(
    ("count", "sent"), [(1, False), (3, False), (4, False), (5, True)]
)
async def test_a_transport_that_tells_its_steps_is_believed(server, count, sent):
    """A connection that broke before the body began has sent nothing."""
    state = make(server)

    with pytest.raises(httpx.WriteError) as caught:
        await exchange(TransportAdapter(Steps(count)), state)

    assert sent is state.may_have_been_sent(caught.value)


@pytest.mark.parametrize("count", [0, 3, 5])
async def test_a_transport_that_tells_nothing_may_have_sent(server, count):
    """But for the errors that mean that there was no connection."""
    state = make(server)

    with pytest.raises(httpx.WriteError) as caught:
        await exchange(TransportAdapter(Steps(count, tells=False)), state)

    assert state.may_have_been_sent(caught.value)
    assert (count == 5) is state.may_have_been_sent(httpx.ConnectError("x"))


class Late(httpx.AsyncBaseTransport):
    """
    A transport without any trace, which takes the body when *go* is set.
    """

    def __init__(self):
        self.go = asyncio.Event()
        self.got = []
        self.closed = False

    async def handle_async_request(self, request):
        await self.go.wait()
        self.got.append(b"".join([part async for part in request.stream]))

        return httpx.Response(200, content=b"{}")

    async def aclose(self):
        self.closed = True


async def test_a_silent_transport_gets_no_body_after_the_cancellation(server):
    """What it has not taken yet it cannot send."""
    late = Late()
    adapter = TransportAdapter(late)
    state = make(server)
    call = asyncio.create_task(exchange(adapter, state))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    await ended(call)
    late.go.set()
    await adapter.aclose()

    assert ([], False, True) == (late.got, state.may_have_been_sent(), late.closed)


async def test_whoever_has_answered_has_the_request(server):
    """The head of an answer came: a cancelled write is not told as unsent."""

    class Stream(httpx.AsyncByteStream):
        def __aiter__(self):
            return self

        async def __anext__(self):
            await asyncio.sleep(3600)

    class Answering(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            return httpx.Response(200, stream=Stream())

    state = make(server, timeout=0.05)
    call = asyncio.create_task(exchange(TransportAdapter(Answering()), state))
    await asyncio.sleep(0.01)
    call.cancel()
    await ended(call)

    assert state.may_have_been_sent()


async def test_an_exchange_without_a_caller_is_bounded_in_time(server):
    """After the time of one attempt it is cancelled itself."""
    late = Late()
    adapter = TransportAdapter(late)
    call = asyncio.create_task(exchange(adapter, make(server, timeout=0.05)))
    await asyncio.sleep(0.01)
    call.cancel()
    await ended(call)

    async with asyncio.timeout(30):
        while adapter._left:
            await asyncio.sleep(0.005)


async def test_closing_waits_for_nobody_who_hangs(server, monkeypatch):
    """What cancelled callers left gets a moment, then is cancelled."""
    monkeypatch.setattr("umfpay._session._transport_adapter._CLOSING_SECONDS", 0.02)
    late = Late()
    adapter = TransportAdapter(late)
    call = asyncio.create_task(exchange(adapter, make(server)))
    await asyncio.sleep(0.01)
    call.cancel()
    await ended(call)
    await adapter.aclose()

    assert (set(), True) == (adapter._left, late.closed)


async def test_ninety_cancelled_downloads_leave_the_pool_usable(server, adapter):
    """A file that nobody reads any more gives its connection up."""
    for turns in range(30):
        states = [make(server, Effect.READ, download=True) for _ in range(3)]
        calls = [
            asyncio.create_task(adapter.handle_async_request(build_request(state)))
            for state in states
        ]

        for _ in range(turns * 2):
            await asyncio.sleep(0)

        for call in calls:
            call.cancel()

        for end in await ended(*calls):
            if isinstance(end, httpx.Response):
                await end.stream.aclose()

    while adapter._left:
        await asyncio.sleep(0.005)

    for _ in range(4):
        assert b"{}" == await exchange(adapter, make(server, Effect.READ))


@pytest.mark.parametrize("download", [False, True])
@pytest.mark.parametrize(
    "behind", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray", b"HTTP/1.1 2"]
)
async def test_a_second_answer_behind_the_right_one_is_not_the_next_ones(
    server, adapter, behind, download
):
    """httpcore would keep it for the next request; its connection is closed."""
    server.behind = behind

    assert b"{}" == await exchange(
        adapter, make(server, Effect.READ, download=download)
    )

    server.behind = b""

    assert b"{}" == await exchange(adapter, make(server))
    assert (2, 2) == (server.connections, len(server.heads))


async def test_a_pool_that_stays_full_is_named(server, adapter):
    """In the error of the call, before its deadline passes; nothing was sent."""
    server.free.clear()
    holding = [
        asyncio.create_task(exchange(adapter, make(server, Effect.READ)))
        for _ in range(3)
    ]

    while len(server.heads) < 3:
        await asyncio.sleep(0.005)

    state = make(server, deadline=asyncio.get_running_loop().time() + 0.2)
    request = build_request(state)

    with pytest.raises(TransportError, match="pool stayed full") as caught:
        await perform(adapter, state)

    with pytest.raises(httpx.PoolTimeout):
        await adapter.handle_async_request(request)

    assert request.extensions["timeout"]["pool"] < 0.2
    assert not caught.value.request_sent
    assert "limits" in caught.value.advice.en
    assert "limits" in caught.value.advice.zh

    server.free.set()
    await ended(*holding)


@pytest.fixture(name="config", scope="module")
def _config():
    key, gateway = PrivateKey.generate(1024), PrivateKey.generate(1024)

    return {
        "client_id": "c",
        "client_secret": "s",
        "merchant_key": key,
        "gateway_certificate": gateway.public,
        "base_url": "https://gateway.example/v1/",
        "token_store": "memory",
    }


def test_a_transport_beside_a_proxy_is_refused(config):
    """Nothing says that the transport uses it, so the call would go past the proxy."""
    given = Config(**config, proxy="http://user:secret@127.0.0.1:3128")

    with pytest.raises(ConfigError, match=r"proxy: .* transport=") as caught:
        UMFSession(given, transport=httpx.AsyncHTTPTransport())

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["ca_file", "client_certificate"])
def test_a_transport_beside_files_of_tls_is_refused(config, tmp_path, name):
    """It would trust other authorities, or show no certificate."""
    file = tmp_path / "file.pem"
    file.write_text("")
    given = Config(**config, **{name: file})

    with pytest.raises(ConfigError, match=f"{name}: .* transport="):
        UMFSession(given, transport=httpx.AsyncHTTPTransport())


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (lambda: httpx.AsyncClient(), "AsyncClient"),
        (lambda: httpx.Client(), "Client"),
        (lambda: httpx.HTTPTransport(), "HTTPTransport"),
        (lambda: httpx.AsyncHTTPTransport, "the class AsyncHTTPTransport"),
        (lambda: True, "bool"),
        (lambda: False, "bool"),
        (lambda: "http://127.0.0.1:3128", "str"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_no_transport_is_refused_at_once(config, given, named):
    """Clear, and before any call."""
    with pytest.raises(ConfigError, match=f"transport: .* {named}") as caught:
        UMFSession(Config(**config), transport=given())

    assert "AsyncHTTPTransport" in caught.value.advice.en
    assert "AsyncHTTPTransport" in caught.value.advice.zh


@pytest.mark.parametrize("given", ["umf.env", None, {"client_id": "c"}, Config])
def test_a_session_without_a_config_is_refused_at_once(given):
    """The name of a file is no Config; the advice says how to read it."""
    with pytest.raises(ConfigError, match="config: a Config is needed") as caught:
        UMFSession(given)

    assert 'Config.from_file("umf.env")' in caught.value.advice.en
    assert 'Config.from_file("umf.env")' in caught.value.advice.zh


def test_no_transport_is_our_own(config):
    """None asks for the network transport of the package."""
    assert needed_transport(None, Config(**config, proxy="http://127.0.0.1:1")) is None


async def test_a_write_that_waits_until_its_deadline_was_not_sent(config, server):
    """The deadline cancels the exchange; what has not begun is no unknown outcome."""

    class LateGateway(Late):
        async def handle_async_request(self, request):
            if request.url.path.endswith("/authorize"):
                token = {"access_token": "T", "expires_in": 3600}

                return httpx.Response(200, json=token)

            return await super().handle_async_request(request)

    late = LateGateway()
    given = Config(**config, deadline=0.2, timeout=0.1)

    async with UMFSession(given, transport=late) as session:
        with pytest.raises(DeadlineExceededError) as caught:
            await session.request("POST", "/payments/payment/PAY_A/execute", {"x": 1})

        late.go.set()

    assert not caught.value.request_sent
    assert [] == late.got
