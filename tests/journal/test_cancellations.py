"""
Callers that are cancelled anywhere leave whole rows, no task and a full pool.
"""

from __future__ import annotations

import asyncio
import os
import random

import attrs
import pytest

from tests import orders


# Of the issue: 4,000 of receive, apply and journal, on the three databases together.
CANCELLATIONS = int(os.environ.get("UMFPAY_CANCELLATIONS", "40"))


@pytest.mark.timeout(900)
async def test_cancellations_leave_whole_rows_and_send_nothing_without_one(shop, paid):
    """
    What the gateway got has its row; a row that says "not sent" was not sent.
    """
    chance = random.Random(7)
    before = asyncio.all_tasks()
    session, journal = await shop.process()
    cancelled = 0

    for number in range(CANCELLATIONS):
        # No part of a signature looks like it.
        name = f"cancelled-refund-{number}-of-many"
        new = attrs.evolve(orders.refund(total="0.01"), mer_reference_id=name)
        call = asyncio.create_task(session.refunds.create(paid, new))
        await asyncio.sleep(chance.expovariate(1 / 0.01))
        call.cancel()
        await asyncio.wait({call})
        cancelled += call.cancelled()

    rows = [
        row for row in await shop.settled(journal) if row["call"] == "refunds.create"
    ]
    sent = str(shop.requests("/refund"))
    database = journal.database
    await asyncio.wait(database._binding.tasks or {asyncio.create_task(_nothing())})

    assert cancelled > CANCELLATIONS / 4
    assert {"ended", "unknown"} >= {row["state"] for row in rows}
    assert sent.count("mer_reference_id") <= len(rows)
    assert not [
        row
        for row in rows
        if row["outcome"] == "not_sent" and row["mer_reference_id"] in sent
    ]
    assert 0 == database._binding.engine.sync_engine.pool.checkedout()

    await session.aclose()
    await journal.aclose()

    assert asyncio.all_tasks() <= before


async def _nothing():
    pass
