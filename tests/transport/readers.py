"""
How the answers of `odd_answers` are read: by us, by aiohttp's client and by h11.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import attrs
import h11

from tests.transport.odd_answers import BODY_LIMIT, Given, Odd, Refused
from tests.transport.raw_server import PATIENCE, RawServer, play, settle
from umfpay import transport
from umfpay.transport import CallState, ConnectionPool, Edge, HTTPExchangeError


BODY = b'{"payment":{}}'


@attrs.frozen
class Reading:
    """
    What a client made of the bytes.

    Args:
        status: None if it refused them.
        words: What it said of what it refused.
        kept: The next call was made on the same connection.
        following: What that next call got.
        is_old: It is HTTP/1.0.
    """

    status: int | None
    body: bytes = b""
    headers: Sequence[tuple[bytes, bytes]] = ()
    framed: bool = True
    words: str = ""
    kept: bool = False
    following: bytes | str = b"after"
    is_old: bool = False


Call = Callable[[], Awaitable[Reading]]


async def read_by(
    call: Call,
    server: RawServer,
    pieces: Sequence[bytes],
    *,
    at_last: bytes = b"",
) -> Reading:
    """
    Return what *call* makes of *pieces*, and what becomes of the call after it.

    Args:
        at_last: Bytes that come when the loop no longer looks, before the next call.
    """
    request = server.next_request()
    task = asyncio.ensure_future(call())
    connection = await play(task, request, pieces)

    try:
        async with asyncio.timeout(PATIENCE):
            reading = await task
    except TimeoutError:
        return Reading(None, words="hangs")

    if connection is not None and at_last:
        connection.send(at_last)

    try:
        async with asyncio.timeout(PATIENCE):
            following = await call()
    except TimeoutError:
        return attrs.evolve(reading, following="hangs")

    got = following.words if following.status is None else following.body
    kept = connection is not None and len(connection.executed) > 1
    await settle()
    server.forget()

    return attrs.evolve(reading, following=got, kept=kept)


def make_state(
    origin: str,
    *,
    method: str = "POST",
    body_limit: int = BODY_LIMIT,
    download: bool = False,
    **changes: Any,
) -> CallState:
    """
    Return a call that moves money, or reads if *method* says so.
    """
    effects = {"GET": transport.Effect.READ, "POST": transport.Effect.MONEY}
    facts: dict[str, Any] = {
        "call": transport.Call(
            name="payments.execute",
            method=method,
            path="/v1",
            effect=effects[method],
            read=dict,
            body_limit=body_limit,
            download=download,
        ),
        "url": f"{origin}/v1",
        "body": BODY,
        "deadline": asyncio.get_running_loop().time() + 30.0,
        "timeout": 15.0,
    }

    return CallState(**{**facts, **changes})


def edge_call(edge: Edge, port: int) -> Call:
    """
    Return a call by our own connections.
    """

    async def call() -> Reading:
        state = make_state(f"http://127.0.0.1:{port}")

        try:
            answer = await edge.exchange(state)
        except HTTPExchangeError as error:
            assert state.body_started
            return Reading(None, words=f"{error.failure}: {error.detail}")
        except Exception as error:
            return Reading(None, words=f"!{type(error).__name__}: {error}")

        return Reading(
            answer.status, answer.body, tuple(answer.headers), answer.is_framed
        )

    return call


def aiohttp_call(client: aiohttp.ClientSession, port: int) -> Call:
    """
    Return a call by aiohttp's client.
    """

    async def call() -> Reading:
        try:
            async with client.post(
                f"http://127.0.0.1:{port}/v1", data=BODY, allow_redirects=False
            ) as response:
                body = await response.read()
        except Exception as error:
            return Reading(None, words=type(error).__name__)

        return Reading(response.status, body)

    return call


def read_by_h11(sent: bytes, behind: bytes = b"") -> Reading:
    """
    Return what h11 makes of the bytes; the connection ends where it wants more.
    """
    connection = h11.Connection(h11.CLIENT)
    connection.send(
        h11.Request(
            method="POST",
            target="/v1",
            headers=[("Host", "x"), ("Content-Length", str(len(BODY)))],
        )
    )
    connection.send(h11.Data(BODY))
    connection.send(h11.EndOfMessage())
    status, body, headers = None, b"", ()
    is_old = has_ended = False

    try:
        connection.receive_data(sent + behind)

        while True:
            event = connection.next_event()

            if event is h11.NEED_DATA:
                connection.receive_data(b"")
                has_ended = True
            elif isinstance(event, h11.Response):
                status, headers = event.status_code, tuple(event.headers)
                is_old = event.http_version == b"1.0"
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            elif not isinstance(event, h11.InformationalResponse):
                return Reading(None, words=f"{event!r}")
    except h11.RemoteProtocolError as error:
        return Reading(None, words=str(error))

    rest, _ = connection.trailing_data

    return Reading(
        status,
        body,
        headers,
        kept=connection.their_state is h11.DONE and not rest and not has_ended,
        is_old=is_old,
        following=rest or b"after",
    )


def differs(verdict: Given | Refused, reading: Reading) -> str:
    """
    Return how *reading* differs from *verdict*, nothing if it does not.
    """
    if isinstance(verdict, Refused):
        if reading.status is None:
            return ""

        return f"given {reading.status}, {shown(reading.body)}"

    if reading.status is None:
        return f"refused: {reading.words}"

    if (verdict.status, verdict.body) != (reading.status, reading.body):
        return f"given {reading.status}, {shown(reading.body)}"

    if verdict.keep is not None and verdict.keep is not reading.kept:
        return "uses the connection again" if reading.kept else "closes"

    return ""


def shown(body: bytes) -> str:
    """
    Return *body* in a few words.
    """
    if len(body) > 24:
        return f"{len(body):,} bytes"

    return f"`{repr(body)[2:-1]}`" if body else "no body"


def segmentations(row: Odd) -> list[tuple[str, list[bytes], Given | Refused]]:
    """
    Return ways in which the bytes of *row* may arrive, and the verdict on each.
    """
    sent, behind = row.sent, row.behind
    apart = row.apart if behind else row.verdict
    assert apart is not None
    ways = [("whole", [sent + behind] if sent else [], row.verdict)]
    blank = sent.find(b"\r\n\r\n") + 4

    if 4 <= blank < len(sent):
        ways.append(("head, body", [sent[:blank], sent[blank:] + behind], row.verdict))

    if behind:
        ways.append(("apart", [sent, behind], apart))

    if len(sent) <= 400:
        each = [sent[at : at + 1] for at in range(len(sent))]
        tail = [behind[at : at + 1] for at in range(min(3, len(behind)))]
        ways.append(("byte by byte", each + tail, apart))
    elif len(sent) <= 5000:
        each = [sent[at : at + 97] for at in range(0, len(sent), 97)]
        ways.append(("in pieces", [*each, behind] if behind else each, apart))

    return ways


def open_edge(port: int) -> ConnectionPool:
    """
    Return a pool of our own connections to a server on loopback.
    """
    return ConnectionPool(f"http://127.0.0.1:{port}", max_connections=4)
