"""
`Answer` and `HTTPExchangeError`: what one HTTP exchange gives, and how it fails.

The pipeline knows nothing else of the network. An `Edge` is either our own HTTP/1.1
connections or a transport of httpx.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import attrs


if TYPE_CHECKING:
    from umfpay.transport._call import CallState


class Failure(StrEnum):
    """
    Why an exchange gave no answer.

    After the first three no byte of the request has left.
    """

    CONNECT = "connect"
    CONNECT_TIMEOUT = "connect_timeout"
    POOL_TIMEOUT = "pool_timeout"
    ADDRESS = "address"
    PROXY = "proxy"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    BROKEN = "broken"
    TOO_LARGE = "too_large"


class HTTPExchangeError(Exception):
    """
    Raised by an edge when there is no answer.

    It leaves `umfpay.transport` only as the cause of a `TransportError`, without frames.

    Args:
        failure: What kind of end it was.
        detail: More words for a log, without secrets, hosts of proxies or bodies.
    """

    def __init__(self, failure: Failure, detail: str = "") -> None:
        super().__init__(failure, detail)
        self.failure = failure
        self.detail = detail


class BodyStream(Protocol):
    """
    The body of a file that is still arriving.
    """

    @property
    def ended_clean(self) -> bool:
        """
        Whether the connection's end, which was the body's end, was announced by TLS.
        """
        ...

    def __aiter__(self) -> BodyStream: ...

    async def __anext__(self) -> bytes:
        """
        Return the next bytes, never none.

        Raises:
            HTTPExchangeError: The body broke off, or nothing came for one attempt's time.
        """
        ...

    async def aclose(self) -> None:
        """
        Give the connection back, or close it if the body was not read to its end.
        """
        ...


# Not frozen: each call makes one, and that would double its time.
@attrs.define
class Answer:
    """
    One HTTP answer.

    Args:
        status: HTTP status, 200 to 599.
        headers: Pairs of name (in lower case) and value as they came; no trailers.
        body: The whole body as it came, transfer coding removed; empty if it streams.
        stream: The body of an answer that is read bit by bit: only where the state says
            `download` and the status is 200 to 299.
        is_framed: Whether the body's end is told by its length, its chunks or frames.
    """

    status: int
    headers: Sequence[tuple[bytes, bytes]] = attrs.field(repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    stream: BodyStream | None = attrs.field(default=None, repr=False)
    is_framed: bool = True


class Edge(Protocol):
    """
    Where the pipeline ends and the network begins.
    """

    async def exchange(self, state: CallState) -> Answer:
        """
        Send the request that *state* describes once and read its answer.

        It takes at most `CallState.timeout` seconds, a file that long for each of its
        pauses, and never longer than `CallState.deadline`. `CallState.body_started` is
        set before the first byte of the body may leave.

        Raises:
            HTTPExchangeError: There is no answer.
            TimeoutError: The deadline has passed.
        """
        ...

    async def aclose(self) -> None:
        """
        Close all connections; no task, timer or socket is left.
        """
        ...

    def abandon(self) -> None:
        """
        Forget all connections without touching them: their loop or process is gone.
        """
        ...


async def read_body(
    chunks: AsyncIterator[bytes], limit: int, *, head: bytes = b""
) -> bytes:
    """
    Return the body whose rest *chunks* give.

    Args:
        limit: Most bytes that are taken.
        head: What was read already.

    Raises:
        HTTPExchangeError: There are more.
    """
    body = bytearray(head)

    while len(body) <= limit:
        chunk = await anext(chunks, None)

        if chunk is None:
            return bytes(body)

        body += chunk

    raise HTTPExchangeError(Failure.TOO_LARGE)
