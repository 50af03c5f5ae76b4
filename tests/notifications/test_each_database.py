"""
The inbox in SQLite, PostgreSQL and MariaDB: the same facts in each.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from umfpay.config import Config
from umfpay.errors import DatabaseError, DatabaseUnavailableError, NotificationError
from umfpay.models import CustomsDeclaration, CustomsState, Money, NewRefund
from umfpay.notifications import (
    Decision,
    NotificationInbox,
    NotificationReceiver,
    Status,
)
from umfpay.notifications._event_store import EventStore
from umfpay.notifications._expectations import read_expectation
from umfpay.notifications._ready_events import ReadyEvents
from umfpay.sql import Database


ONCE = ["PAY_A TRADE_SUCCESS"]
STATES = ("WAIT_BUYER_PAY", "TRADE_PENDING", "TRADE_SUCCESS")
MONEY = {"mer_date": "20261123", "currency": "USD"}
# 4000 where somebody has an hour.
CANCELLATIONS = int(os.environ.get("UMFPAY_CANCELLATIONS", "40"))


@pytest.fixture(name="place", autouse=True)
def _place(each_place):
    """
    Made before all others, so that nobody is connected when it is removed.
    """
    return each_place


@pytest.fixture(name="store")
async def _store(place):
    async with Database(place.spec) as database:
        yield EventStore(database, "", seconds=30.0)


@pytest.fixture(name="ready")
async def _ready(place):
    async with Database(place.spec) as database:
        yield ReadyEvents(EventStore(database, "", seconds=30.0))


def expectation(number="n1", total="3.00", *, kind="payment", **ids):
    ids = {"payment_id": None, "refund_id": None, **ids}

    return read_expectation(number, amount=Money(total, "USD"), kind=kind, **ids)


async def apply_once(ready, decide):
    """
    Settle what is due, one after another; return how many there were.
    """
    settled = 0

    for candidate in await ready._store.due(Status.READY):

        async def work(connection, candidate=candidate):
            nonlocal settled

            for stored in await ready.take(connection, [candidate]):
                await ready.settle(connection, [(stored, await decide(stored))])
                settled += 1

        await ready._store.database.run(work, timeout=20.0)

    return settled


async def applied(stored):
    return Decision(Status.APPLIED)


# What is kept


async def test_an_event_is_kept_once_and_applied_once(store, ready, event, place):
    """
    Whatever comes twice.
    """
    await store.expect(*expectation(payment_id="PAY_A"))

    for _ in range(2):
        await store.add(event)

    assert 1 == place.stored()
    assert 1 == await apply_once(ready, applied)
    await store.add(event)
    assert 0 == await apply_once(ready, applied)
    assert event.body == (await store.newest(object_id="PAY_A")).body
    assert event.body == (await store.newest(mer_reference_id="n1")).body


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
        await store.expect(
            *read_expectation(
                what,
                amount=amount,
                kind="refund",
                payment_id=payment_id,
                refund_id="REF_A",
            )
        )

    await store.add(event)
    known = (await store.find(event.key)).known.refund

    assert Decimal("2.00") == known.total
    assert date(2026, 11, 23) == known.mer_date
    assert "PAY_A" == known.payment_id
    [own] = await store.own_objects(object_id="REF_A")
    assert "PAY_A" == own.payment_id


async def test_numbers_are_compared_letter_by_letter(store, event, place):
    """
    A collation of the database that calls them equal would pay another order.
    """
    await store.expect(*expectation("N1", payment_id="PAY_X"))
    await store.add(event)

    assert (await store.find(event.key)).known.order is None


async def test_expect_while_somebody_decides_is_not_lost(store, ready, event):
    """
    The event was read before the order was told: it is not held by what is old.
    """
    await store.add(event)
    looked = []

    async def late(stored):
        if not looked:
            looked.append(stored.known.order)

            if store.database.dialect != "sqlite":
                await store.expect(*expectation(payment_id="PAY_A"))

        return Decision(Status.HELD, "its order is not expected")

    await apply_once(ready, late)
    await store.expect(*expectation(payment_id="PAY_A"))

    assert [None] == looked
    assert Status.READY is (await store.find(event.key)).status


async def test_an_event_that_no_column_holds_is_kept_and_held(store, signer, receiver):
    """
    Its bytes are there, and nothing of it is cut.
    """
    signed = signer.payment(
        "P" * 200,
        mer_reference_id="n1",
        mer_date="20261123",
        total="3.00",
        currency="USD",
    )
    event = receiver.read(signed.body, signed.headers)
    await store.add(event)
    stored = await store.find(event.key)

    assert (None, None, event.body) == (stored.kind, stored.object_id, stored.body)


async def test_no_body_stands_in_a_log(store, event, caplog):
    """
    A payer's phone is in it, and drivers log their statements.
    """
    with caplog.at_level(logging.DEBUG):
        await store.add(event)
        await store.find(event.key)

    assert repr(event.body)[2:-1] not in caplog.text


# Applying


async def test_eight_workers_keep_the_order_of_each_object(open_shop, place, signer):
    """
    Each state once, one after another, whoever applies it.
    """
    shops = [
        await open_shop(place, workers=2 if place.dialect != "sqlite" else 1)
        for _ in range(4)
    ]
    expected = [f"PAY_{one} {state}" for one in range(8) for state in STATES]

    for one in range(8):
        await shops[0].expect(f"n{one}", payment_id=f"PAY_{one}")

    for state in STATES:
        await asyncio.gather(
            *(
                shops[one % 4].receive(f"PAY_{one}", state, number=f"n{one}")
                for one in range(8)
            )
        )

    async with asyncio.timeout(60):
        while len(place.effects()) < len(expected):
            await asyncio.sleep(0.05)

    assert sorted(expected) == sorted(place.effects())
    states = defaultdict(list)

    for name, state in (one.split() for one in place.effects()):
        states[name].append(state)

    assert {STATES} == {tuple(one) for one in states.values()}
    assert [] == await shops[0].inbox.conflicts()


async def test_handlers_of_a_kind_are_called_for_it_only(place, receiver, signer):
    """
    What has no handler here waits for a process that has one.
    """
    seen = []
    paid = signer.payment("PAY_A", mer_reference_id="n1", total="3.00", **MONEY)
    given = signer.refund(
        "REF_A", parent_payment="PAY_A", mer_reference_id="r1", total="1.00", **MONEY
    )

    async with NotificationInbox(place.spec, receiver) as inbox:

        @inbox.on_payment
        async def payment(event, transaction):
            seen.append(event.object_id)

        await inbox.expect("n1", amount=Money("3.00", "USD"), payment_id="PAY_A")
        await inbox.expect(
            "r1",
            amount=Money("1.00", "USD"),
            kind="refund",
            payment_id="PAY_A",
            refund_id="REF_A",
        )

        for signed in (given, paid):
            await inbox.receive(signed.body, signed.headers)

        await inbox.replay()
        assert ["PAY_A"] == seen
        assert ["applied", "ready"] == sorted(place.status())

        @inbox.on_refund
        async def refund(event, transaction):
            seen.append(event.object_id)

        await inbox.replay()
        assert ["PAY_A", "REF_A"] == seen

        await inbox.expect(CustomsDeclaration(id="CUS_A", parent_payment="PAY_A"))
        declared = signer(
            {"customs_declaration": {"id": "CUS_A", "state": CustomsState.SUCCESS}}
        )
        await inbox.receive(declared.body, declared.headers)

        @inbox.on_customs
        async def customs(event, transaction):
            seen.append(event.object_id)

        await inbox.replay()
        assert ["PAY_A", "REF_A", "CUS_A"] == seen


async def commit(transaction):
    await transaction.connection.commit()


async def roll_back(transaction):
    await transaction.connection.rollback()


async def close(transaction):
    await transaction.connection.close()


async def commit_in_sql(transaction):
    await transaction.connection.execute(text("COMMIT"))


async def commit_inside(transaction):
    await transaction.connection.run_sync(lambda inner: inner.commit())


async def end_the_transaction(transaction):
    await transaction.connection.get_transaction().rollback()


async def caught(transaction):
    with contextlib.suppress(DatabaseError):
        await transaction.connection.rollback()


@pytest.mark.parametrize(
    "misdeed",
    [
        commit,
        roll_back,
        close,
        commit_in_sql,
        commit_inside,
        end_the_transaction,
        caught,
    ],
    ids=lambda one: one.__name__,
)
async def test_a_handler_that_ends_the_transaction_is_refused(
    open_shop, place, log, misdeed
):
    """
    Before it has happened: nothing is half done, and the next attempt is whole.
    """
    shop = await open_shop(place, own=True)
    shop.stop_applying()
    misdeeds = [misdeed]

    @shop.inbox.handler
    async def wrong(event, transaction):
        if misdeeds:
            await misdeed(transaction)

    await shop.receive()
    assert 0 == await shop.inbox.replay()
    assert [] == place.effects()
    [failed] = await shop.inbox.failed()
    assert 1 == failed.attempts
    assert "from inside" in log.text

    misdeeds.clear()
    assert 1 == await shop.inbox.replay(failed.key)
    assert ONCE == place.effects()


@pytest.mark.parametrize(
    "misdeed",
    [commit, roll_back, close, commit_in_sql, commit_inside, end_the_transaction],
    ids=lambda one: one.__name__,
)
async def test_a_handler_hears_at_once_that_it_may_not_end_the_transaction(
    open_shop, place, misdeed
):
    """
    The call itself raises: what the shop does next is not believed to be kept.
    """
    shop = await open_shop(place, own=True)
    shop.stop_applying()
    refused = []

    @shop.inbox.handler
    async def wrong(event, transaction):
        try:
            await misdeed(transaction)
        except DatabaseError as error:
            refused.append(error)

            raise

    await shop.receive()
    await shop.inbox.replay()

    assert 1 == len(refused)
    assert "ended from inside" in str(refused[0])
    assert [] == place.effects()


async def test_merchants_of_one_database_do_not_see_each_other(
    open_shop, place, receiver, signer, credentials, eventually
):
    """
    Events, orders, quota and replay are those of one client_id, though number, ids and
    bytes are the same.
    """
    both, seen = [], []

    async with contextlib.AsyncExitStack() as stack:
        for client_id in ("first", "second"):
            config = Config(
                client_id=client_id,
                client_secret="s",
                merchant_key=credentials.merchant_key,
                gateway_certificate=credentials.gateway_certificate,
                base_url="http://127.0.0.1:9",
            )
            inbox = NotificationInbox(
                place.spec, NotificationReceiver.from_config(config), max_held=1
            )

            @inbox.handler
            async def paid(event, transaction, client_id=client_id):
                seen.append((client_id, event.object_id))

            both.append(await stack.enter_async_context(inbox))

        first, second = both
        money = Money("3.00", "USD")
        ours = signer.payment("PAY_A", mer_reference_id="n1", total="3.00", **MONEY)
        await first.expect("n1", amount=money, payment_id="PAY_A")

        for one in both:
            assert 200 == (await one.receive(ours.body, ours.headers)).status

        assert await eventually(lambda: seen == [("first", "PAY_A")])

        # What is one's own is a stranger's to the other, whose quota it uses up.
        async with asyncio.timeout(30):
            while not await second.held():
                await asyncio.sleep(0.01)

        [held] = await second.held()
        assert [] == await first.held()
        other = signer.payment("PAY_X", mer_reference_id="nx", total="3.00", **MONEY)
        assert 200 == (await first.receive(other.body, other.headers)).status

        with pytest.raises(NotificationError, match="Too many events are held"):
            await second.receive(other.body, other.headers)

        assert await second.notified(mer_reference_id="n1") is None
        assert "TRADE_SUCCESS" == (await first.notified(object_id="PAY_A")).state

        # Neither a person nor a replay of one touches what is the other's.
        assert not await first.dismiss(held.key)
        assert 0 == await first.hasten(held.key)
        assert 0 == await first.prune(older_than=timedelta(days=-1)) - 1
        await second.expect("n1", amount=money, payment_id="PAY_A")
        assert await eventually(lambda: seen[1:] == [("second", "PAY_A")])
        assert await first.replay() == 0


async def test_a_second_connection_that_waits_for_the_first_ends(open_shop, place, log):
    """
    The handler waits for itself: it is stopped, and leaves nothing.
    """
    shop = await open_shop(place, own=True, handler_timeout=1.0)
    shop.stop_applying()
    await place.change("CREATE TABLE stock (number INTEGER PRIMARY KEY, count INTEGER)")
    await place.change("INSERT INTO stock VALUES (1, 10)")
    engine = create_async_engine(place.spec_url())
    update = text("UPDATE stock SET count = count - 1")
    both = [True]

    @shop.inbox.handler
    async def take(event, transaction):
        await transaction.connection.execute(update)

        if both:
            async with engine.begin() as second:
                await second.execute(update)

    await shop.receive()
    assert 0 == await shop.inbox.replay()
    both.clear()
    [failed] = await shop.inbox.failed()
    assert 1 == failed.attempts
    assert [] == place.effects()
    assert "a second connection waits" in log.text or "locked" in log.text

    assert 1 == await shop.inbox.replay()
    assert ONCE == place.effects()
    assert "9" == str(place.run("SELECT count FROM stock")[0][0])
    await engine.dispose()


async def receive_many(shop, count):
    """
    Store that many events of as many payments while nobody applies.
    """
    shop.stop_applying()

    for number in range(count):
        await shop.receive(f"PAY_{number}", number=f"n{number}")


async def test_one_that_fails_takes_no_other_with_it(open_shop, place):
    """
    Though they share transactions: what it wrote is undone, each handler ran once.
    """
    shop = await open_shop(place, own=True)
    await receive_many(shop, 12)

    async def fail(event):
        if event.object_id == "PAY_9":
            raise ZeroDivisionError

    shop.after = fail
    assert 11 == await shop.inbox.replay()
    assert sorted(shop.seen) == sorted(
        (f"PAY_{number}", "TRADE_SUCCESS") for number in range(12)
    )
    assert "PAY_9 TRADE_SUCCESS" not in place.effects()
    assert 11 == len(place.effects())
    [failed] = await shop.inbox.failed()
    assert ("PAY_9", 1) == (failed.event.object_id, failed.attempts)


async def test_a_statement_that_fails_is_tried_alone(open_shop, place):
    """
    Of a shared transaction nothing is lost by it, and it has failed once.
    """
    shop = await open_shop(place, own=True)
    await receive_many(shop, 12)

    @shop.inbox.handler
    async def wrong(event, transaction):
        if event.object_id == "PAY_9":
            await transaction.connection.execute(text("SELECT * FROM nowhere"))

    assert 11 == await shop.inbox.replay()
    assert 11 == len(place.effects()) == len(set(place.effects()))
    [failed] = await shop.inbox.failed()
    assert ("PAY_9", 1) == (failed.event.object_id, failed.attempts)


async def test_a_handler_that_is_stopped_undoes_no_other_for_good(open_shop, place):
    """
    Its connection is thrown away; those that shared the transaction are applied anew.
    """
    shop = await open_shop(place, own=True, handler_timeout=5.0)
    await receive_many(shop, 8)

    async def hang(event):
        if event.object_id == "PAY_5":
            await asyncio.sleep(60)

    shop.before = hang
    assert 7 == await shop.inbox.replay()
    assert 7 == len(place.effects()) == len(set(place.effects()))
    [failed] = await shop.inbox.failed()
    assert ("PAY_5", 1) == (failed.event.object_id, failed.attempts)


async def test_a_handler_that_loses_its_connection_keeps_no_other_waiting(
    open_shop, place
):
    """
    Servers end a transaction that idles: the second time it is the handler that fails.
    """
    if place.dialect == "sqlite":
        pytest.skip("a file ends no connection")

    end = {
        "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
        "mariadb": "KILL CONNECTION_ID()",
    }[place.dialect]
    shop = await open_shop(place, own=True)
    await receive_many(shop, 5)

    @shop.inbox.handler
    async def idle(event, transaction):
        if event.object_id == "PAY_0":
            await transaction.connection.execute(text(end))

    for _ in range(3):
        with contextlib.suppress(DatabaseUnavailableError):
            await shop.inbox.replay()

    assert 4 == len(place.effects()) == len(set(place.effects()))
    [failed] = await shop.inbox.failed()
    assert "PAY_0" == failed.event.object_id


async def test_an_order_paid_twice_at_once_is_a_conflict(open_shop, place):
    """
    Two payments of one order share no transaction: the second one sees the first.
    """
    shop = await open_shop(place, own=True)
    shop.stop_applying()

    for payment_id in ("PAY_X", "PAY_A", "PAY_B"):
        number = "n2" if payment_id == "PAY_X" else "n1"
        await shop.receive(payment_id, number=number)

    assert 2 == await shop.inbox.replay()
    assert ["PAY_A TRADE_SUCCESS", "PAY_X TRADE_SUCCESS"] == sorted(place.effects())
    [conflict] = await shop.inbox.conflicts()
    assert "paid twice: PAY_A was paid before" == conflict.reason


class Base(DeclarativeBase):
    pass


class Effect(Base):
    __tablename__ = "effects"

    effect: Mapped[str] = mapped_column(primary_key=True)


@pytest.mark.parametrize("fails", [False, True])
async def test_an_orm_session_is_part_of_the_transaction(open_shop, place, fails):
    """
    Its commit is harmless: what fails after it takes it along.
    """
    shop = await open_shop(place, own=True)
    shop.stop_applying()

    @shop.inbox.handler
    async def ship(event, transaction):
        async with transaction.session() as session:
            session.add(Effect(effect="shipped"))
            await session.commit()

        if fails:
            raise ZeroDivisionError

    await shop.receive()
    await shop.inbox.replay()

    assert ([] if fails else [*ONCE, "shipped"]) == place.effects()


# Receiving in the shop's own transaction


@pytest.mark.parametrize("kept", [True, False])
async def test_a_notification_is_received_in_the_shops_own_transaction(
    open_shop, place, kept, eventually
):
    """
    It is there if the shop commits, and applied soon after that.
    """
    shop = await open_shop(place)
    await shop.expect()
    signed = shop.payment()
    engine = create_async_engine(place.spec_url())

    async with engine.connect() as connection:
        await connection.execute(text("INSERT INTO effects VALUES ('mine')"))
        reply = await shop.inbox.receive(
            signed.body, signed.headers, connection=connection
        )
        await (connection.commit() if kept else connection.rollback())

    await engine.dispose()

    assert 200 == reply.status
    assert kept == bool(place.stored())

    if kept:
        assert await eventually(lambda: place.effects() == ["mine", *ONCE])


# Strangers


async def test_strangers_cannot_fill_the_database(open_shop, place, eventually):
    """
    Beyond the quota they are not acknowledged; what is ours always gets in.
    """
    shop = await open_shop(place, max_held=3)

    for number in range(3):
        await shop.receive(f"PAY_{number}", number=f"s{number}")

    assert await eventually(lambda: ["held"] * 3 == place.status())

    with pytest.raises(NotificationError, match="Too many events are held"):
        await shop.receive("PAY_9", number="s9")

    await shop.expect()
    assert 200 == (await shop.receive()).status
    # By its id alone.
    signed = shop.signer({"payment": {"id": "PAY_A", "state": "TRADE_CANCEL"}})
    assert 200 == (await shop.inbox.receive(signed.body, signed.headers)).status
    held = await shop.inbox.held()
    assert 3 == len(held)

    await shop.inbox.dismiss(held[0].key)
    assert 200 == (await shop.receive("PAY_9", number="s9")).status


# What persons do


async def test_a_person_releases_replays_and_prunes(open_shop, place):
    """
    Each by the key of an event that is listed.
    """
    shop = await open_shop(place)
    shop.stop_applying()
    await shop.receive()
    await shop.inbox.replay()
    [held] = await shop.inbox.held()

    with pytest.raises(NotificationError, match="not expected"):
        await shop.inbox.release(held.key)

    await shop.inbox.expect("n1", amount=Money("3.00", "USD"))
    await shop.inbox.replay()
    [asking] = await shop.inbox.unconfirmed()
    assert held.key == asking.key
    await shop.inbox.release(held.key)
    assert 1 == await shop.inbox.replay(held.key)
    assert ONCE == place.effects()

    assert 0 == await shop.inbox.prune(older_than=timedelta(days=1))
    assert 1 == await shop.inbox.prune(older_than=timedelta(0))
    assert 0 == place.stored()
    await shop.receive()
    await shop.inbox.replay()
    assert ONCE == place.effects()


# Cancellations


async def test_cancellations_leave_no_half_transaction(
    open_shop, place, caplog, eventually
):
    """
    Of receive and of apply, at any moment: everything is there once or not at all, no
    task is left, and the connections are free.
    """
    chance = random.Random(7)
    shop = await open_shop(place)
    shop.stop_applying()

    for number in range(CANCELLATIONS):
        await shop.expect(f"n{number}", payment_id=f"PAY_{number}")
        acts = [
            shop.receive(f"PAY_{number}", number=f"n{number}"),
            shop.inbox.replay(),
        ]

        for act in acts:
            task = asyncio.create_task(act)
            await asyncio.sleep(chance.expovariate(1 / 0.004))
            task.cancel()
            await asyncio.wait({task})

    for number in range(CANCELLATIONS):
        await shop.receive(f"PAY_{number}", number=f"n{number}")

    async with asyncio.timeout(60 + CANCELLATIONS):
        while len(place.effects()) < CANCELLATIONS:
            await shop.inbox.replay()

    wanted = sorted(f"PAY_{number} TRADE_SUCCESS" for number in range(CANCELLATIONS))
    assert wanted == sorted(place.effects())
    assert {"applied"} == set(place.status())

    for database in shop.inbox._databases:
        if database._binding is not None:
            assert await eventually(lambda: not database._binding.tasks)  # noqa: B023
            assert 0 == database._binding.engine.pool.checkedout()

    await shop.inbox.aclose()
    assert {asyncio.current_task()} == asyncio.all_tasks()


# A database that is away


async def test_a_database_that_is_away_acknowledges_nothing_and_shows_no_password(
    receiver, signer, caplog
):
    """
    Nothing listens: the error names the place, and no user or password.
    """
    for scheme in ("postgresql+asyncpg", "mariadb+asyncmy"):
        url = f"{scheme}://umf:canary-7f3a@127.0.0.1:9/shop"
        inbox = NotificationInbox(url, receiver)

        with pytest.raises(DatabaseError) as caught:
            await inbox.__aenter__()

        frames = [entry.frame.f_locals for entry in caught.traceback[1:]]
        shown = f"{caught.value} {caught.value!r} {inbox!r} {frames} {caplog.text}"
        assert "canary-7f3a" not in shown
        assert caught.value.__cause__ is None
