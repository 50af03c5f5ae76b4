"""
The connection pool against bytes that nobody asked for, on real sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
import threading

import httpx
import pytest
import trustme

from umfpay.sensitive import Secret
from umfpay.transport import AiohttpTransport, Effect, build_request, tls_context
from umfpay.transport._aiohttp import _Body
from umfpay.transport._connector import IDLE_SECONDS, ExchangeHandler, idle_limit


STRAY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"


def answer(body, *headers):
    """
    Return an answer as bytes.
    """
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]

    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.fixture(name="numbering")
def _numbering(serve, read_request):
    async def numbering(*headers, behind=lambda number: b"", **options):
        """
        Serve answers "1", "2", ... and keep each connection's writer.
        """
        writers = []

        async def talk(served, reader, writer):
            writers.append(writer)

            while True:
                served.received.append(await read_request(reader))
                number = len(served.received)
                writer.write(answer(b"%d" % number, *headers) + behind(number))

        return await serve(talk, **options), writers

    return numbering


@pytest.fixture(name="authority", scope="module")
def _authority():
    return trustme.CA()


@pytest.fixture(name="security", params=["plain", "TLS 1.2", "TLS 1.3", "tunnel"])
def _security(request, authority, tmp_path):
    """
    The kinds of connections: options of the server, scheme, context of the client.
    """
    if request.param == "plain":
        return {}, "http", None

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)

    if request.param == "TLS 1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    return {"ssl": context}, "https", tls_context(ca_file=file)


@pytest.fixture(name="proxy")
async def _proxy(request, security):
    """
    A proxy that knows CONNECT, for the kind of connection that needs one.
    """
    if "tunnel" not in request.node.callspec.params.values():
        yield None

        return

    stopped = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    # In threads: it passes on what comes while the loop is busy.
    threads = [threading.Thread(target=_accept, args=(listener, stopped))]
    threads[0].start()

    yield listener.getsockname()[1]

    stopped.set()
    await asyncio.to_thread(threads[0].join)


def _accept(listener, stopped):
    pumps = []

    while not stopped.is_set():
        try:
            near, _ = listener.accept()
        except TimeoutError:
            continue

        pumps.append(threading.Thread(target=_tunnel, args=(near, stopped)))
        pumps[-1].start()

    listener.close()

    for thread in pumps:
        thread.join()


def _tunnel(near, stopped):
    head = b""

    while b"\r\n\r\n" not in head:
        head += near.recv(4096)

    port = int(head.split()[1].rpartition(b":")[2])

    with near, socket.create_connection(("127.0.0.1", port)) as far:
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        other = {near: far, far: near}

        while not stopped.is_set():
            ready, _, _ = select.select([near, far], [], [], 0.05)

            for one in ready:
                part = one.recv(65536)

                if not part:
                    return

                other[one].sendall(part)


@pytest.fixture(name="network")
async def _network(security, proxy):
    address = None if proxy is None else Secret(f"http://127.0.0.1:{proxy}")
    transport = AiohttpTransport(
        connect_timeout=5.0, ssl_context=security[2], proxy=address
    )

    yield transport

    await transport.aclose()


@pytest.fixture(name="exchange")
def _exchange(network, call, security):
    async def exchange(served, effect=Effect.READ):
        """
        Make a call; return the body of its answer.
        """
        url = f"{security[1]}://127.0.0.1:{served.port}/v1/thing"
        request = build_request(call(effect, url=url))
        response = await network.handle_async_request(request)

        try:
            return b"".join([chunk async for chunk in response.stream])
        finally:
            await response.stream.aclose()

    return exchange


def idle(network):
    """
    Return the only connection of the pool.
    """
    ((handler, _),) = next(iter(network._session.connector._conns.values()))

    return handler


async def until_closed(handler):
    """
    Let the loop run until the connection is closed.
    """
    while handler.is_connected():
        await asyncio.sleep(0.001)


def until_readable(handler):
    """
    Keep the loop busy until the kernel has something for the connection.
    """
    line = handler.transport.get_extra_info("socket")

    assert select.select([line], [], [], 10)[0]


both = pytest.mark.parametrize("effect", [Effect.READ, Effect.MONEY])


@both
async def test_an_answer_that_nobody_asked_for_is_given_to_nobody(
    numbering, exchange, network, security, effect
):
    """Its connection is closed, and the next call gets the answer to itself."""
    served, writers = await numbering(**security[0])
    await exchange(served)
    writers[0].write(STRAY)
    await until_closed(idle(network))

    assert b"2" == await exchange(served, effect)
    assert (2, 2) == (len(served.received), len(writers))


@both
async def test_a_loop_that_was_busy_looks_at_the_socket_first(
    numbering, exchange, network, security, effect
):
    """What came into the kernel while nothing ran is not taken for the answer."""
    served, writers = await numbering(**security[0])
    await exchange(served)
    writers[0].write(STRAY)
    until_readable(idle(network))

    assert b"2" == await exchange(served, effect)
    assert 2 == len(writers)


@both
async def test_an_end_in_the_kernel_costs_no_call(
    numbering, exchange, network, security, effect
):
    """A connection that the server closed meanwhile is not used: nothing is lost."""
    served, writers = await numbering(**security[0])
    await exchange(served)
    writers[0].get_extra_info("socket").shutdown(socket.SHUT_WR)
    until_readable(idle(network))

    assert b"2" == await exchange(served, effect)
    assert 2 == len(writers)


@pytest.mark.parametrize(
    "behind", [STRAY, STRAY[:20], b"H", b"220 ready\r\n"], ids=repr
)
async def test_what_comes_behind_an_answer_closes_the_connection(
    numbering, exchange, security, behind
):
    """A second answer, a part of one, or garbage: the next call goes elsewhere."""
    served, writers = await numbering(
        behind=lambda number: behind if number == 1 else b"", **security[0]
    )
    first = None

    # Garbage in the same segment makes a doubtful answer.
    with contextlib.suppress(httpx.RemoteProtocolError):
        first = await exchange(served)

    assert first in (b"1", None)
    assert b"2" == await exchange(served, Effect.MONEY)
    assert 2 == len(writers)


async def test_half_an_answer_that_came_idle_closes_the_connection(
    numbering, exchange, network, security
):
    """The other half would otherwise be taken for the begin of the next answer."""
    served, writers = await numbering(**security[0])
    await exchange(served)
    writers[0].write(STRAY[:20])
    await until_closed(idle(network))

    assert b"2" == await exchange(served, Effect.MONEY)
    assert 2 == len(writers)


@both
async def test_a_quiet_connection_is_used_again(numbering, exchange, security, effect):
    """Session tickets of TLS are no answer; keeping connections is not given up."""
    served, writers = await numbering(**security[0])
    bodies = [await exchange(served, effect) for _ in range(4)]

    assert [b"1", b"2", b"3", b"4"] == bodies
    assert 1 == len(writers)


@pytest.mark.parametrize("end", ["announced", "cut"])
async def test_the_end_of_a_body_without_length_is_known_by_tls_only(
    serve, read_request, network, call, security, end
):
    """Plain TCP ends without a word; TLS says whether it was meant (RFC 8446 6.1)."""

    async def talk(served, reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nrow1\nrow2\n")
        await asyncio.sleep(0.02)

        if end == "announced":
            writer.close()
        else:
            writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    served = await serve(talk, **security[0])
    url = f"{security[1]}://127.0.0.1:{served.port}/v1/thing"
    response = await network.handle_async_request(
        build_request(call(url=url, download=True))
    )
    body = b"".join([chunk async for chunk in response.stream])
    await response.stream.aclose()

    assert b"row1\nrow2\n" == body
    assert (security[1] == "https" and end == "announced") is (
        response.stream.ended_clean
    )


@pytest.mark.parametrize("security", ["plain"], indirect=True)
class TestPlain:
    """
    What does not differ with TLS.
    """

    async def test_an_answer_between_choice_and_writing_is_dropped(
        self, numbering, exchange, network
    ):
        """Whatever comes before the first byte of the body leaves belongs to nobody."""
        served, writers = await numbering()
        await exchange(served)
        task = asyncio.create_task(exchange(served, Effect.MONEY))
        handler = idle(network)

        while not network._session.connector._acquired:
            await asyncio.sleep(0)

        if handler.expects_answer:
            # Newer Pythons write at once.
            assert b"2" == await task

            return

        handler.data_received(STRAY)

        with pytest.raises(httpx.ConnectError):
            await task

        assert 1 == len(served.received)
        assert 1 == len(writers)

    async def test_the_socket_is_looked_at_directly_before_the_body_is_written(
        self, numbering, exchange, network, monkeypatch
    ):
        """Between choice and writing the loop may be busy, and an answer may come."""
        served, writers = await numbering()
        await exchange(served)
        handler = idle(network)
        begin = _Body._begin

        async def begin_late(self, writer):
            writers[0].write(STRAY)
            until_readable(handler)
            await begin(self, writer)

        monkeypatch.setattr(_Body, "_begin", begin_late)

        with pytest.raises(httpx.ConnectError):
            await exchange(served, Effect.MONEY)

        assert 1 == len(served.received)

    @both
    async def test_a_server_that_speaks_first_gets_no_byte(
        self, call, network, monkeypatch, effect
    ):
        """An answer on a new connection, before any request, is no answer."""
        received = []

        def speak(listener):
            line, _ = listener.accept()
            line.sendall(STRAY)
            received.append(line.recv(1))
            line.close()

        made = ExchangeHandler.connection_made

        def made_late(self, transport):
            made(self, transport)
            # The loop is busy until the bytes have come.
            assert select.select([transport.get_extra_info("socket")], [], [], 5)[0]

        monkeypatch.setattr(ExchangeHandler, "connection_made", made_late)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            speaking = threading.Thread(target=speak, args=(listener,))
            speaking.start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            state = call(effect, url=url, handed_over=True)

            with pytest.raises(httpx.ConnectError, match="before anything") as caught:
                await network.handle_async_request(build_request(state))

            await asyncio.to_thread(speaking.join)

        assert [b""] == received
        assert not state.may_have_been_sent(caught.value)

    async def test_a_connection_idle_for_too_long_is_closed(
        self, numbering, exchange, network
    ):
        """Unused above the limit, it is not used again."""
        served, writers = await numbering()
        await exchange(served)
        handler = idle(network)
        handler._idle_since -= IDLE_SECONDS + 0.1

        assert b"2" == await exchange(served, Effect.MONEY)
        assert 2 == len(writers)

    async def test_the_servers_own_limit_counts(self, numbering, exchange, network):
        """With Keep-Alive: timeout=5 a connection idle for 4.5 s is not used."""
        served, writers = await numbering(b"Keep-Alive: timeout=5, max=100")
        await exchange(served)
        handler = idle(network)
        handler._idle_since -= 3.5
        await exchange(served)

        assert 1 == len(writers)

        handler._idle_since -= 4.5
        await exchange(served)

        assert 2 == len(writers)

    async def test_a_cancelled_look_gives_the_connection_up(
        self, numbering, exchange, network
    ):
        """Cancellation while a doubtful connection settles leaks nothing."""
        served, writers = await numbering()
        await exchange(served)
        writers[0].write(STRAY)
        until_readable(idle(network))
        task = asyncio.create_task(exchange(served))
        await asyncio.sleep(0)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task

        assert (0, 0) == (network._busy, len(network._session.connector._acquired))
        assert b"2" == await exchange(served)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("timeout=5", 4.0),
        ("max=100, Timeout = 6", 5.0),
        ('timeout="3"', 2.0),
        ("timeout=0", -1.0),
        ("timeout=75", IDLE_SECONDS),
        ("timeout=99999999999999999999", IDLE_SECONDS),
        ("timeout=x", IDLE_SECONDS),
        ("max=100", IDLE_SECONDS),
        ("", IDLE_SECONDS),
    ],
)
def test_the_header_keep_alive(header, seconds):
    """A second before the server's limit, and never above our own."""
    assert seconds == idle_limit(header)
