"""
What a crash or a lost answer left open comes to its end, once, whoever works on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta

import httpx
import pytest

from tests import orders
from umfpay.errors import (
    APIError,
    ConfigError,
    DatabaseUnavailableError,
    DuplicateIntentError,
    OutcomeUnknownError,
)
from umfpay.journal import Journal, Recovery
from umfpay.notifications import NotificationInbox, NotificationReceiver


HOUR = 3_600_000_000


async def _unclear(shop, session, journal, call, *, kind="drop_after", path):
    shop.fault(kind, path=path, method="POST")

    with pytest.raises(OutcomeUnknownError):
        await call

    shop.fault(None)
    await shop.settled(journal)


async def _execute(shop, session, number="6227000000000005"):
    new = orders.card_payment()
    payment = await session.payments.create(new)
    await session.payments.verify(payment.id, orders.card())

    return payment.id, session.payments.execute(
        payment.id, orders.card(shop.sms_code(payment.id))
    )


async def test_an_execute_whose_answer_was_lost_is_found(shop, process):
    """
    By a query; the handler is called with the paid payment, once for each of its calls.
    """
    session, journal = process
    _, call = await _execute(shop, session)
    await _unclear(shop, session, journal, call, path="execute")
    heard = []

    @journal.settled
    async def note(entry, found, transaction):
        heard.append((entry.call, getattr(found, "state", None)))

    recovery = Recovery(session, journal)
    await recovery.run_once()
    row = (await shop.rows())[-1]
    assert ("ended", "executed", "query") == (
        row["state"],
        row["outcome"],
        row["decided_by"],
    )

    await shop.lapse()
    await recovery.run_once()
    await recovery.run_once()
    assert {
        ("payments.create", "TRADE_SUCCESS"),
        ("payments.execute", "TRADE_SUCCESS"),
    } == {*heard}
    assert 2 == len(heard)
    assert all(row["settled_at"] for row in await shop.rows())
    assert 1 == len(shop.requests("/execute"))


async def test_a_row_of_a_dead_sender_waits_for_its_lease(shop, process, paid):
    """
    Who may still send is left alone.
    """
    session, journal = process
    await _unclear(
        shop,
        session,
        journal,
        session.refunds.create(paid, orders.refund()),
        path="refund",
    )
    table = shop.database.tables.journal
    await shop.change(
        table.update()
        .where(table.c.call == "refunds.create")
        .values(state="sending", lease_until=shop.database.now + HOUR)
    )
    recovery = Recovery(session, journal)

    assert 0 == await recovery.run_once()

    await shop.change(table.update().values(lease_until=shop.database.now - 1_000_000))
    assert 1 == await recovery.run_once()
    # The gateway's list may have it already.
    row = (await shop.rows())[-1]
    assert row["state"] in ("unknown", "ended")
    assert 3 == row["fence"]


async def test_what_was_begun_and_never_sent_ends_so(shop, process):
    """
    Its process died; nobody else sends it.
    """
    session, journal = process

    async def work(connection):
        return await journal.begin(connection, "return 9")

    await shop.database.run(work)
    recovery = Recovery(session, journal)
    await recovery.run_once()
    assert "recorded" == (await shop.rows())[-1]["state"]

    await shop.lapse()
    await recovery.run_once()
    row = (await shop.rows())[-1]
    assert ("ended", "not_sent", None) == (
        row["state"],
        row["outcome"],
        row["open_intent"],
    )


async def test_workers_share_the_work(shop, process, paid):
    """
    Eight of them: each row is settled once.
    """
    session, journal = process

    for _ in range(8):
        await session.refunds.create(paid, orders.refund(total="0.10"))

    rows = await shop.settled(journal)

    for row in rows:
        if row["call"] == "refunds.create":
            # The emulator may have been faster.
            with contextlib.suppress(ConfigError):
                shop.emulator.control(
                    "POST", f"/refunds/{row['object_id']}/succeed", {}
                )

    await shop.lapse()
    heard = []
    workers = []

    for _ in range(8):
        its_session, its_journal = await shop.process()

        @its_journal.settled
        async def note(entry, found, transaction):
            heard.append(entry.position)

        workers.append(Recovery(its_session, its_journal))

    await asyncio.gather(*(one.run_once() for one in workers))

    # Who lost a race for a lock finds it done at the next look.
    for one in workers:
        await one.run_once()

    assert sorted(row["position"] for row in rows) == sorted(heard)


@pytest.mark.parametrize("error", [RuntimeError("wrong"), asyncio.CancelledError()])
async def test_a_handler_that_fails_is_called_again(shop, process, error):
    """
    Nothing of it was kept; what it awaits may be cancelled, the recovery is not.
    """
    session, journal = process
    payment = await session.payments.create(orders.cashier_payment())
    shop.close(payment.id)
    await shop.settled(journal)
    calls = []

    @journal.settled
    async def note(entry, found, transaction):
        calls.append(entry.position)

        if len(calls) == 1:
            raise error

    recovery = Recovery(session, journal)

    for _ in range(3):
        await shop.lapse()
        await recovery.run_once()

    assert 2 == len(calls)


async def test_a_handler_of_other_arguments_is_refused(shop, process):
    """
    When it is given, not in the night when it would be called.
    """
    _, journal = process

    async def note(entry, found):
        pass

    with pytest.raises(ConfigError, match="settled: it must take 3"):
        journal.settled(note)


async def test_a_bug_does_not_end_the_recovery(shop, process, monkeypatch, caplog):
    """
    It is logged, and the next look is taken.
    """
    session, journal = process
    recovery = Recovery(session, journal, look_every=0.01)
    looked = asyncio.Event()
    looks = []

    async def run_once(self):
        looks.append(1)

        if len(looks) == 1:
            raise ZeroDivisionError

        looked.set()

        return 0

    monkeypatch.setattr(Recovery, "run_once", run_once)

    async with recovery, asyncio.timeout(30):
        await looked.wait()

    assert "recovery failed; it goes on" in caplog.text


async def test_a_bug_leaves_no_other_row_unattended(shop, process, monkeypatch):
    """
    What one row meets is raised when the others have been looked at.
    """
    session, journal = process
    await _begun(shop, journal, 3)
    advance, done = Recovery.advance, []

    async def fail(self, entry):
        if entry.intent_id == "return 0":
            raise ZeroDivisionError

        await advance(self, entry)
        done.append(entry.intent_id)

    monkeypatch.setattr(Recovery, "advance", fail)

    with pytest.raises(ZeroDivisionError):
        await Recovery(session, journal).run_once()

    assert {"return 1", "return 2"} == {*done}


async def test_a_database_that_takes_no_claims_ends_the_look(
    shop, process, monkeypatch
):
    """
    Its disk may be full: as many rows as make the next look follow at once are no reason
    to ask it without rest, and without a word in the log.
    """
    session, journal = process
    await _begun(shop, journal, 20)

    async def refuse(self, entry):
        raise DatabaseUnavailableError("full", "已满")

    monkeypatch.setattr(Recovery, "_claim", refuse)

    with pytest.raises(DatabaseUnavailableError):
        await Recovery(session, journal).run_once()


async def _begun(shop, journal, count):
    """
    Leave rows that were begun by a process that has died.
    """
    for number in range(count):
        await shop.database.run(
            lambda connection, number=number: journal.begin(
                connection, f"return {number}"
            )
        )

    await shop.lapse()


async def test_a_payment_that_was_created_is_followed_until_it_is_closed(shop, process):
    """
    Nobody notifies of that: an order that is never paid ends, too.
    """
    session, journal = process
    payment = await session.payments.create(orders.cashier_payment())
    await shop.settled(journal)
    heard = []

    @journal.settled
    async def note(entry, found, transaction):
        heard.append((entry.call, found.id, str(found.state)))

    recovery = Recovery(session, journal)
    await shop.lapse()
    await recovery.run_once()
    assert not heard

    shop.close(payment.id)
    await shop.lapse()
    await recovery.run_once()
    await shop.lapse()
    await recovery.run_once()

    assert [("payments.create", payment.id, "TRADE_CLOSED")] == heard


async def test_what_is_not_final_after_days_is_followed_ever_more_rarely(shop, process):
    """
    Banks give back after weeks: it is asked about each time it is older by a tenth.
    """
    session, journal = process
    payment = await session.payments.create(orders.cashier_payment())
    await shop.settled(journal)
    heard = []

    @journal.settled
    async def note(entry, found, transaction):
        heard.append((found.id, str(found.state)))

    table = shop.database.tables.journal
    old = table.update().values(created_at=table.c.created_at - 100 * HOUR)
    await shop.change(old)
    await shop.lapse()
    recovery = Recovery(session, journal)
    await recovery.run_once()
    row = (await shop.rows())[-1]
    assert not heard
    assert 9 * HOUR < row["next_at"] - row["updated_at"] < 11 * HOUR

    shop.close(payment.id)
    await shop.change(table.update().values(next_at=table.c.next_at - 11 * HOUR))
    await recovery.run_once()
    assert [(payment.id, "TRADE_CLOSED")] == heard


async def test_a_create_nobody_can_pay_any_more_was_not_executed(shop, process):
    """
    Its order's time is over, and no list has it.
    """
    session, journal = process
    await _unclear(
        shop,
        session,
        journal,
        session.payments.create(orders.cashier_payment()),
        path="payment$",
    )
    recovery = Recovery(session, journal)
    await recovery.run_once()
    assert "unknown" == (await shop.rows())[-1]["state"]

    table = shop.database.tables.journal
    await shop.change(
        table.update().values(
            created_at=table.c.created_at - HOUR, expires_at=table.c.expires_at - HOUR
        )
    )
    await shop.lapse()
    await recovery.run_once()
    row = (await shop.rows())[-1]
    assert ("not_executed", "transactions") == (row["outcome"], row["decided_by"])


async def test_money_that_stays_unclear_is_left_to_a_person(
    shop, process, paid, caplog
):
    """
    It stays open and is listed; whatever moves none is closed after a day.
    """
    session, journal = process
    await _unclear(
        shop,
        session,
        journal,
        session.refunds.create(paid, orders.refund()),
        kind="drop_before",
        path="refund",
    )
    await _unclear(
        shop,
        session,
        journal,
        session.payments.update_express_info(paid, orders.parcels()),
        path="express",
    )
    table = shop.database.tables.journal
    await shop.change(
        table.update()
        .where(table.c.state == "unknown")
        .values(created_at=table.c.created_at - 100 * HOUR)
    )
    await shop.lapse()
    recovery = Recovery(session, journal)

    with caplog.at_level(logging.WARNING, "umfpay"):
        await recovery.run_once()

    assert 1 == sum("needs a person" in one.message for one in caplog.records)
    await shop.lapse()
    assert 0 == await recovery.run_once()
    money, parcels = await journal.open_items()
    assert (True, True, True) == (
        money.needs_person,
        money.is_alarming,
        money.is_taken,
    )
    assert all(one.reason for one in (money, parcels))
    assert ("unknown", False) == (parcels.outcome, parcels.is_alarming)
    assert money.age > timedelta(days=4)


class Slow(httpx.AsyncBaseTransport):
    """
    A network that keeps the answer to a refund back.
    """

    def __init__(self, inner):
        self._inner = inner
        self.is_answered = asyncio.Event()

    async def handle_async_request(self, request):
        response = await self._inner.handle_async_request(request)

        if request.url.path.endswith("/refund"):
            await self.is_answered.wait()

        return response

    async def aclose(self):
        await self._inner.aclose()


async def test_who_lost_the_row_writes_in_vain(shop, paid):
    """
    Its fence is old: the one that took it over decides.
    """
    networks = []

    def wrap(inner):
        networks.append(Slow(inner))

        return networks[0]

    session, journal = await shop.process(wrap=wrap)
    call = asyncio.create_task(session.refunds.create(paid, orders.refund()))

    while not shop.requests("/refund"):
        await asyncio.sleep(0.01)

    await shop.lapse()
    other, its_journal = await shop.process()
    await Recovery(other, its_journal).run_once()
    networks[0].is_answered.set()
    await call
    await shop.settled(journal)

    row = (await shop.rows())[-1]
    assert 2 == row["fence"]
    assert "answer" != row["decided_by"]


async def test_old_card_data_are_deleted(shop, process):
    """
    Whatever became of the payment.
    """
    session, journal = process
    sealed = shop.database.tables.sealed
    await shop.change(
        sealed.insert().values(
            merchant=journal.rows.merchant,
            payment_id="PAY_A",
            document="{}",
            expires_at=shop.database.now - 1,
        )
    )
    assert await journal.sealed.find("PAY_A") is None
    await Recovery(session, journal).run_once()
    assert not await shop.rows("sealed")


def _wrong_code(shop, payment_id):
    return orders.card("000000" if shop.sms_code(payment_id) != "000000" else "000001")


@pytest.mark.parametrize("refusals", ["signed", "unsigned"])
async def test_after_a_wrong_code_two_queries_give_the_intent_back(
    shop, process, refusals
):
    """
    Whether the refusal is signed or not: the payment waits, and five seconds later it
    still does.
    """
    session, journal = process
    payment = await session.payments.create(orders.card_payment())
    await session.payments.verify(payment.id, orders.card())
    right = orders.card(shop.sms_code(payment.id))
    shop.settings(refusals=refusals)

    with pytest.raises((APIError, OutcomeUnknownError)):
        await session.payments.execute(payment.id, _wrong_code(shop, payment.id))

    await shop.settled(journal)

    with pytest.raises(DuplicateIntentError) as caught:
        await session.payments.execute(payment.id, right)

    assert "unknown" == caught.value.state
    recovery = Recovery(session, journal)
    assert 1 == await recovery.run_once()
    assert 0 == await recovery.run_once()
    row = (await shop.rows())[-1]
    assert "unknown" == row["state"]
    # Two looks at the clock of one statement may differ.
    assert row["next_at"] - row["updated_at"] > 4_990_000

    # A person who asks now hears nothing new: data may lag so long.
    for _ in range(2):
        await recovery.advance((await journal.entries())[-1])

    assert "unknown" == (await shop.rows())[-1]["state"]

    await shop.lapse()
    assert 1 == await recovery.run_once()
    row = (await shop.rows())[-1]
    assert ("ended", "refused", "query", "00200005", None) == (
        row["state"],
        row["outcome"],
        row["decided_by"],
        row["refusal_code"],
        row["open_intent"],
    )

    await session.payments.execute(payment.id, right)
    assert ["executed", "refused", "executed"] == [
        row["outcome"] for row in await shop.settled(journal)
    ]


async def test_a_payment_that_a_late_copy_pays_is_executed_in_the_end(shop, process):
    """
    Two queries had said that it waits; the intent is taken from then on.
    """
    session, journal = process
    payment = await session.payments.create(orders.card_payment())
    await session.payments.verify(payment.id, orders.card())
    heard = []

    @journal.settled
    async def note(entry, found, transaction):
        heard.append((entry.call, str(entry.outcome)))

    with pytest.raises((APIError, OutcomeUnknownError)):
        await session.payments.execute(payment.id, _wrong_code(shop, payment.id))

    await shop.settled(journal)
    recovery = Recovery(session, journal)

    for _ in range(3):
        await recovery.run_once()
        await shop.lapse()

    assert [("payments.execute", "refused")] == heard

    shop.pay(payment.id)

    for _ in range(3):
        await shop.lapse()
        await recovery.run_once()

    rows = sorted(await shop.rows(), key=lambda row: row["position"])
    *_, refused, late = rows
    assert ("refused", None) == (refused["outcome"], refused["open_intent"])
    assert ("ended", "executed", "query", refused["intent_id"]) == tuple(
        late[name] for name in ("state", "outcome", "decided_by", "open_intent")
    )
    assert "it is paid" in late["reason"]
    assert [
        ("payments.execute", "refused"),
        ("payments.create", "executed"),
        ("payments.execute", "executed"),
    ] == heard


async def test_a_wrong_code_says_nothing_of_a_copy_that_left_before(shop, process):
    """
    That one may have used the code up, or be on its way: only the payment's end tells.
    """
    session, journal = process
    payment_id, call = await _execute(shop, session)
    await _unclear(shop, session, journal, call, kind="drop_before", path="execute")
    wrong = _wrong_code(shop, payment_id)

    with pytest.raises((APIError, OutcomeUnknownError)):
        await session.payments.execute(payment_id, wrong, take_over=True)

    await shop.settled(journal)

    for _ in range(3):
        await shop.lapse()
        await Recovery(session, journal).run_once()

    row = (await shop.rows())[-1]
    assert ("unknown", 3) == (row["state"], row["attempts"])
    assert row["open_intent"]


async def test_a_handler_cannot_end_the_transaction_it_is_given(shop, process, caplog):
    """
    Nothing of it is kept then, and it is called again; a session's commit is harmless.
    """
    session, journal = process
    payment = await session.payments.create(orders.cashier_payment())
    shop.close(payment.id)
    await shop.settled(journal)
    sealed, calls = shop.database.tables.sealed, []

    @journal.settled
    async def note(entry, found, transaction):
        calls.append(entry.position)
        values = {"merchant": "m", "payment_id": f"PAY_{len(calls)}", "document": "{}"}
        await transaction.connection.execute(sealed.insert().values(values))

        if len(calls) == 1:
            await transaction.connection.commit()
        elif len(calls) == 2:
            await transaction.connection.rollback()
        elif len(calls) == 3:
            await transaction.connection.close()
        else:
            await transaction.session().commit()

    recovery = Recovery(session, journal)

    for _ in range(5):
        await shop.lapse()
        await recovery.run_once()

    assert 4 == len(calls)
    assert ["PAY_4"] == [row["payment_id"] for row in await shop.rows("sealed")]
    assert 3 == caplog.text.count("the handler failed")
    assert (await shop.rows())[-1]["settled_at"]


async def test_it_runs_until_it_is_closed(shop, process):
    """
    Also while the session is idle.
    """
    session, journal = process
    _, call = await _execute(shop, session)
    await _unclear(shop, session, journal, call, path="execute")

    async with asyncio.timeout(30), Recovery(session, journal, look_every=0.01):
        while (await shop.rows())[-1]["state"] != "ended":
            await asyncio.sleep(0.05)


async def test_it_needs_the_journal_of_its_session(shop, process):
    session, _ = process

    with pytest.raises(ConfigError):
        Recovery(session, Journal(shop.url))


async def test_a_refund_whose_caller_died_before_it_was_known_is_applied(
    shop, process, paid, tables_url
):
    """
    Its query names neither number nor payment; the row does, so the inbox hears of it.
    """
    session, journal = process
    receiver = NotificationReceiver.from_config(session.config)
    heard = []
    new = orders.refund()

    async with NotificationInbox(tables_url, receiver, gateway=session) as inbox:

        @inbox.on_refund
        async def note(event, transaction):
            heard.append((event.object_id, event.mer_reference_id, event.state))

        await inbox.expect(new, payment_id=paid)
        made = await session.refunds.create(paid, new)
        await shop.settled(journal)
        recovery = Recovery(session, journal, inbox=inbox)

        async with asyncio.timeout(20):
            while not heard:
                await shop.lapse()
                await recovery.run_once()
                await asyncio.sleep(0.05)

    assert [(made.id, new.mer_reference_id, "REFUND_SUCCESS")] == heard


async def test_a_payment_whose_caller_died_before_it_was_known_is_applied(
    shop, process, tables_url
):
    """
    Nobody told the inbox of the order or its id: the row does.
    """
    session, journal = process
    receiver = NotificationReceiver.from_config(session.config)
    heard = []

    async with NotificationInbox(tables_url, receiver, gateway=session) as inbox:

        @inbox.on_payment
        async def note(event, transaction):
            heard.append((event.object_id, event.state))

        made = await session.payments.create(orders.cashier_payment())
        await shop.settled(journal)
        shop.pay(made.id)
        recovery = Recovery(session, journal, inbox=inbox)

        async with asyncio.timeout(20):
            while not heard:
                await shop.lapse()
                await recovery.run_once()
                await asyncio.sleep(0.05)

    assert [(made.id, "TRADE_SUCCESS")] == heard
