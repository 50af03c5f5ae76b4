"""
A server on loopback that answers with whatever bytes a test likes, piece by piece.

Server and client share the loop, and loopback delivers at once: what was written has
been read after some turns of the loop. So nothing here waits for a clock.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any


AFTER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nafter"
"""The answer to a request that no test waits for."""

PATIENCE = 20.0
"""Seconds after which something hangs; nothing that works comes near."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TURNS = 12
_BYTES_PER_TURN = 16_384


async def settle(size: int = 0) -> None:
    """
    Let the loop turn until *size* bytes on their way have been read and acted upon.
    """
    for _ in range(_TURNS + size // _BYTES_PER_TURN):
        await asyncio.sleep(0)


def reset_at_close(one: socket.socket) -> None:
    """
    Let the kernel send RST when the socket is closed: it lingers for no time at all.
    """
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class ServerConnection(asyncio.Protocol):
    """
    One connection, as the server sees it.

    Attributes:
        received: All bytes that came.
        executed: The bodies of the requests that came whole.
        answers: How many of them a test has answered, if it counts them.
        ended: The other side will send nothing more.
        lost: The connection is gone.
    """

    def __init__(self, server: RawServer) -> None:
        self._server = server
        self._rest = b""
        self.transport: Any = None
        self.received = b""
        self.executed: list[bytes] = []
        self.answers = 0
        self.ended = False
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._server.connections.append(self)
        self._server.connected(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._rest += data
        self._server.data_received(self)

        while (end := self._rest.find(b"\r\n\r\n") + 4) > 3:
            length = _LENGTH.search(self._rest, 0, end)
            end_of_body = end + (int(length[1]) if length else 0)

            if len(self._rest) < end_of_body:
                return

            self.executed.append(self._rest[end:end_of_body])
            self._rest = self._rest[end_of_body:]
            self._server.request_received(self)

    def eof_received(self) -> bool:
        self.ended = True

        # TLS knows no half of a connection.
        return self.transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost = True

    def send(self, data: bytes) -> None:
        """
        Write *data*, if anybody is still there.
        """
        if not self.is_gone:
            self.transport.write(data)

    async def finish(self) -> None:
        """
        Send an end: FIN, by TLS with close_notify.
        """
        if not self.is_gone:
            self.transport.close()

        await settle()

    async def reset(self) -> None:
        """
        Send RST.
        """
        if not self.is_gone:
            with self.borrow_socket() as borrowed:
                reset_at_close(borrowed)

            self.transport.abort()

        await settle()

    async def cut(self) -> None:
        """
        Send FIN without what TLS says before it.
        """
        if not self.is_gone:
            self.shut()

        await settle()

    def shut(self) -> None:
        """
        Send FIN, and nothing before it, at once.
        """
        with self.borrow_socket() as borrowed:
            borrowed.shutdown(socket.SHUT_WR)

    @property
    def is_gone(self) -> bool:
        """
        Whether nothing more can be sent.
        """
        return self.lost or self.transport.is_closing()

    def fileno(self) -> int:
        """
        Return the number of the socket.
        """
        return int(self.transport.get_extra_info("socket").fileno())

    @contextmanager
    def borrow_socket(self) -> Iterator[socket.socket]:
        """
        Lend the socket under another number: the loop lets nobody have its own.
        """
        with socket.socket(fileno=os.dup(self.fileno())) as borrowed:
            yield borrowed


class RawServer:
    """
    Hands each request to the test that waits for it, and answers the others itself.

    Attributes:
        connections: All connections.
    """

    def __init__(self) -> None:
        self.connections: list[ServerConnection] = []
        self.port = 0
        self._waiting: asyncio.Future[ServerConnection] | None = None
        self._server: asyncio.Server | None = None

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: ServerConnection(self), "127.0.0.1", 0, ssl=context, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def connected(self, connection: ServerConnection) -> None:
        """
        Take a connection.
        """

    def data_received(self, connection: ServerConnection) -> None:
        """
        Take some bytes, before they are a request.
        """

    def request_received(self, connection: ServerConnection) -> None:
        """
        Take a whole request.
        """
        waiting, self._waiting = self._waiting, None

        if waiting is None:
            connection.send(AFTER)
            connection.transport.close()
        elif not waiting.done():
            waiting.set_result(connection)

    def next_request(self) -> asyncio.Future[ServerConnection]:
        """
        Return what will be the connection on which the next request came.
        """
        self._waiting = asyncio.get_running_loop().create_future()

        return self._waiting

    @property
    def executed(self) -> list[bytes]:
        """
        The bodies of all requests that came whole.
        """
        return [body for connection in self.connections for body in connection.executed]

    def forget(self) -> None:
        """
        Close what is open and forget all connections.
        """
        for connection in self.connections:
            if not connection.lost:
                connection.transport.abort()

        self.connections.clear()
        self._waiting = None

    async def stop(self) -> None:
        """
        Close the server and all connections.
        """
        assert self._server is not None
        self._server.close()
        self.forget()
        await settle()

        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._server.wait_closed()


async def play(
    task: asyncio.Future[Any],
    request: asyncio.Future[ServerConnection],
    pieces: Sequence[bytes],
    *,
    finish: bool = True,
) -> ServerConnection | None:
    """
    Answer the *request* that *task* makes with *pieces*, each in a segment of its own.

    If that was no answer, an end follows.

    Returns:
        The connection, None if no request came.
    """
    await asyncio.wait(
        [task, request], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED
    )

    if not request.done():
        return None

    connection = request.result()

    for piece in pieces:
        connection.send(piece)
        await settle(len(piece))

    if finish and not task.done():
        await connection.finish()

    return connection
