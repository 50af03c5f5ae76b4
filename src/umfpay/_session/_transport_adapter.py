"""
Adapter for a user's own httpx transport: shielded from cancellation, bounded in time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, cast

import httpx

from umfpay._session._user_hooks import translate_transport_errors
from umfpay.config import Config
from umfpay.errors import ConfigError, Text
from umfpay.transport import AbandonedError, CallState, call_state


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

_NETWORK_SETTINGS: Final = ("proxy", "ca_file", "client_certificate")


def needed_transport(transport: Any, config: Config) -> httpx.AsyncBaseTransport | None:
    """
    Return *transport*, what the user gave in place of our own network transport.

    Raises:
        ConfigError: It is no transport, or *config* has settings that only our own
            network transport heeds.
    """
    if transport is None:
        return None

    if not isinstance(transport, httpx.AsyncBaseTransport):
        refusal = _no_transport(transport)
        # A dict of proxies holds passwords, and a traceback shows locals.
        del transport

        raise refusal

    for name in _NETWORK_SETTINGS:
        if getattr(config, name) is not None:
            raise ConfigError(
                Text(
                    f"{name}: the session was given transport=, which would not use it.",
                    f"{name}：会话使用了 transport=，该设置不会生效。",
                ),
                advice=Text(
                    "Set it on the transport and remove it from the Config, or give no"
                    " transport=.",
                    "请在 transport 上设置并从 Config 中移除，或不使用 transport=。",
                ),
            )

    return transport


def _no_transport(given: Any) -> ConfigError:
    named = given.__name__ if isinstance(given, type) else type(given).__name__
    what = f"the class {named}" if isinstance(given, type) else f"a {named}"
    advice = Text(
        "Give a transport such as httpx.AsyncHTTPTransport(), or leave transport= out.",
        "请传入 httpx.AsyncHTTPTransport() 之类的 transport，或省略 transport=。",
    )

    if isinstance(given, httpx.AsyncClient | httpx.Client):
        advice = Text(
            "A client would change the signed request; give the transport that it would"
            " use: httpx.AsyncHTTPTransport(...).",
            "客户端会改动已签名的请求；请传入其底层 transport："
            "httpx.AsyncHTTPTransport(...)。",
        )

    return ConfigError(
        Text(
            f"transport: an httpx.AsyncBaseTransport is needed, not {what}.",
            f"transport：需要 httpx.AsyncBaseTransport 实例，而不是 {named}。",
        ),
        advice=advice,
    )


class TransportAdapter(httpx.AsyncBaseTransport):
    """
    Gives a call to the user's transport, in a task that outlives a cancelled caller.

    httpcore loses a connection of its pool where a task is cancelled that waits for one
    (encode/httpcore issue 1093). So nothing cancels an exchange: one whose caller is
    gone stops by itself before its first byte, or is read to its end; it gets as long
    as one attempt. httpcore's extension ``trace`` says how far it is; a transport that
    does not know it says by taking the body.

    Errors are `TransportError`, but for those of httpx: the layers know what these mean.

    Args:
        wrapped: The user's transport.
    """

    def __init__(self, wrapped: httpx.AsyncBaseTransport) -> None:
        self._wrapped = wrapped
        self._left: set[asyncio.Task[Any]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Pass *request* on.

        Raises:
            TransportError: The transport failed, or gave no answer to read.
        """
        state = call_state(request)
        task = asyncio.create_task(self._exchange(request, state))

        with translate_transport_errors(state):
            try:
                await asyncio.wait((task,))
            except asyncio.CancelledError:
                self._abandon(task, state)

                raise

            return task.result()

    async def _exchange(
        self, request: httpx.Request, state: CallState
    ) -> httpx.Response:
        """
        Send *request* and read its answer; a file is left to be read.
        """
        left = state.deadline - asyncio.get_running_loop().time()
        timeout = dict.fromkeys(("connect", "read", "write"), state.timeout)
        timeout["pool"] = max(0.0, min(state.timeout, left * _POOL_SHARE))
        request.extensions = {
            **request.extensions,
            "timeout": timeout,
            "trace": _trace_of(state),
        }
        response = await self._wrapped.handle_async_request(request)
        # Whoever answers has it, even if he took no body.
        state.body_started = True

        # What is in memory already cannot fail.
        if isinstance(response.stream, httpx.ByteStream):
            return response

        stream = cast("httpx.AsyncByteStream", response.stream)

        if state.download and response.is_success:
            response.stream = _FileStream(stream, state)
        else:
            response.stream = httpx.ByteStream(await _read(stream, state.body_limit))

        return response

    def _abandon(self, task: asyncio.Task[httpx.Response], state: CallState) -> None:
        """
        Let the exchange of a caller who is gone come to an end.
        """
        state.abandoned = True
        # Nobody takes the body any more, so what was not taken is not sent.
        state.body_tracked = True
        limit = asyncio.get_running_loop().call_later(state.timeout, task.cancel)

        def ended(task: asyncio.Task[httpx.Response]) -> None:
            limit.cancel()

            if task.cancelled() or task.exception() is not None:
                return

            stream = task.result().stream

            if isinstance(stream, _FileStream):
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
        if self._left:
            _, late = await asyncio.wait(self._left, timeout=_CLOSING_SECONDS)

            for task in late:
                task.cancel()

            await asyncio.gather(*late, return_exceptions=True)

        await self._wrapped.aclose()


def _trace_of(state: CallState) -> Any:
    """
    Return the callback that httpcore calls at each step of an exchange.
    """

    async def trace(event: str, info: Mapping[str, Any]) -> None:  # noqa: ARG001
        # It tells each step before it does it, and takes the body only to write it.
        state.body_tracked = True

        if state.abandoned and event.endswith(_LAST_SAFE_EVENTS):
            raise AbandonedError

    return trace


async def _read(stream: httpx.AsyncByteStream, limit: int) -> bytes:
    """
    Return the body of an answer; of one above *limit* bytes enough to see that.
    """
    parts = []
    size = 0

    try:
        async for chunk in stream:
            parts.append(chunk)
            size += len(chunk)

            if size > limit:
                break
        else:
            close_if_more_came(stream)
    finally:
        await _close(stream)

    return b"".join(parts)


async def _close(stream: httpx.AsyncByteStream) -> None:
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


class _FileStream(httpx.AsyncByteStream):
    """
    A file of a user's transport; an iterator, so that it leaves nothing suspended.
    """

    def __init__(self, stream: httpx.AsyncByteStream, state: CallState) -> None:
        self._stream = stream
        self._state = state
        self._chunks: AsyncIterator[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        with translate_transport_errors(self._state):
            if self._chunks is None:
                self._chunks = aiter(self._stream)

            chunk = await anext(self._chunks, None)

        if chunk is None:
            close_if_more_came(self._stream)
            raise StopAsyncIteration

        return chunk

    async def aclose(self) -> None:
        with translate_transport_errors(self._state):
            await _close(self._stream)
