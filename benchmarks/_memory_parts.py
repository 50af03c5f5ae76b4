"""
What `benchmarks.memory` measures, each in a process of its own: ``python -m
benchmarks._memory_parts NAME``, its order on standard input, its answer on standard
output, both JSON.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks._in_process import authorized, in_process_session
from benchmarks.canned import Gateway, Keys
from benchmarks.orders import POOL, new_payment, payment_id
from benchmarks.peers import BareAiohttp, Ours, Peer, Request
from umfpay import Config, UMFSession


# Of the first calls: modules, caches, connections.
WARM: Final = 100
_LONG: Final = 3600.0
# Nobody answers, so nobody has seen a request of ours that could be copied.
_LIKE: Final = Request(
    line="",
    headers={"accept": "application/json", "content-type": "application/json"},
    body=b"",
    size=0,
)
_PAGE: Final = resource.getpagesize()

Order = Mapping[str, Any]


def resident() -> int:
    """
    Return the resident set of this process in bytes; Linux only.
    """
    gc.collect()
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()

    return int(fields[1]) * _PAGE


async def settled() -> int:
    """
    Return the resident set once it stays the same.
    """
    before = -1
    now = resident()

    while now != before:
        await asyncio.sleep(0.1)
        before, now = now, resident()

    return now


async def sessions(order: Order) -> dict[str, float]:
    """
    Return bytes per session: constructed, and entered besides.
    """
    place = _place(order)
    count = order["count"]
    config = place.config(max_connections=100)

    async with UMFSession(config):
        pass

    before = resident()
    kept = [UMFSession(config) for _ in range(count)]
    constructed = resident()

    async with AsyncExitStack() as stack:
        for session in kept:
            await stack.enter_async_context(session)

        entered = resident()

    return {
        "constructed": (constructed - before) / count,
        "entered": (entered - before) / count,
    }


async def clients(order: Order) -> dict[str, float]:
    """
    Return bytes per `httpx.AsyncClient`, entered.
    """
    count = order["count"]

    async with httpx.AsyncClient():
        pass

    before = resident()

    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(httpx.AsyncClient())

        entered = resident()

    return {"entered": (entered - before) / count}


async def pending(order: Order) -> dict[str, float]:
    """
    Return bytes per call that waits: for its answer, or for a connection.
    """
    place = _place(order)
    connections = order["connections"]
    peer: Peer

    if order["peer"] == "umfpay":
        peer = Ours(
            place,
            token_store=await authorized(),
            max_connections=connections,
            deadline=_LONG,
            timeout=_LONG,
            connect_timeout=_LONG,
        )
    else:
        peer = BareAiohttp(place, [_LIKE, _LIKE], connections=connections)

    waiting = [asyncio.ensure_future(peer.create(0)) for _ in range(WARM)]
    before = await settled()
    waiting += [asyncio.ensure_future(peer.create(0)) for _ in range(order["count"])]
    after = await settled()
    failed = [task for task in waiting if task.done()]

    if failed:
        await asyncio.gather(*failed)

        raise RuntimeError("a call was answered")

    for task in waiting:
        task.cancel()

    await asyncio.gather(*waiting, return_exceptions=True)
    await peer.aclose()

    return {"call": (after - before) / order["count"]}


async def calls(order: Order) -> dict[str, list[int]]:
    """
    Return the resident set after each so many calls: *first*, then every *step*.
    """
    payments = [new_payment(number) for number in range(POOL)]
    found: list[int] = []

    async with in_process_session(_place(order).keys, turns=True) as session:
        for count in (order["first"], *[order["step"]] * order["steps"]):
            for number in range(count):
                which = number // 2 % POOL

                if number % 2:
                    await session.payments.get(payment_id(which))
                else:
                    await session.payments.create(payments[which])

            found.append(resident())

    return {"resident": found}


async def queries(order: Order) -> dict[str, int]:
    """
    Return the resident set after *first* and *last* queries, and how many were answered.
    """
    config = Config.from_file(order["settings"], token_store="memory")  # noqa: S106 (a kind of store)
    sizes: dict[str, int] = {}
    good = 0

    async with UMFSession(config) as session:
        payment = await session.payments.create(new_payment(0))
        ids = (payment.id for _ in range(order["last"]))
        count = 0

        async for one in session.payments.get_many(ids, concurrency=50):
            count += 1
            good += one.object is not None

            if count == order["first"]:
                sizes["first"] = resident()

        sizes["last"] = resident()

    return {**sizes, "good": good}


PARTS: Final[Mapping[str, Callable[[Order], Awaitable[Mapping[str, Any]]]]] = {
    "sessions": sessions,
    "clients": clients,
    "pending": pending,
    "calls": calls,
    "queries": queries,
}


def _place(order: Order) -> Gateway:
    merchant, gateway_key, certificate = (
        base64.b64decode(order[name]) for name in ("merchant", "gateway", "certificate")
    )
    keys = Keys(
        bits=order["bits"],
        merchant=merchant,
        gateway=gateway_key,
        certificate=certificate,
    )

    return Gateway(url=order["url"], keys=keys)


async def _main(name: str) -> None:
    # A connection each is more than most shells allow at first.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(await PARTS[name](json.load(sys.stdin))), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
