"""
The default network transport, on aiohttp.

aiohttp's exceptions do not say whether a byte left. The body that we hand to it does:
the headers wait for it and leave in the same write.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, Final

import aiohttp
import httpx
import yarl
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from umfpay.errors import Text, WrongLoopError
from umfpay.sensitive import Secret
from umfpay.transport._answer_stream import AnswerStream
from umfpay.transport._call import EXTENSION, AbandonedError, CallState
from umfpay.transport._connector import (
    CheckedConnector,
    ExchangeHandler,
    UnaskedBytesError,
)
from umfpay.transport._errors import as_closed_session_error, without_traceback
from umfpay.transport._messages import (
    CONSTANT_HEADERS,
    CallRequest,
    RawResponse,
    address_of,
)


_NO_TRANSPORT: Final = object()
_CONSTANT_HEADERS: Final = CIMultiDict(CONSTANT_HEADERS)

# Connectors of a parent process: closing one would speak on the parent's connections.
_ABANDONED_CONNECTORS: Final[list[aiohttp.BaseConnector]] = []


class AiohttpTransport(httpx.AsyncBaseTransport):
    """
    Sends requests with an aiohttp session of its own, made in the loop that runs.

    It follows no redirect, keeps no cookie, ignores the environment's proxies, decodes
    nothing, and sends a request once: aiohttp's own second try is switched off. A
    connection on which anything came while it was idle is closed, not used. It keeps
    `CallState.body_started` truthful, and serves plain httpx requests, too.

    Args:
        max_connections: Open at once; further calls wait.
        connect_timeout: Seconds for one connection, TLS included.
        timeout: Seconds for a request that says nothing itself.
        proxy: ``http://user:password@host:port``.
        ssl_context: For TLS; see `tls_context`. The usual authorities by default.
    """

    def __init__(
        self,
        *,
        max_connections: int = 100,
        connect_timeout: float = 5.0,
        timeout: float = 10.0,
        proxy: Secret | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._max_connections = max_connections
        self._connect_timeout = connect_timeout
        self._timeout = timeout
        self._proxy = proxy
        self._ssl_context = ssl_context
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._busy = 0
        # None until the first answer shows whether aiohttp asks our body to write.
        self._tracks: bool | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send *request*; return the response as soon as its headers are there.

        Raises:
            httpx.TransportError: As httpx's own transports do; `ConnectError`,
                `ConnectTimeout` and `PoolTimeout` mean that no byte left.
            WrongLoopError: The connections belong to another loop that still runs.
        """
        session = self._session

        if session is None or self._loop is not asyncio.get_running_loop():
            session = self._open()

        state: CallState | None = request.extensions.get(EXTENSION)

        if state is None:
            seconds = request.extensions.get("timeout", {}).get("read", self._timeout)
            timeout = _client_timeout(seconds, self._connect_timeout, streams=True)
        else:
            state.body_tracked = self._tracks is not False
            timeout = _client_timeout(
                state.timeout, self._connect_timeout, streams=state.download
            )

        body = await _body_of(request, state)
        self._busy += 1
        response = await _exchange(session, request, body, timeout)

        if isinstance(response, BaseException):
            self._busy -= 1
            mapped = http_error(
                response,
                started=self._started(body),
                pool_is_full=self._busy >= self._max_connections,
            )

            # The cause is left out: it names the connection, a proxy's password too.
            raise mapped or response from None

        if body is not None and self._tracks is None:
            self._tracks = body.started

        return RawResponse(
            response.status,
            raw_headers=response.raw_headers,
            stream=AnswerStream(
                response.content,
                release=response.release,
                close=response.close,
                done=self._released,
                translate=_read_error,
                ended_clean=partial(_ended_clean, response.content),
            ),
        )

    def _started(self, body: _Body | None) -> bool | None:
        """
        Tell whether *body* began to leave; None if that cannot be known.
        """
        if body is None or self._tracks is False:
            return None

        return body.started

    def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()

        if self._session is not None:
            assert self._loop is not None

            if not self._loop.is_closed():
                raise WrongLoopError(
                    Text(
                        "The connections belong to another event loop that still runs.",
                        "连接属于另一个仍在运行的事件循环。",
                    )
                )

            self.abandon()

        self._loop = loop
        self._busy = 0
        self._session = aiohttp.ClientSession(
            connector=CheckedConnector(
                limit=self._max_connections,
                ssl=True if self._ssl_context is None else self._ssl_context,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=None if self._proxy is None else yarl.URL(self._proxy.reveal()),
            auto_decompress=False,
            trust_env=False,
            middlewares=(_send_once,),
        )

        return self._session

    def _released(self) -> None:
        self._busy -= 1

    def abandon(self) -> None:
        """
        Forget all connections without touching them; the next request opens new ones.

        For connections whose loop is closed, or belongs to the parent process.
        """
        session, self._session = self._session, None

        if session is None:
            return

        connector = session.connector
        assert connector is not None
        assert self._loop is not None
        session.detach()

        if self._loop.is_closed():
            _close_sockets(connector)
            # In a closed loop this only marks the connector, without waiting.
            with suppress(StopIteration):
                next(connector.close().__await__())
        else:
            _ABANDONED_CONNECTORS.append(connector)

    async def aclose(self) -> None:
        """
        Close all connections; the next request would open new ones.
        """
        session = self._session

        if session is None:
            return

        if self._loop is not asyncio.get_running_loop():
            self.abandon()

            return

        self._session = None
        await session.close()


class _Body(aiohttp.BytesPayload):
    """
    Bytes that tell when aiohttp begins to write them.
    """

    def __init__(self, value: bytes, *, state: CallState | None) -> None:
        super().__init__(value)
        self.started = False
        self._state = state

    async def write(self, writer: AbstractStreamWriter) -> None:
        """
        Write all; older versions of aiohttp call this.
        """
        await self._begin(writer)
        await super().write(writer)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """
        Write at most *content_length* bytes.
        """
        await self._begin(writer)
        await super().write_with_length(writer, content_length)

    async def _begin(self, writer: AbstractStreamWriter) -> None:
        # Any: as below.
        handler: Any = getattr(writer, "protocol", None)

        if isinstance(handler, ExchangeHandler):
            # Python 3.11 writes a turn of the loop after the connection was chosen.
            if handler.is_readable() and not await handler.settles():
                handler.close()

            handler.expects_answer = True

        # Asked to write to a connection that is gone, aiohttp raises before a byte
        # leaves; a connection from the pool often ends like that.
        # Any: the interface does not promise this attribute, all writers have it.
        line: Any = getattr(writer, "transport", _NO_TRANSPORT)

        if line is None or (line is not _NO_TRANSPORT and line.is_closing()):
            return

        if self._state is not None:
            if self._state.abandoned:
                raise AbandonedError

            self._state.body_started = True

        self.started = True


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """
    Keep aiohttp from sending a GET a second time by itself.

    It does so after these two errors, uncounted and without regard to any deadline;
    whether a call is made again is decided by the retrying layer.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _BrokenError from error


def _close_sockets(connector: aiohttp.BaseConnector) -> None:
    """
    Close the sockets of a closed loop: its transports can only warn about them.
    """
    # Neither aiohttp nor asyncio has a public way; where these are missing, only the
    # interpreter's ResourceWarning is left.
    kept: Any = getattr(connector, "_conns", {})

    for connections in kept.values():
        for protocol, _ in connections:
            line = getattr(protocol, "transport", None)
            # Under TLS the transport with the socket is the inner one.
            inner = getattr(getattr(line, "_ssl_protocol", None), "_transport", line)
            kept_socket = getattr(inner, "_sock", None)

            if inner is not None and kept_socket is not None:
                kept_socket.close()
                inner._sock = None


async def _exchange(
    session: aiohttp.ClientSession,
    request: httpx.Request,
    body: _Body | None,
    timeout: aiohttp.ClientTimeout,
) -> aiohttp.ClientResponse | BaseException:
    """
    Send *request*; return the response, or the error without the way it came.

    aiohttp's frames hold the token and the body, its errors a proxy's password: none of
    them may be reached from an error that leaves.
    """
    try:
        return await session.request(
            request.method,
            yarl.URL(address_of(request), encoded=True),
            data=body,
            headers=_headers_of(request),
            timeout=timeout,
            allow_redirects=False,
        )
    except BaseException as error:  # noqa: BLE001 (it is raised by the caller)
        return without_traceback(as_closed_session_error(error))


def _headers_of(request: httpx.Request) -> CIMultiDict[str]:
    if isinstance(request, CallRequest) and request.untouched:
        # aiohttp adds Host and Content-Length itself.
        headers = _CONSTANT_HEADERS.copy()

        for name, value in request.own_headers():
            headers[name] = value

        return headers

    return CIMultiDict(
        (key.decode("ascii"), text.decode("latin-1"))
        for key, text in request.headers.raw
    )


async def _body_of(request: httpx.Request, state: CallState | None) -> _Body | None:
    if isinstance(request, CallRequest) and request.untouched:
        assert state is not None
        content = state.body
    else:
        content = await _content(request)

    return _Body(content, state=state) if content else None


async def _content(request: httpx.Request) -> bytes:
    assert isinstance(request.stream, httpx.AsyncByteStream)

    return b"".join([part async for part in request.stream])


@lru_cache(maxsize=64)
def _client_timeout(
    seconds: float | None, connect: float, *, streams: bool
) -> aiohttp.ClientTimeout:
    """
    Return the limits of one attempt.

    An answer that streams may take its time as a whole, but no pause of *seconds*.
    """
    if streams:
        return aiohttp.ClientTimeout(
            total=None, connect=seconds, sock_connect=connect, sock_read=seconds
        )

    return aiohttp.ClientTimeout(total=seconds, sock_connect=connect)


class _BrokenError(Exception):
    """
    Carries an error past aiohttp's own second try; the error is the `__cause__`.
    """


def http_error(
    error: BaseException, *, started: bool | None, pool_is_full: bool
) -> httpx.TransportError | None:
    """
    Return the error of httpx for *error* of aiohttp, None if it is not one.

    Args:
        started: Whether aiohttp began to write the body; None if there is no body, and
            so nothing that could tell.
        pool_is_full: Whether the call may have waited for a connection of the pool.
    """
    if isinstance(error, _BrokenError) and error.__cause__ is not None:
        error = error.__cause__

    if isinstance(error, TimeoutError):
        return _timeout_error(error, started=started, pool_is_full=pool_is_full)

    if isinstance(error, UnaskedBytesError):
        return httpx.ConnectError("something came before anything was sent")

    if isinstance(error, aiohttp.ClientHttpProxyError):
        return httpx.ProxyError(f"the proxy answered HTTP {error.status}")

    if isinstance(
        error, (aiohttp.ClientConnectorError, aiohttp.ServerFingerprintMismatch)
    ):
        return httpx.ConnectError(_error_text(error))

    if isinstance(error, aiohttp.ClientResponseError):
        return httpx.RemoteProtocolError(f"no HTTP: {error.message[:100]}")

    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return httpx.UnsupportedProtocol("not an http or https address")

    if isinstance(error, (aiohttp.ClientError, OSError)):
        if started is False:
            return httpx.ConnectError("the connection closed before anything was sent")

        return httpx.ReadError(_error_text(error))

    if isinstance(error, ValueError):
        return httpx.LocalProtocolError("a header holds a character that none may")

    return None


def _ended_clean(content: object) -> bool:
    """
    Tell whether the connection on which *content* came was closed as TLS demands.
    """
    # aiohttp's reader has it; without, the end is not proven.
    handler = getattr(content, "_protocol", None)

    return isinstance(handler, ExchangeHandler) and handler.ended_clean


def _read_error(error: BaseException) -> httpx.TransportError | None:
    """
    Return the error of httpx for one that came while the answer was read.
    """
    return http_error(error, started=True, pool_is_full=False)


def _timeout_error(
    error: TimeoutError, *, started: bool | None, pool_is_full: bool
) -> httpx.TimeoutException:
    unsent = started is False or isinstance(error, aiohttp.ConnectionTimeoutError)

    if not unsent:
        return httpx.ReadTimeout("no answer in time")

    if pool_is_full:
        return httpx.PoolTimeout("no connection became free in time")

    return httpx.ConnectTimeout("no connection in time")


def _error_text(error: BaseException) -> str:
    # Only the connector's errors have words worth showing: host, port, system error.
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{error.host}:{error.port}: {error.os_error}"

    return type(error).__name__
