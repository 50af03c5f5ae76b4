"""
What an inbox in a SQLite file keeps.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from datetime import date
from decimal import Decimal

import pytest

from umfpay.errors import NotificationError
from umfpay.models import Money, NewRefund
from umfpay.notifications._decision import Decision, Status
from umfpay.notifications._expectations import read_expectation
from umfpay.notifications._sqlite import SQLiteStore


ONCE = ["PAY_A TRADE_SUCCESS"]


@pytest.fixture(name="store")
async def _store(place):
    store = SQLiteStore(place.path)
    await store.open()
    yield store
    await store.aclose()


async def apply(stored, transaction):
    return Decision(Status.APPLIED)


async def test_an_event_is_added_once(store, event):
    """
    The second time it is there already.
    """
    assert await store.add(event) is True
    assert await store.add(event) is False


async def test_what_is_done_is_not_done_again(store, event):
    """
    Neither an event that was applied nor one that is unknown is processed.
    """
    await store.add(event)

    assert await store.process(event.key, apply) == Decision(Status.APPLIED)
    assert await store.process(event.key, apply) is None
    assert await store.process("unknown", apply) is None


async def test_a_new_expectation_replaces_the_old_one(open_shop, place, eventually):
    """
    The last word of the shop counts.
    """
    shop = await open_shop(place)
    await shop.expect(total="1.00")
    await shop.expect()
    await shop.receive()

    assert await eventually(lambda: place.effects() == ONCE)


async def test_expect_releases_in_the_same_moment(store, event, place):
    """
    A crash cannot come between the expectation and what it releases.
    """

    async def hold(stored, transaction):
        return Decision(Status.HELD)

    await store.add(event)
    await store.process(event.key, hold)
    assert await store.due(Status.READY, time.time()) == []
    expected, binding = read_expectation(
        "n1",
        amount=Money("3.00", "USD"),
        kind="payment",
        payment_id="PAY_A",
        refund_id=None,
    )
    place.run(
        "CREATE TRIGGER crash BEFORE UPDATE ON umf_events BEGIN SELECT raise(FAIL, 'crash'); END"
    )

    with pytest.raises(sqlite3.IntegrityError, match="crash"):
        await store.expect(expected, binding)

    assert place.run("SELECT count(*) FROM umf_expected") == [(0,)]
    assert place.run("SELECT count(*) FROM umf_bound") == [(0,)]
    place.run("DROP TRIGGER crash")
    await store.expect(expected, binding)

    assert await store.due(Status.READY, time.time()) == [event.key]


async def test_changed_returns_when_another_connection_has_written(store, place):
    """
    And at the end of its time if none has.
    """
    loop = asyncio.get_running_loop()
    await store.wait_for_change(5)
    start = loop.time()
    await store.wait_for_change(0.1)
    assert loop.time() >= start + 0.05

    waiting = asyncio.create_task(store.wait_for_change(1000))
    await asyncio.sleep(0.05)
    place.run("INSERT INTO effects VALUES ('x')")
    await waiting


async def test_a_closed_store_says_so(place, event):
    """
    Before open() and after aclose().
    """
    store = SQLiteStore(place.path)

    with pytest.raises(NotificationError, match="closed"):
        await store.add(event)

    with pytest.raises(NotificationError, match="closed"):
        await store.process(event.key, apply)


async def test_what_is_known_stays_known(store, event):
    """
    Who tells a number again, with less, takes nothing away but corrects the money.
    """
    refund = NewRefund(
        mer_reference_id="n1", mer_date=date(2026, 11, 23), amount=Money("1.00", "USD")
    )

    for what, amount, payment_id in (
        (refund, None, "PAY_A"),
        ("n1", Money("2.00", "USD"), None),
    ):
        expected, binding = read_expectation(
            what,
            amount=amount,
            kind="refund",
            payment_id=payment_id,
            refund_id="REF_A",
        )
        await store.expect(expected, binding)

    await store.add(event)
    known = (await store.find(event.key)).known.refund

    assert known.total == Decimal("2.00")
    assert known.mer_date == date(2026, 11, 23)
    assert known.payment_id == "PAY_A"
    assert (await store.binding("REF_A")).payment_id == "PAY_A"


async def test_no_body_stands_in_a_log(store, event, caplog):
    """
    aiosqlite logs each statement with its values; a payer's phone is in the body.
    """
    with caplog.at_level(logging.DEBUG):
        await store.add(event)

    [kept] = await store._list("WHERE e.key = ?", (event.key,))

    assert event.body == kept.body
    assert "INSERT INTO umf_events" in caplog.text
    assert repr(event.body)[2:-1] not in caplog.text
    assert f"({len(event.body)} bytes)" in caplog.text
