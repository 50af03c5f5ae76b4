"""
`ConnectionPool`: the connections to one origin, and who gets the next one.

Whoever waits longest is served first, also before a newcomer. No task is started for a
call, and one timer watches all of them; tasks exist only while connecting.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from math import inf
from typing import TYPE_CHECKING, Final

from umfpay.errors import ConfigError, Text, WrongLoopError
from umfpay.sensitive import Secret
from umfpay.transport._connecting import (
    Connector,
    MakeContext,
    proxy_authorization,
)
from umfpay.transport._exchange import Answer, ExchangeError, Failure
from umfpay.transport._http_connection import HttpConnection, PendingExchange
from umfpay.transport._origin import origin_of
from umfpay.transport._request_head import RequestHead


if TYPE_CHECKING:
    from umfpay.transport._call import CallState


# After the first a task still runs ahead of what the socket has for the loop.
_LOOP_TURNS: Final = 4

_CLOSED: Final = "the session was closed"

# Connections of a parent process: to close one would speak on the parent's.
_ABANDONED: Final[list[object]] = []


class _Attempt:
    """
    A connection that is being made.

    Attributes:
        pending: In whose name, as long as it is not served otherwise.
        task: Makes it.
    """

    __slots__ = ("pending", "task")

    def __init__(self, pending: PendingExchange) -> None:
        self.pending: PendingExchange | None = pending
        self.task: asyncio.Task[None] | None = None


class ConnectionPool:
    """
    Our own edge: HTTP/1.1 over connections that are used again.

    It follows no redirect, keeps no cookie, ignores the environment's proxies, decodes
    nothing and sends a request once. A connection on which anything came while it was
    idle is closed, not used. It belongs to the loop of its first exchange.

    Args:
        base_url: An address at the only origin that requests may go to.
        max_connections: Open at once; further calls wait.
        connect_timeout: Seconds for one connection, proxy and TLS included.
        proxy: ``http://user:password@host:port``.
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

        self._origin = origin
        self._max_connections = max_connections
        self._connect_timeout = connect_timeout
        self._proxy = proxy
        self._ssl_context = ssl_context
        forwards = proxy is not None and origin.scheme == "http"
        self._head = RequestHead(
            origin,
            through_proxy=forwards,
            proxy_authorization=(
                proxy_authorization(proxy) if proxy is not None and forwards else None
            ),
        )
        self._closed = False
        self._forget()

    def _forget(self) -> None:
        """
        Be as if there had never been a connection.
        """
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connector: Connector | None = None
        self._connections: set[HttpConnection] = set()
        self._idle: list[HttpConnection] = []
        self._settling: set[HttpConnection] = set()
        self._attempts: set[_Attempt] = set()
        self._waiters: OrderedDict[PendingExchange, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._emptied: asyncio.Event | None = None

    async def exchange(self, state: CallState) -> Answer:
        """
        Send the request that *state* describes once and read its answer.

        Raises:
            ExchangeError: There is no answer.
            TimeoutError: The deadline has passed.
            WrongLoopError: The connections belong to another loop that still runs.
        """
        loop = asyncio.get_running_loop()

        if loop is not self._loop:
            self._bind(loop)

        state.body_tracked = True
        now = loop.time()
        pending = self._pending(state, loop, now)
        connection = None if self._waiters else self._take(now)

        if connection is None:
            self._waiters[pending] = None
            self._serve()
        else:
            connection.send(pending)

        self.watch(pending.expires)

        try:
            return await pending.future
        except BaseException:
            self._give_up(pending)

            raise

    def _pending(
        self, state: CallState, loop: asyncio.AbstractEventLoop, now: float
    ) -> PendingExchange:
        expires, deadline = now + state.timeout, state.deadline
        is_last = deadline <= expires

        if is_last:
            expires = deadline

            if deadline <= now:
                raise TimeoutError

        if self._closed:
            raise ExchangeError(Failure.CONNECT, _CLOSED)

        head = self._head.write(state)

        if isinstance(head, ExchangeError):
            raise head

        return PendingExchange(
            state,
            payload=head + state.body,
            expires=expires,
            is_last=is_last,
            future=loop.create_future(),
        )

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None:
            if not self._loop.is_closed():
                raise WrongLoopError(
                    Text(
                        "The connections belong to another event loop that still runs.",
                        "连接属于另一个仍在运行的事件循环。",
                    )
                )

            self.abandon()

        self._loop = loop
        self._emptied = asyncio.Event()
        self._connector = Connector(
            self._origin,
            connect_timeout=self._connect_timeout,
            proxy=self._proxy,
            ssl_context=self._ssl_context,
        )

    def _take(self, now: float) -> HttpConnection | None:
        """
        Return a connection that can be written to in this very moment.

        The one used last comes first: its age tells least about the other side.
        """
        idle = self._idle

        while idle:
            connection = idle.pop()

            if not connection.is_fresh(now):
                self._discard(
                    connection, "the connection closed before anything was sent"
                )
            elif connection.is_readable():
                # Whether it is an old answer, the end, or only a ticket of TLS, shows
                # when the loop has read it.
                self._settle(connection)
            else:
                return connection

        return None

    def _settle(self, connection: HttpConnection) -> None:
        assert self._loop is not None
        self._settling.add(connection)
        self._loop.call_soon(self._look_again, connection, _LOOP_TURNS)

    def _look_again(self, connection: HttpConnection, turns: int) -> None:
        assert self._loop is not None

        if connection not in self._settling:
            return

        if not connection.is_closing and connection.is_readable() and turns > 1:
            self._loop.call_soon(self._look_again, connection, turns - 1)

            return

        self._settling.remove(connection)

        if connection.is_closing or connection.is_readable():
            self._discard(connection, "something came before anything was sent")
            self._serve()
        else:
            self.released(connection)

    def _discard(self, connection: HttpConnection, words: str) -> None:
        """
        Close *connection*; who had it made must not have one made again and again.
        """
        connection.close()
        pending, connection.made_for = connection.made_for, None

        if pending is not None and pending in self._waiters:
            del self._waiters[pending]
            pending.fail(ExchangeError(Failure.CONNECT, words))

    def _serve(self) -> None:
        """
        Give connections to those who wait, in their order, and make what is missing.
        """
        assert self._loop is not None
        waiters = self._waiters
        now = self._loop.time()

        while waiters:
            pending = next(iter(waiters))

            if pending.future.done():
                del waiters[pending]

                continue

            connection = self._take(now)

            if connection is None:
                break

            # _take() may have ended the wait.
            if waiters.pop(pending, self) is self:
                self._idle.append(connection)

                continue

            connection.send(pending)

        missing = len(waiters) - len(self._attempts) - len(self._settling)
        room = self._max_connections - len(self._connections) - len(self._attempts)

        if missing > 0 and room > 0 and not self._closed:
            self._connect_for(min(missing, room))

    def _connect_for(self, count: int) -> None:
        assert self._loop is not None
        lacking = [one for one in self._waiters if one.attempt is None]

        for pending in lacking[:count]:
            pending.attempt = attempt = _Attempt(pending)
            self._attempts.add(attempt)
            attempt.task = self._loop.create_task(
                self._connect(attempt), name="umfpay connection"
            )

    async def _connect(self, attempt: _Attempt) -> None:
        assert self._loop is not None
        assert self._connector is not None
        connection = HttpConnection(self._loop, self)
        error: Exception | None = None
        made = False

        try:
            await self._connector.connect(connection)
            made = True
        except Exception as reason:  # noqa: BLE001 (it is raised by the caller)
            error = reason
        finally:
            self._attempts.discard(attempt)
            pending = attempt.pending

            if pending is not None:
                pending.attempt = None

            if not made and error is None:
                # Cancelled.
                self._serve()

        self._ssl_context = self._connector.ssl_context

        if error is None:
            self._connections.add(connection)
            connection.made_for = pending
            self.released(connection)
        else:
            if pending is not None and self._waiters.pop(pending, self) is None:
                pending.fail(error)

            self._serve()

    def released(self, connection: HttpConnection) -> None:
        """
        Give *connection*, which is free, to who waits longest, or keep it.
        """
        if self._closed:
            connection.close()

            return

        self._idle.append(connection)

        if self._waiters:
            self._serve()

        self.watch(connection.idle_since + connection.idle_limit)

    def lost(self, connection: HttpConnection) -> None:
        """
        Forget *connection*, and use the room that it leaves.
        """
        self._connections.discard(connection)

        if connection in self._idle:
            self._idle.remove(connection)

        if connection in self._settling:
            self._settling.remove(connection)

        self._discard(connection, "the connection closed before anything was sent")

        if not self._connections and self._emptied is not None:
            self._emptied.set()

        if self._waiters:
            self._serve()

    def _give_up(self, pending: PendingExchange) -> None:
        """
        Let go of all that *pending*, whose caller has its end or is gone, holds.
        """
        self._waiters.pop(pending, None)
        pending.payload = b""
        future, attempt = pending.future, pending.attempt

        if pending.connection is not None:
            pending.connection.drop(pending)

        if attempt is not None:
            pending.attempt = attempt.pending = None

            if len(self._attempts) > len(self._waiters):
                attempt.task.cancel()

        if future.done() and not future.cancelled():
            # Nobody else will look at an error that met a cancellation.
            future.exception()

    def watch(self, moment: float) -> None:
        """
        See to it that whatever expires at *moment* is looked at then.
        """
        if moment < self._timer_at and self._loop is not None and moment != inf:
            if self._timer is not None:
                self._timer.cancel()

            self._timer_at = moment
            self._timer = self._loop.call_at(moment, self._look_at_all)

    def _look_at_all(self) -> None:
        """
        End what has expired, and look again when the next will.
        """
        assert self._loop is not None
        self._timer, self._timer_at = None, inf
        now = self._loop.time()
        moments = [inf]

        for pending in list(self._waiters):
            if pending.expires > now:
                moments.append(pending.expires)
            else:
                del self._waiters[pending]
                _expire_waiting(pending)

        for connection in list(self._connections):
            exchange = connection.exchange

            if exchange is None:
                until = connection.idle_since + connection.idle_limit
            else:
                until = exchange.expires

            if until > now:
                moments.append(until)
            elif exchange is None:
                connection.close()
            else:
                connection.expire()

        self.watch(min(moments))

    async def aclose(self) -> None:
        """
        Close all connections; no task, timer or socket is left.

        Calls that are under way end with an `ExchangeError`.
        """
        self._closed = True

        if self._loop is None:
            return

        if self._loop is not asyncio.get_running_loop():
            self.abandon()

            return

        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

        for pending in list(self._waiters):
            pending.fail(ExchangeError(Failure.CONNECT, _CLOSED))

        self._waiters.clear()

        for connection in list(self._connections):
            connection.fail(ExchangeError(Failure.BROKEN, _CLOSED))

        tasks = [one.task for one in self._attempts if one.task is not None]

        for task in tasks:
            task.cancel()

        if tasks:
            await asyncio.wait(tasks)

        assert self._emptied is not None

        while self._connections:
            self._emptied.clear()
            await self._emptied.wait()

    def abandon(self) -> None:
        """
        Forget all connections without touching them: their loop or process is gone.
        """
        loop, connections = self._loop, self._connections
        kept = (connections, self._attempts, self._waiters, self._timer)
        self._forget()

        if loop is None:
            return

        if loop.is_closed():
            for connection in connections:
                connection.close_socket()
        else:
            _ABANDONED.append(kept)


def _expire_waiting(pending: PendingExchange) -> None:
    if pending.attempt is None:
        pending.expire(Failure.POOL_TIMEOUT, "no connection became free in time")
    else:
        pending.expire(Failure.CONNECT_TIMEOUT, "no connection in time")
