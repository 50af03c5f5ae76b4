"""
A transport that calls the emulator in its own process: no socket, no thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import httpx


# As ASGI defines them; starlette's own names would be a dependency of every test.
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_CLIENT_ADDRESS: Final = ("127.0.0.1", 123)


def emulator_transport(emulator: App) -> httpx.AsyncBaseTransport:
    """
    Return a transport for `umfpay.UMFSession` that calls *emulator* directly.

        session = UMFSession(config, transport=emulator_transport(emulator))

    It behaves as a network does: what was handed over is worked on, also when the
    caller has gone; a dropped connection is a `httpx.ReadError` after the body was
    taken and a `httpx.ConnectError` before; the
    timeout of an attempt holds; an answer that streams is given as it comes. What
    another application raises, its caller gets.

    Args:
        emulator: An `umfpay.emulator.Emulator`, or another ASGI 3 application.
    """
    return _EmulatorTransport(emulator)


class _EmulatorTransport(httpx.AsyncBaseTransport):
    def __init__(self, app: App) -> None:
        self._app = app
        self._exchanges: dict[_Exchange, asyncio.Task[None]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        seconds = request.extensions.get("timeout", {}).get("read")
        # To connect takes a moment, and who is cancelled in it has sent nothing.
        await asyncio.sleep(0)
        exchange = _Exchange(request.stream, seconds)
        task = asyncio.get_running_loop().create_task(
            exchange.run(self._app, _scope(request))
        )
        self._exchanges[exchange] = task
        task.add_done_callback(lambda _: self._exchanges.pop(exchange, None))

        try:
            status, headers = await exchange.head()
        except BaseException:
            exchange.hang_up()

            raise

        return httpx.Response(status, headers=list(headers), stream=exchange)

    async def aclose(self) -> None:
        """
        Hang up; what was handed over goes on at the other side.
        """
        for exchange in list(self._exchanges):
            exchange.hang_up()


class _Exchange(httpx.AsyncByteStream):
    """
    One request in the application, and its answer as it comes.

    Args:
        seconds: How long each pause of the answer may be; None is for ever.
    """

    def __init__(
        self, body: httpx.SyncByteStream | httpx.AsyncByteStream, seconds: float | None
    ) -> None:
        self._body = body
        self._seconds = seconds
        self._started = False
        self._gone = False
        self._head: tuple[int, Sequence[tuple[bytes, bytes]]] | None = None
        self._chunks: deque[bytes] = deque()
        self._ended = False
        self._error: BaseException | None = None
        self._news = asyncio.Event()
        self._parting = asyncio.Event()

    async def run(self, app: App, scope: MutableMapping[str, Any]) -> None:
        """
        Let *app* work on the request.
        """
        scope["extensions"] = {"umfpay.drop": self._drop}

        try:
            await app(scope, self._receive, self._send)
        except ConnectionResetError:
            self._drop()
        except Exception as error:  # noqa: BLE001 (it is the caller's)
            self._fail(error)
        except asyncio.CancelledError:
            self._drop()

            raise
        else:
            self._fail(httpx.RemoteProtocolError("the application gave no answer"))

    async def head(self) -> tuple[int, Sequence[tuple[bytes, bytes]]]:
        """
        Return status and headers when they are there.
        """
        while self._head is None:
            await self._wait()

        return self._head

    def hang_up(self) -> None:
        """
        Be gone: nothing more is handed over, and no answer is wanted.
        """
        self._gone = True
        self._parting.set()

    def __aiter__(self) -> _Exchange:
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._ended:
                raise StopAsyncIteration

            await self._wait()

        return self._chunks.popleft()

    async def aclose(self) -> None:
        """
        Want no more of the answer.
        """
        self.hang_up()

    async def _wait(self) -> None:
        """
        Wait for something new.
        """
        if self._error is not None:
            raise self._error

        self._news.clear()

        try:
            async with asyncio.timeout(self._seconds):
                await self._news.wait()
        except TimeoutError:
            if self._started:
                raise httpx.ReadTimeout("no answer in time") from None

            raise httpx.ConnectTimeout("no connection in time") from None

    async def _receive(self) -> Message:
        if not self._gone and not self._started:
            assert isinstance(self._body, httpx.AsyncByteStream)

            try:
                # Taken only now: whoever takes it counts as one who has sent it.
                body = b"".join([part async for part in self._body])
            except Exception:  # noqa: BLE001 (nobody wants it to be sent any more)
                # Who waited for it is gone, and was told that nothing had left.
                self.hang_up()
            else:
                self._started = True

                return {"type": "http.request", "body": body, "more_body": False}

        await self._parting.wait()

        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = (message["status"], list(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            if message.get("body"):
                self._chunks.append(message["body"])

            self._ended = not message.get("more_body", False)

        self._news.set()

    def _drop(self) -> None:
        self._fail(
            httpx.ReadError("the connection was cut")
            if self._started
            else httpx.ConnectError("the connection was cut before anything was sent")
        )

    def _fail(self, error: BaseException) -> None:
        if self._error is None and not self._ended:
            self._error = error
            self._news.set()


def _scope(request: httpx.Request) -> dict[str, Any]:
    url = request.url
    headers = _lower(request.headers.raw)

    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "root_path": "",
        "headers": headers,
        "client": _CLIENT_ADDRESS,
        "server": (url.host, url.port),
    }


def _lower(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in headers]
