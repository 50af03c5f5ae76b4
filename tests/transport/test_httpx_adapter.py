"""
The adapter for a user's own transport, around httpx over real sockets and around fakes.
"""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.servers.streams import RecordingServer
from tests.transport.bearer import BearerToken
from umfpay.errors import TransportError
from umfpay.sensitive import Secret
from umfpay.transport import (
    Answer,
    Call,
    CallState,
    Effect,
    Failure,
    HTTPExchangeError,
    HTTPXAdapter,
    family_of,
)
from umfpay.transport._httpx_adapter import (
    CALL_EXTENSION,
    AbandonedError,
    is_length_declared,
)


@pytest.fixture(name="server")
async def _server():
    async with RecordingServer.running() as server:
        yield server


@pytest.fixture(name="adapter")
async def _adapter():
    limits = httpx.Limits(max_connections=3)
    adapter = HTTPXAdapter(httpx.AsyncHTTPTransport(limits=limits))

    yield adapter

    await adapter.aclose()


def make(server, effect=Effect.MONEY, *, number=0, download=False, **changes):
    write = effect is not Effect.READ
    now = asyncio.get_running_loop().time()
    given = {
        "call": Call(
            name="any.thing",
            method="POST" if write else "GET",
            path="/thing",
            effect=effect,
            read=dict,
            download=download,
            body_limit=changes.pop("body_limit", 1000),
        ),
        "url": server.url + "thing",
        "body": b'{"number":%d}' % number if write else b"",
        "deadline": now + 10.0,
        "timeout": 5.0,
        "handed_over": True,
    }

    return CallState(**{**given, **changes})


async def exchange(adapter, state):
    """
    Return the body of the answer, whether or not it streams.
    """
    answer = await adapter.exchange(state)

    if answer.stream is None:
        return answer.body

    try:
        return b"".join([chunk async for chunk in answer.stream])
    finally:
        await answer.stream.aclose()


async def fill_pool(server, adapter):
    """
    Return the reads that hold all connections, until ``server.free`` is set.
    """
    server.free.clear()
    holding = [
        asyncio.create_task(exchange(adapter, make(server, Effect.READ)))
        for _ in range(3)
    ]

    while len(server.heads) < 3:
        await asyncio.sleep(0.005)

    return holding


async def ended(*tasks):
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_ninety_cancelled_writes_that_waited_are_never_sent(server, adapter):
    """A pool of three stays usable, and no cancelled POST leaves afterwards."""
    holding = await fill_pool(server, adapter)

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

    with pytest.raises(HTTPExchangeError) as caught:
        await exchange(HTTPXAdapter(Steps(count)), state)

    assert Failure.BROKEN is caught.value.failure
    assert sent is state.may_have_been_sent(caught.value.failure)


@pytest.mark.parametrize("count", [0, 3, 5])
async def test_a_transport_that_tells_nothing_may_have_sent(server, count):
    """But for the errors that mean that there was no connection."""
    state = make(server)

    with pytest.raises(HTTPExchangeError) as caught:
        await exchange(HTTPXAdapter(Steps(count, tells=False)), state)

    assert state.may_have_been_sent(caught.value.failure)
    assert (count == 5) is state.may_have_been_sent(Failure.CONNECT)


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
    adapter = HTTPXAdapter(late)
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
    call = asyncio.create_task(exchange(HTTPXAdapter(Answering()), state))
    await asyncio.sleep(0.01)
    call.cancel()
    await ended(call)

    assert state.may_have_been_sent()


async def test_an_exchange_without_a_caller_is_bounded_in_time(server):
    """After the time of one attempt it is cancelled itself."""
    late = Late()
    adapter = HTTPXAdapter(late)
    call = asyncio.create_task(exchange(adapter, make(server, timeout=0.05)))
    await asyncio.sleep(0.01)
    call.cancel()
    await ended(call)

    async with asyncio.timeout(30):
        while adapter._left:
            await asyncio.sleep(0.005)


async def test_closing_waits_for_nobody_who_hangs(server, monkeypatch):
    """What cancelled callers left gets a moment, then is cancelled."""
    monkeypatch.setattr("umfpay.transport._httpx_adapter._CLOSING_SECONDS", 0.02)
    late = Late()
    adapter = HTTPXAdapter(late)
    # Alone it would end much later.
    call = asyncio.create_task(adapter.exchange(make(server, timeout=1000.0)))
    await asyncio.sleep(0.01)
    call.cancel()
    await ended(call)

    async with asyncio.timeout(60):
        await adapter.aclose()

    assert (set(), True) == (adapter._left, late.closed)


