"""
`HttpConnection`: one connection, which carries one HTTP/1.1 exchange at a time.

Here it is known what has left: `CallState.body_started` is set directly before the only
write, and whatever ends the connection ends the exchange with a word about it.
Pipelining is refused on purpose: after a cut nobody would know which POST was executed.
"""

from __future__ import annotations

import asyncio
import re
import select
import ssl
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay.transport._answer_parser import AnswerParser
from umfpay.transport._body_stream import ArrivingBody
from umfpay.transport._exchange import Answer, Failure, HTTPExchangeError


if TYPE_CHECKING:
    from umfpay.transport._call import CallState
    from umfpay.transport._connection_pool import ConnectionPool


IDLE_SECONDS: Final = 15.0
"""A connection that was unused for longer is closed, not used."""

# With a gap equal to the server's own limit half of the requests were lost.
_MARGIN_SECONDS: Final = 1.0

# More than this may still wait below TLS, which does not say so.
_LARGE_BODY_BYTES: Final = 64 * 1024

_TIMEOUT: Final = re.compile(rb'(?i)(?:^|,)\s*timeout\s*=\s*"?([0-9]+)"?\s*(?:,|$)')

_CUT: Final = "the connection closed"
_ENDED_EARLY: Final = "the connection closed before anything was sent"
_SPOKE_FIRST: Final = "something came before anything was sent"


# Not frozen: each call makes one, and that would double its time.
@attrs.define(eq=False, repr=False)
class PendingExchange:
    """
    An exchange whose answer somebody awaits.

    Attributes:
        state: The call.
        payload: Head and body, until they are written.
        limit: When this attempt, or the pause of a file, ends, in the loop's time.
        future: Its end: an `Answer` or an error.
        connection: Where it is under way.
        stream: The body that is arriving, after the answer's head.
    """

    state: CallState
    payload: bytes
    limit: float
    future: asyncio.Future[Answer]
    connection: HttpConnection | None = None
    stream: ArrivingBody | None = None

    @property
    def expires(self) -> float:
        """
        When it ends without an answer; a file's deadline ends with its opening.
        """
        return min(self.limit, self.state.deadline)

    def expire(self, failure: Failure) -> None:
        """
        End because the time is over: the whole call's, or only this attempt's.
        """
        is_last = self.state.deadline <= self.limit
        self.fail(TimeoutError() if is_last else HTTPExchangeError(failure))

    def fail(self, error: BaseException) -> None:
        """
        End with *error*; a connection on which it is under way is closed.
        """
        connection, self.connection = self.connection, None
        self.payload = b""

        if connection is not None:
            connection.exchange = None
            connection.close()

            if self.stream is not None:
                self.stream.end(error)

        # In a closed loop nobody waits, and nothing can be said.
        if not self.future.done() and not self.future.get_loop().is_closed():
            self.future.set_exception(error)


