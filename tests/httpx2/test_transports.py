"""
A session over a transport of httpx2: on a socket, and with doubles.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tests import orders, virtual_clock
from tests.servers.streams import RecordingServer
from umfpay import UMFSession, errors


async def test_a_payment_is_made_paid_and_refunded(httpx2, box):
    """
    Over the network of httpx2.
    """
    transport = httpx2.AsyncHTTPTransport()

    async with UMFSession(box.config(), transport=transport) as session:
        payment = await session.payments.create(orders.card_payment())
        await session.payments.verify(payment.id, orders.card())
        payer = orders.card(box.sms_code(payment.id))
        paid = await session.payments.execute(payment.id, payer)
        refund = await session.refunds.create(payment.id, orders.refund())
        rate = await session.exchange_rates.get("USD")

    assert ("TRADE_SUCCESS", Decimal) == (paid.state, type(rate.rate))
    assert refund.id is not None


async def test_a_file_is_downloaded(httpx2, box, tmp_path):
    """
    A body that streams comes as bytes of httpx2.
    """
    transport = httpx2.AsyncHTTPTransport()

    async with UMFSession(box.config(), transport=transport) as session:
        payment = await session.payments.create(orders.wallet_payment("ALIPAY_SCAN"))
        box.pay(payment.id)
        proof = await session.statements.download_transactions(
            orders.DAY, tmp_path / "file"
        )

    assert proof is not None
    assert (tmp_path / "file").read_bytes()


async def test_everything_is_of_its_family(httpx2, gateway):
    """
    The classes of httpx and httpx2 are disjoint.
    """
    transport = gateway.transport()

    async with UMFSession(gateway.config(), transport=transport) as session:
        payment = await session.payments.get("PAY_A")

    (request,) = gateway.requests

    assert ("PAY_A", httpx2.Request) == (payment.id, type(request))
    assert isinstance(request.stream, httpx2.AsyncByteStream)
    assert isinstance(request.url, httpx2.URL)


def test_its_errors_are_understood(gateway, kinds_of_error):
    """
    A write whose transport fails after taking the body is unclear, whatever it raises.
    """

    async def call(error):
        def fail(request):
            raise error

        gateway.answer = fail

        async with UMFSession(
            gateway.config(), transport=gateway.transport()
        ) as session:
            with pytest.raises(errors.OutcomeUnknownError):
                await session.request("POST", "/payments/payment/PAY_A/execute", {})

            with pytest.raises(errors.TransportError):
                await session.request("GET", "/payments/payment/PAY_A")

    for error in kinds_of_error:
        virtual_clock.run(lambda error=error: call(error))

    assert len(kinds_of_error) > 20


@pytest.mark.parametrize(
    ("name", "attempts"),
    [("ConnectError", 3), ("ConnectTimeout", 3), ("PoolTimeout", 3), ("ReadError", 1)],
)
def test_what_was_not_sent_is_sent_again(httpx2, gateway, name, attempts):
    """
    No connection, no byte: only such a write is repeated.
    """
    tried = []

    class Failing(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request):
            if request.url.path.endswith("/oauth/authorize"):
                return await gateway(request)

            tried.append(request)

            raise getattr(httpx2, name)("words")

    async def call():
        async with UMFSession(gateway.config(), transport=Failing()) as session:
            with pytest.raises(errors.UMFError) as caught:
                await session.request("POST", "/payments/payment/PAY_A/execute", {})

        return isinstance(caught.value, errors.OutcomeUnknownError)

    assert (attempts == 1, attempts) == (virtual_clock.run(call), len(tried))


@pytest.fixture(name="server")
async def _server():
    async with RecordingServer.running() as server:
        yield server


async def test_cancelled_writes_are_never_sent_and_cost_no_connection(
    httpx2, gateway, server
):
    """
    Its pool's steps are told as httpcore tells them.
    """
    unknown = []
    limits = httpx2.Limits(max_connections=3)
    transport = httpx2.AsyncHTTPTransport(limits=limits)

    async with UMFSession(
        gateway.config(base_url=server.url),
        transport=transport,
        on_unknown=unknown.append,
    ) as session:
        await session.authorize()
        server.free.clear()
        reads = [asyncio.create_task(session.request("GET", "/x")) for _ in range(3)]

        while len(server.heads) < 4:
            await asyncio.sleep(0.005)

        writes = [
            asyncio.create_task(session.request("POST", "/x", {"number": number}))
            for number in range(60)
        ]

        for _ in range(20):
            await asyncio.sleep(0)

        for write in writes:
            write.cancel()

        await asyncio.gather(*writes, return_exceptions=True)
        server.free.set()
        await asyncio.gather(*reads, return_exceptions=True)

        # Unsigned, but answered: the pool has all of its connections.
        for _ in range(4):
            with pytest.raises(errors.UnsignedResponseError):
                await session.request("GET", "/x")

    assert [] == unknown
    assert {b"GET /v", b"POST /"} == {head[:6] for head in server.heads}
    assert 1 == len([head for head in server.heads if head.startswith(b"POST")])


async def test_a_second_answer_behind_the_first_closes_the_connection(
    httpx2, gateway, server
):
    """
    It would be given to the next call.
    """
    transport = httpx2.AsyncHTTPTransport()

    async with UMFSession(
        gateway.config(base_url=server.url), transport=transport
    ) as session:
        await session.authorize()
        before = server.connections
        server.behind = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"

        for _ in range(3):
            with pytest.raises(errors.UnsignedResponseError):
                await session.request("GET", "/x")

    assert before + 2 == server.connections


def test_a_client_of_it_is_no_transport(httpx2, gateway):
    """
    The error says what to give, as for one of httpx.
    """
    with pytest.raises(errors.ConfigError, match="UMFTransport"):
        UMFSession(gateway.config(), transport=httpx2.AsyncClient())
