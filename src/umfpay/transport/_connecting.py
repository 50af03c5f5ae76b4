"""
`Connector`: from a name to a connection on which a request can be written.

Resolve, race the addresses (RFC 8305), open the proxy's tunnel, wrap in TLS. Until it
has succeeded no byte of a request has left.
"""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiohappyeyeballs

from umfpay.errors import without_traceback
from umfpay.sensitive import Secret
from umfpay.transport._exchange import Failure, HTTPExchangeError
from umfpay.transport._http_connection import HttpConnection
from umfpay.transport._origin import Origin, origin_of


MakeContext = Callable[[], ssl.SSLContext]

ADDRESS_SECONDS: Final = 10.0
"""For so long the addresses of a name are remembered."""

# "a Connection Attempt Delay ... RECOMMENDED ... 250 milliseconds" (RFC 8305 5)
_RACE_SECONDS: Final = 0.25

_MAX_PROXY_ANSWER_BYTES: Final = 16 * 1024
_PROXY_ANSWER: Final = re.compile(rb"HTTP/1\.[01] ([2-5][0-9][0-9])(?: [^\r\n]*)?\r?\n")
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")


class TlsSettings:
    """
    A context of TLS that is made when it is needed first, off the loop.

    Args:
        given: The context, or what makes it; the usual authorities by default.
    """

    def __init__(self, given: ssl.SSLContext | MakeContext | None) -> None:
        self._given = given or default_context

    async def context(self) -> ssl.SSLContext:
        """
        Return the context.
        """
        if not isinstance(self._given, ssl.SSLContext):
            # To read the authorities takes some 20 ms, in which nothing else would run.
            loop = asyncio.get_running_loop()
            self._given = await loop.run_in_executor(None, self._given)

        return self._given


class Connector:
    """
    Makes the connections of one pool, in one loop.

    Args:
        origin: Where they lead.
        connect_timeout: Seconds for one, proxy and TLS included.
        proxy: ``http://user:password@host:port``, or ``https://``.
        tls: The settings of TLS.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        connect_timeout: float,
        proxy: Secret | None = None,
        tls: TlsSettings,
    ) -> None:
        self._origin = origin
        self._connect_timeout = connect_timeout
        self._proxy = proxy
        self._tls = tls
        # A hundred connections at once ask once.
        self._asking = asyncio.Lock()
        self._addresses: list[Any] = []
        self._resolved_at = 0.0

    async def connect(self, connection: HttpConnection) -> HTTPExchangeError | None:
        """
        Connect; return why there is no connection, None if there is.

        The error is returned: the way it came holds the proxy's name and sockets.
        """
        try:
            async with asyncio.timeout(self._connect_timeout):
                await self._connect(connection)
        except HTTPExchangeError as error:
            without_traceback(error)

            return error
        except (OSError, RuntimeError, ValueError) as error:
            # uvloop raises RuntimeError for some, a name's encoding ValueError.
            return self._failure(error)
        except TypeError as error:
            # TLS in TLS of Python 3.11 stumbles over its own error.
            if not isinstance(error.__context__, ssl.SSLError):
                raise

            return self._failure(error.__context__)

        return None

    def _failure(self, error: Exception) -> HTTPExchangeError:
        without_traceback(error)

        if isinstance(error, TimeoutError):
            return HTTPExchangeError(Failure.CONNECT_TIMEOUT, "no connection in time")

        return HTTPExchangeError(Failure.CONNECT, self._words(error))

    async def _connect(self, connection: HttpConnection) -> None:
        loop = asyncio.get_running_loop()
        proxy = None if self._proxy is None else proxy_origin(self._proxy)
        first = proxy or self._origin
        context: ssl.SSLContext | None = None

        if "https" in (first.scheme, self._origin.scheme):
            async with self._asking:
                context = await self._tls.context()

        line = await self._open_socket(first)
        tunnels = proxy is not None and self._origin.scheme == "https"
        tunnel = _Tunnel(loop) if tunnels else None
        protocol: asyncio.Protocol = connection if tunnel is None else tunnel

        if first.scheme == "https" and tunnel is None:
            # The connection itself meets the transport that TLS gives it.
            protocol = asyncio.Protocol()

        try:
            transport: Any = (
                await loop.create_connection(lambda: protocol, sock=line)
            )[0]
        except BaseException:
            line.close()

            raise

        try:
            if first.scheme == "https":
                assert context is not None
                inner = connection if tunnel is None else tunnel
                transport = await _start_tls(transport, inner, context, first)

            if tunnel is not None:
                assert self._proxy is not None
                assert context is not None
                await tunnel.open(transport, self._origin, self._proxy)
                transport = await _start_tls(
                    transport, connection, context, self._origin
                )
        except BaseException:
            # close() would wait for a silent peer.
            transport.abort()

            raise

        if connection.is_lost:
            raise HTTPExchangeError(Failure.CONNECT, connection.last_words)

    async def _open_socket(self, to: Origin) -> socket.socket:
        addresses = await self._resolve(to)

        try:
            return await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=_RACE_SECONDS, interleave=1
            )
        except OSError:
            # The name may lead elsewhere by now.
            self._addresses = []

            raise

    async def _resolve(self, to: Origin) -> list[Any]:
        loop = asyncio.get_running_loop()

        if to.is_number:
            family = socket.AF_INET6 if ":" in to.host else socket.AF_INET
            number = (to.host, to.port, 0, 0) if ":" in to.host else (to.host, to.port)

            return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", number)]

        async with self._asking:
            if self._addresses and loop.time() - self._resolved_at < ADDRESS_SECONDS:
                return self._addresses

            self._addresses = await loop.getaddrinfo(
                to.host, to.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )
            self._resolved_at = loop.time()

            return self._addresses

    def _words(self, error: Exception) -> str:
        """
        Return what may be said of *error*: the system's words, no proxy's name.
        """
        text = str(error) or type(error).__name__

        if self._proxy is None:
            return f"{self._origin.host_and_port}: {text}"

        if isinstance(error, ssl.SSLError):
            return f"through the proxy: {text}"

        return f"the proxy: {type(error).__name__}"


class _Tunnel(asyncio.Protocol):
    """
    What is said to a proxy before it lets bytes through.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._received = b""
        self._answered: asyncio.Future[None] = loop.create_future()

    async def open(
        self, transport: asyncio.WriteTransport, to: Origin, proxy: Secret
    ) -> None:
        """
        Ask for the way to *to*, and wait until the proxy has opened it.

        Raises:
            HTTPExchangeError: It refuses.
        """
        transport.write(_connect_request(to, proxy))
        await self._answered
        received = self._received
        refusal = _tunnel_refusal(received)

        if refusal is not None:
            raise HTTPExchangeError(Failure.PROXY, refusal)

    def data_received(self, data: bytes) -> None:
        """
        Take a part of the proxy's answer.
        """
        self._received += data

        if (
            len(self._received) > _MAX_PROXY_ANSWER_BYTES
            or _END_OF_HEAD.search(self._received)
        ) and not self._answered.done():
            self._answered.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's)
        """
        End the waiting.
        """
        if not self._answered.done():
            self._answered.set_result(None)