class HttpConnection(asyncio.Protocol):
    """
    Writes requests and reads their answers, one after the other.

    Attributes:
        owner: Learns what becomes of it.
        made_for: Whose connecting made it, until it is used.
        exchange: What is under way.
        is_connected: It has a socket.
        is_closing: It takes no request any more.
        is_readable: Asks the system whether something came that the loop has not read.
        idle_until: So long it may be unused and still be used.
        last_words: Why it cannot be used, as far as that is known.
    """

    def __init__(self, owner: ConnectionPool, made_for: PendingExchange) -> None:
        self.owner = owner
        self.made_for: PendingExchange | None = made_for
        self._loop = owner.loop
        # Any: the interface of a transport does not promise what ours use.
        self._transport: Any = None
        self._is_tls = False
        self.exchange: PendingExchange | None = None
        self.is_connected: bool = False
        self.is_closing: bool = False
        self.idle_until: float = 0.0
        self._idle_limit = IDLE_SECONDS
        self.last_words: str = _ENDED_EARLY

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Take the *transport*; after `start_tls` our connecting calls this.
        """
        self._parser = AnswerParser()
        self._transport = transport
        self.is_connected = True
        self.idle_until = self._loop.time() + IDLE_SECONDS
        self._is_tls = transport.get_extra_info("ssl_object") is not None
        self.is_readable: Callable[[], bool] = _readable_now(
            transport.get_extra_info("socket").fileno()
        )

        if self.is_closing:
            self._loop.call_soon(self._transport.abort)

    def is_fresh(self, now: float) -> bool:
        """
        Tell whether it is open and the other side has hardly closed it for its age.
        """
        is_open = not (self.is_closing or self._transport.is_closing())

        return is_open and now <= self.idle_until

    @property
    def expires(self) -> float:
        """
        When what is under way on it ends, or when it is closed unused.
        """
        if self.exchange is not None:
            return self.exchange.expires

        return inf if self.is_closing else self.idle_until

    def send(self, exchange: PendingExchange) -> None:
        """
        Write the request; to be called directly after `is_fresh` and `is_readable`.
        """
        state, call = exchange.state, exchange.state.call
        self.exchange = exchange
        self.made_for = None
        exchange.connection = self
        self._parser.begin(call.body_limit, wants_stream=bool(call.download))
        payload, exchange.payload = exchange.payload, b""

        # An upper bound of what left: from here on nobody may believe that nothing did.
        if state.body or call.method != "GET":
            state.body_started = True

        self._transport.write(payload)

    def data_received(self, data: bytes) -> None:
        """
        Take *data* as a part of the answer, or close the connection that it came on.
        """
        exchange = self.exchange

        if exchange is None:
            # Nobody asked for it, and nobody gets it.
            self.last_words = _SPOKE_FIRST
            self.close()

            return

        parser = self._parser
        refusal = parser.feed(data)

        if refusal is not None:
            exchange.fail(refusal)
        elif parser.complete or parser.streams:
            self._hand_over(exchange)

    def eof_received(self) -> None:
        """
        Take the end of what comes, and see whether it is announced.
        """
        self._end(is_clean=_has_close_notify(self._transport), error=None)

    def connection_lost(self, exc: Exception | None) -> None:
        """
        End the exchange that is under way, if any, and let go of everything.
        """
        self.is_connected = False

        if exc is not None and self.last_words == _ENDED_EARLY:
            self.last_words += f": {_words(exc)}"

        self._end(is_clean=False, error=exc)

        if self._transport is not None:
            self._parser.release()
            self._transport = None

        self.owner.lost(self)

    def _end(self, *, is_clean: bool, error: Exception | None) -> None:
        exchange = self.exchange

        if (
            exchange is not None
            and error is None
            and self._parser.end()
            # "complete only if a valid closure alert" came (RFC 9112 9.8).
            and (is_clean or not self._is_tls or self._parser.streams)
        ):
            self._hand_over(exchange, is_clean=is_clean)
        else:
            self.fail(HTTPExchangeError(Failure.BROKEN, _words(error)))

    def fail(self, error: Exception) -> None:
        """
        End the exchange that is under way, if any, with *error*, and close.
        """
        if self.exchange is None:
            self.close()
        else:
            self.exchange.fail(error)

    def _hand_over(self, exchange: PendingExchange, *, is_clean: bool = False) -> None:
        """
        Give the answer, or what has come of a file, to who waits for it.
        """
        parser, stream = self._parser, exchange.stream
        answer: Answer | None = None

        if stream is None:
            if parser.streams:
                stream = exchange.stream = ArrivingBody(self, exchange)

            body = b"" if parser.streams else b"".join(parser.take_parts())
            answer = Answer(
                parser.status, parser.headers, body, stream, parser.is_framed
            )

        if stream is not None:
            stream.feed(parser.take_parts())

            if parser.complete:
                stream.end(None, is_clean=is_clean)

        if parser.complete:
            # Before its caller goes on: his next call takes this connection.
            self._release(exchange)

        if answer is not None and not exchange.future.done():
            exchange.future.set_result(answer)

    def _release(self, exchange: PendingExchange) -> None:
        parser = self._parser
        self.exchange = exchange.connection = None

        if parser.keep_alive is not None:
            self._idle_limit = idle_limit(parser.keep_alive)

        self.idle_until = self._loop.time() + self._idle_limit

        # An answer that came before the whole request had left says how little the
        # other side thinks of the rest.
        if (
            not parser.keeps_alive
            or self._transport.get_write_buffer_size()
            or (self._is_tls and len(exchange.state.body) > _LARGE_BODY_BYTES)
        ):
            self.close()
        elif self._is_tls:
            # It may hold the connection's end behind the answer that it hands over.
            self._loop.call_soon(self.owner.released, self)
        else:
            self.owner.released(self)

    def close(self) -> None:
        """
        Close the connection without a goodbye, for which a silent peer lets us wait.
        """
        if not self.is_closing:
            self.is_closing = True

            # Not at once: TLS of asyncio cannot be aborted inside of its own callbacks.
            # A closed loop does nothing any more; its sockets are closed with the pool.
            if self._transport is not None and not self._loop.is_closed():
                self._loop.call_soon(self._transport.abort)

    def pause_reading(self) -> None:
        """
        Let the other side wait: what came has not been read yet.
        """
        if not self.is_closing:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """
        Go on after `pause_reading`.
        """
        if not self.is_closing:
            self._transport.resume_reading()

    def close_socket(self) -> None:
        """
        Close the socket of a closed loop: its transports can only warn about them.
        """
        # asyncio has no public way; where these are missing, only the interpreter's
        # ResourceWarning is left.
        inner = self._transport

        while hasattr(inner, "_ssl_protocol"):
            inner._closed = True
            inner = getattr(inner._ssl_protocol, "_transport", None)

        kept_socket = getattr(inner, "_sock", None)

        if inner is not None and kept_socket is not None:
            kept_socket.close()
            inner._sock = None


def idle_limit(keep_alive: bytes) -> float:
    """
    Return the seconds that a connection may be idle and still be used.

    Args:
        keep_alive: The header Keep-Alive of an answer, ``timeout=5, max=100``.
    """
    found = _TIMEOUT.search(keep_alive)

    if found is None:
        return IDLE_SECONDS

    return min(IDLE_SECONDS, float(found[1][:9]) - _MARGIN_SECONDS)


def _has_close_notify(transport: asyncio.BaseTransport | None) -> bool:
    """
    Tell whether TLS's close_notify came; the loop reports its absence like its presence.
    """
    layer = transport.get_extra_info("ssl_object") if transport else None

    try:
        return bool(layer and not layer.pending() and layer.read(1) == b"")
    except ssl.SSLError as error:
        return isinstance(error, ssl.SSLZeroReturnError)


def _words(error: Exception | None) -> str:
    """
    Return what may be said of *error*: OpenSSL's and the system's own words.
    """
    if isinstance(error, ssl.SSLError):
        return str(error)

    return type(error).__name__ if isinstance(error, OSError) else _CUT


def _readable_now(number: int) -> Callable[[], bool]:
    """
    Return a function that tells whether the socket *number* can be read at once.
    """
    if not hasattr(select, "poll"):
        return lambda: bool(select.select([number], [], [], 0)[0])

    poller = select.poll()
    poller.register(number, select.POLLIN)
    poll = poller.poll

    return lambda: bool(poll(0))
