"""
Rounds of calls that peers make in turns, by the clock and by CPU time.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import attrs

from benchmarks._cpu import cpu_seconds
from benchmarks.canned import Gateway
from benchmarks.orders import POOL
from benchmarks.peers import Peer


T = TypeVar("T")


@attrs.frozen
class Speed:
    """
    Calls per second of one round: by the clock, and of CPU time of the client's side.
    """

    clock: float
    cpu: float


class Caller:
    """
    Makes the calls of one peer: every second one a create, the others queries of the
    same order; after `POOL` orders it begins anew.
    """

    def __init__(self, peer: Peer, gateway: Gateway) -> None:
        self._peer = peer
        self._server = gateway.pid
        self._numbers = itertools.count()

    async def burst(self, *, calls: int, concurrency: int) -> Speed:
        """
        Make *calls* calls, *concurrency* at a time.
        """
        left = itertools.islice(self._numbers, calls)
        peer = self._peer

        async def work() -> None:
            for number in left:
                order = number // 2 % POOL
                await (peer.query(order) if number % 2 else peer.create(order))

        gc.collect()
        clock, cpu = time.perf_counter(), cpu_seconds(without=self._server)
        await asyncio.gather(*(work() for _ in range(concurrency)))
        cpu = cpu_seconds(without=self._server) - cpu

        return Speed(calls / (time.perf_counter() - clock), calls / cpu)


async def paired(
    callers: Sequence[Caller],
    *,
    calls: Sequence[int],
    concurrency: int,
    rounds: int,
) -> list[list[Speed]]:
    """
    Let the peers take turns, in changing order; return each one's rounds.

    Args:
        calls: How many each of them makes in a round.
    """
    found: list[list[Speed]] = [[] for _ in callers]

    for turn in range(-1, rounds):
        order = list(range(len(callers)))

        for index in order if turn % 2 else reversed(order):
            speed = await callers[index].burst(
                calls=calls[index], concurrency=concurrency
            )

            # The first turn opens connections.
            if turn >= 0:
                found[index].append(speed)

    return found


def run_loop(main: Callable[[], Coroutine[Any, Any, T]], *, uvloop: bool = False) -> T:
    """
    Run *main* on asyncio's loop, or on uvloop's.
    """
    factory = None

    if uvloop:
        import uvloop as library

        factory = library.new_event_loop

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())
