"""
What a user puts in may fail as it likes: only errors of ours leave a call.
"""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests import orders
from tests.end_to_end import canaries as seen
from umfpay import UMFSession
from umfpay.errors import ConfigError, OutcomeUnknownError, TransportError


ERRORS = [
    RuntimeError("a bug"),
    TimeoutError("of its own"),
    ConnectionResetError("of its own"),
    httpx.ReadTimeout("of its own"),
    asyncio.CancelledError(),
]


def names(error):
    return type(error).__name__


class Broken(httpx.AsyncBaseTransport):
    """
    A network whose calls below ``/payments`` fail with *error* at one place.
    """

    def __init__(self, error, *, at):
        self._inner = httpx.AsyncHTTPTransport()
        self.error = error
        self.at = at
        self.sent = 0

    async def handle_async_request(self, request):
        if request.url.path.endswith("/oauth/authorize"):
            return await self._inner.handle_async_request(request)

        self.sent += 1

        if self.at == "start":
            raise self.error

        if self.at == "nothing":
            return None

        response = await self._inner.handle_async_request(request)
        response.stream = Broken.Stream(response.stream, self)

        return response

    async def aclose(self):
        await self._inner.aclose()

    class Stream(httpx.AsyncByteStream):
        def __init__(self, inner, transport):
            self._inner = inner
            self._transport = transport

        async def __aiter__(self):
            async for chunk in self._inner:
                yield chunk

            if self._transport.at == "stream":
                raise self._transport.error

        async def aclose(self):
            await self._inner.aclose()

            if self._transport.at == "close":
                raise self._transport.error


class Signer:
    """
    A signer in the form of our own.
    """

    off_loop = True

    def __init__(self, error):
        self._error = error

    def sign(self, data):
        raise self._error


def asynchronous(error):
    async def sign(body):
        await asyncio.sleep(0)

        raise error

    return sign


@pytest.mark.parametrize("error", ERRORS[:1], ids=names)
@pytest.mark.parametrize("at", ["start", "stream", "close", "nothing"])
async def test_a_transport_that_fails(box, error, at):
    """
    A read ends as if the connection broke, a write is unclear.
    """
    transport = Broken(error, at=at)
    unknown = []

    async with UMFSession(
        box.config(), transport=transport, on_unknown=unknown.append
    ) as session:
        with pytest.raises(TransportError, match=r"the transport failed") as read:
            await session.exchange_rates.get("USD")

        with pytest.raises(OutcomeUnknownError) as write:
            await session.refunds.create("PAY_A", orders.refund())

    assert read.value.request_sent
    assert isinstance(write.value.__cause__, TransportError)
    assert 1 == len(unknown)
    assert 2 == transport.sent

    if at != "nothing":
        assert read.value.__cause__ is error
        assert write.value.__cause__.__cause__ is error


@pytest.mark.parametrize("error", ERRORS, ids=names)
@pytest.mark.parametrize("at", ["start", "stream"])
async def test_no_error_of_a_transport_passes_for_one_of_ours(box, error, at):
    """
    Its timeout is not the deadline, and its cancellation not the caller's.
    """
    transport = Broken(error, at=at)

    async with UMFSession(box.config(), transport=transport) as session:
        with pytest.raises(TransportError) as caught:
            await session.exchange_rates.get("USD")

        with pytest.raises(OutcomeUnknownError):
            await session.refunds.create("PAY_A", orders.refund())

    assert type(caught.value) is TransportError
    assert caught.value.__cause__ is error


async def test_a_caller_who_cancels_is_cancelled(box):
    """
    Also inside of a transport that is not ours.
    """
    reached = asyncio.Event()

    class Hanging(Broken):
        async def handle_async_request(self, request):
            if not request.url.path.endswith("/oauth/authorize"):
                reached.set()
                await asyncio.sleep(60)

            return await super().handle_async_request(request)

    transport = Hanging(None, at=None)

    async with UMFSession(box.config(), transport=transport) as session:
        call = asyncio.create_task(session.exchange_rates.get("USD"))
        await reached.wait()
        call.cancel()

        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_download_whose_stream_fails(box):
    """
    Its reader gets an error of ours; what the reader raises stays his.
    """
    error = RuntimeError("a bug")
    transport = Broken(error, at="stream")

    async with UMFSession(box.config(), transport=transport) as session:
        with pytest.raises(TransportError, match="RuntimeError") as caught:
            async with session.statements.open_transactions(orders.DAY) as chunks:
                async for _ in chunks:
                    pass

        transport.at = None

        with pytest.raises(KeyError):
            async with session.statements.open_transactions(orders.DAY):
                raise KeyError("of the reader")

    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", ERRORS, ids=names)
@pytest.mark.parametrize("form", [Signer, asynchronous])
async def test_a_signer_that_fails(box, error, form):
    """
    Nothing leaves, and the error says so; reads need no signature.
    """
    unknown = []

    async with UMFSession(
        box.config(signer=form(error)), on_unknown=unknown.append
    ) as session:
        with pytest.raises(ConfigError, match="signer: it failed") as caught:
            await session.refunds.create("PAY_A", orders.refund())

        await session.exchange_rates.get("USD")

    # A cancelled future gives a new one.
    assert type(caught.value.__cause__) is type(error)
    assert not caught.value.money_may_have_moved
    assert [] == unknown
    assert [] == box.requests("/refund")


async def test_a_signer_that_is_no_coroutine(box):
    """
    A plain function is refused by name.
    """
    async with UMFSession(box.config(signer=lambda body: "x")) as session:
        with pytest.raises(ConfigError, match="signer: it failed with TypeError"):
            await session.refunds.create("PAY_A", orders.refund())


@pytest.mark.parametrize("error", ERRORS, ids=names)
async def test_a_verifier_that_fails(box, error):
    """
    It said neither yes nor no: a read fails, a write is unclear.
    """

    def decide(body, signature, keys):
        if b"access_token" in body:
            return True

        raise error

    config = box.config(response_verifier=decide)

    async with UMFSession(config) as session:
        with pytest.raises(ConfigError, match="response_verifier: it failed") as read:
            await session.exchange_rates.get("USD")

        with pytest.raises(OutcomeUnknownError) as write:
            await session.payments.create(orders.card_payment())

    assert read.value.__cause__ is error
    assert isinstance(write.value.__cause__, ConfigError)


async def test_the_error_leads_to_no_frame_of_a_foreign_part(box):
    """
    They hold bodies and tokens.
    """
    error = RuntimeError("a bug")

    async with UMFSession(box.config(signer=asynchronous(error))) as session:
        caught = await seen.fails(session.refunds.create("PAY_A", orders.refund()))

    assert caught.__cause__ is error
    assert error.__traceback__ is None
