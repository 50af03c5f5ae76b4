"""
`UMFTransport` in a client of httpx: each line of its contract, against doubles.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import gzip
import json
import weakref
from contextlib import AsyncExitStack
from decimal import Decimal

import httpx
import pytest
import respx

from tests import tracebacks, virtual_clock
from tests.end_to_end import canaries as seen
from umfpay import Config, UMFSession, errors
from umfpay.protocol import Verifier
from umfpay.testing import signed_answer
from umfpay.transport import UMFTransport


BASE = "https://gateway.example/cberest/v1/"
PAYMENT = "payments/payment/PAY_A"
EXECUTE = f"{PAYMENT}/execute"
RATE = {"exchangeRates": [{"currency": "USD", "rate": "6.9193"}]}


class Gateway:
    """
    The inside of a `httpx.MockTransport`: keeps what arrives, answers as *answer* says.
    """

    def __init__(self, credentials):
        self.credentials = credentials
        self.requests = []
        self.token_requests = 0
        self.answer = lambda request: self.signed(RATE)

    def signed(self, members, **options):
        return signed_answer(members, self.credentials, **options)

    async def __call__(self, request):
        # What follows may not come from a body that nobody took.
        await request.aread()

        if request.url.path.endswith("/oauth/authorize"):
            self.token_requests += 1

            return httpx.Response(200, json={"access_token": "T", "expires_in": 3600})

        self.requests.append(request)
        answer = self.answer(request)

        return await answer if asyncio.iscoroutine(answer) else answer

    def transport(self):
        return httpx.MockTransport(self)


@pytest.fixture(name="gateway")
def _gateway(credentials):
    return Gateway(credentials)


def make_config(credentials, **changes):
    settings = {
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "merchant_key": credentials.merchant_key,
        "gateway_certificate": credentials.gateway_certificate,
        "base_url": BASE,
        "token_store": "memory",
    }

    return Config(**{**settings, **changes})


@pytest.fixture(name="config")
def _config(credentials):
    return make_config(credentials)


@pytest.fixture(name="open_client")
async def _open_client(credentials, gateway):
    """
    Open clients with changed settings over *gateway*; all are closed at the end.
    """
    async with AsyncExitStack() as stack:

        async def open_client(client=None, **changes):
            transport = UMFTransport(
                make_config(credentials, **changes), transport=gateway.transport()
            )

            return await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=transport, **{"base_url": BASE, **(client or {})}
                )
            )

        yield open_client


@pytest.fixture(name="client")
async def _client(open_client):
    return await open_client()


async def fails(awaitable, cls=errors.UMFError):
    """
    Return the error that *awaitable* ends with; none that generic retriers repeat.
    """
    with pytest.raises(cls) as caught:
        await awaitable

    assert not isinstance(caught.value, httpx.HTTPError)

    return caught.value


def cut(request):
    raise httpx.ReadError("cut")


ELSEWHERE = [
    "https://elsewhere.example/cberest/v1/bank",
    "https://gateway.example.elsewhere.example/cberest/v1/bank",
    "https://gateway.example:8443/cberest/v1/bank",
    "http://gateway.example/cberest/v1/bank",
    "http://gateway.example:443/cberest/v1/bank",
    "https://user:canary-secret@gateway.example/cberest/v1/bank",
    "https://gateway.example@elsewhere.example/cberest/v1/bank",
    "https://gateway.ex\u0430mple/cberest/v1/bank",
    "https://gateway.example/bank",
    "https://gateway.example/cberest/v1",
    "https://gateway.example/cberest/v1x/bank",
    "https://gateway.example/CBEREST/v1/bank",
    "https://gateway.example/cberest/v1/../bank",
    "https://gateway.example/cberest/v1/%2e%2e/bank",
    "https://gateway.example/cberest/v1/%252e%252e/bank",
    "https://gateway.example/cberest/v1//elsewhere.example/bank",
    "https://gateway.example//cberest/v1/bank",
    "https://gateway.example/cberest/v1/bank;x",
    "https://gateway.example/cberest/v1/bank%3Bx",
    "https://gateway.example/cberest/v1/bank%5Cx",
    "https://gateway.example/cberest/v1/bank%0Ax",
    "/cberest/v1/bank",
    "",
    "ftp://gateway.example/cberest/v1/bank",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("address", ELSEWHERE)
async def test_another_address_gets_nothing(open_client, gateway, address, method):
    """
    Neither request nor token leaves, and the error holds no password of the address.
    """
    client = await open_client({"base_url": ""})
    error = await fails(client.request(method, address), errors.ConfigError)

    assert ([], 0) == (gateway.requests, gateway.token_requests)
    assert "canary-secret" not in tracebacks.by_us(error)


@pytest.mark.parametrize(
    "path",
    [
        "oauth/authorize",
        "oauth/authorize/",
        "OAuth/Authorize",
        "oauth//authorize",
        "/oauth/authorize",
        "oauth/%61uthorize",
        "oauth%2Fauthorize",
        "oauth%252Fauthorize",
        "oauth/authorize%20",
        "%20oauth/authorize",
        "oauth/./authorize",
        "bank/../oauth/authorize",
        "oauth/authorize?x=1",
        "oauth/authorize#x",
    ],
)
async def test_the_path_of_the_token_is_refused(open_client, gateway, path):
    """
    A token that is fetched there would end the one that everybody uses.
    """
    client = await open_client({"base_url": ""})
    request = client.post(BASE + path, json={"grant_type": "client_credentials"})
    await fails(request, errors.ConfigError)

    assert ([], 0) == (gateway.requests, gateway.token_requests)


@pytest.mark.parametrize(
    "address",
    [
        BASE + "exchange_rate?currency=USD",
        "HTTPS://GATEWAY.EXAMPLE:443/cberest/v1/exchange_rate?currency=USD",
        "https://gateway.example/x/../cberest/v1/exchange_rate?currency=USD#x",
        BASE + "exchange%5Frate?currency=USD",
    ],
)
async def test_another_spelling_of_the_same_address_is_served(
    open_client, gateway, address
):
    """
    As httpx writes it: the same origin, below the same path.
    """
    client = await open_client({"base_url": ""})
    response = await client.get(address)

    assert 200 == response.status_code
    assert ["gateway.example"] == [one.url.host for one in gateway.requests]


@pytest.mark.parametrize(
    "base_url",
    [
        "https://GATEWAY.example:443/a%7eb/v1",
        "https://gateway.example/a b/v1/".replace(" ", "%20"),
        "https://[::1]:8443/v1/",
        "https://gateway.example/\u8054/v1/",
        "https://gateway.example/a|b/v1/",
    ],
)
async def test_any_base_url_serves_a_client_with_the_same_one(open_client, base_url):
    """
    Both sides are compared in the form that httpx gives them.
    """
    client = await open_client({"base_url": base_url}, base_url=base_url)

    assert 200 == (await client.get("exchange_rate")).status_code


async def test_our_headers_win(open_client, gateway):
    """
    Each is there once, as ours; cookies and what proxies are told stay at home.
    """
    theirs = dict.fromkeys(
        [
            "Accept",
            "Accept-Encoding",
            "Authorization",
            "Content-Encoding",
            "Content-Type",
            "Expect",
            "Host",
            "Proxy-Authorization",
            "Signature",
            "TE",
            "User-Agent",
        ],
        "theirs",
    )
    client = await open_client(
        {"headers": {**theirs, "X-Request-Id": "7"}, "cookies": {"sid": "theirs"}}
    )
    await client.post("anything", json={"a": 1}, auth=("theirs", "theirs"))
    (request,) = gateway.requests
    headers = request.headers

    assert b"theirs" not in b"".join(value for _, value in headers.raw)
    assert ("Bearer T", "7") == (headers["authorization"], headers["x-request-id"])
    assert "application/json" == headers["accept"] == headers["content-type"]
    assert "identity" == headers["accept-encoding"]
    assert len(headers.raw) == len({name.lower() for name, _ in headers.raw})


async def test_a_language_of_the_client_goes_before_that_of_the_config(
    open_client, gateway
):
    """
    One header, not two.
    """
    client = await open_client(accept_language="zh-CN")
    await client.get("anything")
    await client.get("anything", headers={"accept-language": "en"})
    languages = [one.headers.get_list("accept-language") for one in gateway.requests]

    assert [["zh-CN"], ["en"]] == languages


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-A", "a\r\nX-B: b"), ("X-A", "a\x00"), ("X-A", "值"), ("X A", "a"), ("", "a")],
)
async def test_what_is_no_header_is_refused(client, gateway, name, value):
    """
    Before anything is sent, and as the fault of the caller.
    """
    given = [(name.encode(), value.encode())]
    await fails(client.get("anything", headers=given), errors.ConfigError)

    assert [] == gateway.requests


async def test_the_bytes_that_httpx_made_are_signed_and_sent(client, gateway):
    """
    `json=` in httpx's own form, `content=` to the byte.
    """
    made = b'{ "amount":1.10, "name" : "\xe5\xbc\xa0" }'
    await client.post("anything", content=made)
    await client.post("anything", json={"amount": 1.10})
    await client.post("anything")
    verifier = Verifier([gateway.credentials.merchant_key.public])

    assert [made, b'{"amount":1.1}', b""] == [one.content for one in gateway.requests]

    for request in gateway.requests:
        assert verifier.verify(request.content, request.headers["signature"])


async def test_a_body_that_streams_is_read_whole(client, gateway):
    """
    Its signature stands in the head, so nothing leaves before its end.
    """
    begun = []

    async def body():
        yield b'{"a":'
        begun.append(len(gateway.requests))
        yield b"1}"

    await client.post("anything", content=body())
    (request,) = gateway.requests

    assert ([0], b'{"a":1}', "7") == (
        begun,
        request.content,
        request.headers["content-length"],
    )
    assert "transfer-encoding" not in request.headers


@pytest.mark.parametrize("cls", [RuntimeError, TimeoutError, httpx.ReadError])
async def test_a_body_that_fails_is_not_sent(client, gateway, cls):
    """
    Its own error comes out; nothing has left, so that whoever repeats it may.
    """

    async def body():
        yield b"{"

        raise cls("mine")

    with pytest.raises(cls, match="mine"):
        await client.post(EXECUTE, content=body())

    assert [] == gateway.requests


async def test_a_call_that_is_cancelled_while_its_body_is_read_sent_nothing(
    gateway, config
):
    """
    Nobody needs to ask what became of it.
    """
    unknown = []
    begun = asyncio.Event()

    async def body():
        yield b"{"
        begun.set()
        await asyncio.Event().wait()

    async with UMFSession(
        config, transport=gateway.transport(), on_unknown=unknown.append
    ) as session:
        transport = UMFTransport(session, transport=gateway.transport())

        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            call = asyncio.create_task(client.post(EXECUTE, content=body()))
            await begun.wait()
            call.cancel()

            with pytest.raises(asyncio.CancelledError):
                await call

    assert ([], []) == (unknown, gateway.requests)


async def test_a_call_from_another_loop_is_refused(gateway, config):
    """
    A transport belongs to the loop of its session, and the error says so.
    """
    transport = UMFTransport(config, transport=gateway.transport())

    async def ask():
        request = httpx.Request("POST", BASE + EXECUTE, json={})

        return await transport.handle_async_request(request)

    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        await client.get("exchange_rate")

        with pytest.raises(errors.WrongLoopError):
            await asyncio.to_thread(asyncio.run, ask())

    assert ["GET"] == [one.method for one in gateway.requests]


def test_a_body_that_never_ends_ends_at_the_deadline(credentials, gateway):
    """
    The deadline of the Config covers the reading, and nothing was sent.
    """

    async def body():
        yield b"{"
        await asyncio.Event().wait()

    async def call():
        transport = UMFTransport(
            make_config(credentials, deadline=20.0), transport=gateway.transport()
        )

        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            error = await fails(
                client.post(EXECUTE, content=body()), errors.DeadlineExceededError
            )

        return error.request_sent, asyncio.get_running_loop().time()

    sent, seconds = virtual_clock.run(call)

    assert (False, 20.0) == (sent, pytest.approx(seconds, abs=0.1))


@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
async def test_a_redirect_is_an_error_and_nothing_is_repeated(
    client, gateway, status, follow
):
    """
    With `follow_redirects=True`, too: httpx would post an execute again on 307.
    """
    gateway.answer = lambda request: httpx.Response(
        status, headers={"Location": f"{BASE}anything"}, json={}
    )
    read = await fails(client.get("anything", follow_redirects=follow))
    write = await fails(
        client.post(EXECUTE, json={}, follow_redirects=follow),
        errors.OutcomeUnknownError,
    )

    assert isinstance(read, errors.EnvelopeError)
    assert write.money_may_have_moved
    assert ["GET", "POST"] == [one.method for one in gateway.requests]


@pytest.mark.parametrize(
    ("path", "money"),
    [
        (EXECUTE, True),
        (f"{PAYMENT}/refund", True),
        (f"{PAYMENT}/exec%75te", True),
        (f"{PAYMENT}/Execute", True),
        (f"{PAYMENT}//execute/", True),
        ("payments/payment", False),
        (f"{PAYMENT}/verify", False),
        ("anything", False),
    ],
)
async def test_what_a_write_does_is_decided_by_its_path(client, gateway, path, money):
    """
    However it is spelled; sent once, and unclear if it is cut off.
    """
    gateway.answer = cut
    error = await fails(client.post(path, json={}), errors.OutcomeUnknownError)

    assert (money, 1) == (error.money_may_have_moved, len(gateway.requests))
    assert error.intent.call.startswith("request POST /")


async def test_a_read_that_is_cut_off_is_made_again(client, gateway):
    """
    It is safe; the retry policy is the session's.
    """
    answers = iter([cut, cut, lambda request: gateway.signed(RATE)])
    gateway.answer = lambda request: next(answers)(request)

    assert 200 == (await client.get("exchange_rate")).status_code
    assert 3 == len(gateway.requests)


def test_the_deadline_is_that_of_the_config(credentials, gateway):
    """
    However long the client would wait; a write that left is unclear by then.
    """

    async def silence(request):
        await asyncio.Event().wait()

    async def call():
        gateway.answer = silence
        loop = asyncio.get_running_loop()
        transport = UMFTransport(
            make_config(credentials, deadline=7.0), transport=gateway.transport()
        )

        async with httpx.AsyncClient(
            transport=transport, base_url=BASE, timeout=1000.0
        ) as client:
            started = loop.time()
            await fails(client.get("anything"), errors.DeadlineExceededError)
            read = loop.time()
            await fails(client.post(EXECUTE, json={}), errors.OutcomeUnknownError)

        return read - started, loop.time() - read

    assert (7.0, 7.0) == pytest.approx(virtual_clock.run(call), abs=1.5)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"timeout": 3.0}, 3.0),
        ({"timeout": httpx.Timeout(9.0, read=4.0)}, 4.0),
        ({"timeout": None}, 11.0),
        ({}, 5.0),
    ],
)
async def test_the_clients_timeout_is_that_of_one_attempt(
    open_client, gateway, given, seconds
):
    """
    Without one it is the Config's; httpx's own default is 5 seconds.
    """
    client = await open_client(timeout=11.0)
    await client.get("anything", **given)

    assert seconds == gateway.requests[0].extensions["timeout"]["read"]


@pytest.mark.parametrize("extensions", [{}, {"timeout": {}}, {"timeout": None}])
async def test_a_request_made_by_hand_needs_no_timeout(gateway, config, extensions):
    """
    The transport serves whoever calls it, not only clients.
    """
    async with UMFTransport(config, transport=gateway.transport()) as transport:
        request = httpx.Request("GET", f"{BASE}anything", extensions=extensions)
        response = await transport.handle_async_request(request)

    assert 200 == response.status_code


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("inf"), float("nan")])
async def test_a_timeout_that_cannot_be_meant_is_refused(client, gateway, timeout):
    """
    Before anything is sent.
    """
    await fails(client.post(EXECUTE, json={}, timeout=timeout), errors.ConfigError)

    assert [] == gateway.requests


OF_HTTPX = [
    "CloseError",
    "ConnectError",
    "ConnectTimeout",
    "DecodingError",
    "HTTPError",
    "InvalidURL",
    "LocalProtocolError",
    "NetworkError",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "StreamClosed",
    "StreamConsumed",
    "TimeoutException",
    "TooManyRedirects",
    "TransportError",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
]


@pytest.mark.parametrize("where", ["at once", "in the answer"])
@pytest.mark.parametrize("name", OF_HTTPX)
def test_no_error_is_one_of_httpx(config, gateway, name, where):
    """
    What repeats those by itself would pay twice: a write is unclear, a read has failed.
    """
    cls = getattr(httpx, name)
    error = cls() if name.startswith("Stream") else cls("words")

    class Breaks(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield b"{"

            raise error

    def answer(request):
        if where == "at once":
            raise error

        return httpx.Response(200, stream=Breaks())

    async def call():
        gateway.answer = answer
        transport = UMFTransport(config, transport=gateway.transport())

        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            # The double takes the body before it fails.
            await fails(client.post(EXECUTE, json={}), errors.OutcomeUnknownError)
            await fails(client.get("anything"), errors.TransportError)

    virtual_clock.run(call)

    assert 1 == [one.method for one in gateway.requests].count("POST")


@pytest.mark.parametrize(
    ("code", "cls"),
    [("00060730", errors.CardError), ("00060780", errors.APIError)],
)
async def test_a_refusal_raises_what_a_session_raises(
    client, gateway, config, code, cls
):
    """
    The same error with the same words; `raise_for_status()` is never needed.
    """
    gateway.answer = lambda request: gateway.signed({}, ret_code=code)

    async with UMFSession(config, transport=gateway.transport()) as session:
        expected = await fails(session.request("GET", f"/{PAYMENT}"), cls)

    error = await fails(client.get(PAYMENT), cls)

    assert (type(expected), str(expected)) == (type(error), str(error))
    assert (code, True) == (error.ret_code, error.verified)


async def test_a_refusal_of_an_execute_that_a_copy_gets_too_is_unclear(client, gateway):
    """
    As that of `session.request()`, which asks nothing by itself.
    """
    gateway.answer = lambda request: gateway.signed({}, ret_code="00060730")
    error = await fails(client.post(EXECUTE, json={}), errors.OutcomeUnknownError)

    assert isinstance(error.__cause__, errors.CardError)
    assert ("PAY_A", 1) == (error.intent.payment_id, len(gateway.requests))


@pytest.mark.parametrize(
    ("answer", "read", "write"),
    [
        ({"json": RATE}, errors.UnsignedResponseError, errors.OutcomeUnknownError),
        ({"text": "<html>"}, errors.EnvelopeError, errors.OutcomeUnknownError),
        ({"content": b""}, errors.EnvelopeError, errors.OutcomeUnknownError),
    ],
)
async def test_what_is_not_verified_never_becomes_a_response(
    client, gateway, answer, read, write
):
    """
    A page, an empty answer, or one without a signature.
    """
    gateway.answer = lambda request: httpx.Response(200, **answer)

    await fails(client.get("exchange_rate"), read)
    await fails(client.post(EXECUTE, json={}), write)


async def test_a_forged_answer_never_becomes_a_response(client, gateway):
    """
    One byte of a signed answer was changed.
    """

    def forge(request):
        whole = gateway.signed(RATE).content

        return httpx.Response(200, content=whole.replace(b"6.9193", b"1.0000"))

    gateway.answer = forge

    await fails(client.get("exchange_rate"), errors.SignatureError)
    await fails(client.post(EXECUTE, json={}), errors.OutcomeUnknownError)


async def test_an_answer_about_another_payment_is_refused(client, gateway):
    """
    UMF signs for all its merchants with one key, and old answers stay signed.
    """
    gateway.answer = lambda request: gateway.signed({"payment": {"id": "PAY_B"}})

    await fails(client.get(PAYMENT), errors.MismatchedResponseError)
    await fails(client.post(EXECUTE, json={}), errors.OutcomeUnknownError)


async def test_an_order_is_compared_with_its_answer(client, gateway):
    """
    The body is read for that, as `session.request()` does.
    """
    order = {"mer_reference_id": "1", "amount": {"total": "10.00", "currency": "USD"}}
    other = {**order, "amount": {"total": "11.00", "currency": "USD"}}
    gateway.answer = lambda request: gateway.signed(
        {"payment": {"id": "PAY_A", "order": other}}
    )

    error = await fails(
        client.post("payments/payment", json={"order": order}),
        errors.OutcomeUnknownError,
    )

    assert isinstance(error.__cause__, errors.MismatchedResponseError)


async def test_members_hold_decimals(client, gateway):
    """
    `response.json()` makes floats of them; the bytes are as they came.
    """
    content = gateway.signed({"big": 0}).content
    gateway.answer = lambda request: gateway.signed(
        {"exchangeRates": [{"currency": "USD", "rate": Decimal("6.9190")}]}
    )
    response = await client.get("exchange_rate", params={"currency": "USD"})
    (row,) = response.extensions["umfpay"]["exchangeRates"]

    assert content
    assert (Decimal, "6.9190") == (type(row["rate"]), str(row["rate"]))
    assert 6.919 == response.json()["exchangeRates"][0]["rate"]
    assert b"6.9190" in response.content


async def test_a_response_is_what_a_client_expects(client, gateway):
    """
    Status, headers, version, elapsed time, the request; nothing is left to be read.
    """
    gateway.answer = lambda request: httpx.Response(
        201, content=gateway.signed(RATE).content, headers={"X-Trace": "7"}
    )
    response = await client.get("exchange_rate")

    assert (201, "Created", "7") == (
        response.status_code,
        response.reason_phrase,
        response.headers["x-trace"],
    )
    assert ("HTTP/1.1", True) == (response.http_version, response.is_closed)
    assert "/cberest/v1/exchange_rate" == response.request.url.path
    assert response.elapsed
    assert response.raise_for_status() is response


@pytest.mark.parametrize("inner", [True, False])
async def test_a_session_that_is_given_shares_its_token(gateway, config, inner):
    """
    One token request for both, and closing the client leaves the session open.
    """
    async with UMFSession(config, transport=gateway.transport()) as session:
        transport = gateway.transport() if inner else None
        await session.request("GET", "/exchange_rate")

        for _ in range(2):
            async with httpx.AsyncClient(
                transport=UMFTransport(session, transport=transport), base_url=BASE
            ) as client:
                await client.get("exchange_rate")
                await client.post("anything", json={})

        await session.request("GET", "/exchange_rate")

    assert (1, 6) == (gateway.token_requests, len(gateway.requests))


async def test_a_refused_token_is_renewed_for_both(gateway, config):
    """
    A client's call that meets a dead token ends it for the session, too.
    """
    answers = iter(["00280703", "0000", "0000"])
    gateway.answer = lambda request: gateway.signed(RATE, ret_code=next(answers))

    async with UMFSession(config, transport=gateway.transport()) as session:
        async with httpx.AsyncClient(
            transport=UMFTransport(session, transport=gateway.transport()),
            base_url=BASE,
        ) as client:
            await client.get("exchange_rate")

        await session.request("GET", "/exchange_rate")

    assert (2, 3) == (gateway.token_requests, len(gateway.requests))


async def test_two_owners_share_a_token_by_its_store(gateway, credentials, tmp_path):
    """
    Two that are told nothing of each other, and one file: one token request.
    """
    config = make_config(credentials, token_store=str(tmp_path / "token"))

    async with (
        UMFSession(config, transport=gateway.transport()) as session,
        httpx.AsyncClient(
            transport=UMFTransport(config, transport=gateway.transport()),
            base_url=BASE,
        ) as client,
    ):
        await client.get("exchange_rate")
        await session.request("GET", "/exchange_rate")

    assert 1 == gateway.token_requests


async def test_a_session_that_is_closed_stops_its_clients(gateway, config):
    """
    The session owns the token and says so.
    """
    session = UMFSession(config, transport=gateway.transport())
    transport = UMFTransport(session, transport=gateway.transport())

    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        await client.get("exchange_rate")
        await session.aclose()
        error = await fails(client.post(EXECUTE, json={}), errors.ConfigError)

    assert ("closed" in str(error), 1) == (True, len(gateway.requests))


def test_a_session_that_closes_during_a_call_sends_nothing_more(credentials, gateway):
    """
    A read that waits to be made again is not, over another transport neither.
    """

    async def call():
        session = UMFSession(
            make_config(credentials), transport=httpx.MockTransport(gateway)
        )
        answers = iter([503, 503, 503])
        gateway.answer = lambda request: httpx.Response(
            next(answers), headers={"Retry-After": "5"}
        )
        transport = UMFTransport(session, transport=gateway.transport())

        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            read = asyncio.create_task(client.get("exchange_rate"))
            await asyncio.sleep(1)
            await session.aclose()
            await fails(read, errors.ConfigError)

    virtual_clock.run(call)

    assert 1 == len(gateway.requests)


@pytest.mark.parametrize(
    "given",
    [
        None,
        {"client_secret": "canary-secret"},
        "canary-secret",
        ["canary-secret"],
        httpx.AsyncHTTPTransport(),
    ],
)
def test_neither_config_nor_session_is_an_error_that_shows_nothing(given):
    """
    What was given may hold passwords, and a traceback shows locals.
    """
    with pytest.raises(errors.ConfigError) as caught:
        UMFTransport(given)

    assert "canary-secret" not in tracebacks.by_us(caught.value)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    "inner", [{"proxy": "canary-secret"}, "canary-secret", httpx.AsyncClient, 1, True]
)
def test_what_is_no_transport_is_an_error_that_shows_nothing(config, inner, shared):
    """
    Beside a Config and beside a session.
    """
    given = UMFSession(config) if shared else config

    with pytest.raises(errors.ConfigError, match="transport") as caught:
        UMFTransport(given, transport=inner)

    assert "canary-secret" not in tracebacks.by_us(caught.value)


@pytest.mark.parametrize("shared", [True, False])
def test_a_proxy_of_the_config_is_not_passed_over(gateway, credentials, shared):
    """
    A transport of one's own would not use it: an error, no silence.
    """
    config = make_config(credentials, proxy="http://user:canary-secret@proxy.example")
    given = UMFSession(config) if shared else config

    with pytest.raises(errors.ConfigError, match="proxy") as caught:
        UMFTransport(given, transport=gateway.transport())

    assert "canary-secret" not in tracebacks.by_us(caught.value)


async def test_auth_of_the_client_changes_nothing(client, gateway):
    """
    Basic, or a flow of the user's that sends twice.
    """

    class Twice(httpx.Auth):
        requires_response_body = True

        def auth_flow(self, request):
            request.headers["Authorization"] = "theirs"
            response = yield request
            assert response.extensions["umfpay"]
            yield request

    await client.get("exchange_rate", auth=("a", "b"))
    await client.get("exchange_rate", auth=Twice())

    assert ["Bearer T"] * 3 == [
        one.headers["authorization"] for one in gateway.requests
    ]


async def test_auth_that_asks_elsewhere_is_refused(client, gateway):
    """
    A flow that fetches a token of its own from another server gets none of ours.
    """

    class Fetching(httpx.Auth):
        def auth_flow(self, request):
            yield httpx.Request("POST", "https://login.example/token")
            yield request

    await fails(client.post(EXECUTE, json={}, auth=Fetching()), errors.ConfigError)

    assert [] == gateway.requests


async def test_params_of_client_and_call_are_sent(open_client, gateway):
    """
    Also text that has to be encoded.
    """
    client = await open_client({"params": {"type": "DEBIT_CARD"}})
    await client.get("anything", params={"name": "张 三&=+%;", "empty": ""})
    (request,) = gateway.requests

    assert {"type": "DEBIT_CARD", "name": "张 三&=+%;", "empty": ""} == dict(
        request.url.params
    )


@pytest.mark.parametrize(
    "query", ["a=1&a=2", "a=1&%61=2", "a=%ff", "%ff=a", "a=%E5%BC", "a&a"]
)
async def test_a_query_that_would_be_changed_is_refused(client, gateway, query):
    """
    A name that is repeated, and what is no text.
    """
    await fails(client.get(f"anything?{query}"), errors.ConfigError)

    assert [] == gateway.requests


async def test_event_hooks_are_called(open_client, gateway):
    """
    What a hook writes into the request is treated like what the client sets.
    """
    heard = []

    async def on_request(request):
        heard.append(request.method)
        request.headers["Signature"] = "theirs"
        request.headers["X-Hook"] = "1"

    async def on_response(response):
        heard.append(response.extensions["umfpay"]["meta"]["ret_code"])

    client = await open_client(
        {"event_hooks": {"request": [on_request], "response": [on_response]}}
    )
    await client.get("exchange_rate")
    (request,) = gateway.requests

    assert ["GET", "0000"] == heard
    assert ("signature" in request.headers, "1") == (False, request.headers["x-hook"])


async def test_streaming_gives_the_verified_answer(client, gateway):
    """
    `client.stream()` and `send(..., stream=True)`: nothing comes before it is verified.
    """
    async with client.stream("GET", "exchange_rate") as response:
        parts = [part async for part in response.aiter_bytes()]

    async with client.stream("GET", "exchange_rate") as response:
        assert parts == [part async for part in response.aiter_raw()]

    request = client.build_request("GET", "exchange_rate")
    sent = await client.send(request, stream=True)

    assert RATE.items() <= json.loads(b"".join(parts)).items()
    assert sent.extensions["umfpay"]["exchangeRates"] == RATE["exchangeRates"]
    assert b"".join(parts) == await sent.aread()

    await sent.aclose()
    gateway.answer = lambda request: httpx.Response(200, json=RATE)
    await fails(client.send(request, stream=True), errors.UnsignedResponseError)


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("HEAD", None),
        ("OPTIONS", None),
        ("DELETE", None),
        ("PUT", b"{}"),
        ("PATCH", b"{}"),
        ("GET", b"{}"),
        ("POST\r\nX: y", b"{}"),
    ],
)
async def test_other_methods_are_refused(client, gateway, method, body):
    """
    The gateway knows GET without a body, and POST.
    """
    request = client.request(method, EXECUTE, content=body)
    error = await fails(request, errors.ConfigError)

    assert ([], True) == (gateway.requests, str(error).isprintable())


@pytest.mark.parametrize(
    "given",
    [
        {"content": "canary-secret"},
        {"data": {"name": "canary-secret"}},
        {"files": {"name": b"canary-secret"}},
        {"content": b'{"name":"canary-secret","name":"b"}'},
        {"content": b'\xef\xbb\xbf{"name":"canary-secret"}'},
        {"content": '{"name":"canary-secret"}'.encode("utf-16")},
        {"content": '{"name":"canary-secret 张"}'.encode("gb18030")},
        {"content": b'{"name":"canary-secret"'},
        {"content": b'{"name":"canary-secret"} x'},
        {"content": b'{"name":"canary-secret","total":NaN}'},
        {"content": gzip.compress(b'{"name":"canary-secret"}')},
    ],
)
async def test_a_body_that_is_no_json_is_refused(client, gateway, given):
    """
    Before it is signed, and the error shows nothing of it.
    """
    error = await fails(client.post(EXECUTE, **given), errors.ConfigError)

    assert [] == gateway.requests
    assert "canary-secret" not in tracebacks.by_us(error)


async def test_a_request_that_is_refused_shows_no_body(client):
    """
    Its frames would hold it.
    """
    card = {"number": seen.NUMBER, "cvv2": seen.CVV}
    refused = [
        client.put(EXECUTE, json=card),
        client.post("oauth/authorize", json=card),
        client.post("https://elsewhere.example/", json=card),
        client.post(EXECUTE, json=card, timeout=0.0),
    ]

    for request in refused:
        error = await fails(request, errors.ConfigError)
        tracebacks.assert_silent(tracebacks.by_us(error), [seen.NUMBER])


async def test_a_percent_encoded_path_goes_on_as_it_is(client, gateway):
    """
    And its payment is compared.
    """
    gateway.answer = lambda request: gateway.signed({"payment": {"id": "PAY_A"}})
    await client.get("payments/payment/PAY%5FA")
    gateway.answer = lambda request: gateway.signed({"payment": {"id": "PAY_B"}})
    await fails(client.get("payments/payment/PAY%5FA"), errors.MismatchedResponseError)
    paths = {one.url.raw_path for one in gateway.requests}

    assert {b"/cberest/v1/payments/payment/PAY%5FA"} == paths


async def test_a_request_of_a_subclass_is_served(gateway, config):
    """
    Its class may stand in any module: nothing fails after it was sent.
    """

    class Traced(httpx.Request):
        pass

    async with UMFTransport(config, transport=gateway.transport()) as transport:
        response = await transport.handle_async_request(
            Traced("POST", f"{BASE}anything", json={})
        )

        with pytest.raises(errors.ConfigError, match="httpx"):
            await transport.handle_async_request(object())

    assert httpx.Response is type(response)


async def test_a_transport_is_used_by_one_client_after_the_other(gateway, config):
    """
    Entering it opens it again, as httpx's own transports do.
    """
    transport = UMFTransport(config, transport=gateway.transport())

    for _ in range(2):
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            await client.get("exchange_rate")

    request = httpx.Request("GET", f"{BASE}exchange_rate")
    await fails(transport.handle_async_request(request), errors.ConfigError)

    assert 2 == len(gateway.requests)


async def test_the_transport_inside_is_closed_with_the_client(gateway, config):
    """
    Beside a Config and beside a session, whose own is not.
    """

    class Closing(httpx.MockTransport):
        closed = 0

        async def aclose(self):
            self.closed += 1

    alone, inside, own = (Closing(gateway) for _ in range(3))

    async with httpx.AsyncClient(
        transport=UMFTransport(config, transport=alone), base_url=BASE
    ) as client:
        await client.get("exchange_rate")

    async with UMFSession(config, transport=own) as session:
        async with httpx.AsyncClient(
            transport=UMFTransport(session, transport=inside), base_url=BASE
        ) as client:
            await client.get("exchange_rate")

        assert (1, 1, 0) == (alone.closed, inside.closed, own.closed)


class Logging(httpx.AsyncBaseTransport):
    """
    What shops put around their transports.
    """

    def __init__(self, wrapped):
        self.wrapped = wrapped
        self.lines = []

    async def handle_async_request(self, request):
        response = await self.wrapped.handle_async_request(request)
        self.lines.append((request.method, request.url.path, response.status_code))

        return response

    async def aclose(self):
        await self.wrapped.aclose()


async def test_a_logging_transport_inside_sees_what_is_sent(gateway, config):
    """
    Signed, with the token; around `UMFTransport` it sees what the client sent.
    """
    inside = Logging(gateway.transport())
    outside = Logging(UMFTransport(config, transport=inside))

    async with httpx.AsyncClient(transport=outside, base_url=BASE) as client:
        await client.get("exchange_rate")

    asked = ("GET", "/cberest/v1/exchange_rate", 200)

    assert [("POST", "/cberest/v1/oauth/authorize", 200), asked] == inside.lines
    assert [asked] == outside.lines


async def test_respx_works_inside(credentials, config):
    """
    It replaces the network of httpx's own transport, below the signature.
    """
    with respx.mock(base_url=BASE) as wire:
        wire.post("oauth/authorize").respond(
            json={"access_token": "T", "expires_in": 3600}
        )
        route = wire.post("anything").mock(
            return_value=signed_answer(RATE, credentials)
        )
        transport = UMFTransport(config, transport=httpx.AsyncHTTPTransport())

        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            response = await client.post("anything", json={"a": 1})

    assert response.extensions["umfpay"]["exchangeRates"] == RATE["exchangeRates"]
    assert base64.b64decode(route.calls[0].request.headers["signature"])


async def test_respx_around_our_own_connections_is_warned_of(credentials):
    """
    It would mock nothing: the call would go out.
    """
    # Nobody listens there.
    base = "http://127.0.0.1:9/v1/"
    config = make_config(credentials, base_url=base)

    with respx.mock(base_url=base, assert_all_called=False) as wire:
        wire.get("anything").respond(json={})

        async with httpx.AsyncClient(
            transport=UMFTransport(config), base_url=base
        ) as client:
            with pytest.warns(UserWarning, match="AsyncHTTPTransport"):
                await fails(client.get("anything"))


async def test_a_hundred_clients_of_one_session_leave_nothing(gateway, config):
    """
    What is made for a client goes with it.
    """
    async with UMFSession(config, transport=gateway.transport()) as session:
        left = []

        for _ in range(100):
            transport = UMFTransport(session, transport=gateway.transport())
            left.append(weakref.ref(transport._adapter))

            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                await client.get("exchange_rate")

        del client, transport
        gc.collect()
        # One may stand in a frame that goes on.
        alive = [one for one in left if one() is not None]

    assert len(alive) <= 1
