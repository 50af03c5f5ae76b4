"""
Servers that say over a stream what a test wants, right or wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk, **options: Any) -> AsyncIterator[int]:
    """
    Have *talk* speak on every connection; give the port, and end all of them at the end.

    A connection is closed when *talk* returns, or the other side has gone.

    Args:
        options: Of `asyncio.start_server`, such as ``ssl``.
    """
    # The loop holds them weakly: one that waits for nothing could be collected.
    tasks: set[asyncio.Task[Any]] = set()

    async def connected(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)

        # One that is cancelled ends well: the streams of Python 3.11 do not expect it.
        try:
            await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, **options)

    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()

        for task in tasks:
            task.cancel()

        if tasks:
            await asyncio.wait(tasks)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """
    Read one request of HTTP/1.1 to the end of its body.

    Raises:
        asyncio.IncompleteReadError: The other side has gone.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0

    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")

        if name.lower() == b"content-length":
            length = int(value)

    return head + await reader.readexactly(length)


def answer(body: bytes = b"{}", *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """
    Return an answer of HTTP/1.1 as bytes.
    """
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]

    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class RecordingServer:
    """
    Answers a token request with a token, and all others with ``{}`` once it is *free*.

    Attributes:
        heads: Of the requests that came.
        bodies: The same.
        connections: How many were made.
        free: Cleared, answers wait.
        behind: Bytes that nobody asked for, behind each answer.
        port: Of loopback.
    """

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.free = asyncio.Event()
        self.free.set()
        self.behind = b""
        self.port = 0

    @property
    def url(self) -> str:
        """
        A base URL.
        """
        return f"http://127.0.0.1:{self.port}/v1/"

    @property
    def posts(self) -> list[bytes]:
        """
        Bodies that are not empty.
        """
        return [body for body in self.bodies if body]

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[RecordingServer]:
        """
        Run one.
        """
        server = cls()

        async with listening(server.talk) as server.port:
            yield server

            server.free.set()

    async def talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """
        Answer one connection's requests until it ends.
        """
        self.connections += 1

        while True:
            head, _, body = (await read_request(reader)).partition(b"\r\n\r\n")
            self.heads.append(head)
            self.bodies.append(body)

            if b"/oauth/authorize" in head:
                writer.write(answer(b'{"access_token":"T","expires_in":3600}'))
            else:
                await self.free.wait()
                writer.write(answer() + self.behind)
