"""
Our connections to one origin, on real sockets: who gets one, when it is used again.
"""

from __future__ import annotations

import asyncio

import pytest

from umfpay.sensitive import Secret
from umfpay.transport import BearerToken, Effect
from umfpay.transport._connection_pool import ConnectionPool


def answer(body=b"{}", *headers, status=b"200 OK"):
    """
    Return an answer as bytes.
    """
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]

    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.fixture(name="answering")
def _answering(serve, read_request):
    async def answering(body=b"{}", *headers, status=b"200 OK", **options):
        """
        Serve the same answer to every request of every connection.
        """

        async def talk(served, reader, writer):
            while True:
                served.received.append(await read_request(reader))
                writer.write(answer(body, *headers, status=status))

        return await serve(talk, **options)

    return answering


@pytest.fixture(name="open_pool")
async def _open_pool():
    pools = []

    def open_pool(url, **options):
        pools.append(ConnectionPool(url, **options))

        return pools[-1]

    yield open_pool

    for pool in pools:
        await pool.aclose()


async def test_a_write_arrives_whole(answering, open_pool, call):
    """Method, path, headers and body reach the server; the answer comes back."""
    served = await answering(b'{"a":1}', b"X-Two: 1", b"x-two: 2")
    state = call(
        Effect.MONEY,
        url=served.url,
        signature="c2ln",
        headers=[(b"X-Own", b"y")],
        bearer=BearerToken(generation=1, token=Secret("tok")),
    )
    got = await open_pool(served.url).exchange(state)
    head, _, sent = served.received[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")

    assert [
        b"POST /v1/thing HTTP/1.1",
        b"Host: 127.0.0.1:%d" % served.port,
        b"Accept: application/json",
        b"Accept-Encoding: identity",
        b"Content-Type: application/json",
        b"User-Agent: umfpay",
        b"X-Own: y",
        b"Signature: c2ln",
        b"Authorization: Bearer tok",
        b"Content-Length: 14",
    ] == lines
    assert state.body == sent
    assert (200, b'{"a":1}', True) == (got.status, got.body, got.is_framed)
    assert [
        (b"content-length", b"7"),
        (b"x-two", b"1"),
        (b"x-two", b"2"),
    ] == got.headers
    assert (True, True) == (state.body_tracked, state.body_started)


async def test_closing_leaves_no_task(answering, open_pool, call):
    """After aclose() nothing of the pool runs any more."""
    served = await answering()
    pool = open_pool(served.url)
    before = asyncio.all_tasks()
    await asyncio.gather(*[pool.exchange(call(url=served.url)) for _ in range(5)])
    await pool.aclose()

    left = {
        task for task in asyncio.all_tasks() - before if "umfpay" in task.get_name()
    }

    assert set() == left
