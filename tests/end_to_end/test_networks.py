"""
What stands between us and the gateway: proxies, TLS, and the end of a session.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import ssl
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest
import trustme

from tests import orders
from tests.servers.streams import listening
from umfpay import UMFSession, errors


async def _pump(source, target):
    try:
        with suppress(ConnectionError, ssl.SSLError):
            while chunk := await source.read(65536):
                target.write(chunk)
                await target.drain()
    finally:
        target.close()


async def _join(reader, writer, host, port, *, first=b""):
    inner_reader, inner_writer = await asyncio.open_connection(host, port)
    inner_writer.write(first)
    await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))


class Proxy:
    """
    A proxy for http, one request a connection, and for https by CONNECT.
    """

    def __init__(self):
        self.heads = []

    async def __call__(self, reader, writer):
        with suppress(asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            method, target, _ = head.split(" ", 2)

            if method == "CONNECT":
                host, _, port = target.partition(":")
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _join(reader, writer, host, int(port))

                return

            url = urlsplit(target)
            first = head.replace(f"{url.scheme}://{url.netloc}", "", 1)
            first = first.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
            await _join(reader, writer, url.hostname, url.port, first=first.encode())


@asynccontextmanager
async def _tls_front(box, context):
    """
    TLS in front of the emulator; gives the base URL.
    """
    inner = urlsplit(box.base_url)

    async def front(reader, writer):
        await _join(reader, writer, inner.hostname, inner.port)

    async with listening(front, ssl=context) as port:
        yield f"https://127.0.0.1:{port}{inner.path}"


@pytest.fixture(name="authority", scope="module")
def _authority():
    return trustme.CA()


@pytest.fixture(name="context")
def _context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    return context


async def test_calls_go_through_a_proxy_that_asks_for_a_password(box):
    """
    Plain http by absolute addresses; the password goes to the proxy alone.
    """
    proxy = Proxy()

    async with listening(proxy) as port:
        config = box.config(proxy=f"http://user:pass@127.0.0.1:{port}")

        async with UMFSession(config) as session:
            payment = await orders.paid(session, box)

    assert payment.id
    assert 4 == len(proxy.heads)

    credentials = base64.b64encode(b"user:pass").decode()

    assert all(
        f"Proxy-Authorization: Basic {credentials}" in one for one in proxy.heads
    )


async def test_https_tunnels_through_a_proxy(box, authority, context):
    """
    The proxy sees a host and a port: neither token nor path.
    """
    proxy = Proxy()

    async with listening(proxy) as port, _tls_front(box, context) as base_url:
        with authority.cert_pem.tempfile() as ca_file:
            config = box.config(
                base_url=base_url, ca_file=ca_file, proxy=f"http://127.0.0.1:{port}"
            )

            async with UMFSession(config) as session:
                assert (await session.exchange_rates.get("USD")).rate

    assert proxy.heads
    assert all(head.startswith("CONNECT ") for head in proxy.heads)
    assert not any("earer" in head or "cberest" in head for head in proxy.heads)


async def test_the_environment_names_no_proxy(box, monkeypatch):
    """
    What HTTP_PROXY says is for other programs.
    """
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async with UMFSession(box.config()) as session:
        assert (await session.exchange_rates.get("USD")).rate


async def test_a_client_certificate_is_shown(box, authority, context):
    """
    A gateway that asks for one gets it; without one the call fails, unsent.
    """
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    ours = authority.issue_cert("merchant.example")

    async with _tls_front(box, context) as base_url:
        with (
            authority.cert_pem.tempfile() as ca_file,
            ours.private_key_and_cert_chain_pem.tempfile() as certificate,
        ):
            config = box.config(
                base_url=base_url, ca_file=ca_file, client_certificate=certificate
            )

            async with UMFSession(config) as session:
                assert (await session.exchange_rates.get("USD")).rate

            bare = box.config(base_url=base_url, ca_file=ca_file)

            async with UMFSession(bare) as session:
                with pytest.raises(errors.TokenError) as caught:
                    await session.exchange_rates.get("USD")

    assert not caught.value.money_may_have_moved
    assert "oauth/authorize" in str(caught.value)


async def test_a_server_of_another_name_gets_nothing(box, authority):
    """
    A good authority is not enough: the certificate must name the host.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(context)

    async with _tls_front(box, context) as base_url:
        with authority.cert_pem.tempfile() as ca_file:
            config = box.config(base_url=base_url, ca_file=ca_file)

            async with UMFSession(config) as session:
                with pytest.raises(errors.UMFError, match=r"(?i)certificate"):
                    await session.exchange_rates.get("USD")

    assert 0 == box.token_requests()


async def test_a_gateway_that_went_away_got_nothing(box):
    """
    With a token at hand even a refund is a plain failure: no byte has left.
    """
    inner = urlsplit(box.base_url)
    open_writers = []

    async def front(reader, writer):
        open_writers.append(writer)
        await _join(reader, writer, inner.hostname, inner.port)

    async with listening(front) as port:
        config = box.config(base_url=f"http://127.0.0.1:{port}{inner.path}")
        session = UMFSession(config)
        await session.authorize()

    for writer in open_writers:
        writer.close()
        await writer.wait_closed()

    async with session:
        with pytest.raises(errors.TransportError) as caught:
            await session.refunds.create("PAY_A", orders.refund())

    assert not caught.value.request_sent
    assert not caught.value.money_may_have_moved
    assert "not sent" in str(caught.value)
    assert [] == box.requests("/refund")


async def _closed_during(box, call):
    async with UMFSession(box.config(timeout=20)) as session:
        await session.authorize()
        box.fault("delay", times=0, seconds=0.5)
        task = asyncio.create_task(call(session))
        await asyncio.sleep(0.2)

    with pytest.raises(errors.UMFError) as caught:
        await task

    return caught.value


async def test_a_session_closed_during_a_call_starts_nothing_new(box):
    """
    A read is not made again, no token is fetched, no connection stays open.
    """
    error = await _closed_during(box, lambda one: one.exchange_rates.get("USD"))

    assert isinstance(error, errors.ConfigError)
    assert "closed during the call" in str(error)
    assert 1 == box.token_requests()
    assert 1 == len(box.requests("/exchange_rate"))

    # An unclosed connector would warn now, and warnings are errors.
    gc.collect()


async def test_a_session_closed_during_a_write_leaves_it_unclear(box):
    """
    The body has left; closing the session does not call it back.
    """
    error = await _closed_during(
        box, lambda one: one.refunds.create("PAY_A", orders.refund())
    )

    assert isinstance(error, errors.OutcomeUnknownError)
    assert error.money_may_have_moved
    assert 1 == len(box.requests("/refund"))
