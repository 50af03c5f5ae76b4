"""
Callers that are cancelled anywhere leave whole transactions and a full pool.
"""

from __future__ import annotations

import asyncio
import os
import random

import pytest
from sqlalchemy import func, select

from umfpay.sql import insert_if_absent


CANCELLATIONS = int(os.environ.get("UMFPAY_CANCELLATIONS", "300"))
AT_ONCE = 7


@pytest.mark.timeout(600)
async def test_random_cancellations_leave_no_half_transaction(database):
    """
    Each inserts two rows: both are there or none, no task is left, nor a connection.
    """
    chance = random.Random(1)
    numbers = iter(range(CANCELLATIONS))

    def pair(number):
        async def work(connection):
            for half in ("a", "b"):
                values = {"merchant": f"{number}{half}", "record": "{}"}
                await insert_if_absent(connection, database.tables.tokens, values)
                await asyncio.sleep(chance.choice([0, 0, 0.001]))

        return work

    cancelled = 0

    async def call():
        nonlocal cancelled

        for number in numbers:
            task = asyncio.create_task(database.run(pair(number)))
            await asyncio.sleep(chance.expovariate(250))
            task.cancel()

            try:
                await task
            except asyncio.CancelledError:
                cancelled += 1

    async def halves(connection):
        column = database.tables.tokens.c.merchant
        number = func.substr(column, 1, func.length(column) - 1)
        rows = select(number).group_by(number).having(func.count() != 2)

        return (await connection.execute(rows)).all()

    await asyncio.gather(*(call() for _ in range(AT_ONCE)))
    binding = database._binding
    await asyncio.wait(binding.tasks or {asyncio.create_task(asyncio.sleep(0))})

    assert cancelled > CANCELLATIONS / 4
    assert [] == await database.run(halves, read_only=True)
    assert 0 == binding.engine.sync_engine.pool.checkedout()

    await database.aclose()

    assert {asyncio.current_task()} == asyncio.all_tasks()
