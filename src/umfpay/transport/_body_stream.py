"""
`ArrivingBody`: the body of a file, read bit by bit while it comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final

from umfpay.transport._exchange import Failure, HTTPExchangeError


if TYPE_CHECKING:
    from umfpay.transport._http_connection import HttpConnection, PendingExchange


HIGH_WATER_BYTES: Final = 256 * 1024
"""With so much unread the other side has to wait."""

_LOW_WATER_BYTES: Final = 64 * 1024


class ArrivingBody:
    """
    Gives the bytes as they come; an iterator, so that no generator stays suspended.

    What has come is given out before any error. The time that the reader takes for
    himself is no pause of the other side's, but the deadline goes on.

    Args:
        connection: Where it comes.
        exchange: What is under way there.

    Attributes:
        ended_clean: The connection's end, which was the body's end, was announced by TLS.
    """

    def __init__(self, connection: HttpConnection, exchange: PendingExchange) -> None:
        # Let go at the end: it holds this object, too.
        self._exchange = exchange
        self._connection = connection
        self._state = exchange.state
        self._parts: deque[bytes] = deque()
        self._unread = 0
        self._end: BaseException | type[BaseException] | None = None
        self._came = asyncio.Event()
        self.ended_clean: bool = False
        exchange.limit = inf

    def feed(self, parts: list[bytes]) -> None:
        """
        Take *parts* that have come.
        """
        if parts:
            self._parts.extend(parts)
            self._unread += sum(map(len, parts))
            self._came.set()

            if self._unread > HIGH_WATER_BYTES:
                self._connection.pause_reading()

    def end(self, error: BaseException | None, *, is_clean: bool = False) -> None:
        """
        Take the end: the body is complete, or *error* cut it off.
        """
        self._end = error or StopAsyncIteration
        self.ended_clean = is_clean
        self._came.set()
        del self._exchange

        if error is None:
            self._connection.resume_reading()

    def __aiter__(self) -> ArrivingBody:
        return self

    async def __anext__(self) -> bytes:
        while not self._parts:
            if self._end is not None:
                raise self._end

            await self._wait()

        part = self._parts.popleft()
        self._unread -= len(part)

        if self._unread < _LOW_WATER_BYTES and self._end is None:
            self._connection.resume_reading()

        return part

    async def aclose(self) -> None:
        """
        Close the connection if the body was not read to its end.

        Nothing is awaited, so that a cancelled call does this, too. After the end the
        connection has long been given back.
        """
        self._parts.clear()

        if self._end is None:
            self._exchange.fail(
                HTTPExchangeError(Failure.BROKEN, "the file was closed")
            )

    async def _wait(self) -> None:
        """
        Wait for more: only now the other side's pause begins, and only now it is limited.
        """
        exchange = self._exchange
        exchange.limit = asyncio.get_running_loop().time() + self._state.timeout
        self._connection.owner.watch(exchange.expires)
        self._came.clear()

        try:
            await self._came.wait()
        finally:
            exchange.limit = inf
