"""
What becomes of a write whose caller is torn away, and what the error of a file shows.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import traceback
from datetime import date

import httpx
import pytest

from umfpay import Config, UMFSession
from umfpay.errors import EnvelopeError


EXECUTE = "/payments/payment/PAY_A/execute"
TOKEN = b'{"access_token": "T", "expires_in": 3600}'


class Silent(httpx.AsyncBaseTransport):
    """
    A transport that gives a token, takes any other request, and says nothing.
    """

    def __init__(self):
        self.got = asyncio.Event()

    async def handle_async_request(self, request):
        if request.url.path.endswith("/authorize"):
            return httpx.Response(200, content=TOKEN)

        await request.aread()
        self.got.set()

        return await asyncio.Future()


@pytest.fixture(name="make_config")
def _make_config(credentials):
    def make_config(port=1):
        return Config(
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            merchant_key=credentials.merchant_key,
            gateway_certificate=credentials.gateway_certificate,
            base_url=f"http://127.0.0.1:{port}/v1/",
            token_store="memory",
        )

    return make_config


@pytest.mark.parametrize(
    "torn", [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit]
)
async def test_a_write_is_handed_over_whatever_tears_its_caller_away(
    make_config, torn, monkeypatch
):
    """Ctrl+C, too, leaves a payment of which nobody knows."""
    # What was left is not waited for here.
    monkeypatch.setattr("umfpay.transport._httpx_adapter._CLOSING_SECONDS", 0.0)
    unknown = []
    transport = Silent()

    async with UMFSession(
        make_config(), transport=transport, on_unknown=unknown.append
    ) as session:
        call = asyncio.create_task(session.request("POST", EXECUTE))
        await transport.got.wait()

        with pytest.raises(torn):
            call.get_coro().throw(torn())

        assert ["PAY_A"] == [intent.payment_id for intent in unknown]

        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    assert 1 == len(unknown)


def serve_silently(listening, got):
    """
    Give a token, read the next request, and say nothing to it.
    """
    while True:
        try:
            line, _ = listening.accept()
        except OSError:
            return

        with line:
            while request := line.recv(65536):
                if b"/oauth/authorize" in request:
                    line.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                        % (len(TOKEN), TOKEN)
                    )
                else:
                    got.set()


def test_a_write_under_way_in_a_loop_that_is_closed_is_handed_over(make_config):
    """Once, when its call is thrown away; and nothing complains of the closed loop."""
    unknown = []
    got = threading.Event()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=serve_silently, args=(listening, got))
        server.start()
        session = UMFSession(
            make_config(listening.getsockname()[1]), on_unknown=unknown.append
        )
        loop = asyncio.new_event_loop()
        call = loop.create_task(session.request("POST", EXECUTE))

        async def until_sent():
            while not got.is_set():
                await asyncio.sleep(0.001)

        loop.run_until_complete(until_sent())
        # It would be told of, rightly.
        call._log_destroy_pending = False
        loop.close()
        asyncio.run(session.aclose())
        del call
        gc.collect()
        listening.shutdown(socket.SHUT_RDWR)
        server.join(20)

    assert ["PAY_A"] == [intent.payment_id for intent in unknown]


async def test_the_error_of_a_file_leads_to_no_row_of_it(make_config):
    """A traceback that shows locals is no place for what customers bought."""

    async def answer(request):
        if request.url.path.endswith("/authorize"):
            return httpx.Response(200, content=TOKEN)

        return httpx.Response(206, content=b"TRANSDETAIL-START,C,20261128\nROW,1.00")

    transport = httpx.MockTransport(answer)

    async with UMFSession(make_config(), transport=transport) as session:
        with pytest.raises(EnvelopeError) as caught:
            async with session.statements.open_transactions(date(2026, 11, 28)):
                pass

    shown = traceback.TracebackException.from_exception(
        caught.value, capture_locals=True
    )

    assert "ROW," not in "".join(shown.format())
