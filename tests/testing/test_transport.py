"""
The emulator without a socket: a transport that tells the truth as the network does.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest

from umfpay import UMFSession
from umfpay.emulator import Emulator
from umfpay.errors import OutcomeUnknownError, TransportError
from umfpay.testing import EmulatorBox, emulator_transport
from umfpay.transport import Call, CallState, Effect, HTTPExchangeError, HTTPXAdapter


@pytest.fixture(name="emulator")
async def _emulator(credentials):
    emulator = Emulator(credentials=credentials)

    yield emulator

    await emulator.aclose()


@pytest.fixture(name="unclear")
def _unclear():
    """
    A list of what the session tells of ends that nobody knows.
    """
    return []


@pytest.fixture(name="session")
async def _session(emulator, unclear):
    config = EmulatorBox(emulator).config()
    transport = emulator_transport(emulator)

    async with UMFSession(
        config, transport=transport, on_unknown=unclear.append
    ) as session:
        yield session


def _faults(emulator, **rule):
    emulator.control("PUT", "/faults", {"rules": [rule]})


class _Body(httpx.AsyncByteStream):
    """
    A body that knows whether somebody took it.
    """

    def __init__(self, data):
        self.data = data
        self.is_taken = False

    async def __aiter__(self):
        self.is_taken = True

        yield self.data


def _request(body=b"{}", *, timeout=5.0):
    return httpx.Request(
        "POST",
        "http://127.0.0.1:8100/x?a=1",
        headers=[("Host", "127.0.0.1:8100")],
        stream=_Body(body),
        extensions={"timeout": {"read": timeout}},
    )


async def _send(app, request):
    return await emulator_transport(app).handle_async_request(request)


async def _answer(send, *parts):
    await send(
        {"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"1")]}
    )

    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})

    await send({"type": "http.response.body"})


async def test_a_session_works_over_it(session, emulator):
    """
    Signed, with a token, verified.
    """
    rate = await session.exchange_rates.get("USD")
    paths = [one["path"] for one in emulator.control("GET", "/requests")["requests"]]

    assert rate is not None
    assert ["/cberest/v1/oauth/authorize", "/cberest/v1/exchange_rate"] == paths


async def test_a_drop_after_the_body_left_is_unclear(session, emulator):
    """
    The gateway may have worked on it.
    """
    _faults(emulator, kind="drop_before", method="POST", path="/refund$")

    with pytest.raises(OutcomeUnknownError) as caught:
        await session.request("POST", "/payments/payment/PAY_A/refund", {})

    assert isinstance(caught.value.__cause__, TransportError)
    assert caught.value.__cause__.request_sent
    assert isinstance(caught.value.__cause__.__cause__, httpx.ReadError)


async def test_the_application_sees_the_request_as_a_server_gives_it():
    """
    Method, path, query, header names in lower case, the whole body at once.
    """
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope, message=await receive())
        await _answer(send, b"yes")

    request = _request(b"abc")
    response = await _send(app, request)

    assert ("POST", "/x", b"a=1", "http") == tuple(
        seen[name] for name in ("method", "path", "query_string", "scheme")
    )
    assert ("127.0.0.1", 8100) == seen["server"]
    assert (b"host", b"127.0.0.1:8100") in seen["headers"]
    assert {"type": "http.request", "body": b"abc", "more_body": False} == (
        seen["message"]
    )
    assert (201, [(b"x-a", b"1")]) == (response.status_code, response.headers.raw)
    assert b"yes" == await response.aread()
    assert request.stream.is_taken


async def test_an_answer_is_given_as_it_comes():
    """
    The headers before the body, each part before the next.
    """
    steps = [asyncio.Event() for _ in range(2)]

    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200})

        for step, part in zip(steps, (b"one", b"two"), strict=True):
            await step.wait()
            await send({"type": "http.response.body", "body": part, "more_body": True})

        await send({"type": "http.response.body", "body": b""})

    response = await _send(app, _request())
    parts = aiter(response.stream)
    steps[0].set()

    assert b"one" == await anext(parts)

    steps[1].set()

    assert b"two" == await anext(parts)
    assert [] == [part async for part in parts]


async def test_who_is_cancelled_before_the_body_is_taken_has_sent_nothing():
    """
    The application gets a disconnect in its place.
    """
    taken = []
    go = asyncio.Event()

    async def app(scope, receive, send):
        await go.wait()
        taken.append((await receive())["type"])

    request = _request()
    call = asyncio.create_task(_send(app, request))

    for _ in range(5):
        await asyncio.sleep(0)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call

    go.set()
    await asyncio.sleep(0.01)

    assert ["http.disconnect"] == taken
    assert not request.stream.is_taken


@pytest.mark.parametrize("turns", range(1, 16))
async def test_a_cancelled_call_that_leaves_later_was_reported_as_unclear(
    session, emulator, unclear, turns
):
    """
    At whichever turn of the loop: what was not told has not left.
    """
    await session.authorize()
    call = asyncio.create_task(
        session.request("POST", "/payments/payment/PAY_A/refund", {"refund_info": {}})
    )

    for _ in range(turns):
        await asyncio.sleep(0)

    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await asyncio.sleep(0.05)
    asked = emulator.control("GET", "/requests")["requests"]
    left = [one for one in asked if one["path"].endswith("/refund")]

    assert call.done()
    assert len(left) <= len(unclear)


async def test_what_was_handed_over_is_worked_on_although_the_caller_has_gone():
    """
    As behind any network; then the application learns that nobody waits.
    """
    done = asyncio.Event()

    async def app(scope, receive, send):
        await receive()
        await asyncio.sleep(0.01)

        assert "http.disconnect" == (await receive())["type"]

        await _answer(send)
        done.set()

    request = _request()
    call = asyncio.create_task(_send(app, request))

    while not request.stream.is_taken:
        await asyncio.sleep(0)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call

    await asyncio.wait_for(done.wait(), 5)


@pytest.mark.parametrize("how", ["extension", "reset"])
@pytest.mark.parametrize(
    ("takes", "error"), [(True, httpx.ReadError), (False, httpx.ConnectError)]
)
async def test_a_drop_tells_by_its_error_whether_the_body_was_taken(how, takes, error):
    """
    Nothing was sent with a ConnectError.
    """

    async def app(scope, receive, send):
        if takes:
            await receive()

        if how == "reset":
            raise ConnectionResetError

        scope["extensions"]["umfpay.drop"]()

    request = _request()

    with pytest.raises(error):
        await _send(app, request)

    assert takes is request.stream.is_taken


async def test_a_drop_in_the_middle_of_the_answer_reaches_its_reader():
    """
    What came before it is given.
    """

    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        scope["extensions"]["umfpay.drop"]()

    parts = aiter((await _send(app, _request())).stream)

    assert b"a" == await anext(parts)

    with pytest.raises(httpx.ReadError):
        await anext(parts)


@pytest.mark.parametrize(
    ("takes", "error"), [(True, httpx.ReadTimeout), (False, httpx.ConnectTimeout)]
)
async def test_the_timeout_of_an_attempt_holds(takes, error):
    """
    It tells, too, whether the body was taken.
    """

    async def app(scope, receive, send):
        if takes:
            await receive()

        await asyncio.sleep(60)

    with pytest.raises(error):
        await _send(app, _request(timeout=0.01))


async def test_no_answer_is_an_error():
    """
    The application returned without one.
    """

    async def app(scope, receive, send):
        await receive()

    with pytest.raises(httpx.RemoteProtocolError):
        await _send(app, _request())


async def test_a_bug_of_the_application_reaches_the_caller():
    """
    A test is to show it.
    """

    async def app(scope, receive, send):
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        await _send(app, _request())


async def test_an_application_that_is_ended_cuts_its_connection():
    """
    As a server that stops.
    """
    tasks = []

    async def app(scope, receive, send):
        await receive()
        tasks.append(asyncio.current_task())
        await asyncio.sleep(60)

    call = asyncio.create_task(_send(app, _request()))

    while not tasks:
        await asyncio.sleep(0)

    tasks[0].cancel()

    with pytest.raises(httpx.ReadError):
        await call


async def test_closing_hangs_up_and_lets_the_other_side_finish():
    """
    A request on its way is not taken back.
    """
    disconnected = asyncio.Event()

    async def app(scope, receive, send):
        await receive()
        await receive()
        disconnected.set()

    transport = emulator_transport(app)
    request = _request()
    call = asyncio.create_task(transport.handle_async_request(request))

    while not request.stream.is_taken:
        await asyncio.sleep(0)

    await transport.aclose()
    await asyncio.wait_for(disconnected.wait(), 5)

    with pytest.raises(httpx.RemoteProtocolError):
        await call


def _call_state(**changes):
    now = asyncio.get_running_loop().time()
    given = {
        "call": Call(
            name="any.thing", method="POST", path="/x", effect=Effect.MONEY, read=dict
        ),
        "url": "http://127.0.0.1:8100/x?a=1",
        "body": b"{}",
        "deadline": now + 10.0,
        "timeout": 5.0,
        "handed_over": True,
    }

    return CallState(**{**given, **changes})


@pytest.mark.parametrize("end", ["dropped", "silent", "no answer"])
@pytest.mark.parametrize("takes", [False, True])
async def test_a_session_knows_whether_the_body_was_taken(takes, end):
    """
    Whatever then became of the call: dropped, silent, or without an answer.
    """

    async def app(scope, receive, send):
        if takes:
            await receive()

        if end == "dropped":
            scope["extensions"]["umfpay.drop"]()
        elif end == "silent":
            await asyncio.sleep(60)
        elif not takes:
            raise ConnectionResetError

    adapter = HTTPXAdapter(emulator_transport(app))
    state = _call_state(timeout=0.05)

    with pytest.raises(HTTPExchangeError) as caught:
        await adapter.exchange(state)

    assert takes is state.may_have_been_sent(caught.value.failure)

    await adapter.aclose()


@pytest.mark.parametrize("turns", range(12))
async def test_a_session_that_is_cancelled_knows_whether_the_body_was_taken(turns):
    """
    At whichever turn of the loop, and also when the application comes to it later.
    """
    taken = []

    async def app(scope, receive, send):
        for _ in range(4):
            await asyncio.sleep(0)

        taken.append((await receive())["type"] == "http.request")
        await _answer(send)

    adapter = HTTPXAdapter(emulator_transport(app))
    state = _call_state()
    call = asyncio.create_task(adapter.exchange(state))

    for _ in range(turns):
        await asyncio.sleep(0)

    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    sent = state.may_have_been_sent()
    await adapter.aclose()

    assert not any(taken) or sent


@asynccontextmanager
async def _client(app):
    async with httpx.AsyncClient(transport=emulator_transport(app)) as client:
        yield client


async def test_plain_httpx_works_as_well(emulator):
    """
    It carries no facts of ours.
    """
    async with _client(emulator) as client:
        answer = await client.get(f"{emulator.base_url}exchange_rate?currency=USD")

    assert 401 == answer.status_code
    assert "00280703" == answer.json()["meta"]["ret_code"]
