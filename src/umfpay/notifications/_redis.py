"""
An inbox in Redis (extra ``redis``), for shops on several machines.

How durable it is the server's settings say: ``appendonly yes`` with
``appendfsync always`` keeps what was acknowledged through a power cut.
"""

from __future__ import annotations

import time

from umfpay.notifications._deciding import Decision, Status
from umfpay.notifications._expectations import Expectation
from umfpay.notifications._receiver import NotificationEvent
from umfpay.notifications._redis_processing import process
from umfpay.notifications._redis_scripts import ADD, EXPECT
from umfpay.notifications._redis_server import RedisServer, telling
from umfpay.notifications._store import StoredEvent, Work


class RedisStore:
    """
    Events in hashes, what is ready in sorted sets, arrivals on a channel.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        lease: Seconds that a worker may take for one event; if it is killed, another
            takes over after them.
        prefix: Of all keys.
    """

    def __init__(
        self, url: str, *, lease: float = 30.0, prefix: str = "umf:inbox:"
    ) -> None:
        self._server = RedisServer(url, prefix=prefix)
        self._lease = lease

    async def open(self) -> None:
        """
        Connect.

        Raises:
            ConfigError: The address is none, nobody is there, or the package is
                missing.
        """
        await self._server.open()

    async def aclose(self) -> None:
        """
        Disconnect.
        """
        await self._server.aclose()

    async def add(self, event: NotificationEvent) -> bool:
        """
        Keep *event* as ready.
        """
        name = self._server.name

        async with telling():
            added = await self._server.client.eval(
                ADD,
                6,
                name("event", event.key),
                name("ready"),
                name("all"),
                name("queue", event.object_id),
                name("positions"),
                name("arrivals"),
                event.key,
                repr(time.time()),
                event.kind,
                event.object_id,
                event.mer_reference_id or "",
                event.state,
                event.body,
                event.signature,
            )

        return int(added) == 1

    async def expect(self, expected: Expectation) -> None:
        """
        Keep an expectation, and make ready what waits for one of its number.
        """
        name, number = self._server.name, expected.mer_reference_id

        async with telling():
            await self._server.client.eval(
                EXPECT,
                4,
                name("expected", expected.kind, number),
                name("waiting", number),
                name("ready"),
                name("arrivals"),
                str(expected.total),
                expected.currency,
                name("event", ""),
                name("queue", ""),
            )

    async def due(self, now: float) -> list[str]:
        """
        Return the keys of events that are due.
        """
        async with telling():
            client = self._server.client
            keys = await client.zrangebyscore(self._server.name("ready"), "-inf", now)
            pipe = client.pipeline(transaction=False)

            for key in keys:
                pipe.hget(self._server.name("event", key.decode()), "position")

            positions = await pipe.execute()

        pairs = zip(positions, keys, strict=True)
        # One that was applied and removed in between has none.
        known = [(int(position), key) for position, key in pairs if position]

        return [key.decode() for _, key in sorted(known)]

    async def process(self, key: str, work: Work) -> Decision | None:
        """
        Do *work* under a lease; its commands and the mark are one MULTI.
        """
        return await process(self._server, key, work, lease=self._lease)

    async def postpone(self, key: str, until: float) -> None:
        """
        Count a failed attempt.
        """
        async with telling():
            pipe = self._server.client.pipeline(transaction=True)
            pipe.hincrby(self._server.name("event", key), "attempts", 1)
            pipe.zadd(self._server.name("ready"), {key: until}, xx=True)
            await pipe.execute()

    async def hasten(self) -> None:
        """
        Make all ready events due.
        """
        ready = self._server.name("ready")

        async with telling():
            for key in await self._server.client.zrange(ready, 0, -1):
                await self._server.client.zadd(ready, {key: 0}, xx=True)

    async def newest(
        self, *, object_id: str | None = None, mer_reference_id: str | None = None
    ) -> StoredEvent | None:
        """
        Return the event that was applied last.
        """
        name, number = self._server.name, mer_reference_id or ""

        async with telling():
            client = self._server.client

            if object_id is None:
                payment, refund = await client.mget(
                    name("number", "payment", number), name("number", "refund", number)
                )

                if payment is None and refund is None:
                    return None

                object_id = (payment or refund).decode()

            newest = await client.hgetall(name("object", object_id))

        if not newest:
            return None

        return StoredEvent(
            key=newest[b"key"].decode(),
            body=newest[b"body"],
            signature=newest[b"signature"].decode(),
            attempts=0,
        )

    async def troubles(self) -> list[tuple[StoredEvent, Decision]]:
        """
        Return conflicts and wrong amounts.
        """
        return await self._troubles("troubles")

    async def untold(self) -> list[tuple[StoredEvent, Decision]]:
        """
        Return those that nobody was told of.
        """
        return await self._troubles("untold")

    async def _troubles(self, kind: str) -> list[tuple[StoredEvent, Decision]]:
        found = []

        async with telling():
            client = self._server.client

            for key in await client.zrange(self._server.name(kind), 0, -1):
                event = await client.hgetall(self._server.name("event", key.decode()))
                status = event.get(b"status", b"").decode()

                # Not one that is looked at again.
                if status not in (Status.CONFLICT, Status.WRONG_AMOUNT):
                    continue

                stored = StoredEvent(
                    key=key.decode(),
                    body=event[b"body"],
                    signature=event[b"signature"].decode(),
                    attempts=int(event[b"attempts"]),
                )
                reason = event[b"reason"].decode()
                found.append((stored, Decision(Status(status), reason)))

        return found

    async def told(self, key: str) -> None:
        """
        Mark a trouble as told.
        """
        async with telling():
            await self._server.client.zrem(self._server.name("untold"), key)

    async def prune(self, before: float) -> None:
        """
        Remove what was settled long ago.
        """
        settled = (Status.APPLIED.value.encode(), Status.SAME.value.encode())
        everything = self._server.name("all")

        async with telling():
            client = self._server.client

            for key in await client.zrangebyscore(everything, "-inf", before):
                name = self._server.name("event", key.decode())

                if await client.hget(name, "status") in settled:
                    pipe = client.pipeline(transaction=True)
                    pipe.delete(name)
                    pipe.zrem(everything, key)
                    await pipe.execute()

    async def changed(self, seconds: float) -> None:
        """
        Return when any worker has stored or applied something.
        """
        await self._server.changed(seconds)
