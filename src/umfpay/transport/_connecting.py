"""
`Connector`: from a name to a connection on which a request can be written.

Resolve, race the addresses (RFC 8305), open the proxy's tunnel, wrap in TLS. Until it
has succeeded no byte of a request has left.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final

import aiohappyeyeballs
import attrs

from umfpay.errors import without_traceback
from umfpay.sensitive import Secret
from umfpay.transport._addresses import Origin, origin_of
from umfpay.transport._answer_parser import AnswerParser
from umfpay.transport._exchange import Failure, HTTPExchangeError
from umfpay.transport._http_connection import HttpConnection
from umfpay.transport._request_head import proxy_line


MakeContext = Callable[[], ssl.SSLContext]

ADDRESS_SECONDS: Final = 10.0
"""For so long the addresses of a name are remembered."""

# "a Connection Attempt Delay ... RECOMMENDED ... 250 milliseconds" (RFC 8305 5)
_RACE_SECONDS: Final = 0.25

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}


@attrs.define
class Connector:
    """
    Makes the connections of one pool, in one loop.

    Args:
        origin: Where they lead.
        connect_timeout: Seconds for one, proxy and TLS included.
        proxy: ``http://user:password@host:port``, or ``https://``.
        tls: The settings of TLS, or what makes them, which is called off the loop.
    """

    _origin: Origin
    _connect_timeout: float
    _proxy: Secret | None
    _tls: ssl.SSLContext | MakeContext
    # A hundred connections at once ask once.
    _asking: asyncio.Lock = attrs.field(init=False, factory=asyncio.Lock)
    _addresses: list[Any] = attrs.field(init=False, factory=list)
    _resolved_at: float = attrs.field(init=False, default=0.0)

    async def connect(self, connection: HttpConnection) -> HTTPExchangeError | None:
        """
        Connect; return why there is no connection, None if there is.

        The error is returned: the way it came holds the proxy's name and sockets.
        """
        try:
            async with asyncio.timeout(self._connect_timeout):
                await self._connect(connection)
        except (HTTPExchangeError, OSError, RuntimeError, ValueError) as error:
            # uvloop raises RuntimeError for some, a name's encoding ValueError.
            return self._failure(error)
        except TypeError as error:
            # TLS in TLS of Python 3.11 stumbles over its own error.
            if not isinstance(error.__context__, ssl.SSLError):
                raise

            return self._failure(error.__context__)

        return None

    def _failure(self, error: Exception) -> HTTPExchangeError:
        """
        Return what may be said of *error*: the system's words, no proxy's name.
        """
        without_traceback(error)
        where, words = "the proxy", type(error).__name__

        if isinstance(error, HTTPExchangeError):
            return error

        if isinstance(error, TimeoutError):
            return HTTPExchangeError(Failure.CONNECT_TIMEOUT)

        if self._proxy is None:
            where, words = self._origin.host_and_port, str(error) or words
        elif isinstance(error, ssl.SSLError):
            where, words = "through the proxy", str(error)

        return HTTPExchangeError(Failure.CONNECT, f"{where}: {words}")

    async def _connect(self, connection: HttpConnection) -> None:
        first, tunnel, context = self._origin, None, None

        if self._proxy is not None:
            proxy = origin_of(self._proxy.reveal())
            assert proxy is not None
            first = proxy

            # What is not encrypted the proxy reads; to all else it opens a tunnel.
            if self._origin.scheme == "https":
                tunnel = _Tunnel(self._origin, self._proxy)

        is_tls = first.scheme == "https"

        if is_tls or tunnel is not None:
            context = await self._context()

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(
            lambda: tunnel or connection,
            sock=await self._open_socket(first),
            ssl=context if is_tls else None,
            server_hostname=first.server_name if is_tls else None,
        )

        if tunnel is not None:
            assert context is not None

            try:
                await tunnel.open(transport, connection, context)
            except BaseException:
                # close() would wait for a silent peer.
                transport.abort()

                raise

    async def _context(self) -> ssl.SSLContext:
        async with self._asking:
            if not isinstance(self._tls, ssl.SSLContext):
                # To read the authorities takes some 20 ms, in which nothing else would
                # run.
                self._tls = await asyncio.to_thread(self._tls)

            return self._tls

    async def _open_socket(self, to: Origin) -> socket.socket:
        found = await self._resolve(to)

        try:
            return await aiohappyeyeballs.start_connection(
                found, happy_eyeballs_delay=_RACE_SECONDS, interleave=1
            )
        except OSError:
            # The name may lead elsewhere by now.
            self._addresses = []

            raise

    async def _resolve(self, to: Origin) -> list[Any]:
        # A number needs no asking.
        with suppress(ValueError):
            family = _FAMILIES[ip_address(to.host).version]

            return [(family, socket.SOCK_STREAM, 0, "", (to.host, to.port))]

        loop = asyncio.get_running_loop()

        async with self._asking:
            if not self._addresses or loop.time() - self._resolved_at > ADDRESS_SECONDS:
                self._addresses = await loop.getaddrinfo(
                    to.host, to.port, type=socket.SOCK_STREAM
                )
                self._resolved_at = loop.time()

            return self._addresses


class _Tunnel(asyncio.Protocol):
    """
    What is said to a proxy before it lets bytes through.

    Args:
        to: Where it shall lead.
        proxy: The proxy's address.
    """

    def __init__(self, to: Origin, proxy: Secret) -> None:
        self._to = to
        self._proxy = proxy
        self._refusal: HTTPExchangeError | None = None
        self._answered = asyncio.Event()
        self._parser = AnswerParser()
        # An answer that opens a tunnel has no body, whatever its head says.
        self._parser.begin(body_limit=0, wants_stream=True)

    async def open(
        self, transport: Any, connection: HttpConnection, context: ssl.SSLContext
    ) -> None:
        """
        Ask for the way, and begin TLS when the proxy has opened it.

        Raises:
            HTTPExchangeError: It refuses.
        """
        to, parser = self._to, self._parser
        host = to.host_and_port
        head = f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: umfpay\r\n"
        transport.write(f"{head}{proxy_line(self._proxy)}\r\n".encode("ascii"))
        await self._answered.wait()
        surplus = parser.take_parts()
        parser.release()

        # "Any 2xx (Successful) response indicates" a tunnel (RFC 9110 9.3.6).
        if parser.status >= 300:
            raise HTTPExchangeError(
                Failure.PROXY, f"the proxy answered HTTP {parser.status}"
            )

        if not parser.head_done:
            raise HTTPExchangeError(Failure.PROXY, "the proxy did not answer in HTTP")

        # The server waits for our hello: nothing can come from it yet.
        if self._refusal is not None or surplus:
            raise HTTPExchangeError(
                Failure.PROXY, "the proxy sent more than its answer"
            )

        if transport.is_closing():
            raise ConnectionResetError

        wrapped = await asyncio.get_running_loop().start_tls(
            transport, connection, context, server_hostname=to.server_name
        )

        # None if it was lost in the moment in which the handshake ended; why, it learns
        # in the next. Else start_tls() does not do this.
        if wrapped is not None:
            connection.connection_made(wrapped)

    def data_received(self, data: bytes) -> None:
        """
        Take a part of the proxy's answer.
        """
        self._refusal = self._refusal or self._parser.feed(data)

        if self._refusal is not None or self._parser.head_done:
            self._answered.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's)
        """
        End the waiting.
        """
        self._answered.set()
