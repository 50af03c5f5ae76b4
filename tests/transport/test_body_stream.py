"""
The body of a file, read while it comes: pauses, limits, and how it ends.
"""

from __future__ import annotations

import asyncio
import math
import socket

import pytest

from tests.servers.streams import read_request
from umfpay.transport import Failure, HTTPExchangeError
from umfpay.transport._body_stream import HIGH_WATER_BYTES


def head(length):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length


@pytest.fixture(name="fetch")
def _fetch(serve, open_pool, call, security):
    async def fetch(send, **changes):
        """
        Ask for a file that *send* writes; return the answer.
        """

        async def talk(served, reader, writer):
            while True:
                served.received.append(await read_request(reader))
                await send(writer)

        fetch.served = served = await serve(talk, **security.options)
        url = security.url(served)
        fetch.pool = open_pool(url, ssl_context=security.context, max_connections=1)
        state = call(url=url, download=True, **changes)

        return await fetch.pool.exchange(state)

    return fetch


async def read(answer):
    try:
        return b"".join([part async for part in answer.stream])
    finally:
        await answer.stream.aclose()


async def test_a_file_is_read_while_it_comes(fetch):
    """Each part as soon as it is there, and never an empty one."""
    go_on = asyncio.Event()

    async def send(writer):
        writer.write(head(6) + b"one")
        await go_on.wait()
        writer.write(b"two")

    answer = await fetch(send)
    first = await anext(answer.stream)
    go_on.set()
    rest = [part async for part in answer.stream]

    assert (200, b"", True) == (answer.status, answer.body, answer.is_framed)
    assert (b"one", [b"two"]) == (first, rest)


async def test_a_file_that_was_read_gives_its_connection_back(fetch):
    """As soon as its last byte has come, also if nobody has read it yet."""

    async def send(writer):
        writer.write(head(3) + b"end")

    answer = await fetch(send)
    (connection,) = fetch.pool._connections
    state = answer.stream._state
    again = await fetch.pool.exchange(state)

    assert (b"end", b"end") == (await read(answer), await read(again))
    assert {connection} == fetch.pool._connections


async def test_an_error_in_place_of_a_file_does_not_stream(fetch):
    """Only what is good is a file."""

    async def send(writer):
        writer.write(head(2).replace(b"200", b"404") + b"no")

    answer = await fetch(send)

    assert (404, b"no", None) == (answer.status, answer.body, answer.stream)


async def test_a_reader_who_is_slow_lets_the_server_wait(fetch):
    """No more than the high-water mark and one read of the socket are kept."""
    size = 40 * HIGH_WATER_BYTES

    async def send(writer):
        writer.write(head(size) + b"x" * size)

    answer = await fetch(send)

    # The kernel's buffers fill up, and the server cannot go on.
    for _ in range(200):
        await asyncio.sleep(0)

    assert answer.stream._unread <= 3 * HIGH_WATER_BYTES

    got = 0

    async for part in answer.stream:
        got += len(part)
        assert answer.stream._unread <= 3 * HIGH_WATER_BYTES

    assert size == got
    assert b"x" * size == await read(await fetch.pool.exchange(answer.stream._state))


async def test_a_file_may_take_longer_than_an_attempt_but_no_pause(fetch, advance):
    """What keeps coming is not cut; a silence of one attempt's time is."""
    go_on = asyncio.Queue()

    async def send(writer):
        writer.write(head(10))

        while True:
            writer.write(await go_on.get())

    answer = await fetch(send, timeout=5.0)

    for _ in range(4):
        waiting = asyncio.ensure_future(anext(answer.stream))
        await asyncio.sleep(0)
        advance(4.0)
        go_on.put_nowait(b"x")

        assert b"x" == await waiting

    waiting = asyncio.ensure_future(anext(answer.stream))
    await asyncio.sleep(0)
    advance(5.1)

    with pytest.raises(HTTPExchangeError) as caught:
        await waiting

    assert Failure.TIMEOUT is caught.value.failure


async def test_the_readers_own_pauses_are_none_of_the_servers(fetch, advance):
    """A disk may take its time."""
    go_on = asyncio.Event()

    async def send(writer):
        writer.write(head(2) + b"a")
        await go_on.wait()
        writer.write(b"b")

    answer = await fetch(send, timeout=5.0)
    first = await anext(answer.stream)
    advance(9.0)

    for _ in range(5):
        await asyncio.sleep(0)

    go_on.set()

    assert b"ab" == first + await read(answer)


async def test_a_deadline_that_ends_with_the_opening_limits_no_reading(fetch, advance):
    """Nor the pauses of a reader, whatever expired when the file was opened."""
    go_on = asyncio.Event()

    async def send(writer):
        writer.write(head(2) + b"a")
        await go_on.wait()
        writer.write(b"b")

    answer = await fetch(send, timeout=5.0)
    # As a session does once a file is open.
    answer.stream._state.deadline = math.inf
    advance(30.1)

    for _ in range(5):
        await asyncio.sleep(0)

    first = await anext(answer.stream)
    waiting = asyncio.ensure_future(read(answer))
    await asyncio.sleep(0)
    go_on.set()

    assert b"ab" == first + await waiting


