"""
Clients of httpx2 over `UMFTransport`, which serves them with their own classes.
"""

from __future__ import annotations

import httpx
import pytest

from tests import virtual_clock
from umfpay import UMFSession, errors
from umfpay.emulator import Emulator
from umfpay.testing import emulator_transport, signed_answer
from umfpay.transport import UMFTransport


BASE = "https://gateway.example/cberest/v1/"
PAYMENT = "payments/payment/PAY_A"
RATE = "exchange_rate?currency=USD"


@pytest.fixture(name="client")
async def _client(httpx2, gateway):
    transport = UMFTransport(gateway.config(), transport=gateway.transport())

    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


async def fails(httpx2, awaitable, cls=errors.UMFError):
    with pytest.raises(cls) as caught:
        await awaitable

    assert not isinstance(caught.value, httpx2.HTTPError | httpx.HTTPError)

    return caught.value


async def test_a_client_is_answered_with_its_own_classes(httpx2, client):
    """
    Also where it streams: mixing families ends in an AssertionError.
    """
    response = await client.get(PAYMENT)

    async with client.stream("GET", PAYMENT) as streamed:
        parts = [part async for part in streamed.aiter_raw()]

    assert (httpx2.Response, httpx2.Response) == (type(response), type(streamed))
    assert response.extensions["umfpay"]["payment"] == {"id": "PAY_A"}
    assert (response.content, True) == (b"".join(parts), bool(response.elapsed))


async def test_on_our_own_connections(httpx2, box):
    """
    Against the emulator on a socket, with the token of a session.
    """
    async with UMFSession(box.config()) as session:
        rate = await session.exchange_rates.get("USD")
        transport = UMFTransport(session)

        async with httpx2.AsyncClient(
            transport=transport, base_url=box.base_url
        ) as client:
            response = await client.get(RATE)

    (row,) = response.extensions["umfpay"]["exchangeRates"]

    assert str(rate.rate) == str(row["rate"])
    assert 1 == len(box.requests("/oauth/authorize"))


async def test_each_family_carries_the_other(httpx2, credentials, gateway):
    """
    A client of httpx2 over a transport of httpx, and the other way round.
    """
    emulator = Emulator(credentials=credentials)
    config = gateway.config(base_url=emulator.base_url)
    transport = UMFTransport(config, transport=emulator_transport(emulator))

    async with httpx2.AsyncClient(
        transport=transport, base_url=emulator.base_url
    ) as client:
        first = await client.get(RATE)

    transport = UMFTransport(gateway.config(), transport=gateway.transport())

    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        second = await client.get(PAYMENT)

    await emulator.aclose()

    assert (httpx2.Response, httpx.Response) == (type(first), type(second))
    assert [httpx2.Request] == [type(one) for one in gateway.requests]


def test_no_error_is_one_of_either_family(httpx2, gateway, kinds_of_error):
    """
    What repeats those by itself would pay twice.
    """

    async def call(error):
        def fail(request):
            raise error

        gateway.answer = fail
        transport = UMFTransport(gateway.config(), transport=gateway.transport())

        async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
            write = client.post(f"{PAYMENT}/execute", json={})
            await fails(httpx2, write, errors.OutcomeUnknownError)
            await fails(httpx2, client.get(PAYMENT), errors.TransportError)

    for error in kinds_of_error:
        virtual_clock.run(lambda error=error: call(error))


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_no_redirect_is_followed(httpx2, gateway, client, status):
    """
    Not by httpx2 either.
    """
    gateway.answer = lambda request: httpx2.Response(status, headers={"Location": BASE})
    write = client.post(f"{PAYMENT}/execute", json={}, follow_redirects=True)
    await fails(httpx2, write, errors.OutcomeUnknownError)

    assert 1 == len(gateway.requests)


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/cberest/v1/bank",
        "http://gateway.example/cberest/v1/bank",
        "https://user:secret@gateway.example/cberest/v1/bank",
        f"{BASE}oauth/authorize",
        f"{BASE}oauth%2Fauthorize",
        f"{BASE}bank/../oauth/authorize",
    ],
)
async def test_other_addresses_are_refused(httpx2, gateway, client, address):
    """
    However httpx2 writes a URL.
    """
    await fails(httpx2, client.post(address, json={}), errors.ConfigError)

    assert [] == gateway.requests


async def test_headers_bodies_and_hooks(httpx2, gateway, client):
    """
    Ours win, a stream is read whole, a hook sees the verified members.
    """
    heard = []

    async def on_response(response):
        heard.append(response.extensions["umfpay"]["meta"]["ret_code"])

    async def body():
        yield b'{"a":'
        yield b"1}"

    client.event_hooks = {"response": [on_response]}
    client.cookies.set("sid", "theirs")
    await client.post(
        "anything",
        content=body(),
        auth=("theirs", "theirs"),
        headers={"Signature": "theirs", "Accept": "theirs", "X-A": "1"},
    )
    (request,) = gateway.requests

    assert (["0000"], b'{"a":1}', "1") == (
        heard,
        request.content,
        request.headers["x-a"],
    )
    assert "Bearer T" == request.headers["authorization"]
    assert b"theirs" not in b"".join(value for _, value in request.headers.raw)


async def test_a_logging_transport_of_it_inside(httpx2, gateway, credentials):
    """
    What shops put around the transports of httpx2 works under the signature.
    """
    seen = []

    class Logging(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request):
            response = await gateway(request)
            seen.append((request.method, response.status_code))

            return response

    transport = UMFTransport(gateway.config(), transport=Logging())

    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
        await client.get(PAYMENT)

    assert [("POST", 200), ("GET", 200)] == seen
    assert signed_answer({}, credentials).status_code == 200
