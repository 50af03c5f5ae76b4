"""
The emulator on a real socket.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from umfpay.emulator._app import Emulator
from umfpay.errors import ConfigError, Text


# Connections by both addresses: what the drop of a fault plan cuts.
_CONNECTIONS: dict[Any, asyncio.Transport] = {}


def _addresses(client: Any, server: Any) -> Any:
    # IPv6 adds flow and scope, which the ASGI scope leaves out.
    return (tuple(client or ())[:2], tuple(server or ())[:2])


class _Protocol(H11Protocol):
    """
    HTTP/1.1 whose connections can be cut from inside the application.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # narrower in uvicorn
        super().connection_made(transport)
        self._addresses = _addresses(
            transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        )
        _CONNECTIONS[self._addresses] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _CONNECTIONS.pop(self._addresses, None)
        super().connection_lost(exc)


@attrs.frozen(kw_only=True)
class Server:
    """
    A running server.

    Args:
        origin: Where it is reached.
        ftp_port: The port of its FTP server, if there is one.
    """

    origin: str
    ftp_port: int | None = None

    @property
    def base_url(self) -> str:
        """
        The emulator's base URL below `origin`.
        """
        return f"{self.origin}/cberest/v1/"


def listening_socket(host: str, port: int) -> socket.socket:
    """
    Return a socket that listens on *host* and *port*; 0 takes any free port.

    Raises:
        ConfigError: The port is in use, or the host is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio switches off Nagle on what it accepts.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    try:
        listener.bind((host, port))
        listener.listen(1024)
    except (OSError, OverflowError) as exc:
        listener.close()
        reason = getattr(exc, "strerror", None) or "not a port"
        raise ConfigError(
            Text(
                f"{host}:{port}: cannot listen there ({reason}).",
                f"{host}:{port}：无法监听（{reason}）。",
            ),
            advice=Text(
                "Take another --port, or end the program that uses it.",
                "请更换 --port，或结束占用该端口的程序。",
            ),
        ) from None

    listener.setblocking(False)  # noqa: FBT003 (its only argument)

    return listener


def _droppable(app: ASGIApp) -> ASGIApp:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            connection = _CONNECTIONS.get(
                _addresses(scope.get("client"), scope.get("server"))
            )

            if connection is not None:
                scope.setdefault("extensions", {})["umfpay.drop"] = connection.abort

        await app(scope, receive, send)

    return wrapped


@asynccontextmanager
async def serve_app(
    app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Server]:
    """
    Serve any ASGI application in the running loop, on a real socket.

    Raises:
        ConfigError: The port is in use.
    """
    listener = listening_socket(host, port)
    server = uvicorn.Server(
        uvicorn.Config(
            _droppable(app),
            http=_Protocol,
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            log_level="critical",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
        )
    )
    reached = _reached(host)
    shown = f"[{reached}]" if ":" in reached else reached
    task = asyncio.create_task(_run(server, listener))

    try:
        while not server.started:
            if task.done():
                await task

            await asyncio.sleep(0.005)

        yield Server(origin=f"http://{shown}:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True

        try:
            await task
        finally:
            listener.close()


def _reached(host: str) -> str:
    # Nobody can call "all addresses".
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


async def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    # Not serve(): that one takes the signals of the process.
    await server._serve([listener])


@asynccontextmanager
async def serve(
    emulator: Emulator,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ftp_port: int | None = None,
) -> AsyncIterator[Server]:
    """
    Serve *emulator* until the block ends; then close it.

    Args:
        ftp_port: Where papers are taken by FTP, on the same host; 0 takes any free
            port, None runs no FTP server.

    Raises:
        ConfigError: A port is in use.
    """
    try:
        async with (
            serve_app(emulator, host=host, port=port) as server,
            _serve_papers(emulator, host, ftp_port) as ftp,
        ):
            emulator.listen_at(server.origin, ftp=ftp)
            yield attrs.evolve(server, ftp_port=None if ftp is None else ftp[1])
    finally:
        await emulator.aclose()


@asynccontextmanager
async def _serve_papers(
    emulator: Emulator, host: str, port: int | None
) -> AsyncIterator[tuple[str, int] | None]:
    if port is None:
        yield None

        return

    papers = emulator.take_papers(listening_socket(host, port))

    try:
        yield _reached(host), papers.port
    finally:
        await papers.aclose()
