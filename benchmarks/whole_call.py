"""
Whole calls: signed, verified and typed, against two peers that do the same RSA work.

A canned ASGI server answers in another process; every second call is a create, the
others are queries.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import attrs

from benchmarks._result import Figure, Result, ratio
from benchmarks.canned import Gateway, Keys, gateway
from benchmarks.peers import BareAiohttp, Newcomer, Ours, Peer


# Bits of both keys, and how many calls run at a time: all real keys that were seen
# have 1024 bits; the emulator makes 2048.
CONCURRENCY: Final = {1024: (1, 20, 100, 400), 2048: (100,)}
QUICK: Final = {1024: (1, 20)}


@attrs.frozen
class Speed:
    """
    Calls per second of one round: by the clock, and of this process's CPU.
    """

    wall: float
    cpu: float


async def burst(peer: Peer, *, calls: int, concurrency: int) -> Speed:
    """
    Make *calls* calls, *concurrency* at a time.
    """
    left = iter(range(calls))

    async def work() -> None:
        for number in left:
            await (peer.query() if number % 2 else peer.create())

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(concurrency)))

    return Speed(
        calls / (time.perf_counter() - wall), calls / (time.process_time() - cpu)
    )


async def paired(
    peers: Sequence[Peer],
    *,
    counts: Sequence[int],
    concurrency: int,
    rounds: int,
) -> list[list[Speed]]:
    """
    Let the peers take turns, in changing order; return each one's rounds.
    """
    found: list[list[Speed]] = [[] for _ in peers]

    for turn in range(-1, rounds):
        order = list(range(len(peers)))

        for index in order if turn % 2 else reversed(order):
            speed = await burst(
                peers[index], calls=counts[index], concurrency=concurrency
            )

            # The first turn opens connections.
            if turn >= 0:
                found[index].append(speed)

    return found


async def measure(place: Gateway, *, quick: bool) -> list[Figure]:
    """
    Return the figures of all concurrencies.
    """
    ours, bare, newcomer = Ours(place), BareAiohttp(place), Newcomer(place)
    figures: list[Figure] = []

    try:
        for concurrency in (QUICK if quick else CONCURRENCY)[place.keys.bits]:
            scale = 1 if quick else 10
            counts = [200 * scale, 200 * scale, (40 if quick else 20) * scale]
            many = max(1, concurrency // 100)
            rounds = await paired(
                (ours, bare, newcomer),
                counts=[count * many for count in counts],
                concurrency=concurrency,
                rounds=3 if quick else 15,
            )
            figures += _figures(concurrency, rounds, bits=place.keys.bits)
    finally:
        for peer in (ours, bare, newcomer):
            await peer.aclose()

    return figures


def _figures(
    concurrency: int, rounds: Sequence[Sequence[Speed]], *, bits: int
) -> list[Figure]:
    ours, bare, newcomer = rounds
    at = f"RSA-{bits}, at {concurrency}"

    return [
        *(
            Figure(
                label=f"{name}, {at}",
                unit="calls/s",
                rounds=[speed.wall for speed in speeds],
            )
            for name, speeds in (
                ("umfpay", ours),
                ("aiohttp", bare),
                ("httpx", newcomer),
            )
        ),
        ratio(
            f"umfpay / aiohttp, {at}, by the clock",
            [speed.wall for speed in ours],
            [speed.wall for speed in bare],
            target=0.9,
        ),
        ratio(
            f"umfpay / aiohttp, {at}, by CPU time",
            [speed.cpu for speed in ours],
            [speed.cpu for speed in bare],
            target=0.9,
        ),
        ratio(
            f"umfpay / httpx, {at}, by the clock",
            [speed.wall for speed in ours],
            [speed.wall for speed in newcomer],
            target=12 if concurrency == 100 else None,
        ),
        ratio(
            f"umfpay / httpx, {at}, by CPU time",
            [speed.cpu for speed in ours],
            [speed.cpu for speed in newcomer],
            target=12 if concurrency == 100 else None,
        ),
    ]


def run(*, quick: bool) -> Result:
    """
    Measure whole calls; *quick* takes a few seconds and proves nothing.
    """
    figures: list[Figure] = []

    for bits in QUICK if quick else CONCURRENCY:
        with gateway(Keys.make(bits)) as place:
            figures += asyncio.run(measure(place, quick=quick))

    return Result(
        name="whole_call",
        title="Whole calls: signed, verified, typed",
        figures=figures,
        notes=[
            (
                "Half of the calls are creates, half are queries, over plain HTTP on"
                " loopback; a canned server answers in another process."
            ),
            (
                "aiohttp: bare, the same RSA work by cryptography, json.loads; no"
                " retries, no deadline, no types. httpx: AsyncClient and pycryptodome."
            ),
            (
                "Where 0.9 of bare aiohttp is missed: objects are written and read by"
                " Python code that maps the gateway's many spellings, and the layers"
                " judge every answer; together they cost about as much as one RSA-1024"
                " signature. The longer the key, the less that weighs."
            ),
        ],
    )


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["whole_call"])
