"""
Connections of the emulator's server: they can be cut, and are bounded in number and in
the time that a request may take to arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


MAX_CONNECTIONS: Final = 1_000
REQUEST_TIMEOUT_SECONDS: Final = (
    30.0  # seconds, from the connection or the first byte to the last
)

# By both addresses: what the drop of a fault plan cuts.
_TRANSPORTS: dict[Any, asyncio.Transport] = {}


def find_cutter(client: Any, server: Any) -> Callable[[], None] | None:
    """
    Return what cuts the connection between two addresses, None if there is none.
    """
    connection = _TRANSPORTS.get(_addresses(client, server))

    return None if connection is None else connection.abort


def _addresses(client: Any, server: Any) -> Any:
    # IPv6 adds flow and scope, which the ASGI scope leaves out.
    return (tuple(client or ())[:2], tuple(server or ())[:2])


def _max_connections() -> int:
    """
    Return how many connections fit into half of the files that this process may open.
    """
    try:
        import resource
    except ImportError:  # Windows
        return MAX_CONNECTIONS // 2

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)

    return (
        MAX_CONNECTIONS
        if soft == resource.RLIM_INFINITY
        else min(MAX_CONNECTIONS, max(1, soft // 2))
    )


class BoundedProtocol(H11Protocol):
    """
    HTTP/1.1 for strangers.

    A request that does not arrive in time ends its connection. When there are too many
    connections, one that waits for its client makes room: first the oldest that never
    sent a whole request.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # narrower in uvicorn
        super().connection_made(transport)
        self._addresses = _addresses(
            transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        )
        _TRANSPORTS[self._addresses] = transport
        self._since = self.loop.time()
        self._served = False
        self._gone = False
        self._timer: asyncio.TimerHandle | None = None
        self._expect()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)

        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._expect()
        else:
            self._served = True
            self._expect_nothing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        _TRANSPORTS.pop(self._addresses, None)
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(REQUEST_TIMEOUT_SECONDS, self._cut)

    def _expect_nothing(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cut(self) -> None:
        self._gone = True
        self.transport.abort()

    def _waits(self) -> bool:
        """
        Tell whether it is the client's turn: to send a request, or to read an answer.
        """
        return (
            self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
            or self.transport.is_closing()
            or self.flow.write_paused
        )

    def _make_room(self) -> None:
        if len(self.connections) <= _max_connections():
            return

        here = [
            one
            for one in self.connections
            if isinstance(one, BoundedProtocol) and not one._gone
        ]

        if len(here) <= _max_connections():
            return

        waiting = (one for one in here if one is not self and one._waits())
        min(waiting, key=lambda one: (one._served, one._since), default=self)._cut()
