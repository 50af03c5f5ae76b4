"""
Our connections to one origin, on real sockets: who gets one, and what is left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
import uvloop

from tests.servers.streams import read_request
from tests.transport.bearer import BearerToken
from tests.transport.readers import make_state
from umfpay.sensitive import Secret
from umfpay.transport import ConnectionPool, Effect, Failure, HTTPExchangeError


STORM = int(os.environ.get("UMFPAY_CANCELLATIONS", "2000"))


@pytest.fixture(name="silent")
def _silent(serve):
    async def silent(**options):
        """
        Serve connections that read one request and say nothing.
        """

        async def talk(served, reader, writer):
            served.received.append(await read_request(reader))
            await reader.read()

        return await serve(talk, **options)

    return silent


@pytest.fixture(name="serve_in_thread")
def _serve_in_thread():
    """
    A server beside the loop: it answers what it has read once it may.
    """
    received = []
    may_answer = threading.Event()
    may_answer.answered = threading.Event()

    def talk():
        peer, _ = listener.accept()

        with peer:
            while data := peer.recv(65536):
                received.append(data.rpartition(b"\r\n\r\n")[2])
                may_answer.wait(60)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                may_answer.answered.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, daemon=True)
        thread.start()

        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received, may_answer

        thread.join(60)


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def timers():
    """
    Return the timers of the running loop that will fire.
    """
    return [
        handle
        for handle in asyncio.get_running_loop()._scheduled
        if not handle.cancelled()
    ]


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


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


async def test_redirects_cookies_and_codings_are_left_alone(answering, open_pool, call):
    """A redirect is an answer, no cookie comes back, and nothing is decoded."""
    served = await answering(
        b"\x1f\x8b",
        b"Location: /elsewhere",
        b"Set-Cookie: a=b",
        b"Content-Encoding: gzip",
        status=b"307 Temporary",
    )
    pool = open_pool(served.url)
    got = [await pool.exchange(call(Effect.MONEY, url=served.url)) for _ in range(2)]

    assert [(307, b"\x1f\x8b")] * 2 == [(one.status, one.body) for one in got]
    assert 2 == len(served.received)
    assert b"cookie" not in served.received[1].lower()


async def test_what_cannot_be_sent_reaches_no_connection(open_pool, call):
    """Another origin, or a header that would smuggle, fails before any connecting."""
    pool = open_pool("http://127.0.0.1:1/v1")

    for changes in (
        {"url": "http://127.0.0.2:1/v1"},
        {"url": "http://127.0.0.1:1/v1", "headers": [(b"X", b"a\r\nY: b")]},
    ):
        state = call(Effect.MONEY, **changes)

        with pytest.raises(HTTPExchangeError) as caught:
            await pool.exchange(state)

        assert (Failure.ADDRESS, False) == (caught.value.failure, state.body_started)


@pytest.mark.parametrize("size", [1, 3])
async def test_who_waits_longest_is_served_first(serve, open_pool, call, size):
    """Two thousand callers on few connections get their turn in the order they came."""
    order = []

    async def talk(served, reader, writer):
        while True:
            body = (await read_request(reader)).partition(b"\r\n\r\n")[2]
            order.append(int(body))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    served = await serve(talk)
    pool = open_pool(served.url, max_connections=size)
    states = [call(Effect.MONEY, url=served.url, body=b"%d" % n) for n in range(2000)]
    await asyncio.gather(*map(pool.exchange, states))

    # The server may see what was written at one time in any order.
    assert size > max(abs(place - number) for place, number in enumerate(order))


async def test_a_newcomer_waits_behind_those_who_wait(serve, open_pool, call):
    """Whoever has just finished does not get the connection again before them."""
    order = []

    async def talk(served, reader, writer):
        while True:
            order.append((await read_request(reader))[-1:])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    served = await serve(talk)
    pool = open_pool(served.url, max_connections=1)

    async def again_and_again(name):
        for _ in range(3):
            await pool.exchange(call(Effect.MONEY, url=served.url, body=name))

    await asyncio.gather(*map(again_and_again, [b"a", b"b", b"c"]))

    assert [b"a", b"b", b"c"] * 3 == order


async def test_no_more_connections_are_open_than_allowed(serve, open_pool, call):
    """Also while they end after each answer; none is left out either."""
    seen = set()

    async def talk(served, reader, writer):
        seen.add(len(pool._connections) + len(pool._attempts))
        await read_request(reader)
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        await reader.read()

    served = await serve(talk)
    pool = open_pool(served.url, max_connections=4)
    await asyncio.gather(
        *[pool.exchange(call(Effect.MONEY, url=served.url)) for _ in range(60)]
    )

    assert 4 == max(seen)


async def test_a_cancelled_wait_leaves_the_queue(silent, open_pool, call):
    """It holds no place, and the call was not begun."""
    served = await silent()
    pool = open_pool(served.url, max_connections=1)
    states = [call(Effect.MONEY, url=served.url) for _ in range(3)]
    tasks = [asyncio.create_task(pool.exchange(state)) for state in states]
    await until(lambda: served.received)
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])

    assert tasks[1].cancelled()
    assert [states[2]] == [one.state for one in pool._waiters]

    tasks[0].cancel()
    await until(lambda: len(served.received) == 2)

    assert [True, False, True] == [state.body_started for state in states]

    tasks[2].cancel()
    await asyncio.wait(tasks)


async def test_a_cancelled_exchange_ends_its_connection(silent, open_pool, call):
    """Its answer may still come, and would be taken for another's."""
    served = await silent()
    pool = open_pool(served.url)
    task = asyncio.create_task(pool.exchange(call(Effect.MONEY, url=served.url)))
    await until(lambda: served.received)
    (connection,) = pool._connections
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    await until(lambda: not connection.is_connected)

    assert not pool._connections


