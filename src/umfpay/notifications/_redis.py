"""
An inbox in Redis (extra ``redis``), for shops on several machines.

How durable it is the server's settings say: ``appendonly yes`` with
``appendfsync always`` keeps what was acknowledged through a power cut.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any, Final

from umfpay.errors import ConfigError, NotificationError, Text
from umfpay.notifications._deciding import Decision, Expectation, Status
from umfpay.notifications._receiver import NotificationEvent
from umfpay.notifications._store import StoredEvent, Transaction, Work


# Seconds.
_TIMEOUT: Final = 5.0
# A burst of notifications waits for one of them.
_CONNECTIONS: Final = 32

_log = logging.getLogger("umfpay")

# The event, and its place among the ready ones, in one step.
_ADD: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'object_id', ARGV[1], 'number', ARGV[2], 'state', ARGV[3],
    'body', ARGV[4], 'signature', ARGV[5], 'received', ARGV[6], 'status', 'ready',
    'attempts', '0')
redis.call('ZADD', KEYS[2], 0, ARGV[7])
redis.call('ZADD', KEYS[3], ARGV[6], ARGV[7])
redis.call('PUBLISH', KEYS[4], 'ready')
return 1
"""
_EXPECT: Final = """
redis.call('HSET', KEYS[1], 'total', ARGV[1], 'currency', ARGV[2])
for _, key in ipairs(redis.call('SMEMBERS', KEYS[2])) do
    redis.call('HSET', ARGV[3] .. key, 'status', 'ready')
    redis.call('ZADD', KEYS[3], 0, key)
end
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', KEYS[4], 'ready')
"""
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


