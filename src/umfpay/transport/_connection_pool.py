"""
`ConnectionPool`: HTTP/1.1 connections that are used again, our edge of the pipeline.

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

from umfpay.sensitive import Secret
from umfpay.transport._addresses import origin_of
from umfpay.transport._connecting import Connector, MakeContext
from umfpay.transport._exchange import Answer, Failure, HTTPExchangeError
from umfpay.transport._http_connection import HttpConnection, PendingExchange
from umfpay.transport._request_head import RequestHead
from umfpay.transport._tls import tls_context


if TYPE_CHECKING:
    from umfpay.transport._call import CallState


_Connecting = asyncio.Task[HTTPExchangeError | None]

_CLOSED: Final = "the session was closed"
_GONE: Final = "the caller is gone"

# After the first a task still runs ahead of what the socket has for the loop.
_LOOP_TURNS: Final = 4

# Connections of a parent process: to close one would speak on the parent's.
_ABANDONED: Final[list[ConnectionPool]] = []


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
        assert origin is not None
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        tls = ssl_context or tls_context
        self._connector = Connector(origin, connect_timeout, proxy, tls)
        # Through a tunnel the proxy does not read.
        reader = proxy if origin.scheme == "http" else None
        self._head = RequestHead(origin, proxy=reader)
        self._max_connections = max_connections
        self._closed = False
        self._connections: set[HttpConnection] = set()
        self._idle: list[HttpConnection] = []
        self._settling: set[HttpConnection] = set()
        # Connecting that was begun for an exchange; whoever waits longest gets it.
        self._attempts: dict[PendingExchange, _Connecting] = {}
        self._waiters: OrderedDict[PendingExchange, None] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._ended = asyncio.Event()

    async def exchange(self, state: CallState) -> Answer:
        """
        Send the request that *state* describes once and read its answer.

        Raises:
            HTTPExchangeError: There is no answer.
            TimeoutError: The deadline has passed.
        """
        state.body_tracked = True
        now = self.loop.time()

        if state.deadline <= now:
            raise TimeoutError

        if self._closed or state.must_not_leave:
            raise HTTPExchangeError(Failure.CONNECT, _CLOSED if self._closed else _GONE)

        head = self._head.write(state)

        if isinstance(head, HTTPExchangeError):
            raise head

        pending = PendingExchange(
            state, head + state.body, now + state.timeout, self.loop.create_future()
        )
        # This frame is in every traceback, and the head holds the token.
        del head
        connection = None if self._waiters else self._take(now)

        if connection is None:
            self._waiters[pending] = None
            self._serve()
        else:
            connection.send(pending)

        expires = min(pending.limit, state.deadline)

        if expires < self._timer_at:
            self.watch(expires)

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
        while self._idle:
            connection = self._idle.pop()

            if connection.is_fresh(now) and not connection.is_readable():
                return connection

            # Whether what came is an old answer, the end, or only a ticket of TLS, shows
            # when the loop has read it; its end may say why there is no other.
            self._settling.add(connection)
            self.loop.call_soon(self._look_again, connection, _LOOP_TURNS)

        return None

    def _look_again(self, connection: HttpConnection, turns: int) -> None:
        if connection not in self._settling or connection.is_closing:
            # Lost, or in a moment.
            return

        if turns == 0 or not connection.is_fresh(self.loop.time()):
            connection.close()
        elif connection.is_readable():
            self.loop.call_soon(self._look_again, connection, turns - 1)
        else:
            self._settling.remove(connection)
            self.released(connection)

    def _serve(self) -> None:
        """
        Give connections to those who wait, in their order, and make what is missing.
        """
        waiters = self._waiters
        now = self.loop.time()

        while waiters:
            pending = next(iter(waiters))

            if pending.state.must_not_leave:
                pending.fail(HTTPExchangeError(Failure.CONNECT, _GONE))
            elif pending.expires <= now:
                # A busy loop's timer comes behind what the sockets had for it.
                pending.expire(Failure.POOL_TIMEOUT)

            # If so, its caller is gone, and will say so in a moment.
            if not pending.future.done():
                connection = self._take(now)

                if connection is None:
                    break

                connection.send(pending)

            del waiters[pending]

        missing = len(waiters) - len(self._attempts) - len(self._settling)
        room = self._max_connections - len(self._connections) - len(self._attempts)

        if missing > 0 and room > 0 and not self._closed:
            lacking = (one for one in waiters if one not in self._attempts)

            for pending in islice(lacking, min(missing, room)):
                self._connect_for(pending)

    def _connect_for(self, pending: PendingExchange) -> None:
        connection = HttpConnection(self, pending)
        task = self._attempts[pending] = self.loop.create_task(
            self._connector.connect(connection), name="umfpay connection"
        )
        # A task that is cancelled before its first step runs no line of its own.
        task.add_done_callback(partial(self._attempt_ended, pending, connection))

    def _attempt_ended(
        self, pending: PendingExchange, connection: HttpConnection, task: _Connecting
    ) -> None:
        del self._attempts[pending]
        error = None if task.cancelled() else task.exception() or task.result()

        if error is not None:
            self._end_wait(pending, error)

        # uvloop never says that what was made as it was given up is lost.
        if connection.is_connected and not task.cancelled() and error is None:
            self._connections.add(connection)
            self._settling.add(connection)
            self._look_again(connection, _LOOP_TURNS)
        else:
            connection.close()
            self.lost(connection)

    def released(self, connection: HttpConnection) -> None:
        """
        Give *connection*, which is free, to who waits longest, or keep it.
        """
        if self._closed:
            connection.close()

        if not connection.is_closing:
            if connection.made_for not in self._waiters:
                connection.made_for = None

            self._idle.append(connection)

            if connection.idle_until < self._timer_at:
                self.watch(connection.idle_until)

        if self._waiters:
            self._serve()

    def lost(self, connection: HttpConnection) -> None:
        """
        Forget *connection*, and use the room that it leaves.
        """
        self._connections.discard(connection)
        self._settling.discard(connection)
        self._ended.set()

        if connection in self._idle:
            self._idle.remove(connection)

        pending, error = connection.made_for, connection.last_words

        # Who had it made must not have one made again and again. As long as it is being
        # made, whoever makes it says why it cannot be.
        if pending is not None and pending not in self._attempts:
            self._end_wait(pending, HTTPExchangeError(Failure.CONNECT, error))

        if self._waiters:
            self._serve()

    def _end_wait(self, pending: PendingExchange, error: BaseException) -> None:
        """
        End *pending* with *error* if it still waits for a connection.
        """
        if pending in self._waiters:
            del self._waiters[pending]
            pending.fail(error)

    def _give_up(self, pending: PendingExchange) -> None:
        """
        Let go of all that *pending*, whose caller has its end or is gone, holds.
        """
        self._waiters.pop(pending, None)
        pending.fail(HTTPExchangeError(Failure.BROKEN, _GONE))
        is_surplus = len(self._attempts) > len(self._waiters)

        # In a closed loop nothing can be cancelled, and nothing goes on.
        if is_surplus and pending in self._attempts and not self.loop.is_closed():
            self._attempts[pending].cancel()

        if pending.future.done() and not pending.future.cancelled():
            # Nobody else will look at an error that met a cancellation.
            pending.future.exception()

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

        for pending in [one for one in self._waiters if one.expires <= now]:
            is_made = pending in self._attempts
            del self._waiters[pending]
            pending.expire(Failure.CONNECT_TIMEOUT if is_made else Failure.POOL_TIMEOUT)

        for connection in [one for one in self._connections if one.expires <= now]:
            if connection.exchange is None:
                connection.close()
            else:
                connection.exchange.expire(Failure.TIMEOUT)

        left: list[PendingExchange | HttpConnection] = [*self._waiters]
        left += self._connections
        self.watch(min((one.expires for one in left), default=inf))

    async def aclose(self) -> None:
        """
        Close all connections; no task, timer or socket is left.

        Calls that are under way end with an `HTTPExchangeError`, and so do later ones.
        """
        self._closed = True

        if self._timer is not None:
            self._timer.cancel()

        for pending in list(self._waiters):
            self._end_wait(pending, HTTPExchangeError(Failure.CONNECT, _CLOSED))

        for connection in list(self._connections):
            connection.fail(HTTPExchangeError(Failure.BROKEN, _CLOSED))

        for task in self._attempts.values():
            task.cancel()

        while self._connections or self._attempts:
            self._ended.clear()
            await self._ended.wait()

    def abandon(self) -> None:
        """
        Forget all connections without touching them: their loop or process is gone.
        """
        if not self.loop.is_closed():
            _ABANDONED.append(self)

            return

        for connection in self._connections:
            connection.close_socket()