async def test_a_pool_of_ten_survives_a_storm_of_cancellations(
    serve, open_pool, call, security
):
    """Cancelled at any moment, connecting, waiting, reading: twenty of twenty work."""

    async def talk(served, reader, writer):
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            await asyncio.sleep(0)
            writer.write(b"ok")

    served = await serve(talk, backlog=1000, **security.options)
    url = security.url(served)
    pool = open_pool(url, max_connections=10, ssl_context=security.context)
    chance = random.Random(7)
    left = STORM if security.scheme == "http" else STORM // 10

    async def one():
        task = asyncio.create_task(pool.exchange(call(Effect.MONEY, url=url)))

        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)

        task.cancel()
        await asyncio.wait([task])

    async def many():
        nonlocal left

        while left > 0:
            left -= 1
            await one()

    await asyncio.gather(*[many() for _ in range(25)])
    states = [call(Effect.MONEY, url=url) for _ in range(20)]
    got = await asyncio.gather(*map(pool.exchange, states))

    assert [b"ok"] * 20 == [answer.body for answer in got]

    assert (0, 0, 0) == (len(pool._waiters), len(pool._attempts), len(pool._settling))
    assert len(pool._connections) <= 10


async def test_a_full_pool_is_said_to_be_full(silent, open_pool, call, advance):
    """Waiting for a connection of the pool is another thing than connecting."""
    served = await silent()
    pool = open_pool(served.url, max_connections=1)
    first = asyncio.create_task(pool.exchange(call(url=served.url, timeout=20.0)))
    await until(lambda: served.received)
    state = call(Effect.MONEY, url=served.url)
    asyncio.get_running_loop().call_soon(advance, 5.1)

    with pytest.raises(HTTPExchangeError) as caught:
        await pool.exchange(state)

    assert (Failure.POOL_TIMEOUT, False) == (caught.value.failure, state.body_started)

    first.cancel()
    await asyncio.wait([first])


async def test_an_attempt_ends_after_its_time(silent, open_pool, call, advance):
    """No answer in one attempt's time is a timeout; its connection is not used again."""
    served = await silent()
    pool = open_pool(served.url)

    task = asyncio.create_task(pool.exchange(call(url=served.url)))
    await until(lambda: served.received)
    advance(5.1)

    with pytest.raises(HTTPExchangeError) as caught:
        await task

    await turns()

    assert Failure.TIMEOUT is caught.value.failure
    assert not pool._connections


