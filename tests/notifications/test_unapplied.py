"""
Events that are not applied: acknowledged, kept, listed, and reported.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from umfpay.emulator import Credentials
from umfpay.errors import CommitUnknownError
from umfpay.models import (
    Money,
    Payment,
    PaymentState,
    Refund,
    RefundState,
)
from umfpay.notifications import NotificationInbox, NotificationReceiver
from umfpay.testing import NotificationSigner


ONCE = ["PAY_A TRADE_SUCCESS"]


@pytest.mark.parametrize(
    ("second", "says"),
    [("TRADE_PENDING", "goes back"), ("TRADE_FAIL", "contradicts")],
)
async def test_a_conflict_is_acknowledged_and_not_applied(
    open_shop, place, eventually, second, says
):
    """
    It is stored, given to on_conflict, and the state stays.
    """
    reported = []

    async def on_conflict(conflict):
        reported.append(conflict)

    shop = await open_shop(place, own=True, on_conflict=on_conflict)
    await shop.receive()
    reply = await shop.receive(state=second)

    assert reply.status == 200
    assert await eventually(lambda: reported)
    [conflict] = await shop.inbox.conflicts()
    assert says in conflict.reason
    assert place.effects() == ONCE
    assert (await shop.inbox.notified(object_id="PAY_A")).state == "TRADE_SUCCESS"


async def test_a_conflict_is_logged_and_counted(open_shop, place, eventually, log):
    """
    Once when it is decided; at each start and daily, how many there are.
    """
    shop = await open_shop(place, own=True)
    await shop.receive()
    await shop.receive(state="TRADE_FAIL")

    assert await eventually(lambda: "is in conflict and not applied" in log.text)
    assert "TRADE_FAIL contradicts after TRADE_SUCCESS" in log.text
    await shop.expect()
    await shop.inbox.replay()
    assert 1 == log.text.count("is in conflict and not applied")

    await open_shop(place)
    says = "not applied: 1 in conflict (see inbox.conflicts())"
    assert await eventually(lambda: says in log.text)


async def test_a_failing_on_conflict_ends_nothing(open_shop, place, eventually, log):
    """
    The failure is logged, and the conflict stays in the list.
    """

    async def on_conflict(conflict):
        raise RuntimeError("the desk is closed")

    shop = await open_shop(place, own=True, on_conflict=on_conflict)
    await shop.receive()
    await shop.receive(state="TRADE_FAIL")

    assert await eventually(lambda: "the desk is closed" in log.text)
    assert 1 == len(await shop.inbox.conflicts())


async def test_a_slow_on_conflict_does_not_stop_the_applying(
    open_shop, place, eventually
):
    """
    Other events are applied while somebody thinks about a conflict.
    """
    begun = asyncio.Event()

    async def on_conflict(conflict):
        begun.set()
        await asyncio.sleep(60)

    shop = await open_shop(place, own=True, on_conflict=on_conflict)
    await shop.receive()
    await shop.receive(state="TRADE_FAIL")
    await begun.wait()
    await shop.receive("PAY_B", number="n2")

    assert await eventually(lambda: "PAY_B TRADE_SUCCESS" in place.effects())


async def test_a_conflict_that_verifies_no_more_is_listed(
    open_shop, make_shop, place, log, eventually
):
    """
    After a change of keys nothing of it is believed; it is told once and dismissed.
    """
    old = await open_shop(place, own=True)
    await old.receive()
    await old.receive(state="TRADE_FAIL")
    await old.inbox.replay()
    await old.inbox.aclose()
    other = Credentials.generate(1024)
    new = make_shop(
        place,
        NotificationReceiver(other.gateway_certificate),
        NotificationSigner(other.gateway_key),
        own=True,
    )

    async with new.inbox:
        await new.receive("PAY_B", number="n2")
        await new.receive("PAY_B", state="TRADE_FAIL", number="n2")
        await new.inbox.replay()
        unreadable, conflict = await new.inbox.conflicts()
        assert "a notification of PAY_B (order n2) is in conflict" in log.text

        assert conflict.event.object_id == "PAY_B"
        assert unreadable.event is None
        assert "contradicts" in unreadable.reason
        assert "verifies no more" in unreadable.reason
        assert await new.inbox.dismiss(unreadable.key)


# Lists


async def test_a_held_refund_is_looked_at_again_when_its_payment_is_announced(
    shop, signer, eventually
):
    """
    Also if nobody tells of the refund itself: it was made in a console of the gateway.
    """
    signed = signer.refund(
        "REFUND_A",
        mer_reference_id="r1",
        mer_date="20261123",
        parent_payment="PAY_A",
        total="1.00",
        currency="USD",
    )
    await shop.inbox.receive(signed.body, signed.headers)
    await _listed(shop.inbox.held)

    await shop.expect("n1", payment_id="PAY_A")

    [waiting] = await _listed(shop.inbox.unconfirmed)
    assert waiting.event.object_id == "REFUND_A"


async def _listed(listing):
    async with asyncio.timeout(10):
        while not (found := await listing()):
            await asyncio.sleep(0.01)

    return found


async def test_what_nobody_expects_is_held_logged_once_and_listed(
    shop, eventually, log
):
    """
    With its number and its reason; how many there are is said daily.
    """
    await shop.receive()
    await shop.receive("PAY_B", number="n2")

    assert await eventually(lambda: log.text.count("is held and not applied") == 2)
    assert "a notification of PAY_A (order n1)" in log.text
    assert "see inbox.held()" in log.text
    await shop.inbox.expect("n1", amount=Money("3.00", "USD"), kind="refund")
    await shop.inbox.replay()
    await shop.inbox._reporter.remind()
    assert "2 held (see inbox.held())" in log.text
    assert log.text.count("is held and not applied") == 2

    held = await shop.inbox.held()
    assert [one.mer_reference_id for one in held] == ["n1", "n2"]
    assert {one.reason for one in held} == {"its order is not expected"}
    assert await shop.inbox.conflicts() == []
    assert await shop.inbox.unconfirmed() == []
    assert await shop.inbox.failed() == []


async def test_what_cannot_be_read_is_kept_and_listed(shop, place):
    """
    The gateway signed it: it is acknowledged, and its bytes are there.
    """
    signed = shop.signer({"something": "else"})
    reply = await shop.inbox.receive(signed.body, signed.headers)
    await shop.inbox.replay()

    [held] = await shop.inbox.held()
    assert reply.status == 200
    assert held.event is None
    assert held.body == signed.body
    assert held.reason == "it names neither payment nor order"
    assert place.effects() == []


async def test_a_failing_handler_is_listed(open_shop, place, eventually):
    """
    With what it raised, until it works.
    """
    shop = await open_shop(place, own=True)

    async def fail(event):
        raise ZeroDivisionError

    shop.before = fail
    await shop.receive()
    assert await eventually(lambda: shop.seen and place.waits()[0] > 0)

    [failed] = await shop.inbox.failed()
    assert failed.event.object_id == "PAY_A"
    assert failed.reason == "failed: ZeroDivisionError"
    assert failed.attempts >= 1


async def test_a_person_takes_an_event_off_the_lists(shop, place):
    """
    For ever: neither expect() nor the same delivery brings it back.
    """
    await shop.receive()
    await shop.inbox.replay()
    [held] = await shop.inbox.held()

    assert await shop.inbox.dismiss(held.key) is True
    assert await shop.inbox.dismiss(held.key) is False
    assert await shop.inbox.dismiss("unknown") is False
    assert await shop.inbox.held() == []

    await shop.expect()
    await shop.receive()
    await shop.inbox.replay()

    assert place.effects() == []


async def test_who_takes_an_event_off_hears_it_though_the_commit_is_unclear(
    shop, monkeypatch
):
    """
    It is done again then, and finds its own word.
    """
    await shop.receive()
    await shop.inbox.replay()
    [held] = await shop.inbox.held()
    database = shop.inbox._store.database
    run, lost = database.run, []

    async def lose(work, **options):
        value = await run(work, **options)

        if not lost and not options["read_only"]:
            lost.append(value)

            raise CommitUnknownError("lost", "丢失")

        return value

    monkeypatch.setattr(database, "run", lose)

    assert await shop.inbox.dismiss(held.key) is True
    assert lost == [1]
    assert await shop.inbox.dismiss(held.key) is False


# A process without a handler


async def test_without_a_handler_nothing_is_applied(place, receiver, signer, log):
    """
    That is said, and the event waits for a process that has one.
    """
    signed = signer.payment(
        "PAY_A",
        mer_reference_id="n1",
        mer_date="20261123",
        total="3.00",
        currency="USD",
    )
    reported = []

    async with NotificationInbox(place.spec, receiver) as inbox:
        await inbox.expect("n1", amount=Money("3.00", "USD"), payment_id="PAY_A")
        await inbox.receive(signed.body, signed.headers)
        assert await inbox.replay() == 0
        assert await inbox.notified(object_id="PAY_A") is None
        assert "this process has no handler" in log.text

        @inbox.handler
        async def late(event, transaction):
            reported.append(event.state)

        await inbox.replay()

        assert reported == ["TRADE_SUCCESS"]
        assert (await inbox.notified(object_id="PAY_A")).state == "TRADE_SUCCESS"


# What a query says


DONE = Payment(id="PAY_A", state=PaymentState.TRADE_SUCCESS)


async def test_a_recorded_answer_is_applied_once(shop, place):
    """
    The handler runs for the query or the notification, whichever came first.
    """
    await shop.expect()
    deadline = asyncio.get_running_loop().time() + 50
    found = await shop.inbox.record(DONE, deadline=deadline)

    assert place.effects() == ONCE
    assert (found.id, found.state) == ("PAY_A", "TRADE_SUCCESS")
    assert found.order.mer_reference_id == "n1"

    await shop.receive()
    await shop.inbox.replay()
    await shop.inbox.record(DONE, deadline=deadline)

    assert place.effects() == ONCE
    assert await shop.inbox.conflicts() == []


async def test_a_record_waits_for_the_commit(shop, place):
    """
    Of a handler that takes its time.
    """
    await shop.expect()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(event):
        begun.set()
        await go_on.wait()

    shop.before = slow
    loop = asyncio.get_running_loop()
    recording = asyncio.create_task(shop.inbox.record(DONE, deadline=loop.time() + 50))
    await begun.wait()
    assert not recording.done()
    go_on.set()

    assert (await recording).state == "TRADE_SUCCESS"
    assert place.effects() == ONCE


async def test_a_record_that_is_not_applied_says_so(shop, place):
    """
    It goes back, or its id is nobody's: None, and it is listed.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 50

    assert await shop.inbox.record(DONE, deadline=deadline) is None
    assert len(await shop.inbox.held()) == 1
    assert await shop.inbox.record(Payment(id="PAY_B"), deadline=deadline) is None

    await shop.expect("n3", payment_id="PAY_C")
    other = Payment(id="PAY_C", state=PaymentState.TRADE_FAIL)
    assert (await shop.inbox.record(other, deadline=deadline)).state == "TRADE_FAIL"
    paid = Payment(id="PAY_C", state=PaymentState.TRADE_SUCCESS)
    assert await shop.inbox.record(paid, deadline=deadline) is None
    [conflict] = await shop.inbox.conflicts()
    assert "contradicts" in conflict.reason


