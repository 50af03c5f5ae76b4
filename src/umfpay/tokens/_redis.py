"""
A token store in Redis: for the workers of several machines.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from umfpay.errors import ConfigError, Text, TokenStoreError
from umfpay.sensitive import Secret
from umfpay.tokens._record import TokenRecord
from umfpay.tokens._store import RenewedError


SCHEMES: Final = ("redis", "rediss", "unix")

# Seconds: to connect, and for one answer. A server that is gone must not look slow.
_TIMEOUT: Final = 2.0
_POLL: Final = 0.1
_TAKEN, _RENEWED = 1, 2
# A record outlives its token, so that generations go on growing.
_KEPT: Final = 86_400.0

# The larger generation wins, whatever is stored.
_SAVE: Final = """
local stored = redis.call('HGET', KEYS[1], 'generation')
if stored and tonumber(stored) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'record', ARGV[2], 'refused', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
# A newer one stays as it is; nothing is deleted.
_REFUSE: Final = """
local stored = redis.call('HGET', KEYS[1], 'generation')
if stored and tonumber(stored) <= tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], 'refused', '1')
end
"""
# Take the turn, or tell that somebody has saved a token while we waited for it.
_TAKE: Final = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if (redis.call('HGET', KEYS[2], 'generation') or '') ~= ARGV[3] then return 2 end
return 0
"""
# Only one's own: the lease may have run out, and another be inside.
_LEAVE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


class RedisTokenStore:
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

    def __init__(self, url: str, *, key: str) -> None:
        self._url = Secret(url)
        self._shown = _shown(url)
        self._key = key
        self._record = f"umfpay:token:{{{key}}}"
        self._turn = f"{self._record}:turn"
        self._module = _redis()
        # An unusable address is told now, not at the first call.
        self._client()

    def __repr__(self) -> str:
        return f"RedisTokenStore({self._shown!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RedisTokenStore):
            return NotImplemented

        return (self._url, self._key) == (other._url, other._key)

    def __hash__(self) -> int:
        return hash((RedisTokenStore, self._shown, self._key))

    async def load(self) -> TokenRecord | None:
        """
        Return the record; see `TokenStore.load`.

        Raises:
            TokenStoreError: Redis cannot be reached, or holds something else.
        """
        async with self._connected() as redis:
            document, refused = await redis.hmget(self._record, "record", "refused")

        if document is None:
            return None

        record = _parse(document, refused=refused == b"1")

        if record is None:
            raise TokenStoreError(
                Text(
                    f"{self._record} in {self._shown} is no token of this version of"
                    " umfpay.",
                    f"{self._shown} 中的 {self._record} 不是此版本 umfpay 的令牌。",
                ),
                advice=Text(
                    "Delete the key: a token that is lost is fetched again.",
                    "请删除该键：丢失的令牌会重新获取。",
                ),
            )

        return record

    async def save(self, record: TokenRecord) -> bool:
        """
        Store *record* if it is newer; see `TokenStore.save`.

        Raises:
            TokenStoreError: Redis cannot be reached.
        """
        kept = max(0.0, record.not_after - record.requested_at) + _KEPT
        document = Secret(json.dumps(record.to_json()))

        async with self._connected() as redis:
            saved = await redis.eval(
                _SAVE,
                1,
                self._record,
                record.generation,
                document.reveal(),
                int(kept * 1000),
            )

        return bool(saved)

    async def refuse(self, generation: int) -> None:
        """
        Mark the record if it is not newer; see `TokenStore.refuse`.

        Raises:
            TokenStoreError: Redis cannot be reached.
        """
        async with self._connected() as redis:
            await redis.eval(_REFUSE, 1, self._record, generation)

    def refreshing(self, lease: float) -> AbstractAsyncContextManager[None]:
        """
        Hold a key that ends by itself after *lease*; see `TokenStore.refreshing`.

        Whoever waits does so for two of them: the turn of somebody who was killed, and
        of the next. It ends with `RenewedError` when the token was renewed meanwhile,
        so that many who wait need not have a turn each.
        """
        return self._refreshing(lease)

    @asynccontextmanager
    async def _refreshing(self, lease: float) -> AsyncIterator[None]:
        ours = secrets.token_hex(16)
        end = time.monotonic() + 2 * lease

        async with self._connected() as redis:
            before = await redis.hget(self._record, "generation") or b""

            while True:
                taken = await redis.eval(
                    _TAKE, 2, self._turn, self._record, ours, int(lease * 1000), before
                )

                if taken == _TAKEN:
                    break

                if taken == _RENEWED:
                    raise RenewedError

                if time.monotonic() >= end:
                    raise TokenStoreError(
                        Text(
                            f"Other workers fetch tokens through {self._shown} for"
                            f" more than {lease:g} s.",
                            f"其他进程通过 {self._shown} 获取令牌超过 {lease:g} 秒。",
                        )
                    )

                # Not a secret: so that the waiting do not knock all at once.
                await asyncio.sleep(_POLL * random.uniform(0.5, 1.5))  # noqa: S311

        try:
            yield
        finally:
            await self._leave(ours)

    async def _leave(self, ours: str) -> None:
        try:
            async with self._connected() as redis:
                await redis.eval(_LEAVE, 1, self._turn, ours)
        except TokenStoreError:
            # It ends by itself; the token that was fetched counts for more.
            pass

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        """
        Give a client of redis; its errors leave as ours.
        """
        client = self._client()
        failure = None

        try:
            yield client
        except (self._module.RedisError, OSError) as error:
            # Its own words name hosts and users, its frames the password.
            failure = type(error).__name__
        finally:
            await client.aclose()

        if failure is not None:
            raise TokenStoreError(
                Text(
                    f"Redis at {self._shown} cannot be used: {failure}.",
                    f"无法使用位于 {self._shown} 的 Redis：{failure}。",
                )
            )

    def _client(self) -> Any:
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        try:
            return self._module.Redis.from_url(
                self._url.reveal(),
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            )
        except (ValueError, TypeError):
            pass

        raise _unusable_address()


def _redis() -> Any:  # Any: an optional package
    try:
        import redis.asyncio
    except ModuleNotFoundError as error:
        raise ConfigError(
            Text(
                "token_store: Redis needs the package redis.",
                "token_store：使用 Redis 需要安装 redis 包。",
            ),
            advice=Text(
                'Install it: pip install "umfpay[redis]".',
                '请安装：pip install "umfpay[redis]"。',
            ),
        ) from error

    return redis.asyncio


def _parse(document: bytes, *, refused: bool) -> TokenRecord | None:
    """
    Return the record, None if *document* holds none; nothing is raised.
    """
    try:
        members = json.loads(document)
    except (ValueError, RecursionError):
        return None

    if not isinstance(members, dict):
        return None

    return TokenRecord.from_json({**members, "refused": refused})


def _shown(url: str) -> str:
    """
    Return *url* without user and password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts = None

    if parts is None or parts.scheme not in SCHEMES:
        raise _unusable_address()

    place = host if port is None else f"{host}:{port}"

    return f"{parts.scheme}://{place}{parts.path}"


def _unusable_address() -> ConfigError:
    # Not the address itself: it may hold a password.
    return ConfigError(
        Text(
            "token_store: it is no address of Redis: redis://host:port/db, rediss://"
            " or unix:///path.",
            "token_store：不是有效的 Redis 地址：redis://主机:端口/库、rediss:// 或"
            " unix:///路径。",
        )
    )
