"""
The ways in which a connection can die, and what was decided about each.

Each is an steps of the server upon one call, or two; time passes only by jumps.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import os
import select
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import attrs

from tests.transport.raw_server import (
    PATIENCE,
    RawServer,
    ServerConnection,
    reset_at_close,
    settle,
)
from tests.transport.readers import make_state
from umfpay.sensitive import Secret
from umfpay.transport import Answer, BodyStream, ConnectionPool, Edge, Failure


ANSWER: Final = "answer"
PROVEN: Final = "proven"
DEADLINE: Final = "deadline"
CANCELLED: Final = "cancelled"

TIMEOUT_SECONDS: Final = 5.0
DEADLINE_SECONDS: Final = 30.0
BODY_LIMIT: Final = 100_000
LARGE_BODY: Final = b"x" * 8_000_000
"""More than the kernel's buffers take."""

HELLO: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ENDLESS: Final = 4_000_000
_TUNNEL: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_HEAD_OF_CHUNKS: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class CannotPlayError(Exception):
    """
    Raised where a loop does not let a test do what it wants.
    """


@attrs.frozen
class End:
    """
    How a call ends.

    Args:
        outcome: What the caller gets: a failure, or one of the words above.
        started: `CallState.body_started`: whether a byte of the body may have left.
        executed: How many requests with this body the server got whole.
        connections: How many connections were made, if that is the point.
    """

    outcome: str
    started: bool
    executed: int
    connections: int | None = None


@attrs.define
class Scenario:
    """
    A server, our end, and a clock that can jump.
    """

    server: RawServer
    edge: Edge
    make_state: Callable[..., Any]
    jump: Callable[[float], None]
    is_tls: bool
    max_connections: int
    held: ExitStack = attrs.field(factory=ExitStack)
    state: Any = None
    call: asyncio.Task[Answer] | None = None
    stream: BodyStream | None = None

    def start(self, **changes: Any) -> None:
        """
        Begin a call.
        """
        self.state = self.make_state(**changes)
        self.call = asyncio.ensure_future(self._exchange())

    async def _exchange(self) -> Answer:
        answer = await self.edge.exchange(self.state)

        if answer.stream is None:
            return answer

        self.stream = answer.stream
        parts = [part async for part in answer.stream]

        return attrs.evolve(answer, body=b"".join(parts), stream=None)

    async def asked(self, **changes: Any) -> ServerConnection:
        """
        Begin a call and return the connection on which the whole request came.
        """
        request = self.server.next_request()
        self.start(**changes)

        return await request

    async def pass_time(self, seconds: float) -> None:
        """
        Jump so far that a timer which looks now and then sees it.
        """
        self.jump(seconds)
        await settle()
        # The loop's selector may sleep until the time that a timer was set for.
        await asyncio.sleep(0.001)
        await settle()


Steps = Callable[[Scenario], Awaitable[None]]


@attrs.frozen
class Death:
    """
    One way to die.

    Args:
        plain: How the call ends over plain TCP, None if there is no such death.
        tls: How it ends over TLS.
        usable: Whether the next call can work: the server itself still does.
    """

    name: str
    steps: Steps
    plain: End | None
    tls: End | None
    server_context: str = "good"
    usable: bool = True
    host: str = "127.0.0.1"


def both(
    name: str,
    steps: Steps,
    outcome: str,
    *,
    started: bool = True,
    executed: int = 1,
    connections: int | None = None,
    usable: bool = True,
) -> Death:
    """
    Return a death that is the same with and without TLS.
    """
    end = End(outcome, started, executed, connections)

    return Death(name, steps, end, end, usable=usable)


def over_tls(name: str, steps: Steps, end: End, context: str = "good") -> Death:
    """
    Return a death that only TLS knows.
    """
    return Death(name, steps, None, end, context, usable=context == "good")


# Before it begins


async def _nobody_listens(scenario: Scenario) -> None:
    await scenario.server.stop()
    scenario.start()


async def _no_address(scenario: Scenario) -> None:
    async def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    loop: Any = asyncio.get_running_loop()
    loop.getaddrinfo = getaddrinfo
    scenario.held.callback(lambda: delattr(loop, "getaddrinfo"))
    scenario.start()


