"""
`ArrivingBody`: the body of a file, read bit by bit while it comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
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
        loop: The loop in which it is read.
    """

    def __init__(
        self,
        connection: HttpConnection,
        exchange: PendingExchange,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        # Both are let go at the end: they hold this object, too.
        self._connection = connection
        self._exchange = exchange
        self._state = exchange.state
        self._loop = loop
        self._parts: deque[bytes] = deque()
        self._unread = 0
        self._is_paused = False
        self._ended = False
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._ended_clean = False
        self._expect(until=exchange.state.deadline)

    @property
    def ended_clean(self) -> bool:
        """
        Whether the connection's end, which was the body's end, was announced by TLS.
        """
        return self._ended_clean

    def feed(self, parts: list[bytes]) -> None:
        """
        Take *parts* that have come.
        """
        if self._ended or not parts:
            return

        self._parts.extend(parts)
        self._unread += sum(map(len, parts))

        if self._unread > HIGH_WATER_BYTES and not self._is_paused:
            self._is_paused = True
            self._connection.pause_reading()

        self._wake()

    def end(self, error: BaseException | None, *, is_clean: bool = False) -> None:
        """
        Take the end: the body is complete, or *error* cut it off.
        """
        if not self._ended:
            self._ended = True
            self._error = error
            self._ended_clean = is_clean
            self._go_on()
            self._wake()
            del self._connection, self._exchange

    def __aiter__(self) -> ArrivingBody:
        return self

    async def __anext__(self) -> bytes:
        while not self._parts:
            if self._error is not None:
                raise self._error

            if self._ended:
                raise StopAsyncIteration

            await self._wait()

        part = self._parts.popleft()
        self._unread -= len(part)

        if self._unread < _LOW_WATER_BYTES:
            self._go_on()

        return part

    async def aclose(self) -> None:
        """
        Close the connection if the body was not read to its end.

        Nothing is awaited, so that a cancelled call does this, too. After the end the
        connection has long been given back.
        """
        self._parts.clear()
        self._unread = 0

        if not self._ended:
            connection, exchange = self._connection, self._exchange
            self.end(HTTPExchangeError(Failure.BROKEN, "the file was closed"))
            connection.drop(exchange)

    def is_given_longer(self) -> bool:
        """
        Tell whether the call got a later deadline since, which then is what expires.

        A file's deadline ends with its opening: from then on only its pauses are limited.
        """
        if self._waiter is not None or self._state.deadline <= self._exchange.expires:
            return False

        self._expect(until=self._state.deadline)

        return True

    async def _wait(self) -> None:
        state = self._state
        limit = self._loop.time() + state.timeout
        self._waiter = self._loop.create_future()
        self._expect(until=min(limit, state.deadline))

        try:
            await self._waiter
        finally:
            self._waiter = None

            if not self._ended:
                self._expect(until=state.deadline)

    def _expect(self, *, until: float) -> None:
        self._exchange.expires = until
        self._exchange.is_last = until >= self._state.deadline
        self._connection.watch(until)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _go_on(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._connection.resume_reading()
