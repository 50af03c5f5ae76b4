"""
Two merchants of one database: neither sees, holds, ends nor deletes what is the other's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from tests import orders
from umfpay import UMFSession
from umfpay.emulator import Emulator
from umfpay.errors import ConfigError, DuplicateIntentError, OutcomeUnknownError
from umfpay.journal import Journal, JournalOutcome, Recovery
from umfpay.testing import emulator_transport


@pytest.fixture(name="neighbour")
async def _neighbour(shop, credentials, tmp_path):
    """
    The session and journal of another merchant, with an emulator of its own.
    """
    emulator = Emulator(credentials=attrs.evolve(credentials, client_id="neighbour"))
    config = shop.config(
        client_id="neighbour",
        base_url=emulator.base_url,
        token_store=str(tmp_path / "other-token"),
    )
    transport = emulator_transport(emulator)

    async with (
        Journal(shop.url) as journal,
        UMFSession(config, transport=transport, journal=journal) as session,
    ):
        yield session, journal

    await emulator.aclose()


async def test_the_same_intent_is_taken_for_each_of_them_alone(
    shop, process, neighbour
):
    """
    Both sell an order of that name; neither sells it twice.
    """
    for session, journal in (process, neighbour):
        await session.payments.create(orders.cashier_payment(), intent_id="order 1")
        await journal.endings.drain(20)

        with pytest.raises(DuplicateIntentError):
            await session.payments.create(orders.cashier_payment(), intent_id="order 1")

    ours, theirs = [await one.entries() for _, one in (process, neighbour)]
    assert 1 == len(ours) == len(theirs)
    assert ours[0].position != theirs[0].position


async def test_recovery_works_on_the_rows_of_its_merchant(
    shop, process, paid, neighbour
):
    """
    Neither their leases nor their unknown ends are touched.
    """
    session, journal = process
    shop.fault("drop_after", path="refund")

    with pytest.raises(OutcomeUnknownError):
        await session.refunds.create(paid, orders.refund())

    shop.fault(None)
    before = await shop.settled(journal)
    await shop.lapse()
    their_session, their_journal = neighbour

    assert 0 == await Recovery(their_session, their_journal).run_once()
    assert [row["fence"] for row in before] == [
        row["fence"] for row in await shop.rows()
    ]
    assert not await their_journal.open_items()
    assert 1 == await Recovery(session, journal).run_once()


async def test_a_person_decides_about_rows_of_one_merchant(
    shop, process, paid, neighbour
):
    """
    A number of another merchant's row is not there; nothing of it is pruned.
    """
    _, journal = process
    _, their_journal = neighbour
    rows = await shop.settled(journal)

    for outcome in (JournalOutcome.FORGOTTEN, JournalOutcome.EXECUTED):
        with pytest.raises(ConfigError, match="none of this merchant"):
            await their_journal.decide(rows[0]["position"], outcome, reason="a mistake")

    assert 0 == await their_journal.prune(older_than=timedelta(0))
    assert len(rows) == len(await shop.rows())


async def test_a_card_is_kept_for_one_merchant(shop, process, neighbour):
    """
    Ids of payments may be the same in test and production.
    """
    later = datetime.now(UTC) + timedelta(minutes=5)
    ours, theirs = process[1].sealed, neighbour[1].sealed
    await ours.keep("PAY_1", "ours", mer_reference_id="1", expires_at=later)
    await theirs.keep("PAY_1", "theirs", mer_reference_id="1", expires_at=later)
    sealed, merchant = shop.database.tables.sealed, process[1].rows.merchant
    await shop.change(sealed.delete().where(sealed.c.merchant != merchant))

    assert ("ours", None) == (await ours.find("PAY_1"), await theirs.find("PAY_1"))
