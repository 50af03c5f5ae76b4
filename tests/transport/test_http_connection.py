"""
One connection on real sockets: what left, what came, and when it may be used again.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import struct
import threading

import pytest

from tests.servers.streams import read_request
from umfpay.transport import ConnectionPool, Effect, Failure, HTTPExchangeError
from umfpay.transport._http_connection import IDLE_SECONDS, HttpConnection, idle_limit


STRAY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"

both = pytest.mark.parametrize("effect", [Effect.READ, Effect.MONEY])
only_plain = pytest.mark.parametrize("security", ["plain"], indirect=True)


def answer(body, *headers):
    """
    Return an answer as bytes.
    """
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers]

    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def reset(writer):
    """
    Cut a connection without a goodbye.
    """
    line = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.fixture(name="numbering")
def _numbering(serve, security):
    async def numbering(*headers, behind=lambda number: b""):
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

        return await serve(talk, **security.options), writers

    return numbering


@pytest.fixture(name="exchange")
def _exchange(open_pool, call, security):
    pools = {}

    async def exchange(served, effect=Effect.READ, **changes):
        """
        Make a call; return the body of its answer.
        """
        url = security.url(served)

        if url not in pools:
            pools[url] = open_pool(url, ssl_context=security.context)
            exchange.pool = pools[url]

        state = exchange.state = call(effect, **{"url": url, "timeout": 5.0, **changes})
        got = await exchange.pool.exchange(state)

        return got.body

    return exchange


def idle(exchange):
    """
    Return the only connection of the pool.
    """
    (connection,) = exchange.pool._connections

    return connection


async def until_lost(connection):
    """
    Let the loop run until the connection is closed.
    """
    while connection.is_connected:
        await asyncio.sleep(0)


def until_readable(connection):
    """
    Keep the loop busy until the kernel has something for the connection.
    """
    line = connection._transport.get_extra_info("socket")

    assert select.select([line], [], [], 10)[0]


@both
async def test_a_quiet_connection_is_used_again(numbering, exchange, effect):
    """Session tickets of TLS are no answer; keeping connections is not given up."""
    served, writers = await numbering()
    bodies = [await exchange(served, effect) for _ in range(4)]

    assert [b"1", b"2", b"3", b"4"] == bodies
    assert 1 == len(writers)


@both
async def test_an_answer_that_nobody_asked_for_is_given_to_nobody(
    numbering, exchange, effect
):
    """Its connection is closed, and the next call gets the answer to itself."""
    served, writers = await numbering()
    await exchange(served)
    writers[0].write(STRAY)
    await until_lost(idle(exchange))

    assert b"2" == await exchange(served, effect)
    assert (2, 2) == (len(served.received), len(writers))


@both
async def test_a_loop_that_was_busy_looks_at_the_socket_first(
    numbering, exchange, effect
):
    """What came into the kernel while nothing ran is not taken for the answer."""
    served, writers = await numbering()
    await exchange(served)
    writers[0].write(STRAY)
    until_readable(idle(exchange))

    assert b"2" == await exchange(served, effect)
    assert 2 == len(writers)


@both
async def test_an_end_in_the_kernel_costs_no_call(numbering, exchange, effect):
    """A connection that the server closed meanwhile is not used: nothing is lost."""
    served, writers = await numbering()
    await exchange(served)
    writers[0].get_extra_info("socket").shutdown(socket.SHUT_WR)
    until_readable(idle(exchange))

    assert b"2" == await exchange(served, effect)
    assert 2 == len(writers)


@pytest.mark.parametrize(
    "behind", [STRAY, STRAY[:20], b"H", b"220 ready\r\n"], ids=repr
)
async def test_what_comes_behind_an_answer_closes_the_connection(
    numbering, exchange, behind
):
    """In the same segment it refuses the answer: the next call goes elsewhere."""
    served, writers = await numbering(
        behind=lambda number: behind if number == 1 else b""
    )

    with pytest.raises(HTTPExchangeError) as caught:
        await exchange(served, Effect.MONEY)

    assert Failure.PROTOCOL is caught.value.failure
    assert b"2" == await exchange(served, Effect.MONEY)
    assert 2 == len(writers)


@pytest.mark.parametrize("security", ["TLS 1.2", "TLS 1.3"], indirect=True)
async def test_an_end_in_the_same_segment_as_an_answer_costs_no_call(
    serve, open_pool, call, security
):
    """TLS has read the goodbye by then: who waits does not get this connection."""

    async def talk(served, reader, writer):
        served.received.append(await read_request(reader))
        inner = writer.transport._ssl_protocol._transport
        # Answer and goodbye leave together.
        inner.write = lambda data: held.append(data)
        held = []
        writer.write(answer(b"%d" % len(served.received)))
        writer.close()
        del inner.write
        inner.write(b"".join(held))

    served = await serve(talk, **security.options)
    url = security.url(served)
    pool = open_pool(url, ssl_context=security.context, max_connections=1)
    calls = [pool.exchange(call(Effect.MONEY, url=url)) for _ in range(3)]
    got = await asyncio.gather(*calls)

    assert [b"1", b"2", b"3"] == [one.body for one in got]


DEATHS = {
    "drop after reading": Failure.BROKEN,
    "reset after reading": Failure.BROKEN,
    "half body": Failure.BROKEN,
    "half head": Failure.BROKEN,
    "half chunk": Failure.BROKEN,
    "garbage": Failure.PROTOCOL,
    "silence": Failure.TIMEOUT,
}


@pytest.mark.parametrize("kind", DEATHS)
@both
async def test_a_request_that_was_read_counts_as_sent(
    serve, exchange, security, advance, kind, effect
):
    """However the server ends after reading, nobody may believe it did not read."""
    words = {
        "half body": answer(b"x" * 100)[:-50],
        "half head": b"HTTP/1.1 200 OK\r\nContent-Le",
        "half chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nx",
        "garbage": b"220 ftp.example ready\r\n\r\n",
    }

    async def talk(served, reader, writer):
        served.received.append(await read_request(reader))

        if kind == "reset after reading":
            reset(writer)
        elif kind == "silence":
            advance(5.1)
            await reader.read()
        else:
            writer.write(words.get(kind, b""))

    served = await serve(talk, **security.options)

    with pytest.raises(HTTPExchangeError) as caught:
        await exchange(served, effect)

    assert DEATHS[kind] is caught.value.failure
    assert 1 == len(served.received)
    assert (effect is Effect.MONEY) is exchange.state.body_started


@only_plain
async def test_a_write_without_a_body_counts_as_begun_with_its_head(
    numbering, exchange
):
    """An empty POST has no first byte of a body that could be waited for."""
    served, _ = await numbering()
    await exchange(served, Effect.MONEY, body=b"")

    assert exchange.state.body_started


@only_plain
async def test_a_connection_that_closes_in_this_very_moment_gets_no_byte(
    numbering, exchange
):
    """Chosen, but closing: another one is taken, and the call is made once."""
    served, writers = await numbering()
    await exchange(served)
    idle(exchange)._transport.close()

    assert b"2" == await exchange(served, Effect.MONEY)
    assert (2, 2) == (len(served.received), len(writers))


@both
async def test_a_server_that_speaks_first_gets_no_byte(
    call, open_pool, monkeypatch, effect
):
    """An answer on a new connection, before any request, is no answer."""
    received = []

    def speak(listener):
        line, _ = listener.accept()
        line.sendall(STRAY)
        received.append(line.recv(1))
        line.close()

    made = HttpConnection.connection_made

    def made_late(self, transport):
        made(self, transport)
        # The loop is busy until the bytes have come.
        until_readable(self)

    monkeypatch.setattr(HttpConnection, "connection_made", made_late)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        speaking = threading.Thread(target=speak, args=(listener,))
        speaking.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        state = call(effect, url=url)

        with pytest.raises(HTTPExchangeError, match="before anything") as caught:
            await open_pool(url).exchange(state)

        await asyncio.to_thread(speaking.join)

    assert [b""] == received
    assert (Failure.CONNECT, False) == (caught.value.failure, state.body_started)


@only_plain
async def test_a_connection_idle_for_too_long_is_closed(numbering, exchange):
    """Unused above the limit, it is not used again."""
    served, writers = await numbering()
    await exchange(served)
    idle(exchange).idle_until -= IDLE_SECONDS + 0.1

    assert b"2" == await exchange(served, Effect.MONEY)
    assert 2 == len(writers)


@only_plain
async def test_the_servers_own_limit_counts(numbering, exchange):
    """With Keep-Alive: timeout=5 a connection idle for 4.5 s is not used."""
    served, writers = await numbering(b"Keep-Alive: timeout=5, max=100")
    await exchange(served)
    idle(exchange).idle_until -= 3.5
    await exchange(served)

    assert 1 == len(writers)

    idle(exchange).idle_until -= 4.5
    await exchange(served)

    assert 2 == len(writers)


@only_plain
async def test_a_connection_that_stays_idle_is_closed_by_the_timer(numbering, exchange):
    """No socket stays open for nothing."""
    served, _ = await numbering(b"Keep-Alive: timeout=5")
    await exchange(served)
    connection = idle(exchange)
    connection.idle_until -= 5.0
    exchange.pool._look_at_all()
    await until_lost(connection)

    assert not exchange.pool._connections


@only_plain
@pytest.mark.parametrize("goodbye", [b"Connection: close", b"Keep-Alive: timeout=0"])
async def test_a_connection_that_the_server_gives_up_is_not_used_again(
    numbering, exchange, goodbye
):
    """Its words count, whether or not it has closed by now."""
    served, writers = await numbering(goodbye)

    assert [b"1", b"2"] == [await exchange(served), await exchange(served)]
    assert 2 == len(writers)


@only_plain
async def test_an_answer_before_the_request_has_left_ends_the_connection(
    serve, exchange
):
    """It is an answer; but what follows the rest of the request nobody knows."""
    connections = []

    async def talk(served, reader, writer):
        connections.append(writer)
        await reader.readexactly(20)
        writer.write(answer(b"no"))
        await asyncio.Event().wait()

    served = await serve(talk)
    big = b"x" * 20_000_000

    for _ in range(2):
        assert b"no" == await exchange(served, Effect.MONEY, body=big)

    assert 2 == len(connections)


@pytest.mark.parametrize("security", ["TLS 1.3"], indirect=True)
async def test_a_missing_client_certificate_shows_only_after_the_write(
    answering, certify, security, exchange
):
    """TLS 1.3 ends the handshake first: nobody may say that nothing was sent."""
    context = security.options["ssl"]
    context.verify_mode = ssl.CERT_REQUIRED
    certify.configure_trust(context)
    served = await answering(**security.options)

    with pytest.raises(HTTPExchangeError) as caught:
        await exchange(served, Effect.MONEY)

    assert Failure.BROKEN is caught.value.failure
    assert exchange.state.body_started
    assert [] == served.received


@pytest.mark.parametrize("security", ["TLS 1.3"], indirect=True)
@pytest.mark.parametrize("comes", ["early", "late"])
async def test_a_refusal_by_tls_is_reported_in_its_words(
    certify, security, open_pool, call, monkeypatch, comes
):
    """If the alert comes before the write nothing was sent; the reason is known."""
    context = security.options["ssl"]
    context.verify_mode = ssl.CERT_REQUIRED
    certify.configure_trust(context)
    ended = ConnectionPool._attempt_ended

    def end_later(self, pending, connection, task):
        # The connection is made, and its first request is slow to come.
        if not connection.is_connected or connection.is_readable():
            ended(self, pending, connection, task)
        else:
            self.loop.call_soon(end_later, self, pending, connection, task)

    if comes == "early":
        monkeypatch.setattr(ConnectionPool, "_attempt_ended", end_later)

    def refuse(listener):
        line = context.wrap_socket(
            listener.accept()[0], server_side=True, do_handshake_on_connect=False
        )

        with line:
            with pytest.raises(ssl.SSLError):
                line.do_handshake()

            # Until the other side has read it.
            socket.socket.recv(line, 65536)

    failures = set()

    # On a busy machine the alert that is to come early may come late.
    while not failures or (comes == "early" and Failure.CONNECT not in failures):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            refusing = threading.Thread(target=refuse, args=(listener,))
            refusing.start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
            pool = open_pool(url, ssl_context=security.context)
            state = call(Effect.MONEY, url=url)

            with pytest.raises(HTTPExchangeError, match="certificate req") as caught:
                await pool.exchange(state)

            await asyncio.to_thread(refusing.join)

        failures.add(caught.value.failure)

        assert state.body_started is (caught.value.failure is Failure.BROKEN)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"timeout=5", 4.0),
        (b"max=100, Timeout = 6", 5.0),
        (b'timeout="3"', 2.0),
        (b"timeout=0", -1.0),
        (b"timeout=75", IDLE_SECONDS),
        (b"timeout=99999999999999999999", IDLE_SECONDS),
        (b"timeout=x", IDLE_SECONDS),
        (b"max=100", IDLE_SECONDS),
        (b"", IDLE_SECONDS),
    ],
)
def test_the_header_keep_alive(header, seconds):
    """A second before the server's limit, and never above our own."""
    assert seconds == idle_limit(header)
