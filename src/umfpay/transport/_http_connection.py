"""
`HttpConnection`: one connection, which carries one HTTP/1.1 exchange at a time.

Here it is known what has left: `CallState.body_started` is set directly before the only
write, and whatever ends the connection ends the exchange with a word about it.
Pipelining is refused on purpose: after a cut nobody would know which POST was executed.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from umfpay.transport._answer_parser import AnswerParser
from umfpay.transport._body_stream import ArrivingBody
from umfpay.transport._exchange import Answer, Failure, HTTPExchangeError


if TYPE_CHECKING:
    from umfpay.transport._call import CallState


IDLE_SECONDS: Final = 15.0
"""A connection that was unused for longer is closed, not used."""

# With a gap equal to the server's own limit half of the requests were lost.
_MARGIN_SECONDS: Final = 1.0

# More than this may still wait below TLS, which does not say so.
_LARGE_REQUEST_BYTES: Final = 64 * 1024

_CUT: Final = "the connection closed"
_ENDED_EARLY: Final = "the connection closed before anything was sent"
_SPOKE_FIRST: Final = "something came before anything was sent"


class ConnectionOwner(Protocol):
    """
    Who is told what becomes of a connection.
    """

    def released(self, connection: HttpConnection) -> None:
        """
        Take *connection* back: its exchange is complete, and it may serve another.
        """
        ...

    def lost(self, connection: HttpConnection) -> None:
        """
        Forget *connection*: its socket is closed.
        """
        ...

    def watch(self, moment: float) -> None:
        """
        See to it that an exchange that expires at *moment* is ended.
        """
        ...


class PendingExchange:
    """
    An exchange whose answer somebody awaits.

    Attributes:
        state: The call.
        payload: Head and body, until they are written.
        expires: When it ends without an answer, in the loop's time.
        is_last: The call's deadline is what expires, not only this attempt.
        future: Its end: an `Answer` or an error.
        connection: Where it is under way.
        attempt: The connecting that was begun for it.
        stream: The body that is arriving, after the answer's head.
    """

    __slots__ = (
        "attempt",
        "connection",
        "expires",
        "future",
        "is_last",
        "payload",
        "state",
        "stream",
    )

    def __init__(
        self,
        state: CallState,
        *,
        payload: bytes,
        expires: float,
        is_last: bool,
        future: asyncio.Future[Answer],
    ) -> None:
        self.state = state
        self.payload = payload
        self.expires = expires
        self.is_last = is_last
        self.future = future
        self.connection: HttpConnection | None = None
        # Any: the pool's own; nothing is read from it here.
        self.attempt: Any = None
        self.stream: ArrivingBody | None = None

    def fail(self, error: BaseException) -> None:
        """
        End with *error*.
        """
        self.payload = b""

        if self.stream is not None:
            self.stream.end(error)
        elif not self.future.done():
            self.future.set_exception(error)

    def expire(self, failure: Failure, detail: str) -> None:
        """
        End because the time is over.
        """
        self.fail(
            TimeoutError() if self.is_last else HTTPExchangeError(failure, detail)
        )


class HttpConnection(asyncio.Protocol):
    """
    Writes requests and reads their answers, one after the other.

    Attributes:
        exchange: What is under way.
        is_closing: It takes no request any more.
        is_lost: Its socket is closed.
        idle_since: When its last exchange ended, or when it was made.
        idle_limit: How long it may be unused and still be used.
        made_for: Whose connecting made it, until it is used.
        last_words: Why it cannot be used, as far as that is known.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: ConnectionOwner) -> None:
        self._loop = loop
        self._owner = owner
        self._parser: AnswerParser
        # Any: the interface of a transport does not promise what ours use.
        self._transport: Any = None
        self._is_tls = False
        self.is_readable: Callable[[], bool] = _never
        self._is_large = False
        self.exchange: PendingExchange | None = None
        self.is_closing = False
        self.is_lost = False
        self.idle_since = 0.0
        self.idle_limit = IDLE_SECONDS
        self.made_for: PendingExchange | None = None
        self.last_words = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Take the *transport*; after `start_tls` our connecting calls this.
        """
        self._parser = AnswerParser()
        self._transport = transport
        self.idle_since = self._loop.time()
        self._is_tls = transport.get_extra_info("ssl_object") is not None
        line = transport.get_extra_info("socket")
        number = None if line is None else line.fileno()

        # A loop in memory has no sockets of the system.
        if isinstance(number, int) and number >= 0:
            self.is_readable = _readable_now(number)

        if self.is_closing:
            self._loop.call_soon(self._abort)

    def is_fresh(self, now: float) -> bool:
        """
        Tell whether it is open and the other side has hardly closed it for its age.
        """
        return (
            now - self.idle_since <= self.idle_limit
            and not self.is_closing
            and not self._transport.is_closing()
        )

    def is_open(self) -> bool:
        """
        Tell whether it is not about to be lost.
        """
        return not self.is_closing and not self._transport.is_closing()

    def send(self, exchange: PendingExchange) -> None:
        """
        Write the request; to be called directly after `is_fresh` and `is_readable`.
        """
        state = exchange.state
        self.exchange = exchange
        self.made_for = None
        exchange.connection = self
        self._parser.begin(
            body_limit=state.call.body_limit,
            wants_stream=bool(state.call.download),
        )
        payload, exchange.payload = exchange.payload, b""
        self._is_large = len(payload) > _LARGE_REQUEST_BYTES

        # An upper bound of what left: from here on nobody may believe that nothing did.
        if state.body or state.call.method != "GET":
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
            self.fail(refusal)
        elif parser.streams:
            self._pass_on(exchange)
        elif parser.complete:
            self._complete(exchange)

    def eof_received(self) -> None:
        """
        Take the end of what comes, and see whether it is announced.
        """
        self._end(is_clean=_has_close_notify(self._transport), error=None)

    def connection_lost(self, exc: Exception | None) -> None:
        """
        End the exchange that is under way, if any, and let go of everything.
        """
        self.is_lost = True

        if exc is not None and not self.last_words:
            self.last_words = f"{_ENDED_EARLY}: {_words(exc)}"

        self.last_words = self.last_words or _ENDED_EARLY
        self._end(is_clean=False, error=exc)

        if self._transport is not None:
            self._parser.release()
            self._transport = None

        self._owner.lost(self)

    def _end(self, *, is_clean: bool, error: Exception | None) -> None:
        exchange = self.exchange

        if exchange is None:
            self.close()
        elif error is None and self._parser.end():
            self._parser.keeps_alive = False

            if self._parser.streams:
                self._pass_on(exchange, is_clean=is_clean)
            elif is_clean or not self._is_tls:
                self._complete(exchange)
            else:
                # "complete only if a valid closure alert" came (RFC 9112 9.8).
                self.fail(HTTPExchangeError(Failure.BROKEN, _CUT))
        else:
            self.fail(HTTPExchangeError(Failure.BROKEN, _words(error)))

    def _pass_on(self, exchange: PendingExchange, *, is_clean: bool = False) -> None:
        """
        Hand what has come of the body to who reads it.
        """
        parser = self._parser

        if exchange.stream is None:
            exchange.stream = ArrivingBody(self, exchange, self._loop)

            if not exchange.future.done():
                exchange.future.set_result(
                    Answer(
                        status=parser.status,
                        headers=parser.headers,
                        stream=exchange.stream,
                        is_framed=parser.is_framed,
                    )
                )

        exchange.stream.feed(parser.take_parts())

        if parser.complete:
            exchange.stream.end(None, is_clean=is_clean)
            self._release(exchange)

    def _complete(self, exchange: PendingExchange) -> None:
        parser = self._parser
        answer = Answer(
            status=parser.status,
            headers=parser.headers,
            body=b"".join(parser.take_parts()),
            is_framed=parser.is_framed,
        )
        # Before its caller goes on: his next call takes this connection.
        self._release(exchange)

        if not exchange.future.done():
            exchange.future.set_result(answer)

    def _release(self, exchange: PendingExchange) -> None:
        parser = self._parser
        self.exchange = exchange.connection = None
        self.idle_since = self._loop.time()

        if parser.keep_alive is not None:
            self.idle_limit = idle_limit(parser.keep_alive)

        # An answer that came before the whole request had left says how little the
        # other side thinks of the rest.
        if (
            not parser.keeps_alive
            or self._transport.get_write_buffer_size()
            or (self._is_large and self._is_tls)
        ):
            self.close()
        elif self._is_tls:
            # It may hold the connection's end behind the answer that it hands over.
            self._loop.call_soon(self._owner.released, self)
        else:
            self._owner.released(self)

    def fail(self, error: Exception) -> None:
        """
        End the exchange that is under way with *error*; the connection is closed.
        """
        exchange = self.exchange

        if exchange is not None:
            self.exchange = exchange.connection = None
            exchange.fail(error)

        self.close()

    def expire(self) -> None:
        """
        End the exchange that is under way because its time is over.
        """
        exchange = self.exchange

        if exchange is not None:
            if exchange.stream is not None and exchange.stream.is_given_longer():
                return

            self.exchange = exchange.connection = None
            exchange.expire(Failure.TIMEOUT, "no answer in time")

        self.close()

    def drop(self, exchange: PendingExchange) -> None:
        """
        Close the connection if *exchange*, whose caller is gone, is under way on it.
        """
        if self.exchange is exchange:
            self.exchange = exchange.connection = None
            self.close()

    def close(self) -> None:
        """
        Close the connection without a goodbye, for which a silent peer lets us wait.
        """
        if not self.is_closing:
            self.is_closing = True

            # Not at once: TLS of asyncio cannot be aborted inside of its own callbacks.
            # A closed loop does nothing any more; its sockets are closed with the pool.
            if self._transport is not None and not self._loop.is_closed():
                self._loop.call_soon(self._abort)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def watch(self, moment: float) -> None:
        """
        See to it that the exchange under way ends when it expires at *moment*.
        """
        self._owner.watch(moment)

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
    for part in keep_alive.split(b","):
        name, _, value = part.partition(b"=")
        value = value.strip().strip(b'"')

        if name.strip().lower() == b"timeout" and value.isdigit():
            return min(IDLE_SECONDS, float(value[:9]) - _MARGIN_SECONDS)

    return IDLE_SECONDS


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


def _words(error: Exception | None) -> str:
    """
    Return what may be said of *error*: OpenSSL's and the system's own words.
    """
    if isinstance(error, ssl.SSLError):
        return str(error)

    return type(error).__name__ if isinstance(error, OSError) else _CUT


def _never() -> bool:
    return False


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