@pytest.mark.parametrize("reads", [True, False])
async def test_no_file_takes_longer_than_its_deadline(fetch, advance, reads):
    """Whether or not somebody reads: then the connection is closed."""

    async def send(writer):
        writer.write(head(1000) + b"x")
        await asyncio.Event().wait()

    answer = await fetch(send, timeout=60.0)
    (connection,) = fetch.pool._connections
    first = await anext(answer.stream)
    waiting = asyncio.ensure_future(anext(answer.stream)) if reads else None
    await asyncio.sleep(0)
    advance(30.1)

    while connection.is_connected:
        await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await (waiting or anext(answer.stream))

    assert b"x" == first


@pytest.mark.parametrize("end", ["announced", "cut"])
async def test_the_end_of_a_body_without_length_is_known_by_tls_only(
    fetch, security, end
):
    """Plain TCP ends without a word; TLS says whether it was meant (RFC 8446 6.1)."""

    async def send(writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nrow1\nrow2\n")
        await asyncio.sleep(0.01)

        if end == "announced":
            writer.close()
        else:
            writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    answer = await fetch(send)

    assert b"row1\nrow2\n" == await read(answer)
    assert not answer.is_framed
    assert (security.scheme == "https" and end == "announced") is (
        answer.stream.ended_clean
    )


@pytest.mark.parametrize("end", ["announced", "cut"])
async def test_a_slow_reader_learns_the_same_of_the_end(fetch, security, end):
    """The end comes while reading is paused, and is told when all is read."""
    size = 3 * HIGH_WATER_BYTES

    async def send(writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * size)
        await writer.drain()

        if end == "announced":
            writer.close()
        else:
            writer.get_extra_info("socket").shutdown(socket.SHUT_WR)

        await asyncio.Event().wait()

    answer = await fetch(send)

    for _ in range(100):
        await asyncio.sleep(0)

    got = await read(answer)

    assert size == len(got)
    assert (security.scheme == "https" and end == "announced") is (
        answer.stream.ended_clean
    )


@pytest.mark.parametrize("how", ["cut", "garbage", "closed session"])
async def test_a_file_that_breaks_off_is_none(fetch, how):
    """What has come is given out before the error."""
    go_on = asyncio.Event()

    async def send(writer):
        writer.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrow\r\n"
        )
        await go_on.wait()

        if how == "cut":
            writer.transport.abort()
        else:
            writer.write(b"no size\r\n")

    answer = await fetch(send)
    first = await anext(answer.stream)

    if how == "closed session":
        await fetch.pool.aclose()
    else:
        go_on.set()

    for _ in range(2):
        with pytest.raises(HTTPExchangeError) as caught:
            await anext(answer.stream)

    assert b"row" == first
    assert (Failure.PROTOCOL if how == "garbage" else Failure.BROKEN) is (
        caught.value.failure
    )


async def test_a_file_closed_half_way_frees_its_connection(fetch):
    """It is not given back, and no longer counts; the next call has another."""

    async def send(writer):
        writer.write(head(10_000_000) + b"x" * 100_000)
        await asyncio.Event().wait()

    answer = await fetch(send)

    for number in range(3):
        await anext(answer.stream)
        await answer.stream.aclose()
        await answer.stream.aclose()

        with pytest.raises(HTTPExchangeError):
            await anext(answer.stream)

        answer = await fetch.pool.exchange(answer.stream._state)

        assert number + 2 == len(fetch.served.received)

    await answer.stream.aclose()


async def test_a_cancelled_reader_may_go_on(fetch):
    """Cancelling the wait for a part ends the wait, not the file."""
    go_on = asyncio.Event()

    async def send(writer):
        writer.write(head(3))
        await go_on.wait()
        writer.write(b"row")

    answer = await fetch(send)
    waiting = asyncio.ensure_future(anext(answer.stream))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    go_on.set()

    assert waiting.cancelled()
    assert b"row" == await read(answer)


async def test_an_empty_file_ends_at_once(fetch):
    """Its head is all there is."""

    async def send(writer):
        writer.write(head(0))

    answer = await fetch(send)

    assert (b"", True) == (await read(answer), answer.is_framed)
    assert not answer.stream.ended_clean


async def test_a_caller_cancelled_as_the_head_comes_leaves_no_file_open(fetch, call):
    """The answer that nobody takes is closed with its connection."""
    task = None

    async def send(writer):
        writer.write(head(10) + b"row")
        await asyncio.Event().wait()

    task = asyncio.ensure_future(fetch(send))

    while (pool := getattr(fetch, "pool", None)) is None:
        await asyncio.sleep(0)

    while not any(one.exchange for one in pool._connections):
        await asyncio.sleep(0)

    (connection,) = pool._connections
    exchange = connection.exchange

    while not exchange.future.done():
        await asyncio.sleep(0)

    task.cancel()
    await asyncio.wait([task])

    while connection.is_connected:
        await asyncio.sleep(0)

    assert not pool._connections
