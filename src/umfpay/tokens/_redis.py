"""
A token store in Redis: for the workers of several machines.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

from umfpay._background import run_to_end
from umfpay.errors import ConfigError, Text, TokenStoreError, needs_extra
from umfpay.sensitive import Secret, shows_itself_half_made
from umfpay.tokens._record import TokenRecord, dump_record
from umfpay.tokens._server import LeaseReply, ServerTokenStore


_SCHEMES: Final = ("redis", "rediss", "unix")

# Seconds: to connect, and for one answer. A server that is gone must not look slow.
_TIMEOUT_SECONDS: Final = 2.0
# A record outlives its token, so that generations go on growing.
_RECORD_LIFETIME_SECONDS: Final = 86_400.0

# The larger generation wins, whatever is stored.
_SAVE_SCRIPT: Final = """
local stored = redis.call('HGET', KEYS[1], 'generation')
if stored and tonumber(stored) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'record', ARGV[2], 'refused', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
# A newer one stays as it is; nothing is deleted.
_REFUSE_SCRIPT: Final = """
local stored = redis.call('HGET', KEYS[1], 'generation')
if stored and tonumber(stored) <= tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], 'refused', '1')
end
"""
# Take the turn, also if the answer to an earlier try was lost; or tell that somebody
# has saved a token while we waited for it.
_TAKE_SCRIPT: Final = """
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return 'taken'
end
if (redis.call('HGET', KEYS[2], 'generation') or '') ~= ARGV[3] then
    return 'renewed'
end
return 'held'
"""
# Only one's own: the lease may have run out, and another be inside.
_LEAVE_SCRIPT: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


class RedisTokenStore(ServerTokenStore):
    """
    The token of one client, for all workers that reach the same Redis.

    A connection is made for each look and closed after it: a token is looked for once
    in its life, and so the store belongs to no event loop and no process.

    Args:
        url: ``redis://user:password@host:port/db``, ``rediss://`` with TLS, or
            ``unix:///path?db=0``.
        key: What `store_key` returns for the client.

    Raises:
        ConfigError: *url* is none of these, or the package is missing.
    """

    def __init__(self, url: str | Secret, *, key: str) -> None:
        # An argument is a local of the frame that a traceback shows.
        address = url if isinstance(url, Secret) else Secret(url)
        del url
        super().__init__(_RedisServer(address, key=key), identity=(address, key))


@shows_itself_half_made
class _RedisServer:
    """
    Where a token is kept. It belongs to no event loop and no process.

    Attributes:
        shown: The address without user, password and options.

    Raises:
        ConfigError: *url* is none of these, or the package is missing.
    """

    def __init__(self, url: Secret, *, key: str) -> None:
        self._url = url
        self._record = f"umfpay:token:{{{key}}}"
        self.shown = _display_url(url)
        self._module = _redis()

        # An unusable address is told now, not at the first call.
        if not self.shown or not self._is_usable():
            raise _address_error()

    def __repr__(self) -> str:
        return f"_RedisServer({_display_url(self._url)!r})"

    @property
    def place(self) -> Text:
        """
        The key of the record.
        """
        return Text(f"The key {self._record}", f"键 {self._record} ")

    def connect(self) -> _RedisConnection:
        """
        Return a connection for several questions; it connects at the first.
        """
        return _RedisConnection(self._client(), shown=self.shown, record=self._record)

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
            self._url.reveal(),
            # _ask() has the time. Where this is set, redis writes within wait_for(),
            # which loses a cancellation that comes in its last moment (Python 3.11).
            socket_timeout=None,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )


class _RedisConnection(AbstractAsyncContextManager["_RedisConnection"]):
    """
    A connection that is open for a while; see `TokenConnection`.
    """

    def __init__(self, client: Any, *, shown: str, record: str) -> None:
        self._client = client
        self._shown = shown
        self._record = record
        self._turn = f"{record}:turn"

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

    async def load(self) -> tuple[bytes, bool] | None:
        """
        Return the stored record as JSON, and whether it was refused.
        """
        stored, refused = await self._run("HMGET", self._record, "record", "refused")

        return None if stored is None else (stored, refused == b"1")

    async def save(self, record: TokenRecord) -> bool:
        """
        Store *record* if its generation is larger; return whether it is stored now.
        """
        kept = (
            max(0.0, record.not_after - record.requested_at) + _RECORD_LIFETIME_SECONDS
        )
        saved = await self._run(
            "EVAL",
            _SAVE_SCRIPT,
            1,
            self._record,
            record.generation,
            Secret(dump_record(record)),
            int(kept * 1000),
        )

        return bool(saved)

    async def refuse(self, generation: int) -> None:
        """
        Mark the token as refused if it is of *generation* or older.
        """
        await self._run("EVAL", _REFUSE_SCRIPT, 1, self._record, generation)

    async def generation(self) -> bytes:
        """
        Return the generation of the stored token.
        """
        return await self._run("HGET", self._record, "generation") or b""

    async def take(self, owner: str, *, lease: float, before: bytes) -> LeaseReply:
        """
        Take the lease if it is free.
        """
        reply = await self._run(
            "EVAL",
            _TAKE_SCRIPT,
            2,
            *(self._turn, self._record),
            *(owner, int(lease * 1000), before),
        )

        return LeaseReply(reply.decode())

    async def release(self, owner: str) -> None:
        """
        End the lease if it is *owner*'s.
        """
        await self._run("EVAL", _LEAVE_SCRIPT, 1, self._turn, owner)

    async def _run(self, *command: Any) -> Any:
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

    if parts.scheme not in _SCHEMES:
        return ""

    place = host if port is None else f"{host}:{port}"

    return f"{parts.scheme}://{place}{parts.path}"


def _address_error() -> ConfigError:
    # Not the address itself: it may hold a password.
    return ConfigError.of(
        "token_store",
        "it is no address of Redis: redis://host:port/db, rediss:// or unix:///path",
        "不是有效的 Redis 地址：redis://主机:端口/库、rediss:// 或 unix:///路径",
    )
