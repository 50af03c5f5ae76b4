"""
A token store in Redis: for the workers of several machines.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
import time
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final

from umfpay.errors import Text, TokenStoreError
from umfpay.sensitive import Secret
from umfpay.tokens._record import TokenRecord
from umfpay.tokens._redis_server import RedisServer
from umfpay.tokens._store import RenewedError


# Seconds.
_POLL_SECONDS: Final = 0.1
# So much of a lease may have passed when the answer that grants it is seen.
_MAX_GRANT_SHARE: Final = 1 / 8
_TAKEN_REPLY, _RENEWED_REPLY = 1, 2
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
    return 1
end
if (redis.call('HGET', KEYS[2], 'generation') or '') ~= ARGV[3] then return 2 end
return 0
"""
# Only one's own: the lease may have run out, and another be inside.
_LEAVE_SCRIPT: Final = """
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

    def __init__(self, url: str | Secret, *, key: str) -> None:
        # An argument is a local of the frame that a traceback shows.
        address = url if isinstance(url, Secret) else Secret(url)
        del url
        self._key = key
        self._record = f"umfpay:token:{{{key}}}"
        self._turn = f"{self._record}:turn"
        self._server = RedisServer(address)

    def __repr__(self) -> str:
        # A traceback may show one that was refused.
        server = getattr(self, "_server", None)

        return f"RedisTokenStore({getattr(server, 'shown', '?')!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RedisTokenStore):
            return NotImplemented

        return (self._server.url, self._key) == (other._server.url, other._key)

    def __hash__(self) -> int:
        return hash((RedisTokenStore, self._server.shown, self._key))

    async def load(self) -> TokenRecord | None:
        """
        Return the record; see `TokenStore.load`.

        Raises:
            TokenStoreError: Redis cannot be reached, or holds something else.
        """
        records = _parse(
            await self._server.ask("HMGET", self._record, "record", "refused")
        )

        if records is None:
            shown = self._server.shown

            raise TokenStoreError(
                f"{self._record} in {shown} is no token of this version of umfpay.",
                f"{shown} 中的 {self._record} 不是此版本 umfpay 的令牌。",
                advice=Text(
                    "Delete the key: a token that is lost is fetched again.",
                    "请删除该键：丢失的令牌会重新获取。",
                ),
            )

        return records[0] if records else None

    async def save(self, record: TokenRecord) -> bool:
        """
        Store *record* if it is newer; see `TokenStore.save`.

        Raises:
            TokenStoreError: Redis cannot be reached.
        """
        kept = (
            max(0.0, record.not_after - record.requested_at) + _RECORD_LIFETIME_SECONDS
        )
        saved = await self._server.ask(
            "EVAL",
            _SAVE_SCRIPT,
            1,
            self._record,
            record.generation,
            Secret(json.dumps(record.to_json())),
            int(kept * 1000),
        )

        return bool(saved)

    async def refuse(self, generation: int) -> None:
        """
        Mark the record if it is not newer; see `TokenStore.refuse`.

        Raises:
            TokenStoreError: Redis cannot be reached.
        """
        await self._server.ask("EVAL", _REFUSE_SCRIPT, 1, self._record, generation)

    def refreshing(self, lease: float) -> AbstractAsyncContextManager[None]:
        """
        Hold a key that ends by itself after *lease*; see `TokenStore.refreshing`.

        Whoever waits does so for two of them: the turn of somebody who was killed, and
        of the next. It ends with `RenewedError` when the token was renewed meanwhile,
        so that many who wait need not have a turn each.
        """
        return Lease(self._server, self._turn, record=self._record, lease=lease)


class Lease(AbstractAsyncContextManager[None]):
    """
    One stay inside: a key with a value of its own, which Redis ends after the lease.
    """

    def __init__(
        self, server: RedisServer, name: str, *, record: str, lease: float
    ) -> None:
        self._server = server
        self._name = name
        self._record = record
        self._lease = lease
        self._ours = secrets.token_hex(16)

    async def __aenter__(self) -> None:
        try:
            asked = await self._take()

            # A process may be stopped anywhere, and find an old answer afterwards.
            while time.monotonic() - asked > self._lease * _MAX_GRANT_SHARE:
                asked = await self._take()
        except (GeneratorExit, RenewedError):
            raise
        except BaseException:
            # It may be ours, though nobody has told us.
            await self._leave()

            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Of a coroutine that is thrown away nothing can be awaited: the turn ends by
        # itself.
        if exc_type is not GeneratorExit:
            await self._leave()

    async def _take(self) -> float:
        """
        Wait for the turn; return the monotonic time at which it was asked for.
        """
        end = time.monotonic() + 2 * self._lease
        names = (self._name, self._record)
        milliseconds = int(self._lease * 1000)

        async with self._server.connect() as redis:
            before = await redis.ask("HGET", self._record, "generation") or b""

            while True:
                asked = time.monotonic()
                taken = await redis.ask(
                    "EVAL", _TAKE_SCRIPT, 2, *names, self._ours, milliseconds, before
                )

                if taken == _TAKEN_REPLY:
                    return asked

                if taken == _RENEWED_REPLY:
                    raise RenewedError

                if time.monotonic() >= end:
                    raise self._held()

                # Not a secret: so that the waiting do not knock all at once.
                await asyncio.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311

    async def _leave(self) -> None:
        # It ends by itself; the token that was fetched counts for more.
        with contextlib.suppress(TokenStoreError):
            await self._server.ask("EVAL", _LEAVE_SCRIPT, 1, self._name, self._ours)

    def _held(self) -> TokenStoreError:
        shown, lease = self._server.shown, self._lease

        return TokenStoreError(
            f"Other workers fetch tokens through {shown} for more than {lease:g} s.",
            f"其他进程通过 {shown} 获取令牌超过 {lease:g} 秒。",
        )


def _parse(fields: list[bytes | None]) -> list[TokenRecord] | None:
    """
    Return the record if there is one; None if *fields* hold something else.

    Nothing is raised, so that no traceback shows what was read.
    """
    document, refused = fields

    if document is None:
        return []

    try:
        members = {**json.loads(document), "refused": refused == b"1"}
    except (ValueError, TypeError, RecursionError):
        return None

    record = TokenRecord.from_json(members)

    return None if record is None else [record]