async def test_who_stops_waiting_for_the_end_leaves_no_transport_open(server):
    """The transport is closed although the one who closes it is cancelled meanwhile."""
    late = Late()
    adapter = HTTPXAdapter(late)
    call = asyncio.create_task(adapter.exchange(make(server, timeout=1000.0)))
    await asyncio.sleep(0.01)
    call.cancel()
    await ended(call)
    closing = asyncio.create_task(adapter.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await ended(closing)

    assert (True, True) == (closing.cancelled(), late.closed)
    assert set() == adapter._left


def test_closing_does_not_wait_for_what_another_loop_left():
    """It cannot be awaited any more; the transport is closed all the same."""

    class Somewhere:
        url = "http://127.0.0.1:1/"

    async def leave():
        call = asyncio.create_task(adapter.exchange(make(Somewhere)))
        await asyncio.sleep(0.01)
        call.cancel()
        await ended(call)

    async def follow():
        late.go.set()
        await ended(*adapter._left)

    with asyncio.Runner() as first, asyncio.Runner() as second:
        late = Late()
        adapter = HTTPXAdapter(late)
        first.run(leave())

        assert 1 == len(adapter._left)

        second.run(adapter.aclose())

        assert late.closed

        first.run(follow())

    assert set() == adapter._left


async def test_ninety_cancelled_downloads_leave_the_pool_usable(server, adapter):
    """A file that nobody reads any more gives its connection up."""
    for turns in range(30):
        states = [make(server, Effect.READ, download=True) for _ in range(3)]
        calls = [asyncio.create_task(adapter.exchange(state)) for state in states]

        for _ in range(turns * 2):
            await asyncio.sleep(0)

        for call in calls:
            call.cancel()

        for end in await ended(*calls):
            if isinstance(end, Answer):
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
    """In the error of the call; nothing was sent."""
    holding = await fill_pool(server, adapter)

    state = make(server, timeout=0.05)

    with pytest.raises(HTTPExchangeError) as caught:
        await adapter.exchange(state)

    made = state.exchange_error(caught.value)

    assert Failure.POOL_TIMEOUT is caught.value.failure
    assert "pool stayed full" in made.what.en
    assert not made.request_sent
    assert "limits" in made.advice.en
    assert "limits" in made.advice.zh

    server.free.set()
    await ended(*holding)


def recording(response):
    """
    Return a transport that answers so, and the list of requests that it gets.
    """
    requests = []

    async def handle(request):
        requests.append(request)
        await request.aread()

        return response

    return httpx.MockTransport(handle), requests


async def test_a_write_is_a_complete_request(server):
    """Any transport finds method, address, all headers and the body."""
    transport, requests = recording(httpx.Response(200, content=b"{}"))
    state = make(
        server,
        url="https://gateway.example/v1/thing?a=%2F",
        body=b'{"a":1}',
        headers=[(b"Accept-Language", b"ZH")],
        signature="c2ln",
        bearer=BearerToken(generation=1, token=Secret("tok")),
    )
    await exchange(HTTPXAdapter(transport), state)
    (request,) = requests

    assert dict(request.headers) == {
        "host": "gateway.example",
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": "umfpay",
        "accept-language": "ZH",
        "signature": "c2ln",
        "authorization": "Bearer tok",
        "content-length": "7",
    }
    assert ("POST", state.url, b'{"a":1}') == (
        request.method,
        str(request.url),
        request.content,
    )
    assert 5.0 == request.extensions["timeout"]["read"]
    assert state is request.extensions[CALL_EXTENSION]


@pytest.mark.parametrize(("seconds", "most"), [(4.0, 3.0), (100.0, 5.0)])
async def test_a_full_pool_is_named_before_the_deadline_passes(server, seconds, most):
    """It gets less than the time that is left, and no more than one attempt."""
    transport, requests = recording(httpx.Response(200, content=b"{}"))
    deadline = asyncio.get_running_loop().time() + seconds
    await exchange(HTTPXAdapter(transport), make(server, deadline=deadline))

    assert 0.0 <= requests[0].extensions["timeout"]["pool"] <= most


async def test_a_read_has_a_content_type_and_no_length(server):
    """GET carries Content-Type, too, and no body (gateway.md 2.1)."""
    transport, requests = recording(httpx.Response(200, content=b"{}"))
    await exchange(HTTPXAdapter(transport), make(server, Effect.READ))
    headers = requests[0].headers

    assert "application/json" == headers["content-type"]
    assert not {"content-length", "signature", "authorization"} & set(headers)


async def test_an_empty_write_has_length_zero(server):
    """An empty POST is framed all the same."""
    transport, requests = recording(httpx.Response(200, content=b"{}"))
    await exchange(HTTPXAdapter(transport), make(server, body=b""))

    assert "0" == requests[0].headers["content-length"]


async def test_a_request_keeps_what_it_was_sent_with(server):
    """A recorded request shows its own token, not the one of the replay."""
    transport, requests = recording(httpx.Response(200, content=b"{}"))
    adapter = HTTPXAdapter(transport)
    state = make(server)

    for prefix, token in (("Bearer ", "first"), ("Bearer", "second")):
        state.bearer_prefix = prefix
        state.bearer = BearerToken(generation=1, token=Secret(token))
        await exchange(adapter, state)

    assert ["Bearer first", "Bearersecond"] == [
        request.headers["authorization"] for request in requests
    ]


async def test_headers_are_given_as_they_came_in_lower_case(server):
    """Two of one name stay two, in whatever case they were written."""
    response = httpx.Response(
        201, headers=[("X-Two", "1"), ("SIGNATURE", "a"), ("x-two", "2")], content=b""
    )
    answer = await HTTPXAdapter(recording(response)[0]).exchange(make(server))

    assert 201 == answer.status
    assert [(b"x-two", b"1"), (b"signature", b"a"), (b"x-two", b"2")] == [
        pair for pair in answer.headers if pair[0] != b"content-length"
    ]


async def test_a_body_is_marked_before_its_first_part_is_given(server):
    """Whoever takes it may send it at once, and fail in the middle."""
    seen = []

    class Taking(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            seen.append(state.body_started)

            async for _ in request.stream:
                seen.append(state.body_started)

                break

            raise httpx.WriteError("x")

    state = make(server)

    with pytest.raises(HTTPExchangeError):
        await HTTPXAdapter(Taking()).exchange(state)

    assert [False, True] == seen


async def test_a_body_is_not_given_to_a_caller_who_is_gone(server):
    """It was not begun, and is not begun any more, in either form of a stream."""
    ends = []

    class Taking(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            state.abandoned = True

            with pytest.raises(AbandonedError) as caught:
                [part async for part in request.stream]

            ends.append(caught.value)

            with pytest.raises(AbandonedError) as caught:
                list(request.stream)

            ends.append(caught.value)

            raise caught.value

    state = make(server)

    with pytest.raises(TransportError) as caught:
        await HTTPXAdapter(Taking()).exchange(state)

    assert (2, False) == (len(ends), state.body_started)
    assert "AbandonedError" in caught.value.what.en


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (httpx.ConnectError, Failure.CONNECT),
        (httpx.ConnectTimeout, Failure.CONNECT_TIMEOUT),
        (httpx.PoolTimeout, Failure.POOL_TIMEOUT),
        (httpx.ReadTimeout, Failure.TIMEOUT),
        (httpx.WriteTimeout, Failure.TIMEOUT),
        (httpx.ReadError, Failure.BROKEN),
        (httpx.WriteError, Failure.BROKEN),
        (httpx.CloseError, Failure.BROKEN),
        (httpx.RemoteProtocolError, Failure.PROTOCOL),
        (httpx.ProxyError, Failure.PROXY),
        (httpx.UnsupportedProtocol, Failure.ADDRESS),
        (httpx.InvalidURL, Failure.ADDRESS),
        (httpx.StreamError, Failure.BROKEN),
    ],
)
async def test_every_error_of_httpx_is_a_failure(server, error, failure):
    """With its words, and itself as the cause without the frames it came through."""
    made = error("words")

    class Failing(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            raise made

    with pytest.raises(HTTPExchangeError) as caught:
        await HTTPXAdapter(Failing()).exchange(make(server))

    assert (failure, "words") == (caught.value.failure, caught.value.detail)
    assert made is caught.value.__cause__


def test_an_error_without_words_is_named(server):
    """The kind of an error says something where it says nothing itself."""

    class Failing(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            raise httpx.ReadError("")

    async def main():
        with pytest.raises(HTTPExchangeError) as caught:
            await HTTPXAdapter(Failing()).exchange(make(server))

        return caught.value.detail

    assert "ReadError" == asyncio.run(main())


@pytest.mark.parametrize("error", [OSError, RuntimeError, TimeoutError, KeyError])
@pytest.mark.parametrize("takes", [False, True])
async def test_every_other_error_is_one_of_ours(server, error, takes):
    """Whoever wrote the transport finds it as the cause; its frames are gone."""

    class Failing(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            if takes:
                await request.aread()

            raise error("x")

    state = make(server)

    with pytest.raises(TransportError, match=error.__name__) as caught:
        await HTTPXAdapter(Failing()).exchange(state)

    # It tells nothing of its steps.
    assert caught.value.request_sent
    assert isinstance(caught.value.__cause__, error)
    assert caught.value.__cause__.__traceback__ is None


async def test_a_transport_that_cancels_itself_cancels_nobody(server):
    """To the caller it would look as if he were cancelled himself."""

    class Cancelling(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            raise asyncio.CancelledError

    with pytest.raises(TransportError, match="CancelledError"):
        await HTTPXAdapter(Cancelling()).exchange(make(server))


@pytest.mark.parametrize(
    "steps", [(), ("http11.send_request_headers.started",)], ids=["silent", "traced"]
)
async def test_a_transport_that_hangs_ends_at_the_deadline(server, steps):
    """It heeds no timeout; what it has not taken by then it does not get."""
    late = Late()

    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            for step in steps:
                await request.extensions["trace"](step, {})

            return await late.handle_async_request(request)

    adapter = HTTPXAdapter(Hanging())
    state = make(server, deadline=asyncio.get_running_loop().time() + 0.02)

    with pytest.raises(TimeoutError):
        await adapter.exchange(state)

    late.go.set()
    await adapter.aclose()

    assert (False, []) == (state.may_have_been_sent(), late.got)


async def test_a_write_that_was_taken_before_the_deadline_has_left(server, advance):
    """And is read to its end."""
    state = make(server)
    go, taken = asyncio.Event(), asyncio.Event()
    closed = []

    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            await request.aread()
            taken.set()
            await go.wait()
            closed.append(True)

            return httpx.Response(200, content=b"{}")

    adapter = HTTPXAdapter(Hanging())
    call = asyncio.create_task(adapter.exchange(state))
    await taken.wait()
    advance(10.0)

    with pytest.raises(TimeoutError):
        await call

    assert state.may_have_been_sent()

    go.set()
    await adapter.aclose()

    assert [True] == closed


class Pieces(httpx.AsyncByteStream):
    """
    A body in pieces that knows whether it was closed.
    """

    def __init__(self, *pieces):
        self.pieces = pieces
        self.read = 0
        self.closed = False

    async def __aiter__(self):
        for piece in self.pieces:
            self.read += 1

            if isinstance(piece, Exception):
                raise piece

            yield piece

    async def aclose(self):
        self.closed = True


@pytest.mark.parametrize("pieces", [1, 4])
@pytest.mark.parametrize("status", [200, 302, 500])
async def test_a_large_answer_is_refused_while_it_comes(server, pieces, status):
    """The limit holds before the whole answer is in memory."""
    stream = Pieces(*[b"x" * (400 // pieces)] * pieces, AssertionError("read on"))
    transport, _ = recording(httpx.Response(status, stream=stream))

    with pytest.raises(HTTPExchangeError) as caught:
        await HTTPXAdapter(transport).exchange(make(server, body_limit=399))

    assert Failure.TOO_LARGE is caught.value.failure
    assert stream.closed


async def test_an_answer_of_exactly_the_limit_is_read(server):
    """The limit itself is allowed."""
    stream = Pieces(b"x" * 50, b"y" * 50)
    transport, _ = recording(httpx.Response(200, stream=stream))
    state = make(server, body_limit=100)

    assert 100 == len(await exchange(HTTPXAdapter(transport), state))
    assert stream.closed


async def test_an_answer_that_breaks_is_closed(server):
    """A connection that fails inside the body is given back and reported."""
    stream = Pieces(b'{"meta"', httpx.ReadError("gone"))
    transport, _ = recording(httpx.Response(200, stream=stream))
    state = make(server)

    with pytest.raises(HTTPExchangeError) as caught:
        await HTTPXAdapter(transport).exchange(state)

    assert (Failure.BROKEN, True) == (caught.value.failure, stream.closed)
    assert state.may_have_been_sent(Failure.BROKEN)


async def test_a_slow_close_of_an_answer_holds_nobody_up(server, monkeypatch):
    """The answer is complete; who made the transport has a moment to tidy up."""
    monkeypatch.setattr("umfpay.transport._httpx_adapter._CLOSING_SECONDS", 0.02)

    class Clinging(Pieces):
        async def aclose(self):
            await asyncio.Event().wait()

    for download in (False, True):
        transport, _ = recording(httpx.Response(200, stream=Clinging(b"{}")))
        state = make(server, Effect.READ, download=download)

        assert b"{}" == await exchange(HTTPXAdapter(transport), state)


@pytest.mark.parametrize("status", [200, 206, 299, 302, 404])
async def test_only_a_file_that_was_asked_for_streams(server, status):
    """A part or a page that is none is judged by whoever asked."""
    for download in (False, True):
        stream = Pieces(b"a", b"", b"b")
        transport, _ = recording(httpx.Response(status, stream=stream))
        state = make(server, Effect.READ, download=download)
        answer = await HTTPXAdapter(transport).exchange(state)

        assert (download and status < 300) is (answer.stream is not None)

        if answer.stream is None:
            assert (b"ab", True) == (answer.body, stream.closed)
        else:
            # Nothing is read ahead, and no piece is empty.
            assert (0, b"") == (stream.read, answer.body)
            assert [b"a", b"b"] == [piece async for piece in answer.stream]

            await answer.stream.aclose()

            assert stream.closed


@pytest.mark.parametrize(
    ("error", "named"),
    [(httpx.ReadError("x"), HTTPExchangeError), (OSError("x"), TransportError)],
)
async def test_a_file_that_breaks_off_is_an_error(server, error, named):
    """Of a kind that the reader of the file makes one of ours."""
    transport, _ = recording(httpx.Response(200, stream=Pieces(b"a", error)))
    answer = await HTTPXAdapter(transport).exchange(
        make(server, Effect.READ, download=True)
    )

    assert b"a" == await anext(answer.stream)

    with pytest.raises(named):
        await anext(answer.stream)

    await answer.stream.aclose()


@pytest.mark.parametrize(
    ("headers", "declared"),
    [
        ([], False),
        ([(b"content-length", b"5")], True),
        ([(b"transfer-encoding", b"Chunked")], True),
        ([(b"transfer-encoding", b"gzip, Chunked")], True),
        ([(b"transfer-encoding", b"gzip")], False),
        ([(b"transfer-encoding", b"identity")], False),
        # RFC 9112 6.3: the length counts for nothing beside a coding.
        ([(b"transfer-encoding", b"gzip"), (b"content-length", b"5")], False),
        ([(b"transfer-encoding", b"gzip"), (b"transfer-encoding", b"chunked")], True),
    ],
)
def test_whether_the_head_tells_where_the_body_ends(headers, declared):
    """A length, or chunks with an end."""
    assert declared is is_length_declared(headers)


@pytest.mark.parametrize(
    ("extensions", "is_framed"),
    [
        ({}, False),
        ({"http_version": b"HTTP/1.1"}, False),
        ({"http_version": b"HTTP/2"}, True),
    ],
)
async def test_frames_of_http_2_have_an_end(server, extensions, is_framed):
    """A stream that is cut there is an error of every transport."""
    response = httpx.Response(200, stream=Pieces(b"a"), extensions=extensions)
    answer = await HTTPXAdapter(recording(response)[0]).exchange(make(server))

    assert is_framed is answer.is_framed


def test_a_transport_has_a_family():
    """Its class says which library's requests it takes."""
    assert httpx is family_of(httpx.AsyncHTTPTransport())

    for given in (httpx.AsyncClient(), httpx.HTTPTransport(), object(), None):
        assert family_of(given) is None


async def test_closing_closes_the_transport():
    """The adapter owns it; to forget its connections is the user's own matter."""
    late = Late()
    adapter = HTTPXAdapter(late)
    adapter.abandon()

    assert not late.closed

    await adapter.aclose()

    assert late.closed
