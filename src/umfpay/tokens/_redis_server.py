"""
A Redis server as the token store needs it: one question, one connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

from umfpay._background import run_to_end
from umfpay.errors import ConfigError, TokenStoreError, needs_extra
from umfpay.sensitive import Secret, shows_itself_half_made


SCHEMES: Final = ("redis", "rediss", "unix")

# Seconds: to connect, and for one answer. A server that is gone must not look slow.
_TIMEOUT_SECONDS: Final = 2.0


@shows_itself_half_made
class RedisServer:
    """
    Where a token is kept. It belongs to no event loop and no process.

    Args:
        url: ``redis://user:password@host:port/db``, ``rediss://`` or ``unix://``.

    Attributes:
        url: The address; it may hold a password.
        shown: The address without user, password and options.

    Raises:
        ConfigError: *url* is none of these, or the package is missing.
    """

    def __init__(self, url: Secret) -> None:
        self.url = url
        self.shown = _display_url(url)
        self._module = _redis()

        # An unusable address is told now, not at the first call.
        if not self.shown or not self._is_usable():
            raise _address_error()

    def __repr__(self) -> str:
        return f"RedisServer({_display_url(self.url)!r})"

    async def ask(self, *command: Any) -> Any:
        """
        Return the answer to *command*, in which a `Secret` may stand.

        Raises:
            TokenStoreError: There is no answer in time, or it is an error.
        """
        async with self.connect() as connection:
            return await connection.ask(*command)

    def connect(self) -> RedisConnection:
        """
        Return a connection for several questions; it connects at the first.
        """
        return RedisConnection(self._client(), shown=self.shown)

    def _is_usable(self) -> bool:
        try:
            # Nothing is connected yet; options that do not exist are found.
            self._client().connection_pool.make_connection()
        except Exception:  # noqa: BLE001 (its words may hold the password)
            return False

        return True

    def _client(self) -> Any:
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        return self._module.Redis.from_url(
            self.url.reveal(),
            # ask() has the time. Where this is set, redis writes within wait_for(),
            # which loses a cancellation that comes in its last moment (Python 3.11).
            socket_timeout=None,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )


class RedisConnection(AbstractAsyncContextManager["RedisConnection"]):
    """
    A connection that is open for a while.
    """

    def __init__(self, client: Any, *, shown: str) -> None:
        self._client = client
        self._shown = shown

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Of a coroutine that is thrown away nothing can be awaited.
        if exc_type is GeneratorExit:
            return

        # What was answered counts, not how it ends.
        with contextlib.suppress(Exception):
            await run_to_end(self._client.aclose())

    async def ask(self, *command: Any) -> Any:
        """
        Return the answer to *command*, in which a `Secret` may stand.

        Raises:
            TokenStoreError: There is no answer in time, or it is an error.
        """
        # redis leaves a socket open when it is cancelled while it connects.
        return await run_to_end(self._ask(*command))

    async def _ask(self, *command: Any) -> Any:
        """
        The frames of redis hold the password, and its words hosts and users: no error
        of it leaves, not even as the context of ours.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                return await self._client.execute_command(
                    *(
                        part.reveal() if isinstance(part, Secret) else part
                        for part in command
                    )
                )
        except asyncio.CancelledError as error:
            raise error.with_traceback(None)  # noqa: B904 (it is the same error)
        except Exception as error:  # noqa: BLE001 (whatever it is, it stays here)
            failure = type(error).__name__

        raise TokenStoreError(
            f"Redis at {self._shown} cannot be used: {failure}.",
            f"无法使用位于 {self._shown} 的 Redis：{failure}。",
        )


def _redis() -> Any:  # Any: an optional package
    with needs_extra("redis", by="token_store"):
        import redis.asyncio

    return redis.asyncio


def _display_url(url: Secret) -> str:
    """
    Return *url* without user and password, nothing if it is none of Redis.
    """
    try:
        parts = urlsplit(url.reveal())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""

    if parts.scheme not in SCHEMES:
        return ""

    place = host if port is None else f"{host}:{port}"

    return f"{parts.scheme}://{place}{parts.path}"


def _address_error() -> ConfigError:
    # Not the address itself: it may hold a password.
    return ConfigError(
        "token_store: it is no address of Redis: redis://host:port/db, rediss://"
        " or unix:///path.",
        "token_store：不是有效的 Redis 地址：redis://主机:端口/库、rediss:// 或"
        " unix:///路径。",
    )