async def _not_accepted(scenario: Scenario) -> None:
    await scenario.server.stop()
    listener = scenario.held.enter_context(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", scenario.server.port))
    listener.listen(0)

    # Until its queue is full; whoever comes then is not even refused.
    for _ in range(4):
        caller = scenario.held.enter_context(socket.socket())
        caller.setblocking(False)
        caller.connect_ex(listener.getsockname())

    scenario.start()
    await settle()
    await scenario.pass_time(TIMEOUT_SECONDS + 1)


async def _silent_handshake(scenario: Scenario) -> None:
    await scenario.server.stop()
    listener = scenario.held.enter_context(
        socket.create_server(("127.0.0.1", scenario.server.port))
    )
    scenario.start()
    await readable(listener)
    scenario.held.enter_context(listener.accept()[0])
    await settle()
    await scenario.pass_time(TIMEOUT_SECONDS + 1)


async def _handshake_broken_off(scenario: Scenario) -> None:
    await scenario.server.stop()
    listener = scenario.held.enter_context(
        socket.create_server(("127.0.0.1", scenario.server.port))
    )
    scenario.start()
    await readable(listener)
    connection, _ = listener.accept()
    await settle()
    connection.close()


def loop_of_python() -> Any:
    """
    Return the running loop if it is asyncio's own, whose inner parts are known.
    """
    loop = asyncio.get_running_loop()

    if not hasattr(loop, "_remove_reader"):
        raise CannotPlayError

    return loop


async def readable(one: socket.socket | ServerConnection) -> None:
    poll = select.poll()
    poll.register(one.fileno(), select.POLLIN)

    while not poll.poll(0):
        await asyncio.sleep(0)


async def _begin(scenario: Scenario) -> None:
    scenario.start()
    await settle()


async def _pool_is_full(scenario: Scenario) -> None:
    for _ in range(scenario.max_connections):
        await scenario.asked(timeout=DEADLINE_SECONDS)
        assert scenario.call is not None
        scenario.held.callback(scenario.call.cancel)

    scenario.start(body=b"no room")
    await settle()
    await scenario.pass_time(TIMEOUT_SECONDS + 1)


async def _no_tls(scenario: Scenario) -> None:
    def refuse(connection: ServerConnection) -> None:
        connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    scenario.server.data_received = refuse  # type: ignore[method-assign]
    scenario.start()
    await settle()


# A proxy


def proxying(answer: bytes, then: str = "", *, passes: float = 0.0) -> Steps:
    """
    Return the steps of a proxy that answers CONNECT with *answer* and does *then*.
    """

    async def steps(scenario: Scenario) -> None:
        connection = await scenario.asked()
        connection.send(answer)
        await settle(len(answer))

        if passes:
            await scenario.pass_time(passes)

        if then:
            await getattr(connection, then)()

    return steps


async def _no_tls_in_tunnel(scenario: Scenario) -> None:
    connection = await scenario.asked()
    connection.send(_TUNNEL)
    await settle()
    connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await settle()


def by_proxy(name: str, steps: Steps, outcome: str) -> Death:
    """
    Return a death on the way through a proxy.
    """
    end = End(outcome, started=False, executed=0)

    return Death(name, steps, None, end, "proxy", usable=False)


# While the request leaves


async def _arrived(scenario: Scenario) -> ServerConnection:
    """
    Return the connection when the request's first bytes wait in the server's kernel.
    """
    # Another loop reads on although it is told not to.
    loop_of_python()

    def pause(connection: ServerConnection) -> None:
        connection.transport.pause_reading()

    scenario.server.connected = pause  # type: ignore[method-assign]
    seen = len(scenario.server.connections)
    scenario.start()

    while len(scenario.server.connections) == seen:
        await asyncio.sleep(0)

    connection = scenario.server.connections[-1]
    await readable(connection)

    return connection


async def _reset_unread(scenario: Scenario) -> None:
    await (await _arrived(scenario)).reset()


async def _ended_unread(scenario: Scenario) -> None:
    await (await _arrived(scenario)).cut()


async def _within_body(
    scenario: Scenario, then: Callable[[ServerConnection], None]
) -> ServerConnection:
    """
    Do *then* when the first bytes of a large request come; no more are read.
    """
    reached = loop_of_python().create_future()

    def steps(connection: ServerConnection) -> None:
        if not reached.done():
            connection.transport.pause_reading()
            reached.set_result(connection)

    scenario.server.data_received = steps  # type: ignore[method-assign]
    scenario.start(body=LARGE_BODY)
    connection: ServerConnection = await reached
    then(connection)
    await settle()

    return connection


async def _reset_within_body(scenario: Scenario) -> None:
    connection = await _within_body(scenario, lambda _: None)
    await connection.reset()


async def _ended_within_body(scenario: Scenario) -> None:
    connection = await _within_body(scenario, lambda _: None)
    await connection.cut()


async def _body_not_read(scenario: Scenario) -> None:
    await _within_body(scenario, lambda _: None)
    await scenario.pass_time(TIMEOUT_SECONDS + 1)


async def _answered_early(scenario: Scenario) -> None:
    await _within_body(scenario, lambda connection: connection.send(HELLO))


# The answer


def answering(
    *pieces: bytes,
    then: str = "",
    size: int = 0,
    passes: float = 0.0,
    download: bool = False,
) -> Steps:
    """
    Return an steps: get the request, send *pieces*, each in a segment, and do *then*.

    Args:
        size: The last piece is repeated until so many bytes are sent, or the other
            side has gone.
        passes: Seconds that pass after each piece.
        download: A file is asked for, which is read while it comes.
    """

    async def steps(scenario: Scenario) -> None:
        changes = {"method": "GET", "body": b"", "download": True} if download else {}
        connection = await scenario.asked(**changes)

        for piece in pieces:
            connection.send(piece)
            await settle(len(piece))

            if passes:
                await scenario.pass_time(passes)

        sent = 0

        while sent < size and not connection.lost:
            connection.send(pieces[-1])
            sent += len(pieces[-1])
            await settle(len(pieces[-1]))

        if then:
            await getattr(connection, then)()

    return steps


def each_byte(data: bytes) -> list[bytes]:
    """
    Return *data* in segments of one byte.
    """
    return [data[at : at + 1] for at in range(len(data))]


async def _silence(scenario: Scenario) -> None:
    await scenario.asked()
    await scenario.pass_time(TIMEOUT_SECONDS + 1)


async def _silence_to_the_deadline(scenario: Scenario) -> None:
    await scenario.asked(timeout=2 * DEADLINE_SECONDS)
    await scenario.pass_time(DEADLINE_SECONDS + 1)


async def _garbage_below_tls(scenario: Scenario) -> None:
    connection = await scenario.asked()
    with connection.borrow_socket() as borrowed:
        borrowed.send(b"\x17\x03\x03\x00\x20" + b"garbage " * 4)
    await settle()


# Between two calls


def second_call(
    between: Callable[[Scenario, ServerConnection], Awaitable[None]],
    answer: bytes = HELLO,
    *,
    at_last: Callable[[ServerConnection], Any] | None = None,
) -> Steps:
    """
    Return an steps: one call is answered, then comes *between*, then the next call.

    Args:
        at_last: What comes after the loop has looked for the last time.
    """

    async def steps(scenario: Scenario) -> None:
        connection = await scenario.asked()
        connection.send(answer)
        await settle(len(answer))
        assert scenario.call is not None
        await scenario.call
        await between(scenario, connection)

        if at_last is not None:
            at_last(connection)

        # The server answers it by itself.
        scenario.start()
        await settle()

    return steps


async def _nothing(_scenario: Scenario, _connection: ServerConnection) -> None:
    return


async def _stray(_scenario: Scenario, connection: ServerConnection) -> None:
    connection.send(HELLO)
    await settle()


async def _end(_scenario: Scenario, connection: ServerConnection) -> None:
    await connection.finish()


async def _cut(_scenario: Scenario, connection: ServerConnection) -> None:
    await connection.cut()


async def _reset(_scenario: Scenario, connection: ServerConnection) -> None:
    await connection.reset()


def _idle(seconds: float) -> Callable[[Scenario, ServerConnection], Awaitable[None]]:
    async def idle(scenario: Scenario, _connection: ServerConnection) -> None:
        await scenario.pass_time(seconds)

    return idle


def _reset_now(connection: ServerConnection) -> None:
    loop_of_python()._remove_reader(connection.fileno())

    with connection.borrow_socket() as borrowed:
        reset_at_close(borrowed)

    # The number stays taken: the loop would confuse it with another connection's.
    with socket.socket() as other:
        os.dup2(other.fileno(), connection.fileno())


async def _closed_as_it_came(scenario: Scenario) -> None:
    connection = await scenario.asked()
    connection.send(HELLO)
    await settle()
    assert scenario.call is not None
    await scenario.call
    connection.transport.pause_reading()
    scenario.start()
    await readable(connection)
    await connection.reset()


# The caller


async def _cancelled_at_once(scenario: Scenario) -> None:
    scenario.start()
    assert scenario.call is not None
    scenario.call.cancel()


async def _cancelled_in_silence(scenario: Scenario) -> None:
    await scenario.asked()
    assert scenario.call is not None
    scenario.call.cancel()


async def _cancelled_in_body(scenario: Scenario) -> None:
    connection = await scenario.asked()
    connection.send(HELLO[:-2])
    await settle()
    assert scenario.call is not None
    scenario.call.cancel()


def of_file(
    name: str, steps: Steps, plain: str | None, tls: str | None = None
) -> Death:
    """
    Return a death of an answer that is read while it comes; a read has no body.
    """
    ends = [
        None if one is None else End(one, started=False, executed=1)
        for one in (plain, tls or plain)
    ]

    return Death(name, steps, *ends)


NOT_SENT: Final = End(Failure.CONNECT, started=False, executed=0)
_AT = HELLO.index(b"\r\n\r\n") + 4

BEGINNING: Sequence[Death] = (
    both(
        "nobody listens",
        _nobody_listens,
        Failure.CONNECT,
        started=False,
        executed=0,
        usable=False,
    ),
    Death(
        "the name has no address",
        _no_address,
        NOT_SENT,
        NOT_SENT,
        usable=False,
        host="gateway.invalid",
    ),
    both(
        "nobody accepts",
        _not_accepted,
        Failure.CONNECT_TIMEOUT,
        started=False,
        executed=0,
        usable=False,
    ),
    both(
        "all connections are taken",
        _pool_is_full,
        Failure.POOL_TIMEOUT,
        started=False,
        executed=0,
        usable=False,
    ),
    over_tls("the certificate is of an unknown authority", _begin, NOT_SENT, "unknown"),
    over_tls("the certificate is for another name", _begin, NOT_SENT, "name"),
    over_tls("the certificate has expired", _begin, NOT_SENT, "expired"),
    over_tls("the server speaks no TLS", _no_tls, NOT_SENT, "none"),
    Death(
        "the handshake is broken off",
        _handshake_broken_off,
        None,
        NOT_SENT,
        usable=False,
    ),
    Death(
        "silence in the handshake",
        _silent_handshake,
        None,
        End(Failure.CONNECT_TIMEOUT, started=False, executed=0),
        usable=False,
    ),
    over_tls("TLS 1.2: our certificate is missing", _begin, NOT_SENT, "client, 1.2"),
    over_tls(
        "TLS 1.3: our certificate is missing",
        _begin,
        End(Failure.BROKEN, started=True, executed=0),
        "client, 1.3",
    ),
)

TUNNELLING: Sequence[Death] = (
    by_proxy("it refuses", proxying(b"HTTP/1.1 403 A\r\n\r\n"), Failure.PROXY),
    by_proxy("it wants a password", proxying(b"HTTP/1.1 407 A\r\n\r\n"), Failure.PROXY),
    by_proxy("garbage", proxying(b"garbage\r\n\r\n"), Failure.PROXY),
    by_proxy("an answer without end", proxying(b"HTTP/1.1 200 " * 9000), Failure.PROXY),
    by_proxy("it ends", proxying(b"", then="finish"), Failure.PROXY),
    by_proxy("it resets", proxying(b"", then="reset"), Failure.PROXY),
    by_proxy(
        "it ends within its answer",
        proxying(b"HTTP/1.1 200 A\r\n", then="finish"),
        Failure.PROXY,
    ),
    by_proxy(
        "silence", proxying(b"", passes=TIMEOUT_SECONDS + 1), Failure.CONNECT_TIMEOUT
    ),
    by_proxy("more than its answer", proxying(_TUNNEL + b"x"), Failure.PROXY),
    by_proxy("open, then it ends", proxying(_TUNNEL, then="finish"), Failure.CONNECT),
    by_proxy("open, then it resets", proxying(_TUNNEL, then="reset"), Failure.CONNECT),
    by_proxy(
        "open, then silence",
        proxying(_TUNNEL, passes=TIMEOUT_SECONDS + 1),
        Failure.CONNECT_TIMEOUT,
    ),
    by_proxy("open, then no TLS", _no_tls_in_tunnel, Failure.CONNECT),
)

LEAVING: Sequence[Death] = (
    Death(
        "reset, nothing was read",
        _reset_unread,
        End(Failure.BROKEN, started=True, executed=0),
        None,
    ),
    Death(
        "ended, nothing was read",
        _ended_unread,
        End(Failure.BROKEN, started=True, executed=0),
        None,
    ),
    both("reset within the body", _reset_within_body, Failure.BROKEN, executed=0),
    both("ended within the body", _ended_within_body, Failure.BROKEN, executed=0),
    both("the body is not read on", _body_not_read, Failure.TIMEOUT, executed=0),
    both("answered before the body was read", _answered_early, ANSWER, executed=0),
)

INSTEAD: Sequence[Death] = (
    both("reset", answering(then="reset"), Failure.BROKEN),
    both("ended", answering(then="finish"), Failure.BROKEN),
    over_tls(
        "ended without close_notify",
        answering(then="cut"),
        End(Failure.BROKEN, started=True, executed=1),
    ),
    over_tls(
        "garbage in place of a TLS record",
        _garbage_below_tls,
        End(Failure.BROKEN, started=True, executed=1),
    ),
    both("garbage", answering(b"\0\1\2\3 garbage\r\n\r\n"), Failure.PROTOCOL),
    both("HTTP/2", answering(b"\0\0\x12\x04\0\0\0\0\0"), Failure.PROTOCOL),
    both(
        "100, then ended",
        answering(b"HTTP/1.1 100 Continue\r\n\r\n", then="finish"),
        Failure.BROKEN,
    ),
    both(
        "100, then silence",
        answering(b"HTTP/1.1 100 Continue\r\n\r\n", passes=TIMEOUT_SECONDS + 1),
        Failure.TIMEOUT,
    ),
    both(
        "100 without end",
        answering(b"HTTP/1.1 100 Continue\r\n\r\n", size=ENDLESS),
        Failure.PROTOCOL,
    ),
    both(
        "101",
        answering(b"HTTP/1.1 101 A\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
        Failure.PROTOCOL,
    ),
    both("silence", _silence, Failure.TIMEOUT),
    both("silence until the deadline", _silence_to_the_deadline, DEADLINE),
)

WITHIN: Sequence[Death] = (
    both("head: reset", answering(HELLO[:20], then="reset"), Failure.BROKEN),
    both("head: ended", answering(HELLO[:20], then="finish"), Failure.BROKEN),
    both(
        "head: silence",
        answering(HELLO[:20], passes=TIMEOUT_SECONDS + 1),
        Failure.TIMEOUT,
    ),
    both(
        "head: without end",
        answering(b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 5000 + b"\r\n", size=ENDLESS),
        Failure.TOO_LARGE,
    ),
    both(
        "head: a name without end",
        answering(b"HTTP/1.1 200 OK\r\n", b"X" * 5000, size=ENDLESS),
        Failure.TOO_LARGE,
    ),
    both(
        "head: two lengths",
        answering(HELLO.replace(b"\r\n", b"\r\nContent-Length: 4\r\n", 1)),
        Failure.PROTOCOL,
    ),
    both(
        "head: length and chunked",
        answering(HELLO.replace(b"\r\n", b"\r\nTransfer-Encoding: chunked\r\n", 1)),
        Failure.PROTOCOL,
    ),
    both(
        "head: a length beyond the limit",
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n"),
        Failure.TOO_LARGE,
    ),
    both("body: reset", answering(HELLO[:-2], then="reset"), Failure.BROKEN),
    both("body: ended", answering(HELLO[:-2], then="finish"), Failure.BROKEN),
    over_tls(
        "body: ended without close_notify",
        answering(HELLO[:-2], then="cut"),
        End(Failure.BROKEN, started=True, executed=1),
    ),
    both(
        "body: silence",
        answering(HELLO[:-2], passes=TIMEOUT_SECONDS + 1),
        Failure.TIMEOUT,
    ),
    both(
        "a byte each second",
        answering(*each_byte(HELLO), passes=1.0),
        Failure.TIMEOUT,
    ),
    both("a byte each twentieth", answering(*each_byte(HELLO), passes=0.05), ANSWER),
    both(
        "chunks: ended",
        answering(_HEAD_OF_CHUNKS, b"5\r\nhello\r\n", then="finish"),
        Failure.BROKEN,
    ),
    both(
        "chunks: without end",
        answering(_HEAD_OF_CHUNKS, b"5\r\nhello\r\n" * 500, size=ENDLESS),
        Failure.TOO_LARGE,
    ),
    both(
        "chunks: an extension without end",
        answering(_HEAD_OF_CHUNKS, b"5;a", b"x" * 5000, size=ENDLESS),
        Failure.TOO_LARGE,
    ),
    both(
        "chunks: trailers",
        answering(_HEAD_OF_CHUNKS, b"5\r\nhello\r\n0\r\nSignature: x\r\n\r\n"),
        ANSWER,
    ),
    both(
        "chunks: trailers without end",
        answering(
            _HEAD_OF_CHUNKS, b"0\r\n", b"X: " + b"y" * 5000 + b"\r\n", size=ENDLESS
        ),
        Failure.TOO_LARGE,
    ),
    both(
        "no length: ended",
        answering(b"HTTP/1.1 200 OK\r\n\r\nhello", then="finish"),
        ANSWER,
    ),
    both(
        "no length: reset",
        answering(b"HTTP/1.1 200 OK\r\n\r\nhello", then="reset"),
        Failure.BROKEN,
    ),
    over_tls(
        "no length: ended without close_notify",
        answering(b"HTTP/1.1 200 OK\r\n\r\nhello", then="cut"),
        End(Failure.BROKEN, started=True, executed=1),
    ),
    both(
        "no length: without end",
        answering(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 5000, size=ENDLESS),
        Failure.TOO_LARGE,
    ),
)

_FILE: Final = HELLO.replace(b"hello", b"00000")
_FILE_WITHOUT_LENGTH: Final = b"HTTP/1.1 200 OK\r\n\r\n00000"

FILES: Sequence[Death] = (
    of_file("whole", answering(_FILE, download=True), ANSWER),
    of_file(
        "reset",
        answering(_FILE[:-2], then="reset", download=True),
        Failure.BROKEN,
    ),
    of_file(
        "ended", answering(_FILE[:-2], then="finish", download=True), Failure.BROKEN
    ),
    of_file(
        "silence",
        answering(_FILE[:-2], passes=TIMEOUT_SECONDS + 1, download=True),
        Failure.TIMEOUT,
    ),
    of_file(
        "a byte every four seconds, whole before the deadline",
        answering(_FILE[:_AT], *each_byte(b"00000"), passes=4.0, download=True),
        ANSWER,
    ),
    of_file(
        "a byte every four seconds, longer than the deadline",
        answering(
            _FILE[:_AT].replace(b"5", b"9"),
            *each_byte(b"0" * 9),
            passes=4.0,
            download=True,
        ),
        DEADLINE,
    ),
    of_file(
        "no length: ended",
        answering(_FILE_WITHOUT_LENGTH, then="finish", download=True),
        ANSWER,
        PROVEN,
    ),
    of_file(
        "no length: reset",
        answering(_FILE_WITHOUT_LENGTH, then="reset", download=True),
        Failure.BROKEN,
    ),
    over_tls(
        "no length: ended without close_notify",
        answering(_FILE_WITHOUT_LENGTH, then="cut", download=True),
        End(ANSWER, started=False, executed=1),
    ),
    of_file(
        "chunks: ended",
        answering(_HEAD_OF_CHUNKS, b"5\r\n00000\r\n", then="finish", download=True),
        Failure.BROKEN,
    ),
)

BEHIND: Sequence[Death] = (
    both("a byte, at once", answering(HELLO + b"x"), Failure.PROTOCOL),
    both("a second answer, at once", answering(HELLO * 2), Failure.PROTOCOL),
    both("a byte, later", answering(HELLO, b"x"), ANSWER),
    both("reset", answering(HELLO, then="reset"), ANSWER),
    both("ended", answering(HELLO, then="finish"), ANSWER),
)

BETWEEN: Sequence[Death] = (
    both("nothing", second_call(_nothing), ANSWER, executed=2, connections=1),
    both("an answer", second_call(_stray), ANSWER, executed=2, connections=2),
    both("an end", second_call(_end), ANSWER, executed=2, connections=2),
    over_tls(
        "an end without close_notify",
        second_call(_cut),
        End(ANSWER, started=True, executed=2, connections=2),
    ),
    both("a reset", second_call(_reset), ANSWER, executed=2, connections=2),
    both(
        "an answer, which only the kernel has seen",
        second_call(_nothing, at_last=lambda connection: connection.send(HELLO)),
        ANSWER,
        executed=2,
        connections=2,
    ),
    both(
        "a byte, which only the kernel has seen",
        second_call(_nothing, at_last=lambda connection: connection.send(b"x")),
        ANSWER,
        executed=2,
        connections=2,
    ),
    both(
        "an end, which only the kernel has seen",
        second_call(_nothing, at_last=ServerConnection.shut),
        ANSWER,
        executed=2,
        connections=2,
    ),
    both(
        "a reset, which only the kernel has seen",
        second_call(_nothing, at_last=_reset_now),
        ANSWER,
        executed=2,
        connections=2,
    ),
    both("14 s", second_call(_idle(14)), ANSWER, executed=2, connections=1),
    both("16 s", second_call(_idle(16)), ANSWER, executed=2, connections=2),
    both(
        "3.9 s, the server allows 5",
        second_call(
            _idle(3.9), HELLO.replace(b"\r\n", b"\r\nKeep-Alive: timeout=5\r\n", 1)
        ),
        ANSWER,
        executed=2,
        connections=1,
    ),
    both(
        "5 s, as long as the server allows",
        second_call(
            _idle(5), HELLO.replace(b"\r\n", b"\r\nKeep-Alive: timeout=5\r\n", 1)
        ),
        ANSWER,
        executed=2,
        connections=2,
    ),
    Death(
        "the server resets as the second request comes, unread",
        _closed_as_it_came,
        End(Failure.BROKEN, started=True, executed=1, connections=1),
        None,
    ),
)

CALLER: Sequence[Death] = (
    both(
        "cancels before there is a connection",
        _cancelled_at_once,
        CANCELLED,
        started=False,
        executed=0,
    ),
    both("cancels in the silence", _cancelled_in_silence, CANCELLED),
    both("cancels within the answer", _cancelled_in_body, CANCELLED),
)

SECTIONS: dict[str, Sequence[Death]] = {
    "Before it begins": BEGINNING,
    "Through a proxy": TUNNELLING,
    "While the request leaves": LEAVING,
    "Instead of an answer": INSTEAD,
    "Within the answer": WITHIN,
    "A file that is read while it comes": FILES,
    "Behind the answer": BEHIND,
    "Between two calls": BETWEEN,
    "The caller": CALLER,
}


async def open_scenario(
    authorities: Sequence[Any],
    jump: Callable[[float], None],
    *,
    is_tls: bool,
    kind: str = "good",
    host: str = "127.0.0.1",
    max_connections: int = 4,
) -> Scenario:
    """
    Set up a server that is *kind* of good, and a pool of connections to it.

    Args:
        authorities: One that the pool trusts, and one that it does not know.
    """
    server = RawServer()
    await server.start(server_context(kind, *authorities) if is_tls else None)
    # Without the usual authorities, which take long to read.
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authorities[0].configure_trust(trust)
    origin = f"{'https' if is_tls else 'http'}://{host}:{server.port}"

    def state(**changes: Any) -> Any:
        facts = {
            "timeout": TIMEOUT_SECONDS,
            "deadline": asyncio.get_running_loop().time() + DEADLINE_SECONDS,
            "body_limit": BODY_LIMIT,
        }

        return make_state(origin, **{**facts, **changes})

    proxy = Secret(f"http://127.0.0.1:{server.port}") if kind == "proxy" else None
    pool = ConnectionPool(
        origin, proxy=proxy, max_connections=max_connections, ssl_context=trust
    )

    return Scenario(server, pool, state, jump, is_tls, max_connections)


async def close_scenario(scenario: Scenario) -> None:
    """
    Close everything: the pool while the server is still there, which may be silent.
    """
    async with asyncio.timeout(PATIENCE):
        await scenario.edge.aclose()

    scenario.held.close()
    await scenario.server.stop()
    await settle()


@functools.cache
def server_context(kind: str, authority: Any, other: Any) -> ssl.SSLContext | None:
    """
    Return the context of a server that is *kind* of bad.
    """
    if kind in ("none", "proxy"):
        return None

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer = other if kind == "unknown" else authority
    name = "localhost" if kind == "name" else "127.0.0.1"
    issuer.issue_cert(name, **_validity(kind)).configure_cert(context)

    if kind.startswith("client"):
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)

    if kind.endswith("1.2"):
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    return context


def _validity(kind: str) -> dict[str, Any]:
    if kind != "expired":
        return {}

    return {"not_after": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}


_WORDS: Final = {
    Failure.CONNECT: "no connection",
    Failure.CONNECT_TIMEOUT: "no connection in time",
    Failure.POOL_TIMEOUT: "no connection became free in time",
    Failure.PROXY: "the proxy refused",
    Failure.TIMEOUT: "no answer in time",
    Failure.PROTOCOL: "no HTTP answer",
    Failure.BROKEN: "the connection broke",
    Failure.TOO_LARGE: "the answer is too large",
    ANSWER: "the answer",
    PROVEN: "the answer, and TLS says that it is whole",
    DEADLINE: "the deadline has passed",
    CANCELLED: "it is cancelled",
}

_TOP: Final = """\
# How a connection can die

How a write ends decides whether it may be made again, so each way in which a connection can die is played by a server
that does just that, with and without TLS, on a clock that jumps; afterwards no socket, task or timer is left, and the
next call is answered. Odd answers have [a page of their own](../reference/http-answers.md). The table is written by
`python -m tests.transport.connection_deaths` and kept by `tests/transport/test_connection_deaths.py`.

- *end*: what the caller of the exchange gets. The session makes its errors of it ([errors](../reference/errors.md)).
- *sent*: `no` means that no byte of the body has left, for certain: only then a write is made again by us. `maybe` is an
  upper bound, set before the only write; a write that ends so is an `OutcomeUnknownError`.
- *executed*: how many whole requests the server has read, of one call, or of two under "Between two calls". Where it is
  0 and *sent* is `maybe`, the caller cannot know; where *sent* is `no` it is always 0 of that call.
"""


def page() -> str:
    """
    Return the page of the documentation that shows all of this.
    """
    parts = [_TOP]

    for section, deaths in SECTIONS.items():
        parts.append(f"\n## {section}\n")
        parts.append("| what happens | over | end | sent | executed |")
        parts.append("| --- | --- | --- | --- | --- |")

        for death in deaths:
            if death.plain == death.tls:
                parts.append(_row(death, "both", death.plain))
            else:
                parts += [
                    _row(death, over, end)
                    for over, end in (("TCP", death.plain), ("TLS", death.tls))
                    if end is not None
                ]

    return "\n".join(parts) + "\n"


def _row(death: Death, over: str, end: End | None) -> str:
    assert end is not None
    outcome = _WORDS[end.outcome]

    if end.connections == 2:
        outcome += ", on a new connection"

    sent = "maybe" if end.started else "no"

    if death in FILES:
        sent = "a read"

    return f"| {death.name} | {over} | {outcome} | {sent} | {end.executed} |"


if __name__ == "__main__":
    target = Path(__file__).parents[2] / "docs/explanation/connection-deaths.md"
    target.write_text(page(), "utf-8")
