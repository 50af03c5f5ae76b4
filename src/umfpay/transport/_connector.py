"""
aiohttp connection pool that discards a connection on which stray bytes arrived.

aiohttp parses what arrives on an idle connection and hands it to the next request as
its answer. Here such a connection is closed, and the request takes another one.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace


IDLE_SECONDS: Final = 15.0
"""A connection that was unused for longer is closed, not used."""

# A request that meets the server's own limit is lost after its first byte.
_MARGIN_SECONDS: Final = 1.0

# After the first a task still runs ahead of what the socket has for the loop.
_LOOP_TURNS: Final = 4


class UnaskedBytesError(aiohttp.ClientConnectionError):
    """
    Something came on a new connection before anything was sent.
    """


class ExchangeHandler(ResponseHandler):
    """
    One connection, which takes bytes only from a request's begin to its answer's end.

    Attributes:
        expects_answer: A request is being sent, or its answer is not complete.
        exchanges: How many requests the connection has served.
        ended_clean: The other side said by TLS that nothing more comes (RFC 8446 6.1);
            over plain TCP, and where the connection was cut, nobody can know.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        # The answer of a proxy to CONNECT comes before there is a request of ours.
        self.expects_answer = True
        self.exchanges = 0
        self.ended_clean = False
        self._idle_limit = IDLE_SECONDS
        self._idle_since = 0.0
        self._poll: Any = None  # select.poll exists on POSIX only

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Prepare to look at the socket.
        """
        super().connection_made(transport)
        line = transport.get_extra_info("socket")
        number = None if line is None else line.fileno()

        # A loop in memory has no sockets of the system.
        if isinstance(number, int) and number >= 0:
            self._poll = _readable_now(number)

    def data_received(self, data: bytes) -> None:
        """
        Pass *data* on if it can belong to an answer, else close the connection.
        """
        # Nothing: aiohttp lets its parser go on with what it has.
        if self.expects_answer or not data:
            super().data_received(data)
        else:
            self.close()

    def eof_received(self) -> None:
        """
        Take the end of what comes, and see whether it is announced.
        """
        self.ended_clean = _has_close_notify(self.transport)
        super().eof_received()

    def start_timeout(self) -> None:
        """
        Begin to wait for an answer; aiohttp calls this as it writes the last bytes.
        """
        self.expects_answer = True
        super().start_timeout()

    def feed_data(self, data: Any, size: int = 0) -> None:
        """
        Take the head of an answer, with what it says about the connection.
        """
        # Any: a pair of aiohttp's, whose type it does not export.
        text = data[0].headers.get("Keep-Alive")

        if text is not None:
            self._idle_limit = idle_limit(text)

        super().feed_data(data, size)

    def end_exchange(self) -> None:
        """
        Note that the answer is complete.
        """
        self.expects_answer = False
        self.exchanges += 1
        self._idle_since = self._loop.time()

    def is_fresh_enough(self) -> bool:
        """
        Tell whether the other side has hardly closed the connection for its age.
        """
        return (
            not self.exchanges
            or self._loop.time() - self._idle_since <= self._idle_limit
        )

    def is_quiet(self) -> bool:
        """
        Tell whether nothing has come, neither here nor in the kernel, and it is open.
        """
        self._look_behind()

        return not self.is_readable() and self.is_connected() and not self.should_close

    def is_readable(self) -> bool:
        """
        Tell whether the kernel holds bytes, or an end, that the loop has not seen.
        """
        return self._poll is not None and self._poll()

    async def settles(self) -> bool:
        """
        Let the loop read what is there already; tell whether the connection is quiet.

        TLS brings records that are no answer, such as session tickets.
        """
        for _ in range(_LOOP_TURNS):
            if not self.is_readable():
                return self.is_quiet()

            await asyncio.sleep(0)

        return False

    def _look_behind(self) -> None:
        """
        See to it that the connection closes if a message begins behind the last one.
        """
        if self._parser is None:
            return

        try:
            # It goes on with a new parser, so that this one may see its end.
            begun = self._parser.feed_eof() is not None
        except Exception:  # noqa: BLE001 (what cannot be parsed has begun)
            begun = True

        if begun:
            self.force_close()


class CheckedConnector(aiohttp.TCPConnector):
    """
    Gives out only connections on which nothing came since their last answer.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(keepalive_timeout=IDLE_SECONDS, **options)
        self._factory = self._make_handler  # type: ignore[assignment]

    def _make_handler(self) -> ExchangeHandler:
        return ExchangeHandler(self._loop)

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """
        Return a connection that is quiet, a new one if none of the pool is.

        Raises:
            UnaskedBytesError: A new connection is not quiet, too.
        """
        while True:
            connection = await super().connect(req, traces, timeout)
            handler = connection.protocol
            assert isinstance(handler, ExchangeHandler)
            is_new = not handler.exchanges
            usable = False

            try:
                usable = handler.is_fresh_enough() and (
                    handler.is_quiet() or await handler.settles()
                )
            finally:
                if not usable:
                    connection.close()

            if usable:
                # From the moment of writing on, which may come later.
                handler.expects_answer = False

                return connection

            if is_new:
                raise UnaskedBytesError

    def _release(
        self,
        key: ConnectionKey,
        protocol: ResponseHandler,
        *,
        should_close: bool = False,
    ) -> None:
        super()._release(key, protocol, should_close=should_close)

        if isinstance(protocol, ExchangeHandler):
            protocol.end_exchange()


def _has_close_notify(transport: asyncio.BaseTransport | None) -> bool:
    """
    Tell whether TLS's close_notify came; the loop reports its absence like its presence.
    """
    layer = None if transport is None else transport.get_extra_info("ssl_object")

    if layer is None or layer.pending():
        return False

    try:
        return bool(layer.read(1) == b"")
    except ssl.SSLZeroReturnError:
        return True
    except ssl.SSLError:
        return False


def idle_limit(keep_alive: str) -> float:
    """
    Return the seconds that a connection may be idle and still be used.

    Args:
        keep_alive: The header Keep-Alive of an answer, ``timeout=5, max=100``.
    """
    for part in keep_alive.split(","):
        name, _, value = part.partition("=")
        value = value.strip().strip('"')

        if name.strip().lower() == "timeout" and value.isascii() and value.isdigit():
            return min(IDLE_SECONDS, float(value[:9]) - _MARGIN_SECONDS)

    return IDLE_SECONDS


def _readable_now(number: int) -> Any:
    """
    Return a function that tells whether the socket *number* can be read at once.
    """
    if not hasattr(select, "poll"):
        return lambda: bool(select.select([number], [], [], 0)[0])

    poll = select.poll()
    poll.register(number, select.POLLIN)

    return lambda: bool(poll.poll(0))
