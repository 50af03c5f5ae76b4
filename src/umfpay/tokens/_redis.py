"""
A token store in Redis: for the workers of several machines.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final

from umfpay.errors import Text, TokenStoreError
from umfpay.sensitive import Secret
from umfpay.tokens._document import dump_record, parse_record
from umfpay.tokens._lease import Lease, LeaseReply
from umfpay.tokens._record import TokenRecord
from umfpay.tokens._redis_server import RedisConnection, RedisServer


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
        document, refused = await self._server.ask(
            "HMGET", self._record, "record", "refused"
        )

        if document is None:
            return None

        record = parse_record(document, refused=refused == b"1")
        # A traceback shows what stands in this frame.
        del document

        if record is None:
            shown = self._server.shown

            raise TokenStoreError(
                f"{self._record} in {shown} is no token of this version of umfpay.",
                f"{shown} 中的 {self._record} 不是此版本 umfpay 的令牌。",
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
        kept = (
            max(0.0, record.not_after - record.requested_at) + _RECORD_LIFETIME_SECONDS
        )
        saved = await self._server.ask(
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
        Mark the record if it is not newer; see `TokenStore.refuse`.

        Raises:
            TokenStoreError: Redis cannot be reached.
        """
        await self._server.ask("EVAL", _REFUSE_SCRIPT, 1, self._record, generation)

    def refreshing(self, lease: float) -> AbstractAsyncContextManager[None]:
        """
        Hold a key that ends by itself after *lease*; see `TokenStore.refreshing`.
        """
        leases = RedisLeases(self._server, record=self._record, turn=self._turn)

        return Lease(leases, lease)


class RedisLeases:
    """
    Who may fetch the token of *record*: a key that Redis ends by itself.
    """

    def __init__(self, server: RedisServer, *, record: str, turn: str) -> None:
        self._server = server
        self._record = record
        self._turn = turn

    @property
    def shown(self) -> str:
        """
        The address of Redis without user, password and options.
        """
        return self._server.shown

    def connect(self) -> RedisLeaseConnection:
        """
        Return a connection for several questions.
        """
        return RedisLeaseConnection(
            self._server.connect(), record=self._record, turn=self._turn
        )


class RedisLeaseConnection(AbstractAsyncContextManager["RedisLeaseConnection"]):
    """
    A connection that is open while somebody waits; see `LeaseConnection`.
    """

    def __init__(self, connection: RedisConnection, *, record: str, turn: str) -> None:
        self._connection = connection
        self._record = record
        self._turn = turn

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connection.__aexit__(exc_type, exc, traceback)

    async def generation(self) -> bytes:
        """
        Return the generation of the stored token.
        """
        stored = await self._connection.ask("HGET", self._record, "generation")

        return stored or b""

    async def take(self, owner: str, *, lease: float, before: bytes) -> LeaseReply:
        """
        Take the lease if it is free.
        """
        reply = await self._connection.ask(
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
        await self._connection.ask("EVAL", _LEAVE_SCRIPT, 1, self._turn, owner)
