"""
Transports of other people: their frames and logs show no secret of ours either.
"""

from __future__ import annotations

import logging
import traceback

import httpx
import pytest

from tests import orders, tracebacks
from tests.end_to_end import canaries as seen
from umfpay import UMFSession


FAULTS = ["drop_before", "drop_after", "error_after", "forge", "delay"]


@pytest.fixture(name="foreign")
async def _foreign(box):
    """
    A session over httpx's own transport, whose frames hold headers and bodies.
    """
    config = box.config(token_timeout=0.5, timeout=0.5)

    async with UMFSession(config, transport=httpx.AsyncHTTPTransport()) as session:
        yield session


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failing_call_shows_neither_token_nor_card(box, foreign, caplog, fault):
    """
    For what moves money and for what reads.
    """
    caplog.set_level(logging.DEBUG)
    payment = await foreign.payments.create(orders.card_payment())
    await foreign.payments.verify(payment.id, seen.payer())
    code = box.sms_code(payment.id)
    canaries = [*seen.of(box), seen.token(foreign)]
    box.fault(fault, path="payment/PAY_", times=0, seconds=1)
    execute = await seen.fails(foreign.payments.execute(payment.id, seen.payer(code)))
    get = await seen.fails(foreign.payments.get(payment.id))

    for error in (execute, get):
        tracebacks.assert_silent(tracebacks.everything(error), canaries)

    tracebacks.assert_silent(caplog.text, canaries)


@pytest.mark.parametrize("fault", ["drop_after", "delay"])
async def test_a_failing_token_request_shows_no_secret(box, foreign, caplog, fault):
    """
    Its body is in clear in the frames of any transport.
    """
    caplog.set_level(logging.DEBUG)
    box.fault(fault, path="/oauth/authorize", times=0, seconds=1)
    error = await seen.fails(foreign.exchange_rates.get("USD"))
    canaries = seen.of(box)

    tracebacks.assert_silent(tracebacks.everything(error), canaries)
    tracebacks.assert_silent(caplog.text, canaries)


class Careless(httpx.AsyncBaseTransport):
    """
    Fails with all it was given in its frame.
    """

    async def handle_async_request(self, request):
        headers = dict(request.headers)
        body = b"".join([part async for part in request.stream])

        raise httpx.WriteError(f"{len(headers)} headers, {len(body)} bytes")


async def test_no_frame_of_a_transport_can_be_reached(box):
    """
    Whatever its frames hold, the error that leaves does not lead to them.
    """
    async with UMFSession(box.config(), transport=Careless()) as session:
        error = await seen.fails(session.exchange_rates.get("USD"))

    codes = [
        frame.f_code
        for one in tracebacks.chain(error)
        for frame, _ in traceback.walk_tb(one.__traceback__)
    ]

    assert codes
    assert Careless.handle_async_request.__code__ not in codes
