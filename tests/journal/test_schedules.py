"""
A process dies at any of its steps, and the next one goes on: no intent leaves twice.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from contextlib import AsyncExitStack, suppress

import httpx
import orders
import pytest

from umfpay.errors import UMFError
from umfpay.journal import Recovery
from umfpay.journal._record import JournaledCall


class Mortal:
    """
    The steps of one process to network and database; in one of them it dies.
    """

    def __init__(self, last_step):
        self._last_step = last_step
        self._steps = itertools.count(1)
        self._hanging = []
        self.died = asyncio.Event()

    async def step(self):
        """
        Go on, or be dead from now on: nothing is done any more.
        """
        if next(self._steps) == self._last_step:
            self.died.set()

        if self.died.is_set():
            self._hanging.append(asyncio.get_running_loop().create_future())
            await self._hanging[-1]

    def network(self, inner):
        return _MortalNetwork(self, inner)

    def use(self, database):
        run = database.run

        async def mortal(work, **options):
            await self.step()
            done = await run(work, **options)
            await self.step()

            return done

        database.run = mortal

    def bury(self):
        for one in self._hanging:
            one.cancel()


class _MortalNetwork(httpx.AsyncBaseTransport):
    def __init__(self, mortal, inner):
        self._mortal = mortal
        self._inner = inner

    async def handle_async_request(self, request):
        await self._mortal.step()
        response = await self._inner.handle_async_request(request)
        await self._mortal.step()

        return response

    async def aclose(self):
        await self._inner.aclose()


@pytest.fixture(autouse=True)
def _without_patience(monkeypatch):
    """
    The dead write nothing more.
    """
    monkeypatch.setattr("umfpay.journal._journal._DRAIN_SECONDS", 0.05)


@pytest.fixture(name="tables_url")
def _tables_url(tmp_path):
    """
    SQLite alone: what is tried here are steps of a process, not a server.
    """
    return f"sqlite+aiosqlite:///{tmp_path}/shop.db"


async def _schedule(shop, payment_id, seed):
    """
    Return how often the intent of *seed* left, and its rows.
    """
    rng = random.Random(seed)
    intent = f"return {seed}"
    before = len(shop.sent("/refund"))
    mortal = Mortal(rng.randrange(1, 9))

    async with AsyncExitStack() as stack:
        shop._stack = stack
        session, journal = await shop.process(wrap=mortal.network)
        mortal.use(journal.database)
        call = asyncio.create_task(
            session.refunds.create(
                payment_id, orders.refund(total="0.01"), intent_id=intent
            )
        )
        died = asyncio.create_task(mortal.died.wait())
        await asyncio.wait({call, died}, return_when=asyncio.FIRST_COMPLETED)
        # One that was answered may die before its end is written.
        await asyncio.sleep(0.02 if call.done() else 0)

        for task in (call, died):
            task.cancel()

        await asyncio.wait({call, died})
        mortal.died.set()
        mortal.bury()
        await asyncio.sleep(0.01)
        mortal.bury()
        await shop.lapse()
        session, journal = await shop.process()
        await Recovery(session, journal).run_once()

        with suppress(UMFError):
            await session.refunds.create(
                payment_id, orders.refund(total="0.01"), intent_id=intent
            )

        rows = [row for row in await shop.rows() if row["intent_id"] == intent]

    return len(shop.sent("/refund")) - before, rows


@pytest.mark.timeout(300)
async def test_wherever_a_process_dies_an_intent_leaves_once(shop, paid):
    """
    What left has its row, and the next process finds it.
    """
    for seed in range(40):
        left, rows = await _schedule(shop, paid, seed)

        assert left <= 1, seed
        assert left <= len(rows), seed


@pytest.mark.timeout(300)
async def test_a_build_without_the_commit_is_caught(shop, paid, monkeypatch):
    """
    Within 200 schedules an intent leaves twice.
    """

    async def write(self, *, deadline):
        """
        Nothing: the mistake.
        """

    monkeypatch.setattr(JournaledCall, "is_valid", lambda self: True)

    for seed in range(200):
        with monkeypatch.context() as broken:
            broken.setattr(JournaledCall, "write", write)
            left, rows = await _schedule(shop, paid, seed)

        if left > len(rows) or left > 1:
            break
    else:
        pytest.fail("it was not caught")
