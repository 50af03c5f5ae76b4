"""
From a name to a connection: addresses, TLS, proxies, and that no byte leaves too early.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
import threading

import pytest

from tests.servers.streams import listening
from umfpay.errors import ConfigError
from umfpay.sensitive import Secret
from umfpay.transport import Effect, Failure, HTTPExchangeError
from umfpay.transport._answer_parser import MAX_HEAD_BYTES
from umfpay.transport._connecting import Connector


only_tls = pytest.mark.parametrize("security", ["TLS 1.2", "TLS 1.3"], indirect=True)
one_tls = pytest.mark.parametrize("security", ["TLS 1.3"], indirect=True)
plain_and_tls = pytest.mark.parametrize("security", ["plain", "TLS 1.3"], indirect=True)


async def failed(pool, state):
    """
    Return how the call ends that *state* describes; nothing of it has left.
    """
    with pytest.raises(HTTPExchangeError) as caught:
        await pool.exchange(state)

    assert not state.body_started
    # No way leads from the error to the names, the token or the body of the call.
    assert caught.value.__cause__ is caught.value.__context__ is None

    return caught.value


@pytest.fixture(name="proxying")
def _proxying(serve):
    async def proxying(*, reply=b"HTTP/1.1 200 Connection established\r\n\r\n", **tls):
        """
        Serve a proxy that knows CONNECT; with another *reply* it opens no tunnel.
        """

        async def talk(served, reader, writer):
            served.received.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(reply)

            if b" 200 " not in reply or not reply.endswith(b"\r\n\r\n"):
                await reader.read()

                return

            port = int(served.received[-1].split()[1].rpartition(b":")[2])
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

        return await serve(talk, **tls)

    return proxying


async def pump(reader, writer):
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65536):
            writer.write(part)

    # A TLS transport cannot be half-closed; both ends go.
    writer.close()


@pytest.fixture(name="resolve")
async def _resolve(monkeypatch):
    """
    Let each name lead to this machine, by two addresses; keep what was asked.
    """
    asked = []

    async def getaddrinfo(host, port, **options):
        asked.append(host)
        await asyncio.sleep(0)

        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    return asked


def unused_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        return unused.getsockname()[1]


async def test_a_number_is_not_asked_for(answering, open_pool, call, resolve):
    """It leads to itself; a name of numbers is a name."""
    served = await answering()
    state = call(url=served.url)
    named = f"http://127.0.0.1.example:{served.port}/"

    assert b"{}" == (await open_pool(served.url).exchange(state)).body
    assert b"{}" == (await open_pool(named).exchange(call(url=named))).body
    assert ["127.0.0.1.example"] == resolve


async def test_a_refused_connection_sent_nothing(open_pool, call):
    """No server, no byte: the error says so and names where."""
    url = f"http://127.0.0.1:{unused_port()}/"
    error = await failed(open_pool(url), call(Effect.MONEY, url=url))

    assert Failure.CONNECT is error.failure
    assert url[7:-1] in error.detail


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid"])
async def test_an_unknown_host_sent_nothing(open_pool, call, host):
    """A name that does not resolve, or cannot, is a failed connection."""
    url = f"http://{host}/"
    error = await failed(open_pool(url), call(Effect.MONEY, url=url))

    assert Failure.CONNECT is error.failure


async def test_a_name_is_asked_for_once(answering, open_pool, call, resolve):
    """Connections at the same time ask once; after a failure the name is asked anew."""
    served = await answering()
    url = f"http://gateway.example:{served.port}/"
    pool = open_pool(url)
    states = [call(Effect.MONEY, url=url) for _ in range(20)]
    got = await asyncio.gather(*map(pool.exchange, states))

    # The first address of the name refuses; the second is tried at once.
    assert ([b"{}"] * 20, 1) == ([one.body for one in got], len(resolve))

    url = f"http://gateway.example:{unused_port()}/"
    pool = open_pool(url)

    for _ in range(2):
        await failed(pool, call(url=url))

    assert 3 == len(resolve)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost."])
@one_tls
async def test_tls_believes_the_name_that_was_called(
    answering, open_pool, call, security, resolve, host
):
    """An address counts as much as a name; a dot at the end changes nothing."""
    served = await answering(**security.options)
    url = f"https://{host}:{served.port}/v1/thing"
    state = call(Effect.MONEY, url=url)
    got = await open_pool(url, ssl_context=security.context).exchange(state)

    assert (b"{}", True) == (got.body, state.body_started)


@only_tls
async def test_tls_with_another_name_sent_nothing(
    answering, open_pool, call, security, resolve
):
    """A certificate for another host gets no byte."""
    served = await answering(**security.options)
    url = f"https://gateway.example:{served.port}/"
    pool = open_pool(url, ssl_context=security.context)
    error = await failed(pool, call(Effect.MONEY, url=url))

    assert Failure.CONNECT is error.failure
    assert "certificate verify failed" in error.detail
    assert [] == served.received


@only_tls
async def test_tls_with_an_unknown_authority_sent_nothing(
    answering, open_pool, call, security
):
    """By default the usual authorities are trusted, and no other."""
    served = await answering(**security.options)
    url = security.url(served)
    error = await failed(open_pool(url), call(Effect.MONEY, url=url))

    assert Failure.CONNECT is error.failure
    assert "certificate verify failed" in error.detail
    assert [] == served.received


async def test_a_server_without_tls_sent_nothing(answering, open_pool, call):
    """What answers a handshake with something else is no server of ours."""
    served = await answering()
    url = f"https://127.0.0.1:{served.port}/"

    async def talk(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listening(talk) as port:
        url = f"https://127.0.0.1:{port}/"
        error = await failed(open_pool(url), call(Effect.MONEY, url=url))

    assert Failure.CONNECT is error.failure


@only_tls
async def test_tls_with_a_client_certificate(
    answering, open_pool, call, certify, security
):
    """A gateway that asks for a certificate gets ours."""
    server = security.options["ssl"]
    server.verify_mode = ssl.CERT_REQUIRED
    certify.configure_trust(server)
    certify.issue_cert("merchant").configure_cert(security.context)
    served = await answering(**security.options)
    url = security.url(served)
    pool = open_pool(url, ssl_context=security.context)

    assert b"{}" == (await pool.exchange(call(Effect.MONEY, url=url))).body


@one_tls
async def test_the_context_is_made_once_and_not_on_the_loop(
    answering, open_pool, call, security
):
    """To read the authorities takes time, in which other calls go on."""
    served = await answering(**security.options)
    made = []

    def make():
        made.append(threading.current_thread())

        return security.context

    url = security.url(served)
    pool = open_pool(url, ssl_context=make)
    states = [call(Effect.MONEY, url=url) for _ in range(5)]
    await asyncio.gather(*map(pool.exchange, states))

    assert 1 == len(made)
    assert threading.main_thread() is not made[0]


@one_tls
async def test_a_context_that_cannot_be_made_is_an_error_of_its_own(
    open_pool, call, security
):
    """The settings are at fault, and say so."""

    def make():
        raise ConfigError("no such file", "没有该文件")

    url = "https://127.0.0.1:1/"

    with pytest.raises(ConfigError, match="no such file"):
        await open_pool(url, ssl_context=make).exchange(call(url=url))


@plain_and_tls
async def test_connecting_has_a_time_of_its_own(
    serve, open_pool, call, security, advance
):
    """connect_timeout covers TLS; waiting for it is not waiting for the pool."""

    async def talk(served, reader, writer):
        advance(1.1)
        await reader.read()

    served = await serve(talk)
    url = f"https://127.0.0.1:{served.port}/"

    for pool_time, call_time in ((1.0, 5.0), (5.0, 1.0)):
        pool = open_pool(url, ssl_context=security.context, connect_timeout=pool_time)
        state = call(Effect.MONEY, url=url, timeout=call_time)
        error = await failed(pool, state)

        assert Failure.CONNECT_TIMEOUT is error.failure


@pytest.mark.parametrize("turns", range(12))
@one_tls
async def test_a_cancelled_connecting_leaves_nothing_open(
    serve, open_pool, call, security, turns
):
    """At whatever step: before it begins, in the handshake, when it is done."""
    gone = asyncio.Event()

    async def talk(served, reader, writer):
        await reader.read()
        gone.set()

    served = await serve(talk)
    url = f"https://127.0.0.1:{served.port}/"
    pool = open_pool(url, ssl_context=security.context)
    task = asyncio.create_task(pool.exchange(call(Effect.MONEY, url=url)))

    for _ in range(turns):
        await asyncio.sleep(0)

    began = bool(pool._attempts)
    task.cancel()
    await asyncio.wait([task])
    await pool.aclose()

    assert not pool._attempts
    assert not pool._connections

    # The server sees the end of what it had accepted.
    if began and turns > 4:
        async with asyncio.timeout(5):
            await gone.wait()


async def test_a_connection_that_comes_late_serves_who_waits(
    answering, open_pool, call
):
    """Whose name it was made in does not matter: the queue does."""
    served = await answering()
    pool = open_pool(served.url)
    states = [call(Effect.MONEY, url=served.url) for _ in range(3)]
    tasks = [asyncio.create_task(pool.exchange(state)) for state in states]
    await asyncio.sleep(0)
    tasks[0].cancel()
    got = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(got[0], asyncio.CancelledError)
    assert [b"{}", b"{}"] == [one.body for one in got[1:]]


@pytest.mark.parametrize("way", ["plain proxy", "TLS to the proxy"])
@only_tls
async def test_a_proxy_opens_a_tunnel(
    answering, open_pool, call, security, proxying, way
):
    """With CONNECT, its password in that request only, TLS to the gateway inside."""
    served = await answering(**security.options)
    tls = way == "TLS to the proxy"
    proxy = await proxying(**(security.options if tls else {}))
    address = f"user:pass%2Fword@127.0.0.1:{proxy.port}"
    url = security.url(served)
    pool = open_pool(
        url,
        ssl_context=security.context,
        proxy=Secret(f"http{'s' if tls else ''}://{address}"),
    )
    got = [await pool.exchange(call(Effect.MONEY, url=url)) for _ in range(2)]
    login = base64.b64encode(b"user:pass/word")

    assert [b"{}", b"{}"] == [one.body for one in got]
    assert [
        b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % served.port
        + b"Host: 127.0.0.1:%d\r\n" % served.port
        + b"User-Agent: umfpay\r\n"
        + b"Proxy-Authorization: Basic "
        + login
        + b"\r\n\r\n"
    ] == proxy.received
    assert all(b"Proxy-Authorization" not in head for head in served.received)


@one_tls
async def test_a_proxy_without_a_user_gets_no_password(
    answering, open_pool, call, security, proxying
):
    """What nobody set is not sent."""
    served = await answering(**security.options)
    proxy = await proxying()
    url = security.url(served)
    pool = open_pool(
        url,
        ssl_context=security.context,
        proxy=Secret(f"http://127.0.0.1:{proxy.port}"),
    )
    await pool.exchange(call(Effect.MONEY, url=url))

    assert b"Proxy-Authorization" not in proxy.received[0]


async def test_a_proxy_reads_what_is_not_encrypted(answering, open_pool, call):
    """It gets the whole address and its password, and answers for the gateway."""
    proxy = await answering(b"from the proxy")
    pool = open_pool(
        "http://localhost:8080/",
        proxy=Secret(f"http://u:p@127.0.0.1:{proxy.port}"),
    )
    state = call(Effect.MONEY, url="http://localhost:8080/v1/thing")
    got = await pool.exchange(state)

    assert (b"from the proxy", True) == (got.body, state.body_started)
    assert proxy.received[0].startswith(
        b"POST http://localhost:8080/v1/thing HTTP/1.1\r\nHost: localhost:8080\r\n"
    )
    assert b"\r\nProxy-Authorization: Basic dTpw\r\n" in proxy.received[0]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "HTTP 407"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://evil\r\n\r\n", "HTTP 302"),
        (b"220 ftp ready\r\n\r\n", "did not answer in HTTP"),
        (b"", "did not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD_BYTES, "did not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", "more than its answer"),
    ],
    ids=lambda value: repr(value[:20]),
)
@one_tls
async def test_a_proxy_that_opens_no_tunnel_sent_nothing(
    serve, open_pool, call, security, reply, words
):
    """Whatever it says in place of 2xx, the password is in no error."""

    async def talk(served, reader, writer):
        served.received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(reply)

        if reply:
            await reader.read()

    proxy = await serve(talk)
    pool = open_pool(
        "https://gateway.example/",
        ssl_context=security.context,
        proxy=Secret(f"http://u:sesame@127.0.0.1:{proxy.port}"),
    )
    error = await failed(pool, call(Effect.MONEY, url="https://gateway.example/"))

    assert Failure.PROXY is error.failure
    assert words in error.detail
    assert "sesame" not in repr(error)
    assert proxy.received[0].startswith(b"CONNECT gateway.example:443 ")


@pytest.mark.parametrize("url", ["http://localhost/", "https://gateway.example/"])
async def test_a_proxy_that_is_not_there_sent_nothing(open_pool, call, url):
    """It cannot be reached: its name and password stay out of the error."""
    pool = open_pool(url, proxy=Secret(f"http://u:sesame@127.0.0.1:{unused_port()}"))
    error = await failed(pool, call(Effect.MONEY, url=url))

    assert (Failure.CONNECT, "the proxy: ConnectionRefusedError") == (
        error.failure,
        error.detail,
    )


@pytest.mark.parametrize("way", ["plain proxy", "TLS to the proxy"])
@one_tls
async def test_a_gateway_of_another_name_behind_a_proxy_sent_nothing(
    answering, open_pool, call, security, proxying, certify, way
):
    """The tunnel changes nothing about whom TLS believes."""
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certify.issue_cert("evil.example").configure_cert(other)
    served = await answering(ssl=other)
    tls = way == "TLS to the proxy"
    proxy = await proxying(**(security.options if tls else {}))
    url = f"https://127.0.0.1:{served.port}/"
    pool = open_pool(
        url,
        ssl_context=security.context,
        proxy=Secret(f"http{'s' if tls else ''}://127.0.0.1:{proxy.port}"),
    )
    error = await failed(pool, call(Effect.MONEY, url=url))

    assert Failure.CONNECT is error.failure
    assert "certificate verify failed" in error.detail
    assert [] == served.received


@pytest.mark.parametrize("known", [True, False])
@one_tls
async def test_a_connection_lost_as_its_handshake_ends_sent_nothing(
    serve, open_pool, call, security, monkeypatch, known
):
    """asyncio gives no transport then; the reason comes a moment later."""

    async def talk(served, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await reader.read()

    proxy = await serve(talk)
    loop = asyncio.get_running_loop()

    async def start_tls(transport, protocol, context, **options):
        if known:
            loop.call_soon(protocol.connection_lost, ssl.SSLError(1, "some alert"))

    monkeypatch.setattr(loop, "start_tls", start_tls)
    url = "https://gateway.example/"
    pool = open_pool(
        url,
        ssl_context=security.context,
        proxy=Secret(f"http://127.0.0.1:{proxy.port}"),
    )
    error = await failed(pool, call(Effect.MONEY, url=url))

    assert Failure.CONNECT is error.failure
    assert "before anything was sent" in error.detail
    assert known is ("some alert" in error.detail)


def test_a_connector_shows_no_password():
    """Neither it nor its settings, in a traceback with local names either."""
    assert "sesame" not in repr(
        Connector(
            origin=None,
            connect_timeout=1.0,
            proxy=Secret("http://u:sesame@h:1"),
            tls=None,
        )
    )