class RedisStore:
    """
    Events in hashes, what is ready in a sorted set, arrivals on a channel.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        lease: Seconds that a worker may take for one event; if it is killed, another
            takes over after them.
        prefix: Of all keys.

    Raises:
        ConfigError: The address is none, or the package is missing.
    """

    def __init__(
        self, url: str, *, lease: float = 30.0, prefix: str = "umf:inbox:"
    ) -> None:
        self._url = url
        self._lease = lease
        self._prefix = prefix
        self._client: Any = None  # an optional package
        self._subscription: Any = None

    async def open(self) -> None:
        """
        Connect.
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
            async with _telling():
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

    async def add(self, event: NotificationEvent) -> bool:
        """
        Keep *event* as ready.
        """
        async with _telling():
            added = await self._open().eval(
                _ADD,
                4,
                self._event(event.key),
                self._name("ready"),
                self._name("all"),
                self._name("arrivals"),
                event.object_id,
                event.mer_reference_id or "",
                event.state,
                event.body,
                event.signature,
                repr(time.time()),
                event.key,
            )

        return int(added) == 1

    async def expect(self, expected: Expectation) -> None:
        """
        Keep an expectation, and make held events ready.
        """
        number = expected.mer_reference_id

        async with _telling():
            await self._open().eval(
                _EXPECT,
                4,
                self._name("expected", number),
                self._name("held", number),
                self._name("ready"),
                self._name("arrivals"),
                str(expected.total),
                expected.currency,
                self._event(""),
            )

    async def due(self, now: float) -> list[str]:
        """
        Return the keys of events that are due, the oldest first.
        """
        async with _telling():
            client = self._open()
            keys = await client.zrangebyscore(self._name("ready"), "-inf", now)

            if len(keys) < 2:
                return [key.decode() for key in keys]

            received = await client.zmscore(self._name("all"), keys)

        pairs = zip(keys, received, strict=True)

        return [key.decode() for key, _ in sorted(pairs, key=lambda one: one[1] or 0)]

    async def process(self, key: str, work: Work) -> Decision | None:
        """
        Do *work* under a lease; its commands and the mark are one MULTI.

        The lease keeps two workers from doing it at the same time. If it ends too soon,
        WATCH keeps the slower one from committing.
        """
        client = self._open()

        async with _telling():
            object_id = await client.hget(self._event(key), "object_id")

        if object_id is None:
            return None

        lease = self._name("lease", object_id.decode())
        mine = secrets.token_hex(8)

        async with _telling():
            if not await client.set(lease, mine, nx=True, px=int(self._lease * 1000)):
                return None

        try:
            return await self._processed(key, lease, mine, work)
        finally:
            async with _telling():
                await client.eval(_RELEASE, 1, lease, mine)

    async def _processed(
        self, key: str, lease: str, mine: str, work: Work
    ) -> Decision | None:
        from redis.exceptions import WatchError

        async with self._open().pipeline(transaction=True) as pipe:
            async with _telling():
                await pipe.watch(lease, self._event(key))
                holder = await pipe.get(lease)
                found = await pipe.hgetall(self._event(key))
                names = self._names_of(found)
                await pipe.watch(*names)
                before = await pipe.hgetall(names[0])
                expected = await pipe.hgetall(names[1])

            if (holder or b"").decode() != mine or found.get(b"status") != b"ready":
                return None

            pipe.multi()
            decision = await work(
                _stored(key, found, before, expected), Transaction(pipeline=pipe)
            )

            if not pipe.explicit_transaction:
                _log.error("a handler ended the inbox's transaction: it must not")

            self._mark(pipe, key, found, decision)

            try:
                async with _telling(refusals=False):
                    _tell_refused(await pipe.execute(raise_on_error=False))
            except WatchError:
                # Another worker took it, or the shop has told more meanwhile.
                _log.warning("a notification changed while it was applied; again")

                return None

        return decision

    def _names_of(self, found: dict[bytes, bytes]) -> tuple[str, str]:
        object_id = found.get(b"object_id", b"").decode()
        number = found.get(b"number", b"").decode()

        return self._name("object", object_id), self._name("expected", number)

    def _mark(
        self, pipe: Any, key: str, found: dict[bytes, bytes], decision: Decision
    ) -> None:
        number = found[b"number"].decode()
        object_name, _ = self._names_of(found)
        pipe.hset(
            self._event(key),
            mapping={"status": decision.status.value, "reason": decision.reason},
        )
        pipe.zrem(self._name("ready"), key)

        if decision.status is Status.HELD:
            pipe.sadd(self._name("held", number), key)
        elif decision.status in (Status.CONFLICT, Status.WRONG_AMOUNT):
            pipe.rpush(self._name("troubles"), key)
            pipe.sadd(self._name("untold"), key)
        elif decision.status is Status.APPLIED:
            newest = {"key": key, "state": found[b"state"]}
            pipe.hset(
                object_name,
                mapping={
                    **newest,
                    "body": found[b"body"],
                    "signature": found[b"signature"],
                },
            )

            if number:
                pipe.set(self._name("number", number), found[b"object_id"])

            pipe.publish(self._name("arrivals"), found[b"object_id"])

    async def postpone(self, key: str, until: float) -> None:
        """
        Count a failed attempt.
        """
        async with _telling():
            pipe = self._open().pipeline(transaction=True)
            pipe.hincrby(self._event(key), "attempts", 1)
            pipe.zadd(self._name("ready"), {key: until}, xx=True)
            await pipe.execute()

    async def hasten(self) -> None:
        """
        Make all ready events due.
        """
        async with _telling():
            client = self._open()

            for key in await client.zrange(self._name("ready"), 0, -1):
                await client.zadd(self._name("ready"), {key: 0}, xx=True)

    async def newest(
        self, *, object_id: str | None = None, mer_reference_id: str | None = None
    ) -> StoredEvent | None:
        """
        Return the event that was applied last.
        """
        async with _telling():
            client = self._open()

            if object_id is None:
                found = await client.get(self._name("number", mer_reference_id or ""))

                if found is None:
                    return None

                object_id = found.decode()

            newest = await client.hgetall(self._name("object", object_id))

        if not newest:
            return None

        return StoredEvent(
            key=newest[b"key"].decode(),
            body=newest[b"body"],
            signature=newest[b"signature"].decode(),
            attempts=0,
            before=newest[b"state"].decode(),
        )

    async def troubles(self) -> list[tuple[StoredEvent, Decision]]:
        """
        Return conflicts and wrong amounts.
        """
        async with _telling():
            keys = await self._open().lrange(self._name("troubles"), 0, -1)

            return await self._troubles(keys)

    async def untold(self) -> list[tuple[StoredEvent, Decision]]:
        """
        Return those that nobody was told of.
        """
        async with _telling():
            keys = await self._open().smembers(self._name("untold"))

            return await self._troubles(sorted(keys))

    async def _troubles(self, keys: list[bytes]) -> list[tuple[StoredEvent, Decision]]:
        found = []

        for key in keys:
            event = await self._open().hgetall(self._event(key.decode()))

            if event:
                decision = Decision(
                    Status(event[b"status"].decode()), event[b"reason"].decode()
                )
                found.append((_stored(key.decode(), event, {}, {}), decision))

        return found

    async def told(self, key: str) -> None:
        """
        Mark a trouble as told.
        """
        async with _telling():
            await self._open().srem(self._name("untold"), key)

    async def prune(self, before: float) -> None:
        """
        Remove what was settled long ago.
        """
        settled = (Status.APPLIED.value.encode(), Status.SAME.value.encode())

        async with _telling():
            client = self._open()

            for key in await client.zrangebyscore(self._name("all"), "-inf", before):
                if await client.hget(self._event(key.decode()), "status") in settled:
                    pipe = client.pipeline(transaction=True)
                    pipe.delete(self._event(key.decode()))
                    pipe.zrem(self._name("all"), key)
                    await pipe.execute()

    async def changed(self, seconds: float) -> None:
        """
        Return when any worker has stored or applied something.
        """
        async with _telling():
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
        self._subscription = self._open().pubsub(ignore_subscribe_messages=True)

        try:
            await self._subscription.subscribe(self._name("arrivals"))
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

    def _open(self) -> Any:
        if self._client is None:
            raise _down("it is closed")

        return self._client

    def _event(self, key: str) -> str:
        return self._name("event", key)

    def _name(self, kind: str, key: str | None = None) -> str:
        return f"{self._prefix}{kind}" if key is None else f"{self._prefix}{kind}:{key}"


@asynccontextmanager
async def _telling(*, refusals: bool = True) -> AsyncIterator[None]:
    from redis.exceptions import ExecAbortError, RedisError, ResponseError, WatchError

    try:
        yield
    except (RedisError, OSError) as error:
        # A command of the handler is none; or WATCH has found a change.
        mine = isinstance(error, ExecAbortError | ResponseError | WatchError)

        if mine and not refusals:
            raise

        raise _down(type(error).__name__) from None


def _tell_refused(results: list[Any]) -> None:
    for result in results:
        if isinstance(result, Exception):
            # Redis does not roll back: the others and the mark are written.
            _log.error("a command of a handler failed in Redis: %s", result)


def _down(why: str) -> NotificationError:
    return NotificationError(
        Text(f"The inbox cannot be used: {why}.", f"收件箱不可用：{why}。"),
        advice=Text(
            "Nothing was acknowledged: the gateway sends it again. Check the Redis"
            " server.",
            "未确认任何通知，网关会重发。请检查 Redis 服务器。",
        ),
    )


def _stored(
    key: str,
    found: dict[bytes, bytes],
    before: dict[bytes, bytes],
    expected: dict[bytes, bytes],
) -> StoredEvent:
    return StoredEvent(
        key=key,
        body=found[b"body"],
        signature=found[b"signature"].decode(),
        attempts=int(found[b"attempts"]),
        before=before[b"state"].decode() if before else None,
        expected=None
        if not expected
        else Expectation(
            mer_reference_id=found[b"number"].decode(),
            total=Decimal(expected[b"total"].decode()),
            currency=expected[b"currency"].decode(),
        ),
    )
