"""
Card payments and refunds with a journal: one code, one intent, no card left behind.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from tests import orders
from umfpay.errors import (
    DuplicateIntentError,
    OutcomeUnknownError,
    PendingExpiredError,
    WrongCodeError,
)
from umfpay.flows import begin_card_payment, confirm_card_payment, refund
from umfpay.models import Money


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr("umfpay.flows._payment_outcome.QUERY_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("umfpay.flows._payment_outcome.DATA_LAG_SECONDS", 0.01)


def _card():
    return orders.card().payer_info.bank_card


def _wrong(code):
    return "000000" if code != "000000" else "000001"


@pytest.mark.parametrize("intent_id", [None, "order 42"])
async def test_after_a_wrong_code_the_next_one_passes(shop, process, intent_id):
    """
    In another process, too, by the payment's id alone.
    """
    session, journal = process
    pending = await begin_card_payment(session, orders.order(), _card())
    code = shop.sms_code(pending.payment_id)

    with pytest.raises(WrongCodeError) as caught:
        await confirm_card_payment(
            session, pending.payment_id, _wrong(code), intent_id=intent_id
        )

    assert 2 == caught.value.attempts_left
    await shop.settled(journal)
    other, its_journal = await shop.process()
    paid = await confirm_card_payment(
        other, pending.payment_id, code, intent_id=intent_id
    )
    rows = await shop.settled(its_journal)

    assert "TRADE_SUCCESS" == paid.state
    assert ["executed", "refused", "executed"] == [row["outcome"] for row in rows]
    assert "00200005" == rows[1]["refusal_code"]
    assert "query" == rows[1]["decided_by"]
    # Nothing of the card is left.
    assert not await shop.rows("sealed")

    # Whoever confirms it once more hears that it is paid.
    again = await confirm_card_payment(other, pending.payment_id, code)
    assert ("TRADE_SUCCESS", pending.payment_id) == (again.state, again.id)
    assert len(rows) == len(await shop.settled(its_journal))


async def test_a_payment_of_which_nothing_is_kept_is_begun_again(shop, process):
    """
    Unless it is paid: then it is never said that it has expired.
    """
    session, _ = process
    pending = await begin_card_payment(session, orders.order(), _card())
    code = shop.sms_code(pending.payment_id)
    await shop.change(shop.database.tables.sealed.delete())

    with pytest.raises(PendingExpiredError, match="nothing is kept"):
        await confirm_card_payment(session, pending.payment_id, code)

    shop.pay(pending.payment_id)
    paid = await confirm_card_payment(session, pending.payment_id, code)
    assert "TRADE_SUCCESS" == paid.state


async def test_a_code_is_not_sent_while_another_is_open(shop, process):
    """
    Whoever reads a pending payment that knows nothing of it finds the row.
    """
    session, journal = process
    pending = await begin_card_payment(session, orders.order(), _card())
    stale = pending.to_json()
    code = shop.sms_code(pending.payment_id)
    shop.fault("drop_before", path="execute|PAY_", method="POST")

    with pytest.raises(OutcomeUnknownError):
        await confirm_card_payment(session, pending, code, deadline=3)

    shop.fault(None)
    await shop.settled(journal)
    other, _ = await shop.process()

    with pytest.raises(DuplicateIntentError):
        await confirm_card_payment(other, type(pending).from_json(stale), code)

    paid = await confirm_card_payment(
        other, type(pending).from_json(stale), code, allow_repeat=True
    )
    assert "TRADE_SUCCESS" == paid.state


async def test_a_card_payment_is_begun_by_the_row_of_the_orders_transaction(
    shop, process
):
    """
    The order changes and the intent is taken by one commit; a second click sends nothing.
    """
    session, journal = process

    async def begin(connection):
        return await journal.begin(connection, "pay 42")

    recorded = await shop.database.run(begin)
    pending = await journal.send_recorded(
        recorded, begin_card_payment, session, orders.order(), _card()
    )
    rows = await shop.settled(journal)

    assert [("pay 42", "executed")] == [(r["intent_id"], r["outcome"]) for r in rows]
    assert pending.payment_id == rows[0]["payment_id"]

    with pytest.raises(DuplicateIntentError):
        await begin_card_payment(session, orders.order(), _card(), intent_id="pay 42")

    assert 1 == len(shop.requests("/payment"))


async def test_what_is_kept_of_a_card_is_sealed(shop, process):
    """
    Until the payment has ended; an SMS code is not kept at all.
    """
    session, _ = process
    pending = await begin_card_payment(session, orders.order(), _card())
    (row,) = await shop.rows("sealed")

    assert pending.payment_id == row["payment_id"]
    assert pending.mer_reference_id == row["mer_reference_id"]

    for canary in ("6227000000000005", "张三", orders.ID_NUMBER, "15210838198", "123"):
        assert f'"{canary}"' not in row["document"]


async def test_a_slower_process_keeps_no_card_of_what_was_paid(shop, process):
    """
    It read the pending payment before another one paid, and would keep it afterwards.
    """
    session, journal = process
    pending = await begin_card_payment(session, orders.order(), _card())
    stale = pending.to_json()
    await confirm_card_payment(session, pending, shop.sms_code(pending.payment_id))
    await shop.settled(journal)
    _, its_journal = await shop.process()
    await its_journal.sealed.keep(
        pending.payment_id,
        stale,
        mer_reference_id=pending.mer_reference_id,
        expires_at=pending.expires_at,
    )

    assert not await shop.rows("sealed")


async def test_of_two_that_keep_a_payment_at_once_the_later_is_kept(shop, process):
    """
    The second one waits for the first one's commit, or does not see what it has written.
    """
    _, journal = process
    sealed, rows = journal.sealed, journal.database.tables.sealed
    kept = {"mer_reference_id": "n1", "expires_at": datetime(2090, 1, 1, tzinfo=UTC)}

    async def first(connection):
        await connection.execute(
            rows.insert().values(
                merchant=sealed.merchant,
                payment_id="PAY_A",
                document="first",
                expires_at=4 * 10**15,
            )
        )
        second = asyncio.create_task(sealed.keep("PAY_A", "second", **kept))
        await asyncio.sleep(0.2)

        return second

    await (await shop.database.run(first))
    assert "second" == await sealed.find("PAY_A")


async def test_a_refund_flow_has_one_intent(shop, process, paid):
    """
    A second click refunds nothing.
    """
    session, journal = process

    async def give_back(number):
        return await refund(
            session,
            paid,
            mer_reference_id=number,
            mer_date=orders.DAY,
            amount=Money("1.00", "USD"),
            already={},
            intent_id="return 42",
            deadline=0.5,
        )

    with pytest.raises(Exception, match=r"deadline|final"):
        await give_back("R-1")

    await shop.settled(journal)

    with pytest.raises(DuplicateIntentError):
        await give_back("R-2")

    assert 1 == len(shop.requests("/refund"))
    assert "" == (await shop.rows())[-1]["known_refunds"]
