"""
Loops, threads, forks, sessions in pairs, other transports, TLS.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import ssl
import threading
import urllib.request
import warnings

import httpx
import pytest
import respx
import trustme
import uvloop

from tests import orders
from tests.servers.streams import listening
from umfpay import Config, UMFSession, errors
from umfpay.emulator import Emulator, serve
from umfpay.protocol import Signer
from umfpay.tokens import MemoryTokenStore


class Running:
    """
    An emulator in a thread with a loop of its own.
    """

    def __init__(self, folder):
        self.folder = folder
        self._ended = threading.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))

    async def _main(self):
        async with serve(Emulator(self.folder, key_bits=1024)):
            self._started.set()
            await asyncio.to_thread(self._ended.wait)

    def __enter__(self):
        self._thread.start()
        assert self._started.wait(20)

        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join(20)

    def config(self, **changes):
        return Config.from_file(
            self.folder / "umf.env", **{"token_store": "memory", **changes}
        )

    def token_requests(self):
        """
        How many tokens the emulator gave.
        """
        url = str(self.config().base_url)
        origin = url[: url.index("/", 8)]

        with urllib.request.urlopen(f"{origin}/_emulator/token", timeout=5) as reply:
            return json.load(reply)["requests"]


@pytest.fixture(name="running")
def _running(tmp_path):
    with Running(tmp_path / "data") as running:
        yield running


def test_a_session_works_in_a_second_run(running):
    """
    The old loop is closed: what belonged to it is dropped and made anew.
    """
    session = UMFSession(running.config())

    async def ask():
        return await session.exchange_rates.get("USD")

    assert asyncio.run(ask()) == asyncio.run(ask())

    async def close():
        await session.exchange_rates.get("USD")
        await session.aclose()

    asyncio.run(close())


def test_a_session_left_open_in_a_dead_loop_closes_quietly(running):
    """
    `aclose()` from another loop drops what cannot be awaited any more.
    """
    session = UMFSession(running.config())

    async def ask():
        await session.exchange_rates.get("USD")

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        asyncio.run(ask())
        asyncio.run(session.aclose())
        gc.collect()

    assert [] == [one for one in heard if one.category is ResourceWarning]


async def test_a_session_of_another_running_loop_is_refused(session):
    """
    Two loops never share a session: one clear error at once.
    """
    await session.exchange_rates.get("USD")

    def elsewhere():
        async def ask():
            await session.exchange_rates.get("USD")

        asyncio.run(ask())

    with pytest.raises(errors.WrongLoopError, match="token_store"):
        await asyncio.to_thread(elsewhere)

    assert (await session.exchange_rates.get("USD")).rate


async def test_a_closed_session_says_so_and_can_be_entered_again(box):
    """
    Calls after the end are refused; `async with` opens it once more.
    """
    session = UMFSession(box.config())

    async with session:
        await session.exchange_rates.get("USD")

    with pytest.raises(errors.ConfigError, match="closed"):
        await session.exchange_rates.get("USD")

    await session.aclose()

    async with session:
        assert (await session.exchange_rates.get("USD")).rate


def test_a_session_works_in_a_forked_child(running):
    """
    The child makes connections of its own; the parent's go on.
    """
    session = UMFSession(running.config())

    async def ask():
        return await session.exchange_rates.get("USD")

    asyncio.run(ask())
    child = os.fork()

    if not child:
        try:
            asyncio.run(ask())
        except BaseException:
            os._exit(1)

        os._exit(0)

    _, status = os.waitpid(child, 0)

    assert 0 == os.waitstatus_to_exitcode(status)
    assert asyncio.run(ask()).rate

    asyncio.run(session.aclose())


def test_a_session_works_in_a_child_forked_by_a_running_loop(running):
    """
    As servers do that fork workers late: no socket is shared, both go on.
    """
    session = UMFSession(running.config(token_store=running.folder / "token.json"))

    async def ask():
        return await session.exchange_rates.get("USD")

    async def both():
        await asyncio.gather(*(ask() for _ in range(5)))
        child = os.fork()

        if not child:
            try:
                asyncio.run(ask())
            except BaseException:
                os._exit(1)

            os._exit(0)

        rates = await asyncio.gather(*(ask() for _ in range(5)))
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        await session.aclose()

        return rates, status

    rates, status = asyncio.run(both())

    assert 5 == len(rates)
    assert 0 == os.waitstatus_to_exitcode(status)


async def test_a_thread_with_its_own_loop_has_its_own_session(running):
    """
    Sessions of two loops share the store object, and so one token.
    """
    store = MemoryTokenStore()
    config = running.config(token_store=store)

    async def ask():
        async with UMFSession(config) as session:
            return await asyncio.gather(
                *(session.exchange_rates.get("USD") for _ in range(5))
            )

    here, there = await asyncio.gather(
        ask(), asyncio.to_thread(lambda: asyncio.run(ask()))
    )

    assert here == there
    assert 1 == running.token_requests()


def test_a_session_works_under_uvloop(running):
    """
    Calls, cancelled calls, a second run; closed within each, as uvloop wants it.
    """
    session = UMFSession(running.config(max_connections=2))

    async def ask():
        calls = [
            asyncio.ensure_future(session.exchange_rates.get("USD")) for _ in range(20)
        ]
        await asyncio.sleep(0.005)

        for call in calls[::2]:
            call.cancel()

        return await asyncio.gather(*calls, return_exceptions=True)

    async def ask_and_close():
        async with session:
            return await ask()

    for _ in range(2):
        assert all(answer.rate for answer in uvloop.run(ask_and_close())[1::2])

    gc.collect()


async def test_any_httpx_transport_takes_the_place_of_ours(box):
    """
    httpx's own over the socket, and the emulator without any socket.
    """
    for transport in (
        httpx.AsyncHTTPTransport(),
        httpx.ASGITransport(app=box.emulator),
    ):
        async with UMFSession(box.config(), transport=transport) as session:
            payment = await orders.paid(session, box)

        assert payment.id


async def test_respx_sees_what_is_sent_through_its_transport(box):
    """
    With httpx's transport inside, respx mocks the wire: signed and authorised.
    """
    async with UMFSession(
        box.config(unsigned_responses="accept"), transport=httpx.AsyncHTTPTransport()
    ) as session:
        with respx.mock(base_url=box.base_url) as wire:
            wire.post("/oauth/authorize").respond(
                json={"access_token": "t" * 64, "expires_in": 3600}
            )
            route = wire.post("/declare_again").respond(
                json={"meta": {"ret_code": "0000"}}
            )
            await session.customs.declare_again("1")

        request = route.calls.last.request

        assert request.headers["signature"]
        assert "Bearer " + "t" * 64 == request.headers["authorization"]


async def test_tls_is_verified_against_the_given_authority(box):
    """
    With ca_file the call succeeds; without it, and with another name, it does not.
    """
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    host, _, port = box.origin.removeprefix("http://").partition(":")

    async def relay(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))

        async def pump(source, target):
            try:
                while chunk := await source.read(65536):
                    target.write(chunk)
                    await target.drain()
            except (ConnectionError, ssl.SSLError):
                pass
            finally:
                target.close()

        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    with authority.cert_pem.tempfile() as ca_file:
        async with listening(relay, ssl=context) as front:
            secure = f"https://127.0.0.1:{front}/cberest/v1/"
            trusting = box.config(base_url=secure, ca_file=ca_file)

            async with UMFSession(trusting) as session:
                assert (await session.exchange_rates.get("USD")).rate

            async with UMFSession(box.config(base_url=secure)) as session:
                with pytest.raises(errors.UMFError, match=r"(?i)certificate"):
                    await session.exchange_rates.get("USD")


async def test_on_call_hears_of_every_call_and_of_nothing_secret(box):
    """
    One report a call, with the path's template and the verdict.
    """
    heard = []

    async with UMFSession(box.config(), on_call=heard.append) as session:
        payment = await session.payments.create(orders.card_payment())
        await session.payments.get(payment.id)

        with pytest.raises(errors.APIError):
            await session.payments.get("PAY_UNKNOWN")

        async with session.statements.open_transactions(orders.DAY) as chunks:
            assert [chunk async for chunk in chunks]

    assert ["verified", "verified", "unsigned", "verified"] == [
        report.verdict for report in heard
    ]
    assert "/payments/payment/{payment_id}" == heard[1].path
    assert "00060760" == heard[2].ret_code
    assert "PaymentStateError" == heard[2].error


async def test_extra_headers_are_added_and_ours_stay(box, session):
    """
    A trace id goes along; Authorization and Signature are ours.
    """
    await session.exchange_rates.get("USD", extra_headers={"X-Trace": "7"})

    assert "7" == box.requests("/exchange_rate")[-1]["headers"]["x-trace"]

    with pytest.raises(errors.ConfigError, match="Signature"):
        await session.exchange_rates.get("USD", extra_headers={"Signature": "x"})


async def test_accept_language_and_a_signer_of_the_users(box):
    """
    An HSM signs in place of the key; the header picks the language.
    """
    signer = Signer(box.emulator.credentials.merchant_key)

    async def sign(body: bytes) -> str:
        await asyncio.sleep(0)

        return signer.sign(body)

    async with UMFSession(
        box.config(
            merchant_key=None, signer=sign, accept_language="ZH", glued_bearer=True
        )
    ) as session:
        assert (await session.payments.create(orders.card_payment())).id

    request = box.requests("/payments/payment")[-1]

    assert "ZH" == request["headers"]["accept-language"]


async def test_large_keys_sign_and_seal_off_the_loop(tmp_path):
    """
    4096 bits and a slow backend: the same calls, in threads.
    """
    box = Emulator(tmp_path / "data", key_bits=2048)

    async with serve(box) as server:
        config = Config.from_file(
            tmp_path / "data" / "umf.env",
            base_url=server.base_url,
            token_store="memory",
            rsa_backend="pycryptodome",
        )

        async with UMFSession(config) as session:
            payment = await session.payments.create(orders.card_payment())
            await session.payments.verify(payment.id, orders.card())

            assert any("umfpay-rsa" in one.name for one in threading.enumerate())
