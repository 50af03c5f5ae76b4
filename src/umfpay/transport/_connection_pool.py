"""
`ConnectionPool`: our own edge of the pipeline; HTTP/1.1 connections that are used again.

Whoever waits longest is served first, also before a newcomer. No task is started for a
call, and one timer watches all of them; tasks exist only while connecting.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from functools import partial
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Final

from umfpay.errors import ConfigError
from umfpay.sensitive import Secret
from umfpay.transport._connecting import (
    Connector,
    TlsSettings,
    proxy_authorization,
)
from umfpay.transport._exchange import Answer, Failure, HTTPExchangeError
from umfpay.transport._http_connection import HttpConnection, PendingExchange
from umfpay.transport._origin import origin_of
from umfpay.transport._request_head import RequestHead


if TYPE_CHECKING:
    from umfpay.transport._call import CallState
    from umfpay.transport._connecting import MakeContext


_CLOSED: Final = "the session was closed"

# After the first a task still runs ahead of what the socket has for the loop.
_LOOP_TURNS: Final = 4

_GONE: Final = "the caller is gone"

# Connections of a parent process: to close one would speak on the parent's.
_ABANDONED: Final[list[ConnectionPool]] = []


class _Attempt:
    """
    A connection that is being made.

    Attributes:
        pending: In whose name, as long as it is not served otherwise.
        connection: What will be connected.
        task: Makes it.
    """

    __slots__ = ("connection", "pending", "task")

    def __init__(
        self,
        pending: PendingExchange,
        connection: HttpConnection,
        task: asyncio.Task[HTTPExchangeError | None],
    ) -> None:
        self.pending: PendingExchange | None = pending
        self.connection = connection
        self.task = task


class ConnectionPool:
    """
    Gives each exchange a connection to the only origin, in its turn.

    It follows no redirect, keeps no cookie, ignores the environment's proxies, decodes
    nothing and sends a request once. A connection on which anything came while it was
    idle is closed, not used. It keeps `CallState.body_started` truthful. It belongs to
    the loop in which it is made.

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
                "base_url: it must be an http(s) address.",
                "base_url：必须是 http(s) 地址。",
            )

        # A proxy reads what is not encrypted; to all else it opens a tunnel.
        forwards = proxy is not None and origin.scheme == "http"
        self.loop = asyncio.get_running_loop()
        self._connector = Connector(
            origin,
            connect_timeout=connect_timeout,
            proxy=proxy,
            tls=TlsSettings(ssl_context),
        )
        self._head = RequestHead(
            origin,
            through_proxy=forwards,
            proxy_authorization=(
                proxy_authorization(proxy) if proxy is not None and forwards else None
            ),
        )
        self._max_connections = max_connections
        self._closed = False
        self._connections: set[HttpConnection] = set()
        self._idle: list[HttpConnection] = []
        self._settling: set[HttpConnection] = set()
        self._attempts: set[_Attempt] = set()
        self._waiters: OrderedDict[PendingExchange, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._emptied = asyncio.Event()

    async def exchange(self, state: CallState) -> Answer:
        """
        Send the request that *state* describes once and read its answer.

        Raises:
            HTTPExchangeError: There is no answer.
            TimeoutError: The deadline has passed.
        """
        state.body_tracked = True
        now = self.loop.time()
        expires = now + state.timeout
        is_last = state.deadline <= expires

        if is_last:
            expires = state.deadline

            if expires <= now:
                raise TimeoutError

        if self._closed or state.abandoned:
            raise HTTPExchangeError(Failure.CONNECT, _CLOSED if self._closed else _GONE)

        head = self._head.write(state)

        if isinstance(head, HTTPExchangeError):
            raise head

        pending = PendingExchange(
            state,
            payload=head + state.body,
            expires=expires,
            is_last=is_last,
            future=self.loop.create_future(),
        )
        # This frame is in every traceback, and the head holds the token.
        del head
        connection = None if self._waiters else self._take(now)

        if connection is None:
            self._waiters[pending] = None
            self._serve()
        else:
            connection.send(pending)

        if pending.expires < self._timer_at:
            self.watch(pending.expires)

        try:
            return await pending.future
        except BaseException:
            self._give_up(pending)
            # The error holds this frame, and what is pending holds the error.
            del pending

            raise

    def _take(self, now: float) -> HttpConnection | None:
        """
        Return a connection that can be written to in this very moment.

        The one used last comes first: its age tells least about the other side.
        """
        idle = self._idle

        while idle:
            connection = idle.pop()

            if not connection.is_fresh(now):
                connection.close()

                if connection.made_for is not None:
                    # Its end, which comes in a moment, may say why.
                    self._settling.add(connection)
            elif connection.is_readable():
                # Whether it is an old answer, the end, or only a ticket of TLS, shows
                # when the loop has read it.
                self._settle(connection)
            else:
                return connection

        return None

    def _settle(self, connection: HttpConnection) -> None:
        self._settling.add(connection)
        self.loop.call_soon(self._look_again, connection, _LOOP_TURNS)

    def _look_again(self, connection: HttpConnection, turns: int) -> None:
        if connection not in self._settling or not connection.is_open():
            # Lost, or in a moment.
            return

        if not connection.is_readable():
            self._settling.remove(connection)
            self.released(connection)
        elif turns > 1:
            self.loop.call_soon(self._look_again, connection, turns - 1)
        else:
            connection.close()

    def _serve(self) -> None:
        """
        Give connections to those who wait, in their order, and make what is missing.
        """
        waiters = self._waiters
        now = self.loop.time()

        while waiters:
            pending = next(iter(waiters))

            if pending.state.abandoned:
                pending.fail(HTTPExchangeError(Failure.CONNECT, _GONE))

            if pending.future.done():
                # Its caller is gone, and will say so in a moment.
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
        lacking = (one for one in self._waiters if one.attempt is None)

        for pending in list(islice(lacking, count)):
            connection = HttpConnection(self.loop, self)
            task = self.loop.create_task(
                self._connector.connect(connection), name="umfpay connection"
            )
            pending.attempt = attempt = _Attempt(pending, connection, task)
            self._attempts.add(attempt)
            # A task that is cancelled before its first step runs no line of its own.
            task.add_done_callback(partial(self._attempt_ended, attempt))

    def _attempt_ended(
        self, attempt: _Attempt, task: asyncio.Task[HTTPExchangeError | None]
    ) -> None:
        self._attempts.remove(attempt)
        connection, pending = attempt.connection, attempt.pending

        if pending is not None:
            pending.attempt = None

        if task.cancelled():
            self._serve()

            return

        error = task.exception() or task.result()

        if error is None and connection.is_lost:
            error = HTTPExchangeError(Failure.CONNECT, connection.last_words)

        if error is None:
            self._connections.add(connection)
            connection.made_for = pending
            self.released(connection)

            return

        if pending is not None and pending in self._waiters:
            del self._waiters[pending]
            pending.fail(error)

        self._serve()

    def released(self, connection: HttpConnection) -> None:
        """
        Give *connection*, which is free, to who waits longest, or keep it.
        """
        if self._closed:
            connection.close()

        if connection.is_closing:
            return

        if connection.made_for is not None and connection.made_for not in self._waiters:
            connection.made_for = None

        self._idle.append(connection)

        if self._waiters:
            self._serve()

        until = connection.idle_since + connection.idle_limit

        if until < self._timer_at:
            self.watch(until)

    def lost(self, connection: HttpConnection) -> None:
        """
        Forget *connection*, and use the room that it leaves.
        """
        self._connections.discard(connection)
        self._settling.discard(connection)

        if connection in self._idle:
            self._idle.remove(connection)

        pending = connection.made_for

        # Who had it made must not have one made again and again.
        if pending is not None and pending in self._waiters:
            del self._waiters[pending]
            pending.fail(HTTPExchangeError(Failure.CONNECT, connection.last_words))

        if not self._connections:
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

            # In a closed loop nothing can be cancelled, and nothing goes on.
            if len(self._attempts) > len(self._waiters) and not self.loop.is_closed():
                attempt.task.cancel()

        if future.done() and not future.cancelled():
            # Nobody else will look at an error that met a cancellation.
            future.exception()

    def watch(self, moment: float) -> None:
        """
        See to it that whatever expires at *moment* is looked at then.
        """
        if moment < self._timer_at and not self._closed:
            if self._timer is not None:
                self._timer.cancel()

            self._timer_at = moment
            self._timer = self.loop.call_at(moment, self._look_at_all)

    def _look_at_all(self) -> None:
        """
        End what has expired, and look again when the next will.
        """
        self._timer, self._timer_at = None, inf
        now = self.loop.time()
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

        Calls that are under way end with an `HTTPExchangeError`, and so do later ones.
        """
        self._closed = True

        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

        for pending in list(self._waiters):
            pending.fail(HTTPExchangeError(Failure.CONNECT, _CLOSED))

        self._waiters.clear()

        for connection in list(self._connections):
            connection.fail(HTTPExchangeError(Failure.BROKEN, _CLOSED))

        tasks = [one.task for one in self._attempts]

        for task in tasks:
            task.cancel()

        if tasks:
            await asyncio.wait(tasks)

        while self._connections:
            self._emptied.clear()
            await self._emptied.wait()

    def abandon(self) -> None:
        """
        Forget all connections without touching them: their loop or process is gone.
        """
        if not self.loop.is_closed():
            _ABANDONED.append(self)

            return

        for connection in self._connections:
            connection.close_socket()


def _expire_waiting(pending: PendingExchange) -> None:
    if pending.attempt is None:
        pending.expire(Failure.POOL_TIMEOUT, "no connection became free in time")
    else:
        pending.expire(Failure.CONNECT_TIMEOUT, "no connection in time")
