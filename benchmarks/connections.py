"""
How many connections does a burst of calls open over TLS, how fast is it, and how long
does the unluckiest call wait?

The canned server counts connections and handshakes; queries only, so that RSA does not
hide the network. Against bare aiohttp, one `httpx.AsyncClient`, and a session per call.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from benchmarks._result import Figure, Result, ratio
from benchmarks.canned import Gateway, Keys, gateway
from benchmarks.orders import payment_id
from benchmarks.peers import BareAiohttp, Newcomer, Ours, Peer, Request, seen
from umfpay import UMFSession
from umfpay.tokens import MemoryTokenStore


NAMES: Final = (
    "umfpay, one session",
    "aiohttp, one session",
    "httpx, one client",
    "umfpay, a session per call",
)
FAIR: Final = 4.0
_BITS: Final = 1024
_ORDERS: Final = 100
_FAST: Final = NAMES[:2]

Query = Callable[[int], Awaitable[object]]


@attrs.frozen(kw_only=True)
class Burst:
    """
    What a burst of calls did.

    Args:
        p50: Seconds a call took, in the middle, its wait for a connection included.
        p99: Seconds that one call in a hundred took, or more.
    """

    speed: float
    p50: float
    p99: float
    connections: int
    handshakes: int


def _counted(place: Gateway) -> dict[str, int]:
    counts: dict[str, int] = json.loads(place.ask("counted"))

    return counts


async def burst(place: Gateway, query: Query, *, calls: int, concurrency: int) -> Burst:
    """
    Make *calls* calls, *concurrency* at a time, and ask the server what it saw.

    A first call of each caller opens the connections; it is in no time.
    """
    before = _counted(place)
    await asyncio.gather(*(query(0) for _ in range(concurrency)))
    left = iter(range(calls))
    took: list[float] = []

    async def work() -> None:
        for number in left:
            started = time.perf_counter()
            await query(number % _ORDERS)
            took.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    seconds = time.perf_counter() - started
    after = _counted(place)
    cuts = statistics.quantiles(took, n=100)

    return Burst(
        speed=calls / seconds,
        p50=cuts[49],
        p99=cuts[98],
        # Each question came over a connection of its own: the second is in the count.
        connections=after["connections"] - before["connections"] - 1,
        handshakes=after["handshakes"] - before["handshakes"] - 1,
    )


@attrs.frozen(kw_only=True)
class Plan:
    """
    How much is measured.

    Args:
        pool: Connections that each client may open.
        slower: By how much the slow ones make fewer calls.
    """

    concurrency: Sequence[int] = (1, 50, 400)
    pool: int = 100
    calls: int = 4_000
    slower: int = 5
    rounds: int = 3


QUICK: Final = Plan(concurrency=(1, 50), pool=20, calls=200, rounds=1)


async def measure(place: Gateway, plan: Plan) -> list[Figure]:
    """
    Return the figures of all concurrencies.
    """
    figures: list[Figure] = []
    ours = Ours(place, pool=1)
    like = await seen(ours, place)
    await ours.aclose()

    for concurrency in plan.concurrency:
        found: dict[str, list[Burst]] = {name: [] for name in NAMES}

        for _ in range(plan.rounds):
            for name, bursts in found.items():
                calls = plan.calls // (1 if name in _FAST else plan.slower)
                bursts.append(await _fresh(place, name, like, plan, calls, concurrency))

        figures += _figures(concurrency, plan.pool, found)

    return figures


async def _fresh(
    place: Gateway,
    name: str,
    like: Sequence[Request],
    plan: Plan,
    calls: int,
    concurrency: int,
) -> Burst:
    peer: Peer

    if name == "umfpay, one session":
        peer = Ours(place, pool=_ORDERS, max_connections=plan.pool)
    elif name == "aiohttp, one session":
        peer = BareAiohttp(place, like, connections=plan.pool)
    elif name == "httpx, one client":
        peer = Newcomer(place, like, connections=plan.pool)
    else:
        return await _per_call(place, calls, concurrency)

    try:
        return await burst(place, peer.query, calls=calls, concurrency=concurrency)
    finally:
        await peer.aclose()


async def _per_call(place: Gateway, calls: int, concurrency: int) -> Burst:
    # One token for all, so that only the connections differ.
    config = place.config(token_store=MemoryTokenStore())

    async def query(number: int) -> object:
        async with UMFSession(config) as session:
            return await session.payments.get(payment_id(number))

    return await burst(place, query, calls=calls, concurrency=concurrency)


def _figures(
    concurrency: int, pool: int, found: Mapping[str, Sequence[Burst]]
) -> list[Figure]:
    at = f"at {concurrency}"
    figures: list[Figure] = []

    for name, bursts in found.items():
        bound: dict[str, Any] = (
            {"target": float(pool), "below": True, "exact": True}
            if name == NAMES[0]
            else {}
        )
        figures += [
            Figure(
                label=f"{name}, {at}: connections",
                unit="opened",
                rounds=[one.connections for one in bursts],
                **bound,
            ),
            Figure(
                label=f"{name}, {at}: full handshakes",
                unit="made",
                rounds=[one.handshakes for one in bursts],
            ),
            Figure(
                label=f"{name}, {at}",
                unit="calls/s",
                rounds=[one.speed for one in bursts],
            ),
        ]

    ours = [one.speed for one in found[NAMES[0]]]
    figures += [
        ratio(f"one session / {name}, {at}", ours, [one.speed for one in found[name]])
        for name in NAMES[1:]
    ]

    if concurrency > pool:
        figures += _waits(at, found)

    return figures


def _waits(at: str, found: Mapping[str, Sequence[Burst]]) -> Iterator[Figure]:
    # Where callers wait for connections: is whoever has waited longest served first?
    for name in NAMES[:-1]:
        p50 = [one.p50 * 1e3 for one in found[name]]
        p99 = [one.p99 * 1e3 for one in found[name]]
        target = FAIR if name == NAMES[0] else None

        yield Figure(label=f"{name}, {at}: p50", unit="ms", rounds=p50)
        yield Figure(label=f"{name}, {at}: p99", unit="ms", rounds=p99)
        yield ratio(f"{name}, {at}: p99 / p50", p99, p50, target=target, below=True)


def run(*, quick: bool) -> Result:
    """
    Measure connection reuse; *quick* takes a few seconds and proves nothing.
    """
    plan = QUICK if quick else Plan()

    with gateway(Keys.make(_BITS), tls=True, pool=_ORDERS) as place:
        figures = asyncio.run(measure(place, plan))

    return Result(
        name="connections",
        title="Connection reuse over TLS, and who waits longest",
        figures=figures,
        notes=[
            (
                f"A pool of {plan.pool} for all, made anew for each round; the first call of a"
                " session opens a connection for the token, too, and keeps it. httpx and"
                " a session per call make fewer calls: they are slow."
            ),
            (
                "p99 / p50 is about fairness: callers share fewer connections than they are,"
                " and whoever has waited longest should be served first."
            ),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["connections"])
