"""
The statements of the journal's table.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests import orders
from umfpay.journal import _rows
from umfpay.journal._rows import NOW


async def _create(shop, session, journal):
    await session.payments.create(orders.cashier_payment())
    await shop.settled(journal)

    return [made.cache_info().misses for made in (_rows._insertion, _rows._update)]


async def test_a_statement_is_made_for_the_first_call_only(shop, process):
    """
    To make it anew would cost more than to execute it.
    """
    made = await _create(shop, *process)

    assert made == await _create(shop, *process)


async def test_a_change_raises_the_fence_and_moments_are_the_databases(
    shop, process, paid
):
    """
    Who knows the row as it was writes in vain.
    """
    _, journal = process
    await shop.settled(journal)
    (entry,) = await journal.entries()
    which = {"position": entry.position, "fence": entry.fence}
    values = {"sent_at": timedelta(hours=1), "ended_at": NOW, "reason": "a test"}

    async def work(connection):
        return [await journal.rows.change(connection, which, values) for _ in range(2)]

    assert [True, False] == await journal.database.run(work)
    (changed,) = await journal.entries()
    assert (entry.fence + 1, "a test") == (changed.fence, changed.reason)
    ahead = changed.sent_at - changed.ended_at
    assert timedelta(minutes=59) < ahead <= timedelta(hours=1)
    assert abs(datetime.now(UTC) - changed.ended_at) < timedelta(minutes=5)