def _connect_request(to: Origin, proxy: Secret) -> bytes:
    login = proxy_authorization(proxy)
    more = "" if login is None else f"Proxy-Authorization: {login}\r\n"
    where = to.host_and_port

    return (
        f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\nUser-Agent: umfpay\r\n{more}\r\n"
    ).encode("ascii")


def _tunnel_refusal(received: bytes) -> str | None:
    """
    Return why what a proxy answered opens no tunnel, None if it does.
    """
    found = _PROXY_ANSWER.match(received)
    end = _END_OF_HEAD.search(received)

    if found is None or end is None:
        return "the proxy did not answer in HTTP"

    # "Any 2xx (Successful) response indicates" a tunnel (RFC 9110 9.3.6).
    if not found[1].startswith(b"2"):
        return f"the proxy answered HTTP {found[1].decode('ascii')}"

    # The server waits for our hello: nothing can come from it yet.
    return "the proxy sent more than its answer" if end.end() < len(received) else None


async def _start_tls(
    transport: Any,
    protocol: asyncio.Protocol,
    context: ssl.SSLContext,
    to: Origin,
) -> Any:
    """
    Return the transport in which *protocol* speaks TLS over *transport*.
    """
    if transport.is_closing():
        raise ConnectionResetError

    wrapped = await asyncio.get_running_loop().start_tls(
        transport, protocol, context, server_hostname=to.server_name
    )

    if wrapped is None:
        # The connection was lost in the moment in which the handshake ended; why, it
        # learns in the next.
        await asyncio.sleep(0)

        if isinstance(protocol, HttpConnection) and protocol.is_lost:
            raise HTTPExchangeError(Failure.CONNECT, protocol.last_words)

        raise ConnectionResetError

    # start_tls() does not.
    protocol.connection_made(wrapped)

    return wrapped


def proxy_origin(proxy: Secret) -> Origin:
    """
    Return where *proxy* is.

    Raises:
        ValueError: It is no address.
    """
    found = origin_of(proxy.reveal())

    if found is None:
        raise ValueError("the proxy's address is none")

    return found


def proxy_authorization(proxy: Secret) -> str | None:
    """
    Return the header Proxy-Authorization for the user of *proxy*, None without one.
    """
    parts = urlsplit(proxy.reveal())

    if parts.username is None:
        return None

    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"

    return "Basic " + base64.b64encode(login.encode()).decode("ascii")


def default_context() -> ssl.SSLContext:
    """
    Return the settings of TLS that trust the usual authorities.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])

    return context
