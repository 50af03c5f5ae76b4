"""
httpx adapter: a user's own transport, of httpx or httpx2, as the edge of the pipeline.

Nothing cancels an exchange: httpcore loses a connection of its pool where a task is
cancelled that waits for one (encode/httpcore issue 1093).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from functools import partial
from types import ModuleType
from typing import Any, Final, Protocol

from umfpay._callbacks import translate_errors
from umfpay.errors import UMFError, call_errors
from umfpay.transport._call import CallState, find_header
from umfpay.transport._exchange import Answer, Failure, HTTPExchangeError, read_body
from umfpay.transport._request_head import ALWAYS


CALL_EXTENSION: Final = "umfpay"
"""Where a transport finds the `CallState` of a request, in its extensions."""

# Their classes are disjoint; each transport gets requests of its own family.
_FAMILIES: Final = ("httpx", "httpx2")

# Seconds that a transport gets to close an answer, and exchanges at the session's end.
_CLOSING_SECONDS: Final = 1.0

# Of the time that is left, so that a full pool is told before the deadline passes.
_POOL_SHARE: Final = 0.75

# Where an exchange can still stop without a byte, and without a connection that leaks.
_LAST_SAFE_EVENTS: Final = (
    "connect_tcp.started",
    "connect_unix_socket.started",
    "send_request_headers.started",
    "send_request_body.started",
)

# The first that fits says what an error means.
_FAILURES: Final = (
    ("ConnectTimeout", Failure.CONNECT_TIMEOUT),
    ("PoolTimeout", Failure.POOL_TIMEOUT),
    ("ConnectError", Failure.CONNECT),
    ("ProxyError", Failure.PROXY),
    ("UnsupportedProtocol", Failure.ADDRESS),
    ("TimeoutException", Failure.TIMEOUT),
    ("RemoteProtocolError", Failure.PROTOCOL),
    ("HTTPError", Failure.BROKEN),
    ("StreamError", Failure.BROKEN),
    ("InvalidURL", Failure.ADDRESS),
)


class HTTPXTransport(Protocol):
    """
    A transport of httpx or httpx2: their `AsyncBaseTransport`, in the words of both.
    """

    # Any: their classes are disjoint, and neither needs to be installed to be checked.
    async def handle_async_request(self, request: Any) -> Any:
        """
        Send *request* and return the response, its body still to be read.
        """

    async def aclose(self) -> None:
        """
        Close all connections.
        """


class AbandonedError(Exception):
    """
    Raised inside of an exchange whose caller is gone, before a byte of the body leaves.
    """


def family_of(made: object, *, kind: str = "AsyncBaseTransport") -> ModuleType | None:
    """
    Return the library of whose *kind* something *made* is, None if it is of none.
    """
    for name in _FAMILIES:
        # Whoever made it has imported its library.
        family = sys.modules.get(name)

        if family is not None and isinstance(made, getattr(family, kind)):
            return family

    return None


class HTTPXAdapter:
    """
    Gives a call to the user's transport, in a task that outlives a cancelled caller.

    An exchange whose caller is gone stops by itself before its first byte, or is read
    to its end; it gets as long as one attempt. httpcore's extension ``trace`` says how
    far it is; a transport that does not know it says by taking the body.

    Args:
        wrapped: The user's transport: one of a library that `family_of` knows.
    """

    def __init__(self, wrapped: HTTPXTransport) -> None:
        self._wrapped = wrapped
        # Any: a module; httpx2 has the names of httpx.
        self._family: Any = family_of(wrapped)
        self._body_class = _watched_body_class(self._family)
        self._left: set[asyncio.Task[Any]] = set()

    async def exchange(self, state: CallState) -> Answer:
        """
        Send the request that *state* describes once and read its answer.

        Raises:
            HTTPExchangeError: An error of httpx ended it.
            TransportError: The transport failed otherwise, or gave no answer to read.
            TimeoutError: The deadline has passed.
        """
        if state.must_not_leave:
            raise HTTPExchangeError(Failure.CONNECT, "its lease is over")

        loop = asyncio.get_running_loop()
        task = loop.create_task(self._exchange(state))

        try:
            await asyncio.wait((task,), timeout=max(0.0, state.deadline - loop.time()))
        except BaseException:
            # Cancelled, Ctrl+C, or the loop is closed: nobody waits any more.
            self._abandon(task, state)

            raise

        if not task.done():
            self._abandon(task, state)

            raise TimeoutError

        with self.errors(state):
            return task.result()

    async def _exchange(self, state: CallState) -> Answer:
        left = state.deadline - asyncio.get_running_loop().time()
        timeout = dict.fromkeys(("connect", "read", "write"), state.timeout)
        timeout["pool"] = max(0.0, min(state.timeout, left * _POOL_SHARE))
        url = self._family.URL(state.url)
        request = self._family.Request(
            state.call.method,
            url,
            headers=_headers(url, state),
            stream=self._body_class(state),
            extensions={
                CALL_EXTENSION: state,
                "timeout": timeout,
                "trace": partial(_trace, state),
            },
        )
        response = await self._wrapped.handle_async_request(request)
        # Whoever answers has it, even if he took no body.
        state.body_started = True
        headers = [(name.lower(), value) for name, value in response.headers.raw]
        answer = Answer(
            status=response.status_code,
            headers=headers,
            is_framed=is_length_declared(headers)
            or response.extensions.get("http_version") == b"HTTP/2",
        )

        if state.call.download and 200 <= answer.status < 300:
            answer.stream = _FileStream(self, response.stream, state)
        else:
            answer.body = await _read(response.stream, state.call.body_limit)

        return answer

    def errors(self, state: CallState) -> AbstractContextManager[None]:
        """
        Give what the transport raises as `HTTPExchangeError`, or as `TransportError`.
        """
        return translate_errors(
            partial(self._translated, state), passing=(UMFError, HTTPExchangeError)
        )

    def _translated(self, state: CallState, error: BaseException) -> Exception:
        for name, failure in _FAILURES:
            if isinstance(error, getattr(self._family, name)):
                return HTTPExchangeError(failure, str(error) or type(error).__name__)

        return call_errors.transport_failed(
            state.call.label, error, sent=state.may_have_been_sent()
        )

    def _abandon(self, task: asyncio.Task[Answer], state: CallState) -> None:
        """
        Let the exchange of a caller who is gone come to an end.
        """
        state.abandoned = True
        # Nobody takes the body any more, so what was not taken is not sent.
        state.body_tracked = True
        loop = task.get_loop()

        if loop.is_closed():
            return

        limit = loop.call_later(state.timeout, task.cancel)

        def ended(task: asyncio.Task[Answer]) -> None:
            limit.cancel()

            if task.cancelled() or task.exception() is not None:
                return

            stream = task.result().stream

            if stream is not None:
                self._keep(asyncio.ensure_future(stream.aclose()))

        self._keep(task)
        task.add_done_callback(ended)

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    async def aclose(self) -> None:
        """
        Close the user's transport, after what cancelled callers have left.
        """
        loop = asyncio.get_running_loop()
        # Those of a loop that is gone cannot be awaited any more.
        left = {task for task in self._left if task.get_loop() is loop}

        try:
            if left:
                await asyncio.wait(left, timeout=_CLOSING_SECONDS)
        finally:
            for task in left:
                task.cancel()

            try:
                await asyncio.gather(*left, return_exceptions=True)
            finally:
                await self._wrapped.aclose()

    def abandon(self) -> None:
        """
        Do nothing: a transport of the user's is his to renew.
        """


def _headers(url: Any, state: CallState) -> list[tuple[bytes, bytes]]:
    """
    Return all headers of the request that *state* describes.
    """
    pairs = [("Host", url.netloc.decode("ascii")), *ALWAYS]

    if state.signature is not None:
        pairs.append(("Signature", state.signature))

    if state.bearer is not None:
        token = state.bearer_prefix + state.bearer.token.reveal()
        pairs.append(("Authorization", token))

    if state.body or state.call.method != "GET":
        pairs.append(("Content-Length", str(len(state.body))))

    own = [(name.encode("ascii"), value.encode("latin-1")) for name, value in pairs]

    return [*own, *state.headers]


def _watched_body_class(family: Any) -> Any:
    """
    Return the class of a body that knows when it is taken: whoever takes it may send it.
    """

    class WatchedBody(family.ByteStream):  # type: ignore[misc]
        def __init__(self, state: CallState) -> None:
            super().__init__(state.body)
            self._state = state

        def __iter__(self) -> Iterator[bytes]:
            if self._state.must_not_leave:
                raise AbandonedError

            self._state.body_started = True

            yield self._state.body

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in self:
                yield chunk

    return WatchedBody


async def _trace(state: CallState, event: str, info: object) -> None:  # noqa: ARG001
    """
    Learn from httpcore how far an exchange is; stop one whose caller is gone.
    """
    # It says each step before it does it, and takes the body only to write it.
    state.body_tracked = True

    if event.endswith(_LAST_SAFE_EVENTS) and state.must_not_leave:
        raise AbandonedError


def is_length_declared(headers: list[tuple[bytes, bytes]]) -> bool:
    """
    Tell whether the answer's own head says where its body ends (RFC 9112 6.3).

    A body that ends earlier is an error of every transport.
    """
    coding = find_header(headers, b"transfer-encoding")

    if coding is not None:
        return coding.rpartition(",")[2].strip().lower() == "chunked"

    return find_header(headers, b"content-length") is not None


async def _read(stream: Any, limit: int) -> bytes:
    """
    Return the body of an answer.

    Raises:
        HTTPExchangeError: It has more than *limit* bytes.
    """
    try:
        body = await read_body(aiter(stream), limit)
        close_if_more_came(stream)
    finally:
        await _close(stream)

    return body


async def _close(stream: Any) -> None:
    """
    Close *stream*; it may take its time only for a moment.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSING_SECONDS):
            await stream.aclose()