async def test_a_record_ends_with_its_deadline(open_shop, place):
    """
    The handler fails again and again.
    """
    shop = await open_shop(place)
    await shop.expect()

    async def fail(event):
        raise ZeroDivisionError

    shop.before = fail
    deadline = asyncio.get_running_loop().time() + 0.3

    assert await shop.inbox.record(DONE, deadline=deadline) is None


async def test_a_recorded_refund_names_its_number_and_payment(shop, place):
    """
    A query tells the state and nothing else (gateway.md 5.8).
    """
    await shop.inbox.expect(
        "r1",
        amount=Money("1.00", "USD"),
        kind="refund",
        payment_id="PAY_A",
        refund_id="REF_A",
    )
    refund = Refund(id="REF_A", state=RefundState.REFUND_SUCCESS)
    deadline = asyncio.get_running_loop().time() + 50
    found = await shop.inbox.record(refund, deadline=deadline)

    assert found.parent_payment == "PAY_A"
    assert found.order.mer_reference_id == "r1"
    assert place.effects() == ["REF_A REFUND_SUCCESS"]


# Clocks


@pytest.mark.parametrize("step", [86392.0, 10.0**9])
async def test_a_clock_that_was_set_back_delays_no_event(
    open_shop, place, eventually, step
):
    """
    What is due in longer than the longest pause was stored by another clock.
    """
    shop = await open_shop(place, own=True)

    async def fail(event):
        raise ZeroDivisionError

    shop.before = fail
    await shop.receive()
    assert await eventually(lambda: shop.seen)
    await shop.inbox.aclose()
    await place.change(
        f"UPDATE umf_events SET due_at = {int((time.time() + step) * 1e6)}"
    )
    await open_shop(place)

    assert await eventually(lambda: place.effects() == ONCE)


async def test_a_record_of_what_was_applied_before_a_change_of_keys_is_applied(
    open_shop, make_shop, place
):
    """
    The notification verifies no more; that its state was applied is known all the same.
    """
    old = await open_shop(place, own=True)
    await old.receive()
    await old.inbox.replay()
    await old.inbox.aclose()
    other = Credentials.generate(1024)
    new = make_shop(
        place,
        NotificationReceiver(other.gateway_certificate),
        NotificationSigner(other.gateway_key),
    )

    async with new.inbox:
        deadline = asyncio.get_running_loop().time() + 50
        found = await new.inbox.record(DONE, deadline=deadline)

    assert found.state == "TRADE_SUCCESS"
    assert place.effects() == ONCE
