"""
`ConnectionPool`: the connections to one origin, our own edge of the pipeline.

It binds itself to the loop of its first exchange; all else is done by a `LoopPool`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from umfpay.errors import ConfigError, Text, WrongLoopError
from umfpay.sensitive import Secret
from umfpay.transport._connecting import (
    Connector,
    TlsSettings,
    proxy_authorization,
)
from umfpay.transport._exchange import Answer
from umfpay.transport._loop_pool import LoopPool
from umfpay.transport._origin import origin_of
from umfpay.transport._request_head import RequestHead


if TYPE_CHECKING:
    from umfpay.transport._call import CallState
    from umfpay.transport._connecting import MakeContext


# Connections of a parent process: to close one would speak on the parent's.
_ABANDONED: Final[list[LoopPool]] = []


class ConnectionPool:
    """
    Sends requests over HTTP/1.1 connections of its own that are used again.

    It follows no redirect, keeps no cookie, ignores the environment's proxies, decodes
    nothing and sends a request once. A connection on which anything came while it was
    idle is closed, not used. It keeps `CallState.body_started` truthful.

    Args:
        base_url: An address at the only origin that requests may go to.
        max_connections: Open at once; further calls wait, and are served in their order.
        connect_timeout: Seconds for one connection, proxy and TLS included.
        proxy: ``http://user:password@host:port``, or ``https://``.
        ssl_context: For TLS, or what makes it, which is called in a thread when TLS is
            needed first. The usual authorities by default.
    """

    def __init__(
        self,
        base_url: str,
        *,
        max_connections: int = 100,
        connect_timeout: float = 5.0,
        proxy: Secret | None = None,
        ssl_context: ssl.SSLContext | MakeContext | None = None,
    ) -> None:
        origin = origin_of(base_url)

        if origin is None:
            raise ConfigError(
                Text(
                    "base_url: it must be an http(s) address.",
                    "base_url：必须是 http(s) 地址。",
                )
            )

        # A proxy reads what is not encrypted; to all else it opens a tunnel.
        forwards = proxy is not None and origin.scheme == "http"
        self._origin = origin
        self._max_connections = max_connections
        self._connect_timeout = connect_timeout
        self._proxy = proxy
        self._tls = TlsSettings(ssl_context)
        self._head = RequestHead(
            origin,
            through_proxy=forwards,
            proxy_authorization=(
                proxy_authorization(proxy) if proxy is not None and forwards else None
            ),
        )
        self._pool: LoopPool | None = None
        self._closed = False

    def exchange(self, state: CallState) -> Coroutine[Any, Any, Answer]:
        """
        Send the request that *state* describes once and read its answer.

        Raises:
            HTTPExchangeError: There is no answer.
            TimeoutError: The deadline has passed.
            WrongLoopError: The connections belong to another loop that still runs.
        """
        pool = self._pool

        if pool is None or pool.loop is not asyncio.get_running_loop():
            pool = self._bind()

        return pool.exchange(state)

    def _bind(self) -> LoopPool:
        pool = self._pool

        if pool is not None:
            if not pool.loop.is_closed():
                raise WrongLoopError(
                    Text(
                        "The connections belong to another event loop that still runs.",
                        "连接属于另一个仍在运行的事件循环。",
                    )
                )

            self.abandon()

        self._pool = LoopPool(
            asyncio.get_running_loop(),
            connector=Connector(
                self._origin,
                connect_timeout=self._connect_timeout,
                proxy=self._proxy,
                tls=self._tls,
            ),
            head=self._head,
            max_connections=self._max_connections,
            is_closed=self._closed,
        )

        return self._pool

    async def aclose(self) -> None:
        """
        Close all connections; no task, timer or socket is left.

        Calls that are under way end with an `HTTPExchangeError`, and so do later ones.
        """
        self._closed = True
        pool = self._pool

        if pool is None:
            return

        if pool.loop is asyncio.get_running_loop():
            await pool.aclose()
        else:
            self.abandon()

    def abandon(self) -> None:
        """
        Forget all connections without touching them: their loop or process is gone.
        """
        pool, self._pool = self._pool, None

        if pool is None:
            return

        if pool.loop.is_closed():
            pool.close_sockets()
        else:
            _ABANDONED.append(pool)
