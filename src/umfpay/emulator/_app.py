"""
The emulator: an ASGI application around the gateway, its control API and its notifier.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.types import Receive, Scope, Send

from umfpay.config import file_path, is_loopback
from umfpay.emulator._console import Console
from umfpay.emulator._control import PREFIX, Control
from umfpay.emulator._credentials import (
    CERTIFICATE_FILE,
    CLIENT_FILE,
    OTHER_MERCHANT_FOLDER,
    Credentials,
    Merchants,
    load_other_merchant,
)
from umfpay.emulator._documents import receive
from umfpay.emulator._gateway import Gateway
from umfpay.emulator._gateway_state import Clock, GatewayState
from umfpay.emulator._messages import Answer, Request, log_internal_error, spell_headers
from umfpay.emulator._notifier import Notifier, Post
from umfpay.emulator._settings import EmulatorSettings
from umfpay.emulator._store import Store
from umfpay.emulator._transitions import run_due
from umfpay.errors import ConfigError, needs_extra
from umfpay.protocol import dump_json, parse_json


if TYPE_CHECKING:
    from umfpay.emulator._ftp import PapersServer

MAX_BODY_BYTES: Final = 4 * 1024 * 1024

_TICK_SECONDS: Final = 0.1


class Emulator:
    """
    The gateway in a box: an ASGI 3 application.

        async with serve(Emulator()) as server:
            print(server.base_url)

    Args:
        data: Folder of keys and books; None keeps all in memory.
        settings: How it behaves where the real one is open to doubt.
        key_bits: Size of keys that are made.
        clock: Its time.
        credentials: Keys and client id made elsewhere, for emulators of one process
            that share them; not with *data*.
        other_merchant: The same of the other merchant; not with *data*.
        deliver_to: Hosts besides loopback that notifications may go to.
        hosts: Names besides loopback that it may be called by.
        post: Delivers notifications in place of HTTP: awaited with URL, body and
            headers, it returns the status and the reply.
        tick: Seconds between two looks at what is due by itself; None leaves that to
            requests and `pass_time()`.

    Attributes:
        credentials: What UMF would mail to the merchant.

    Raises:
        ConfigError: The folder cannot be used; the two merchants given are the same,
            or of two gateways.
    """

    def __init__(
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        settings: EmulatorSettings | None = None,
        key_bits: int = 2048,
        clock: Clock | None = None,
        credentials: Credentials | None = None,
        other_merchant: Credentials | None = None,
        deliver_to: Collection[str] = (),
        hosts: Collection[str] = (),
        post: Post | None = None,
        tick: float | None = _TICK_SECONDS,
    ) -> None:
        folder = self._data = None if data is None else file_path("data", data)
        self._pause = tick
        self.credentials: Credentials = (
            Credentials.load(folder, bits=key_bits)
            if folder is not None
            else credentials or Credentials.generate(key_bits)
        )
        self._merchants = Merchants(
            self.credentials, make=lambda: self._make_other(other_merchant)
        )
        self._hosts = frozenset(host.lower() for host in hosts)
        self._store = Store(None if folder is None else folder / "emulator.sqlite3")

        try:
            self._gateway_state = GatewayState(
                self._store,
                clock or Clock(),
                settings or EmulatorSettings(),
                self._merchants,
            )

            if other_merchant is not None or (
                folder is not None
                and (folder / OTHER_MERCHANT_FOLDER / CLIENT_FILE).exists()
            ):
                self._merchants.other  # noqa: B018 (its tokens may be out there)
        except BaseException:
            self._store.close()
            raise

        self._gateway = Gateway(self._gateway_state)
        self._notifier = Notifier(
            self._gateway_state,
            plan=lambda: self._gateway.plan,
            deliver_to=deliver_to,
            post=post,
        )
        self._gateway_state.notify = self._notifier.notify
        self._control = Control(self._gateway, self._notifier)
        self._console = Console(self._gateway, self._control)
        self._ticker: asyncio.Task[None] | None = None
        self._resumed = False

    @property
    def other_merchant(self) -> Credentials:
        """
        A second merchant of this gateway, for what strangers can do to the first.

        It has payments, numbers, tokens and statements of its own; the gateway signs
        for both with one key. It is made when it is first asked for; with a data folder
        it and its ``umf.env`` lie in ``other-merchant/``.

        Raises:
            ConfigError: Its folder cannot be used.
        """
        return self._merchants.other

    def _make_other(self, given: Credentials | None) -> Credentials:
        if given is not None:
            _must_be_another(given, self.credentials)

            return given

        if self._data is None:
            return self.credentials.for_another_merchant()

        made = load_other_merchant(self._data / OTHER_MERCHANT_FOLDER, self.credentials)
        self._write_env_of(made)

        return made

    def _write_env_of(self, other: Credentials) -> None:
        if self._data is not None:
            other.write_env(
                self._data / OTHER_MERCHANT_FOLDER,
                base_url=self.base_url,
                certificate=self._data / CERTIFICATE_FILE,
            )

    @property
    def clock(self) -> Clock:
        """
        The emulator's time.
        """
        return self._gateway_state.clock

    @property
    def base_url(self) -> str:
        """
        The base URL that clients use.
        """
        return f"{self._gateway_state.base_url}/"

    def control(
        self, method: str, path: str, value: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """
        Do what the control API does, without a socket.

        Args:
            path: Below ``/_emulator``, for example ``/payments/PAY_.../pay``.

        Raises:
            ConfigError: The emulator has no such thing, or cannot do it now.
        """
        answer = self._control.answer(
            Request(
                method=method,
                path=f"{PREFIX}{path.partition('?')[0]}",
                query=path.partition("?")[2],
                headers={"content-type": "application/json"},
                body=b"" if value is None else dump_json(value),
            )
        )
        answered: dict[str, Any] = parse_json(answer.body)

        if answer.status != HTTPStatus.OK:
            raise ConfigError(
                f"{method} {path}: {answered.get('error')}",
                f"{method} {path}：{answered.get('error')}",
            )

        return answered

    def pass_time(self) -> float | None:
        """
        Do what is due by itself: expiry, settlement, their notifications.

        Returns:
            Seconds until something is due again; None if nothing will be.
        """
        run_due(self._gateway_state)
        due = self._store.next_due()

        return None if due is None else max(0.0, due - self.clock.time())

    def listen_at(self, origin: str, *, ftp: tuple[str, int] | None = None) -> None:
        """
        Tell the emulator where it is reached: ``http://127.0.0.1:8100``.

        Args:
            ftp: Host and port of its FTP server, if there is one.
        """
        self._gateway_state.origin = origin

        if self._data is not None:
            self.credentials.write_env(self._data, base_url=self.base_url, ftp=ftp)

            if len(list(self._merchants)) > 1:
                self._write_env_of(self.other_merchant)

    def take_papers(self, listener: socket.socket) -> PapersServer:
        """
        Start the FTP server for the papers of B2B payments on *listener*.

        Raises:
            ConfigError: The folder of papers cannot be used.
        """
        with needs_extra("emulator", by="The FTP server of the emulator"):
            from umfpay.emulator._ftp import PapersServer

        papers = PapersServer(
            listener,
            folder=None if self._data is None else self._data / "papers",
            credentials=self.credentials,
            arrived=lambda arrival: receive(self._gateway_state, arrival),
        )
        self._gateway_state.forgotten = papers.forget

        return papers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)

            return

        if scope["type"] != "http":
            raise ValueError(f"no {scope['type']} here")

        self._start_ticker()
        request = HTTPRequest(scope, receive)

        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return

        if answer.delay:
            await asyncio.sleep(answer.delay)

        if answer.drop:
            _drop(scope)

            return

        await send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": spell_headers(answer),
            }
        )
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, http: HTTPRequest) -> Answer:
        if not self._is_ours(http.headers.get("host", "")):
            return Answer(
                status=421,
                headers={"content-type": "text/plain"},
                body=b"this emulator is called by another name\n",
            )

        body = await _read(http)
        request = Request(
            method=http.method,
            path=http.scope["path"],
            query=http.scope["query_string"].decode("latin-1"),
            headers={name.lower(): value for name, value in http.headers.items()},
            body=body or b"",
            oversized=body is None,
        )

        if request.path == PREFIX or request.path.startswith(f"{PREFIX}/"):
            return self._control.answer(request)

        if self._console.serves(request.path):
            return self._console.answer(request)

        return await self._gateway.answer(request)

    def _is_ours(self, header: str) -> bool:
        # A page of another site must not reach the emulator by a name of its own.
        name, _, port = header.lower().rpartition(":")
        host = (name if port.isdigit() else header.lower()).strip("[]")

        return is_loopback(host) or host in self._hosts

    def _start_ticker(self) -> None:
        if not self._resumed:
            self._resumed = True
            self._notifier.resume()

        if self._pause is None:
            return

        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.get_running_loop().create_task(
                self._tick(self._pause)
            )

    async def _tick(self, pause: float) -> None:
        fails = False

        while True:
            await asyncio.sleep(pause)

            try:
                run_due(self._gateway_state)
                fails = False
            except Exception as error:  # noqa: BLE001 (told, once)
                if not fails:
                    log_internal_error(error, "what happens by itself")

                fails = True

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()

            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await send({"type": "lifespan.shutdown.complete"})

                return

    async def aclose(self) -> None:
        """
        Stop tasks and close the books.
        """
        ticker, self._ticker = self._ticker, None

        if ticker is not None:
            ticker.cancel()

            with suppress(asyncio.CancelledError):
                await ticker

        await self._notifier.aclose()
        self._store.close()


async def _read(request: HTTPRequest) -> bytes | None:
    parts: list[bytes] = []
    size = 0

    async for chunk in request.stream():
        size += len(chunk)

        if size <= MAX_BODY_BYTES:
            parts.append(chunk)

    return b"".join(parts) if size <= MAX_BODY_BYTES else None


def _must_be_another(given: Credentials, first: Credentials) -> None:
    if given.gateway_key != first.gateway_key or given.client_id == first.client_id:
        raise ConfigError(
            "other_merchant is the first merchant again, or of another gateway.",
            "other_merchant 与第一个商户相同，或属于另一个网关。",
        )


def _drop(scope: Scope) -> None:
    """
    Cut the connection; without a server that can, let the caller see a reset.
    """
    cut: Callable[[], None] | None = scope.get("extensions", {}).get("umfpay.drop")

    if cut is None:
        raise ConnectionResetError("dropped by the fault plan")

    cut()
