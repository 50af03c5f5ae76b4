"""
Applying in Redis: one event of an object at a time, in the order they came.
"""

from __future__ import annotations

import json
import logging
import secrets
from decimal import Decimal
from typing import Any, Final, get_args

from umfpay.notifications._deciding import Decision, Status
from umfpay.notifications._expectations import Expectation, Expected
from umfpay.notifications._redis_scripts import RELEASE
from umfpay.notifications._redis_server import RedisServer, telling
from umfpay.notifications._store import StoredEvent, Transaction, Work


_KINDS: Final[tuple[Expected, ...]] = get_args(Expected)

_log = logging.getLogger("umfpay")
_Found = dict[bytes, bytes]


async def process(
    server: RedisServer, key: str, work: Work, *, lease: float
) -> Decision | None:
    """
    Do *work* under a lease of *lease* seconds; its commands and the mark are one MULTI.

    The lease keeps two workers from one object at the same time. If it ends too soon,
    WATCH keeps the slower one from committing, and the queue of the object keeps a
    later event from being applied before this one.
    """
    async with telling():
        object_id = await server.client.hget(server.name("event", key), "object_id")

    if object_id is None:
        return None

    name = server.name("lease", object_id.decode())
    mine = secrets.token_hex(8)

    try:
        # Inside the try: one that is cancelled may have been taken all the same.
        async with telling():
            if not await server.client.set(name, mine, nx=True, px=int(lease * 1000)):
                return None

        return await _processed(server, key, work, lease=name, mine=mine)
    finally:
        async with telling():
            await server.client.eval(RELEASE, 1, name, mine)


async def _processed(
    server: RedisServer, key: str, work: Work, *, lease: str, mine: str
) -> Decision | None:
    from redis.exceptions import WatchError

    async with server.client.pipeline(transaction=True) as pipe:
        async with telling():
            stored, found = await _read(server, pipe, key, lease=lease, mine=mine)

        if stored is None:
            return None

        pipe.multi()
        decision = await work(stored, Transaction(pipeline=pipe))

        if not pipe.explicit_transaction:
            _log.error("a handler ended the inbox's transaction: it must not")

        _mark(server, pipe, stored, found, decision)

        try:
            async with telling(refusals=False):
                _tell_refused(await pipe.execute(raise_on_error=False))
        except WatchError:
            # Another worker took it, or the shop has told more meanwhile.
            _log.warning("a notification changed while it was applied; again")

            return None

    return decision


async def _read(
    server: RedisServer, pipe: Any, key: str, *, lease: str, mine: str
) -> tuple[StoredEvent | None, _Found]:
    """
    Watch and read what is known; no event if it is not this one's turn.
    """
    await pipe.watch(lease, server.name("event", key))
    holder = await pipe.get(lease)
    found = await pipe.hgetall(server.name("event", key))

    if (holder or b"").decode() != mine or found.get(b"status") != b"ready":
        return None, found

    object_id, number = found[b"object_id"].decode(), found[b"number"].decode()
    # Not watched: what comes meanwhile comes behind this one.
    first = await pipe.zrange(server.name("queue", object_id), 0, 0)

    if first != [key.encode()]:
        return None, found

    expected = [server.name("expected", kind, number) for kind in _KINDS]
    await pipe.watch(server.name("object", object_id), *expected)
    states = await pipe.hget(server.name("object", object_id), "states")
    told = [await pipe.hgetall(name) for name in expected]

    return (
        StoredEvent(
            key=key,
            body=found[b"body"],
            signature=found[b"signature"].decode(),
            attempts=int(found[b"attempts"]),
            before=tuple(json.loads(states or "[]")),
            expected=tuple(
                Expectation(
                    kind=kind,
                    mer_reference_id=number,
                    total=Decimal(one[b"total"].decode()),
                    currency=one[b"currency"].decode(),
                )
                for kind, one in zip(_KINDS, told, strict=True)
                if one
            ),
        ),
        found,
    )


def _mark(
    server: RedisServer,
    pipe: Any,
    stored: StoredEvent,
    found: _Found,
    decision: Decision,
) -> None:
    key, position = stored.key, found[b"position"]
    kind, number = found[b"kind"].decode(), found[b"number"].decode()
    object_id = found[b"object_id"].decode()
    pipe.hset(
        server.name("event", key),
        mapping={"status": decision.status.value, "reason": decision.reason},
    )
    pipe.zrem(server.name("ready"), key)
    pipe.zrem(server.name("queue", object_id), key)

    if decision.status in (Status.HELD, Status.WRONG_AMOUNT):
        pipe.sadd(server.name("waiting", number), key)

    if decision.status in (Status.CONFLICT, Status.WRONG_AMOUNT):
        pipe.zadd(server.name("troubles"), {key: position})

        # Told once, unless it is another reason.
        if found.get(b"reason", b"").decode() != decision.reason:
            pipe.zadd(server.name("untold"), {key: position})
    else:
        pipe.zrem(server.name("troubles"), key)
        pipe.zrem(server.name("untold"), key)

    if decision.status is Status.APPLIED:
        pipe.hset(
            server.name("object", object_id),
            mapping={
                "key": key,
                "states": json.dumps([*stored.before, found[b"state"].decode()]),
                "body": found[b"body"],
                "signature": found[b"signature"],
            },
        )

        if number:
            pipe.set(server.name("number", kind, number), object_id)

        pipe.publish(server.name("arrivals"), object_id)


def _tell_refused(results: list[Any]) -> None:
    for result in results:
        if isinstance(result, Exception):
            # Redis does not roll back: the others and the mark are written.
            _log.error("a command of a handler failed in Redis: %s", result)