def close_if_more_came(stream: object) -> None:
    """
    Keep httpcore from using a connection again if bytes stand behind the answer.

    It would take them for the answer of the next request. Its connection is reached
    through members that are not public; where they are missing nothing can be seen.
    """
    step: Any = stream

    for name in ("_httpcore_stream", "_stream", "_connection", "_h11_state"):
        step = getattr(step, name, None)

    # Of h11: what was received and belongs to no answer yet.
    more, _ = getattr(step, "trailing_data", (b"", False))

    if more:
        step.send_failed()


class _FileStream:
    """
    A file of a user's transport; an iterator, so that it leaves nothing suspended.
    """

    # No library says how TLS ended.
    ended_clean = False

    def __init__(self, adapter: HTTPXAdapter, stream: Any, state: CallState) -> None:
        self._adapter = adapter
        self._stream = stream
        self._state = state
        self._chunks: AsyncIterator[bytes] = aiter(stream)

    def __aiter__(self) -> _FileStream:
        return self

    async def __anext__(self) -> bytes:
        with self._adapter.errors(self._state):
            while (chunk := await anext(self._chunks, None)) == b"":
                pass

        if chunk is None:
            close_if_more_came(self._stream)
            raise StopAsyncIteration

        return chunk

    async def aclose(self) -> None:
        with self._adapter.errors(self._state):
            await _close(self._stream)
