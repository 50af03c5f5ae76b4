"""
The journal: calls per second with it and without, in the same rounds.

A recorded call commits its row before it leaves, and its end afterwards; a round ends
when all ends are written. The gateway is `benchmarks.canned`, in a process of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from typing import Final

from benchmarks._databases import databases
from benchmarks._in_process import authorized
from benchmarks._result import Figure, Result, ratio
from benchmarks.canned import Gateway, Keys, gateway
from benchmarks.orders import POOL, new_payment
from umfpay import UMFSession
from umfpay.journal import Journal
from umfpay.models import NewPayment
from umfpay.sql import Database


CALLERS: Final = (1, 20)


def run(*, quick: bool) -> Result:
    """
    Run it on SQLite, PostgreSQL and MariaDB.
    """
    count, rounds = (60, 1) if quick else (1000, 5)
    figures = []

    with gateway(Keys.make(1024)) as place:
        for name, url in databases():
            with url as address:
                figures += asyncio.run(_measure(place, name, address, count, rounds))

    return Result(name="journal", title="Calls with a journal", figures=figures)


async def _measure(
    place: Gateway, name: str, url: str, count: int, rounds: int
) -> list[Figure]:
    config = place.config(token_store=await authorized())
    orders = [new_payment(number) for number in range(POOL)]
    numbers = itertools.count()
    figures = []

    async with Database(url) as database:
        await database.create_tables()

    async with (
        Journal(url) as journal,
        UMFSession(config, journal=journal) as recorded,
        UMFSession(config) as plain,
    ):
        for callers in CALLERS:
            ours, theirs = [], []
            # Neither pays for its connections.
            await _calls(plain, orders, numbers, callers, callers)
            await _calls(recorded, orders, numbers, callers, callers)

            for _ in range(rounds):
                seconds = await _calls(plain, orders, numbers, callers, count)
                theirs.append(count / seconds)
                begun = time.perf_counter()
                await _calls(recorded, orders, numbers, callers, count)
                await journal.endings.drain(60)
                ours.append(count / (time.perf_counter() - begun))

            of = f"{name}, {callers} caller{'s' if callers > 1 else ''}"
            figures += [
                Figure(label=f"{of}: with a journal", unit="calls/s", rounds=ours),
                Figure(label=f"{of}: without", unit="calls/s", rounds=theirs),
                ratio(f"{of}: ratio", ours, theirs),
            ]

    return figures


async def _calls(
    session: UMFSession,
    orders: list[NewPayment],
    numbers: Iterator[int],
    callers: int,
    count: int,
) -> float:
    """
    Return the seconds that *count* creates by so many callers take.
    """
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            number = next(numbers)
            await session.payments.create(
                orders[number % POOL], intent_id=f"order {number}"
            )

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(callers)))

    return time.perf_counter() - begun
