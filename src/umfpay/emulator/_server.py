"""
The emulator on a real socket.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import attrs
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from umfpay.config import is_loopback
from umfpay.emulator._app import Emulator
from umfpay.emulator._connections import (
    MAX_ACCEPTED_AT_ONCE,
    BoundedProtocol,
    find_cutter,
)
from umfpay.emulator._gateway_state import BASE_PATH
from umfpay.emulator._messages import log_internal_error
from umfpay.errors import ConfigError, Text, os_reason


_MAX_QUEUED_CONNECTIONS: Final = 1024

_OTHER_HOST_ADVICE: Final = Text(
    "Take another --host: an address of this machine.",
    "请更换 --host：须为本机的地址。",
)

_log: Final = logging.getLogger("umfpay.emulator")


class _Server(uvicorn.Server):
    """
    Spells its own headers as the application spells its: ``Date``.
    """

    async def on_tick(self, counter: int) -> bool:
        ended = await super().on_tick(counter)
        self.server_state.default_headers = [
            (name.title(), value) for name, value in self.server_state.default_headers
        ]

        return ended


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
        return f"{self.origin}{BASE_PATH}/"


def _with_connections(app: ASGIApp) -> ASGIApp:
    """
    Return *app* with connections that can be cut, and with failures that are told.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            cut = find_cutter(scope.get("client"), scope.get("server"))

            if cut is not None:
                scope.setdefault("extensions", {})["umfpay.drop"] = cut

        try:
            await app(scope, receive, send)
        except Exception as error:
            log_internal_error(error, f"{scope.get('method')} {scope.get('path')}")
            raise

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
    listener = _listening_socket(host, port)
    server = _Server(
        uvicorn.Config(
            _with_connections(app),
            http=BoundedProtocol,
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            log_level="critical",
            # Accepted at once, so that there is time to make room.
            backlog=MAX_ACCEPTED_AT_ONCE,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
        )
    )
    reached = _reachable_host(host)
    shown = f"[{reached}]" if ":" in reached else reached
    task = asyncio.create_task(_run(server, listener))

    try:
        while not server.started:
            if task.done():
                await task

            await asyncio.sleep(0.005)

        # The system may queue more; asyncio has asked for so many as it accepts at once.
        listener.listen(_MAX_QUEUED_CONNECTIONS)
        yield Server(origin=f"http://{shown}:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True

        try:
            await task
        finally:
            listener.close()


def _reachable_host(host: str) -> str:
    # Nobody can call "all addresses".
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


async def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    # Not serve(): that one takes the signals of the process.
    await server._serve([listener])


_PLAIN_HTTP_WARNING: Final = (
    "The emulator listens on %s in plain http, beyond this machine: whoever reaches it"
    " can use it, and umfpay's own settings refuse such a base_url. Clients in other"
    " languages can call it; for umfpay put TLS in front. | 模拟器以明文 http 监听 %s，"
    "不限于本机：能访问者皆可使用，且 umfpay 自身的设置会拒绝此类 base_url。"
    "其他语言的客户端可以调用；供 umfpay 使用时请在前面加上 TLS。"
)


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

    It is plain http, also beyond loopback; the log has a warning then.

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
            if not is_loopback(host):
                _log.warning(_PLAIN_HTTP_WARNING, host, host)

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

    papers = emulator.take_papers(_listening_socket(host, port, option="--ftp-port"))

    try:
        yield _reachable_host(host), papers.port
    finally:
        await papers.aclose()


def _listening_socket(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """
    Return a socket that listens on *host* and *port*; 0 takes any free port.

    Args:
        option: What the command calls the port.

    Raises:
        ConfigError: The port is in use, or the host is not this machine's.
    """
    if not host:
        # The system takes it for all addresses.
        raise _listening_error(host, port, "no host", advice=_OTHER_HOST_ADVICE)

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio switches off Nagle on what it accepts.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    try:
        listener.bind((host, port))
        listener.listen(_MAX_QUEUED_CONNECTIONS)
    except OverflowError:
        listener.close()
        raise _listening_error(
            host, port, "not a port", advice=_other_port_advice(option)
        ) from None
    except (TypeError, ValueError):
        listener.close()
        raise _listening_error(
            host, port, "not a host", advice=_OTHER_HOST_ADVICE
        ) from None
    except OSError as exc:
        listener.close()
        of_port = exc.errno in (errno.EADDRINUSE, errno.EACCES)
        raise _listening_error(
            host,
            port,
            os_reason(exc),
            advice=_other_port_advice(option) if of_port else _OTHER_HOST_ADVICE,
        ) from None

    listener.setblocking(False)  # noqa: FBT003 (its only argument)

    return listener


def _other_port_advice(option: str) -> Text:
    return Text(
        f"Take another {option}, or end the program that uses it.",
        f"请更换 {option}，或结束占用该端口的程序。",
    )


def _listening_error(host: str, port: int, reason: str, *, advice: Text) -> ConfigError:
    place = f"{host.encode('unicode_escape').decode('ascii')}:{port}"

    return ConfigError.of(
        place,
        f"cannot listen there ({reason})",
        f"无法监听（{reason}）",
        advice=advice,
    )
