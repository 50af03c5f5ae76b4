"""
The server of a Redis inbox: its connections, the names of its keys, its troubles.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from umfpay.errors import ConfigError, NotificationError, Text


# Seconds.
_TIMEOUT: Final = 5.0
# A burst of notifications waits for one of them.
_CONNECTIONS: Final = 32


class RedisServer:
    """
    A client, and a subscription to the channel of arrivals.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        prefix: Of all keys.
    """

    def __init__(self, url: str, *, prefix: str) -> None:
        self._url = url
        self._prefix = prefix
        self._client: Any = None  # an optional package
        self._subscription: Any = None

    async def open(self) -> None:
        """
        Connect.

        Raises:
            ConfigError: The address is none, nobody is there, or the package is
                missing.
        """
        try:
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import ConnectionError as DisconnectedError
        except ImportError as error:
            raise ConfigError(
                Text("A Redis inbox needs redis.", "Redis 收件箱需要 redis 软件包。"),
                advice=Text(
                    'Install it: pip install "umfpay[redis]".',
                    '请安装：pip install "umfpay[redis]"。',
                ),
            ) from error

        try:
            pool = BlockingConnectionPool.from_url(
                self._url,
                max_connections=_CONNECTIONS,
                timeout=_TIMEOUT,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                # Once: a kept connection may be dead. What is sent may be sent twice.
                retry=Retry(NoBackoff(), 1, (DisconnectedError,)),
            )
        except ValueError:
            # Its text may show the password.
            raise ConfigError(
                Text("inbox: the redis address is wrong.", "inbox：redis 地址有误。")
            ) from None

        self._client = Redis.from_pool(pool)

        try:
            async with telling():
                await self._client.ping()
                await self._subscribe()
        except NotificationError as error:
            await self.aclose()

            raise ConfigError(error.what) from None

    async def aclose(self) -> None:
        """
        Disconnect.
        """
        await self._unsubscribe()
        client, self._client = self._client, None

        if client is not None:
            await client.aclose()

    @property
    def client(self) -> Any:
        """
        The `redis.asyncio.Redis` client.

        Raises:
            NotificationError: It is closed.
        """
        if self._client is None:
            raise _down("it is closed")

        return self._client

    def name(self, kind: str, *parts: str) -> str:
        """
        Return the name of a key.
        """
        return self._prefix + ":".join((kind, *parts))

    async def changed(self, seconds: float) -> None:
        """
        Return when any worker has stored or applied something.

        Raises:
            NotificationError: The server is down.
        """
        async with telling():
            if self._subscription is None:
                await self._subscribe()

                # What arrived before is looked for now.
                return

            end = asyncio.get_running_loop().time() + seconds

            try:
                while (left := end - asyncio.get_running_loop().time()) > 0:
                    message = await self._subscription.get_message(
                        timeout=min(left, _TIMEOUT)
                    )

                    if message is not None:
                        return
            except BaseException:
                await self._unsubscribe()

                raise

    async def _subscribe(self) -> None:
        self._subscription = self.client.pubsub(ignore_subscribe_messages=True)

        try:
            await self._subscription.subscribe(self.name("arrivals"))
        except BaseException:
            await self._unsubscribe()

            raise

    async def _unsubscribe(self) -> None:
        from redis.exceptions import RedisError

        subscription, self._subscription = self._subscription, None

        if subscription is not None:
            # It may be the connection that is broken.
            with suppress(RedisError, OSError):
                await subscription.aclose()


@asynccontextmanager
async def telling(*, refusals: bool = True) -> AsyncIterator[None]:
    """
    Tell what Redis cannot do as a `NotificationError`.

    Args:
        refusals: Also that it refuses a command or a transaction.
    """
    from redis.exceptions import ExecAbortError, RedisError, ResponseError, WatchError

    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()

    try:
        yield

        # redis writes within wait_for(), which loses a cancellation that comes in its
        # last moment (Python 3.11).
        if task.cancelling() > before:
            raise asyncio.CancelledError
    except (RedisError, OSError) as error:
        # A command of the handler is none; or WATCH has found a change.
        mine = isinstance(error, ExecAbortError | ResponseError | WatchError)

        if mine and not refusals:
            raise

        raise _down(type(error).__name__) from None


def _down(why: str) -> NotificationError:
    return NotificationError(
        Text(f"The inbox cannot be used: {why}.", f"收件箱不可用：{why}。"),
        advice=Text(
            "Nothing was acknowledged: the gateway sends it again. Check the Redis"
            " server.",
            "未确认任何通知，网关会重发。请检查 Redis 服务器。",
        ),
    )
