"""
Connections of the emulator's server: they can be cut, and are bounded.

Bounded are their number and the time that a request may take to arrive.
"""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import Callable, Sequence
from typing import Any, Final
from weakref import WeakSet

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol


MAX_CONNECTIONS: Final = 1_000
MAX_ACCEPTED_AT_ONCE: Final = 64  # in one turn of the loop
REQUEST_TIMEOUT_SECONDS: Final = (
    30.0  # seconds, from the connection or the first byte to the last
)

_FULL_WARNING: Final = (
    "%d connections, as many as the emulator takes, wait for answers; one more was cut,"
    " and so will others be. Let clients keep fewer open (max_connections). |"
    " 已有 %d 个连接在等待应答，达到模拟器上限；新的连接被切断，之后的也会如此。"
    "请减少客户端的连接数（max_connections）。"
)

_log: Final = logging.getLogger("umfpay.emulator")

# By both addresses: what the drop of a fault plan cuts.
_TRANSPORTS: dict[Any, asyncio.Transport] = {}

# The servers that said that they are full.
_WARNED: Final[WeakSet[uvicorn.Config]] = WeakSet()


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
    sent a whole request. While none waits, half as many connections more are served, and
    what is accepted in one turn of the loop; then the newcomer goes.
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
        count, most = len(self._present()), _max_connections()

        if count > most + most // 2 + MAX_ACCEPTED_AT_ONCE:
            self._refuse(count - 1)
        elif count > most:
            # In the next turn the loop reads what came with this and other newcomers.
            self.loop.call_soon(self.loop.call_soon, self._make_room)

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

    def _present(self) -> list[BoundedProtocol]:
        return [
            one
            for one in self.connections
            if isinstance(one, BoundedProtocol) and not one._gone
        ]

    def _make_room(self) -> None:
        here = self._present()

        if len(here) <= _max_connections():
            return

        waiting = _without_unread([one for one in here if one._waits()])

        if waiting:
            min(waiting, key=lambda one: (one._served, one._since))._cut()

    def _refuse(self, count: int) -> None:
        if self.config not in _WARNED:
            _WARNED.add(self.config)
            _log.warning(_FULL_WARNING, count, count)

        self._cut()


def _without_unread(connections: Sequence[BoundedProtocol]) -> list[BoundedProtocol]:
    """
    Return those whose clients have sent nothing that is still to be read.
    """
    # Where there is no poll (Windows) the loop itself reads what comes as it comes.
    if not hasattr(select, "poll"):
        return list(connections)

    poller = select.poll()
    numbers = [
        # Of one that is closing or does not read, nothing more will be read.
        -1
        if one.transport.is_closing() or one.flow.write_paused
        else one.transport.get_extra_info("socket").fileno()
        for one in connections
    ]

    for number in numbers:
        if number >= 0:
            poller.register(number, select.POLLIN)

    unread = {number for number, _ in poller.poll(0)}

    return [
        one
        for one, number in zip(connections, numbers, strict=True)
        if number not in unread
    ]