@pytest.mark.parametrize("size", [1, 2])
async def test_a_deadline_is_no_timeout_of_an_attempt(
    silent, open_pool, call, advance, size
):
    """Waiting or under way: when the whole call's time is over, that is said."""
    served = await silent()
    pool = open_pool(served.url, max_connections=size)
    first = asyncio.create_task(pool.exchange(call(url=served.url, timeout=20.0)))
    await until(lambda: served.received)
    second = asyncio.create_task(pool.exchange(call(url=served.url, timeout=60.0)))
    await until(lambda: len(served.received) == size)
    advance(30.1)
    ends = await asyncio.gather(first, second, return_exceptions=True)

    assert [HTTPExchangeError, TimeoutError] == [type(end) for end in ends]


async def test_a_deadline_that_has_passed_opens_no_connection(
    answering, open_pool, call
):
    """Nothing is begun that cannot end in time."""
    served = await answering()
    state = call(Effect.MONEY, url=served.url, deadline=0.0)

    with pytest.raises(TimeoutError):
        await open_pool(served.url).exchange(state)

    assert ([], False) == (served.received, state.body_started)


async def test_one_timer_watches_all_calls(silent, open_pool, call, advance):
    """Whatever their number and their limits; each ends at its own."""
    served = await silent()
    pool = open_pool(served.url)
    before = len(timers())
    tasks = {
        limit: asyncio.create_task(pool.exchange(call(url=served.url, timeout=limit)))
        for limit in (9.0, 3.0, 6.0)
    }
    await until(lambda: len(served.received) == 3)

    assert before + 1 == len(timers())

    for limit in sorted(tasks):
        advance(3.1)
        await until(tasks[limit].done)

        assert sorted(tasks)[: int(limit // 3)] == [
            one for one in sorted(tasks) if tasks[one].done()
        ]

    await asyncio.wait(tasks.values())

    assert {Failure.TIMEOUT} == {one.exception().failure for one in tasks.values()}


async def test_a_call_of_a_caller_who_is_gone_is_not_written(
    answering, open_pool, call
):
    """What was not begun is not begun any more, also if it waited."""
    served = await answering()
    pool = open_pool(served.url, max_connections=1)
    first = asyncio.create_task(pool.exchange(call(url=served.url)))
    waiting, late = call(Effect.MONEY, url=served.url), call(url=served.url)
    second = asyncio.create_task(pool.exchange(waiting))
    await asyncio.sleep(0)
    waiting.abandoned = late.abandoned = True

    for unsent in (second, pool.exchange(late)):
        with pytest.raises(HTTPExchangeError, match="gone"):
            await unsent

    await first

    assert (1, False) == (len(served.received), waiting.body_started)


async def test_closing_ends_all_calls_with_an_error(silent, open_pool, call):
    """Nobody cancelled them: the one that waits was not sent, the other was."""
    served = await silent()
    pool = open_pool(served.url, max_connections=1)
    sent, waiting = call(Effect.MONEY, url=served.url), call(url=served.url)
    calls = [asyncio.create_task(pool.exchange(state)) for state in (sent, waiting)]
    await until(lambda: served.received)
    await pool.aclose()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    late = call(Effect.MONEY, url=served.url)

    with pytest.raises(HTTPExchangeError, match="session was closed"):
        await pool.exchange(late)

    assert [Failure.BROKEN, Failure.CONNECT] == [end.failure for end in ends]
    assert [True, False, False] == [one.body_started for one in (sent, waiting, late)]


async def test_nothing_is_left_after_closing_though_the_peer_is_silent(
    silent, open_pool, call, security
):
    """No task, timer or socket; idle, under way, connecting and in a handshake."""
    served = await silent(**security.options)
    deaf = await silent()
    url = security.url(served)
    before = (asyncio.all_tasks(), timers(), open_files())
    # The second speaks no TLS: the handshake never ends.
    addresses = [url, f"https://127.0.0.1:{deaf.port}/"]
    pools = [open_pool(one, ssl_context=security.context) for one in addresses]
    calls = [
        asyncio.create_task(pool.exchange(call(url=address)))
        for pool, address in zip(pools, addresses, strict=True)
        for _ in range(3)
    ]
    await until(lambda: len(served.received) == 3)

    async with asyncio.timeout(1.0):
        for pool in pools:
            await pool.aclose()

    ends = await asyncio.gather(*calls, return_exceptions=True)
    # The servers' tasks and sockets end, too.
    await until(lambda: open_files() == before[2] and asyncio.all_tasks() == before[0])

    assert [Failure.BROKEN] * 3 + [Failure.CONNECT] * 3 == [end.failure for end in ends]
    assert before[1] == timers()


async def test_no_call_leaves_work_for_the_garbage_collector(
    answering, open_pool, call
):
    """However it ends: what was sent is let go with its caller."""
    served = await answering()
    garbled = await answering(status=b"600 Odd")
    pools = [open_pool(one) for one in (served.url, garbled.url, "http://127.0.0.1:1")]
    urls = [served.url, garbled.url, "http://127.0.0.1:1/"]

    async def calls():
        for pool, url in zip(pools, urls, strict=True):
            for _ in range(3):
                try:
                    got = await pool.exchange(call(Effect.MONEY, url=url))
                except HTTPExchangeError:
                    continue

                assert b"{}" == got.body

        file = await pools[0].exchange(call(url=served.url, download=True))

        assert b"{}" == b"".join([part async for part in file.stream])

        late = call(url=served.url, deadline=asyncio.get_running_loop().time())

        with contextlib.suppress(TimeoutError):
            await pools[0].exchange(late)

        task = asyncio.create_task(pools[0].exchange(call(url=served.url)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    await calls()
    await turns()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)

    try:
        await calls()
        await turns()
        gc.collect()
        ours = [
            type(one).__name__
            for one in gc.garbage
            if type(one).__module__.startswith("umfpay")
        ]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()

    assert [] == ours


async def test_closing_twice_is_closing_once(answering, open_pool, call):
    """At the same time, and afterwards."""
    served = await answering()
    pool = open_pool(served.url)
    await pool.exchange(call(url=served.url))
    await asyncio.gather(pool.aclose(), pool.aclose())
    await pool.aclose()

    assert not pool._connections


async def test_forgotten_connections_are_not_touched(answering, open_pool, call):
    """What was under way on them goes on alone; nothing is said on them."""
    served = await answering()
    pool = open_pool(served.url)
    under_way = asyncio.create_task(pool.exchange(call(url=served.url)))
    await asyncio.sleep(0)
    pool.abandon()
    await under_way
    (connection,) = pool._connections

    assert not connection.is_closing


def serve_in_a_thread(listener, context, served):
    """
    Answer one request on each of two connections, and leave both open.
    """
    for _ in range(2):
        line, _ = listener.accept()

        if context is not None:
            line = context.wrap_socket(line, server_side=True)

        served.append(line)

        while not line.recv(65536).endswith(b"\r\n\r\n"):
            pass

        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def test_the_pool_of_a_closed_loop_leaves_nothing_behind(call, security):
    """Its connections are dropped without a word, and nothing warns of them."""
    served = []

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(
            target=serve_in_a_thread,
            args=(listener, security.options.get("ssl"), served),
        )
        serving.start()
        url = f"{security.scheme}://127.0.0.1:{listener.getsockname()[1]}/"

        async def once():
            pool = ConnectionPool(url, ssl_context=security.context)

            return pool, (await pool.exchange(call(url=url))).body

        bodies = []

        for _ in range(2):
            pool, body = asyncio.run(once())
            bodies.append(body)
            pool.abandon()

        serving.join()

    del pool

    for line in served:
        line.close()

    gc.collect()

    assert [b"{}", b"{}"] == bodies


_FORK = """
    import asyncio, os, sys
    from umfpay.transport import Call, CallState, Effect
    from umfpay.transport import ConnectionPool

    def call(url):
        now = asyncio.get_running_loop().time()
        return CallState(call=Call(name="any", method="POST", path="/", read=dict,
                         effect=Effect.MONEY), url=url, body=b"{}", timeout=5.0,
                         deadline=now + 30)

    seen = []

    async def talk(reader, writer):
        seen.append(writer)
        try:
            while True:
                await reader.readuntil(b"{}")
                writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
        except asyncio.IncompleteReadError:
            writer.close()

    async def main():
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        pool = ConnectionPool(url)
        await pool.exchange(call(url))
        child = os.fork()

        if not child:
            # As a session does that finds itself in another process.
            pool.abandon()

            async def in_the_child():
                pool = ConnectionPool(url)
                await pool.exchange(call(url))
                await pool.aclose()

            asyncio.run(in_the_child())
            os._exit(0)

        while os.waitpid(child, os.WNOHANG) == (0, 0):
            await asyncio.sleep(0.001)

        await pool.exchange(call(url))
        print(len(seen))
        await pool.aclose()
        server.close()

    asyncio.run(main())
"""


def test_a_child_process_speaks_on_no_connection_of_its_parent():
    """It opens its own; the parent's goes on to work."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(_FORK)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ("2\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize("end", ["announced", "cut"])
def test_uvloop_works(call, security, end):
    """Plain and TLS: calls, waiting, a silent peer, the end of a file, closing."""

    arrived = asyncio.Event()

    async def talk(reader, writer):
        try:
            while b" /file" not in (head := await read_request(reader)):
                if b" /silent" in head:
                    arrived.set()
                    await reader.read()

                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

            writer.write(b"HTTP/1.1 200 OK\r\n\r\nrows")
            await asyncio.sleep(0.01)

            if end == "cut":
                writer.transport.abort()
        except asyncio.IncompleteReadError:
            pass

        writer.close()

    async def main():
        server = await asyncio.start_server(talk, "127.0.0.1", 0, **security.options)
        port = server.sockets[0].getsockname()[1]
        url = f"{security.scheme}://127.0.0.1:{port}/"
        pool = ConnectionPool(url, ssl_context=security.context, max_connections=3)
        states = [call(Effect.MONEY, url=url) for _ in range(20)]
        got = await asyncio.gather(*map(pool.exchange, states))
        file = await pool.exchange(call(url=url + "file", download=True))
        rows = b"".join([part async for part in file.stream])
        quiet = asyncio.create_task(pool.exchange(call(url=url + "silent")))
        await arrived.wait()

        async with asyncio.timeout(30.0):
            await pool.aclose()

        (broken,) = await asyncio.gather(quiet, return_exceptions=True)
        server.close()

        return [one.body for one in got], rows, file.stream.ended_clean, broken.failure

    bodies, rows, clean, failure = uvloop.run(main())

    assert [b"ok"] * 20 == bodies
    assert b"rows" == rows
    assert (security.scheme == "https" and end == "announced") is clean
    assert Failure.BROKEN is failure


async def test_the_environments_proxy_is_ignored(
    answering, open_pool, call, monkeypatch
):
    """Only a configured proxy is used."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    served = await answering()

    assert b"{}" == (await open_pool(served.url).exchange(call(url=served.url))).body


@pytest.mark.parametrize("turn", range(2, 9))
@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_that_is_given_up_as_it_is_made_costs_no_place(make_loop, turn):
    """
    uvloop never says that it was lost.
    """

    async def talk(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            # On the same connection where the first one was answered before its end.
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(1)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        writer.close()

    async def main():
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        pool = ConnectionPool(origin, max_connections=1)
        now = pool.loop.time()
        first = asyncio.ensure_future(
            pool.exchange(make_state(origin, body=b"x", deadline=now + 60))
        )
        await turns(turn)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        answer = await pool.exchange(
            make_state(origin, body=b"y", deadline=now + 60, timeout=60)
        )
        await pool.aclose()
        server.close()

        return answer.status

    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert 200 == runner.run(asyncio.wait_for(main(), 60))


def test_what_waited_beyond_its_deadline_does_not_leave(serve_in_thread):
    """
    A busy loop hears of the connection that is free before its timer rings.
    """
    origin, received, may_answer = serve_in_thread

    async def main():
        pool = ConnectionPool(origin, max_connections=1)
        now = pool.loop.time()
        first = make_state(origin, body=b"first", deadline=now + 60, timeout=60)
        late = make_state(origin, body=b"late", deadline=now + 0.05, timeout=60)
        calls = [asyncio.ensure_future(pool.exchange(one)) for one in (first, late)]

        while not received:
            await asyncio.sleep(0.001)

        await turns()
        # The loop is busy until the answer is there, and the deadline has passed.
        may_answer.set()
        answered.wait(60)

        while pool.loop.time() <= late.deadline:
            time.sleep(0.01)

        ends = await asyncio.gather(*calls, return_exceptions=True)
        await pool.aclose()

        return ends, late.body_started

    answered = may_answer.answered
    (answer, end), started = asyncio.run(main())

    assert (200, TimeoutError, False) == (answer.status, type(end), started)
    assert [b"first"] == received
