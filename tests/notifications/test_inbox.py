"""
Stored before acknowledged, each applied once and in order.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from datetime import date, timedelta

import pytest

from umfpay.errors import (
    ConfigError,
    DatabaseError,
    NotificationBodyError,
    NotificationError,
    NotificationSignatureError,
)
from umfpay.models import Money, NewRefund, Payment, PaymentState
from umfpay.notifications import NotificationInbox


ONCE = ["PAY_A TRADE_SUCCESS"]


# Receiving


async def test_what_is_acknowledged_is_stored(shop, place):
    """
    When the reply is there, so is the event.
    """
    reply = await shop.receive()

    assert reply.status == 200
    assert json.loads(reply.body)["payment"] == {"id": "PAY_A"}
    assert place.stored() == 1


async def test_a_forged_notification_is_not_stored(shop, place):
    """
    A signature that does not verify leaves nothing.
    """
    signed = shop.payment()

    with pytest.raises(NotificationSignatureError):
        await shop.inbox.receive(signed.body + b" ", signed.headers)

    assert place.stored() == 0


async def test_a_parsed_body_is_refused(shop, place):
    """
    A dict in place of the bytes is refused with the cure.
    """
    signed = shop.payment()

    with pytest.raises(NotificationBodyError, match="request") as caught:
        await shop.inbox.receive(json.loads(signed.body), signed.headers)

    assert "request.body()" in caught.value.advice.en
    assert place.stored() == 0


async def test_a_closed_inbox_acknowledges_nothing(open_shop, place):
    """
    After aclose() the event cannot be stored, so there is no reply.
    """
    shop = await open_shop(place)
    await shop.inbox.aclose()

    with pytest.raises(NotificationError):
        await shop.receive()


async def test_what_comes_while_an_inbox_is_closed_opens_no_connection_again(
    open_shop, place
):
    """
    The requests of a server that ends go on: nobody would close what they open.
    """
    shop = await open_shop(place)
    [database] = shop.inbox._databases
    found = Payment(id="PAY_A", state=PaymentState.TRADE_SUCCESS)
    coming = [
        asyncio.create_task(shop.inbox.record(found, deadline=clock() + 60)),
        asyncio.create_task(_receive_until_refused(shop)),
    ]
    await asyncio.sleep(0)
    await shop.inbox.aclose()

    for one in await asyncio.gather(*coming, return_exceptions=True):
        assert isinstance(one, NotificationError)

    assert database._binding is None


async def _receive_until_refused(shop):
    while True:
        await shop.receive()


async def test_an_event_is_applied_once_however_often_it_comes(shop, place, eventually):
    """
    The same body, and another body of the same state, change nothing.
    """
    await shop.expect()

    for _ in range(5):
        await shop.receive()

    assert await eventually(lambda: place.effects() == ONCE)
    again = shop.signer(
        {
            "payment": {
                "id": "PAY_A",
                "state": "TRADE_SUCCESS",
                "settle_date": "20261124",
                "order": {"mer_reference_id": "n1"},
            }
        }
    )

    await shop.inbox.receive(again.body, again.headers)
    await shop.receive()
    await shop.inbox.replay()

    assert place.effects() == ONCE
    assert place.stored() == 2
    assert await shop.inbox.conflicts() == []


async def test_many_at_once_are_all_stored(shop, place):
    """
    A burst of notifications is acknowledged, and each is there.
    """
    replies = await asyncio.gather(
        *(shop.receive(f"PAY_{number}", number=f"n{number}") for number in range(200))
    )

    assert {reply.status for reply in replies} == {200}
    assert place.stored() == 200


# Expectations


async def test_an_event_before_expect_waits_for_it(shop, place, eventually):
    """
    It is held, and applied as soon as the shop tells what it ordered.
    """
    await shop.receive()
    await shop.inbox.replay()
    assert place.effects() == []

    await shop.expect()

    assert await eventually(lambda: place.effects() == ONCE)


async def test_held_states_are_applied_in_their_order(shop, place, eventually):
    """
    Several events that were held are applied one after another.
    """
    for state in ("WAIT_BUYER_PAY", "TRADE_PENDING", "TRADE_SUCCESS"):
        await shop.receive(state=state)

    await shop.inbox.replay()
    await shop.expect()

    assert await eventually(lambda: len(place.effects()) == 3)
    assert [state for _, state in shop.seen] == [
        "WAIT_BUYER_PAY",
        "TRADE_PENDING",
        "TRADE_SUCCESS",
    ]


async def test_a_refund_is_expected_by_its_own_number(shop, place, eventually):
    """
    NewRefund tells the number and the money.
    """
    await shop.inbox.expect(_refund("r1", "1.00"), payment_id="PAY_A")
    signed = _refund_notification(shop, number="r1", total="1.00")
    await shop.inbox.receive(signed.body, signed.headers)

    assert await eventually(lambda: place.effects() == ["REF_A REFUND_SUCCESS"])


async def test_an_order_and_a_refund_may_have_the_same_number(shop, place, eventually):
    """
    Each is compared with what was told of its own kind.
    """
    await shop.expect("1001", "3.00")
    await shop.inbox.expect(_refund("1001", "1.00"))
    await shop.receive("PAY_A", number="1001", total="3.00")
    refund = _refund_notification(shop, number="1001", total="1.00")
    await shop.inbox.receive(refund.body, refund.headers)

    assert await eventually(lambda: len(place.effects()) == 2)
    assert sorted(place.effects()) == [*ONCE, "REF_A REFUND_SUCCESS"]
    assert await shop.inbox.conflicts() == []
    assert (await shop.inbox.notified(mer_reference_id="1001")).id == "PAY_A"


async def test_a_wrong_refund_with_an_orders_number_is_found(shop, eventually):
    """
    The order's money does not excuse it.
    """
    await shop.expect("1001", "3.00")
    await shop.inbox.expect("1001", amount=Money("1.00", "USD"), kind="refund")
    refund = _refund_notification(shop, number="1001", total="3.00")
    await shop.inbox.receive(refund.body, refund.headers)
    await shop.inbox.replay()

    [conflict] = await shop.inbox.conflicts()
    assert "the total is 3.00, expected was 1.00" in conflict.reason


async def test_an_order_does_not_wait_for_a_refund_of_its_number(shop, place):
    """
    What is told of a refund releases no payment.
    """
    await shop.receive()
    await shop.inbox.expect(_refund("n1", "3.00"))
    await shop.inbox.replay()

    assert place.effects() == []
    assert await shop.inbox.conflicts() == []


@pytest.mark.parametrize("first", ["the order", "the refund"])
async def test_the_documented_refund_is_applied(shop, place, eventually, first):
    """
    It names the original order, its money is in CNY cents (gateway.md, trap 15); late or
    not: the answer to `refunds.create()` gave its id.
    """
    refund = shop.signer(
        {
            "refund": {
                "id": "REF_A",
                "state": "REFUND_SUCCESS",
                "orders": [
                    {
                        "mer_reference_id": "n1",
                        "mer_date": "20261123",
                        "amount": {
                            "total": "69037",
                            "currency": "USD",
                            "total_cny": "",
                        },
                    }
                ],
            }
        }
    )

    if first == "the refund":
        await shop.inbox.receive(refund.body, refund.headers)
        await shop.inbox.replay()

    await shop.expect("n1", "100.02")
    await shop.inbox.expect(
        _refund("r1", "100.02"), payment_id="PAY_A", refund_id="REF_A"
    )

    if first == "the order":
        await shop.inbox.receive(refund.body, refund.headers)

    assert await eventually(lambda: place.effects() == ["REF_A REFUND_SUCCESS"])
    assert await shop.inbox.conflicts() == []
    # By its own number only: under that of the order it would be evidence about a refund
    # that has the number of its order.
    assert (await shop.inbox.notified(mer_reference_id="r1")).id == "REF_A"
    assert await shop.inbox.notified(mer_reference_id="n1") is None


def _refund(number, total):
    return NewRefund(
        mer_reference_id=number,
        mer_date=date(2026, 11, 23),
        amount=Money(total, "USD"),
    )


def _refund_notification(shop, *, number, total):
    return shop.signer.refund(
        "REF_A",
        parent_payment="PAY_A",
        mer_reference_id=number,
        mer_date="20261123",
        total=total,
        currency="USD",
    )


async def test_expect_knows_two_kinds(shop):
    """
    A word that is neither is refused.
    """
    with pytest.raises(ConfigError, match="kind"):
        await shop.inbox.expect("n1", amount=Money("1.00", "USD"), kind="order")


@pytest.mark.parametrize("what", ["n1", 7, None])
async def test_expect_needs_money(shop, what):
    """
    A number without an amount is refused.
    """
    with pytest.raises(ConfigError, match="expect"):
        await shop.inbox.expect(what)


@pytest.mark.parametrize(
    ("total", "currency", "says"),
    [("3.01", "USD", "the total is 3.01"), ("3.00", "EUR", "the currency is EUR")],
)
async def test_other_money_is_not_applied(
    open_shop, place, eventually, total, currency, says
):
    """
    The handler is not called; on_conflict is told of both amounts.
    """
    reported = []

    async def on_conflict(conflict):
        reported.append(conflict)

    shop = await open_shop(place, on_conflict=on_conflict)
    await shop.expect()
    await shop.receive(total=total, currency=currency)

    assert await eventually(lambda: reported)
    [conflict] = await shop.inbox.conflicts()
    assert says in conflict.reason
    assert says in conflict.reason
    assert reported[0].event.object_id == conflict.event.object_id == "PAY_A"
    assert shop.seen == []
    assert await shop.inbox.notified(object_id="PAY_A") is None


async def test_the_right_money_after_the_wrong_one_is_applied(shop, place, eventually):
    """
    A wrong amount does not spoil the object.
    """
    await shop.expect()
    await shop.receive(total="9.99")
    await shop.receive()

    assert await eventually(lambda: place.effects() == ONCE)


async def test_a_corrected_expectation_is_compared_again(open_shop, place, eventually):
    """
    The shop had told the wrong price: what was refused is applied, and no conflict.
    """
    reported = []

    async def on_conflict(conflict):
        reported.append(conflict.reason)

    shop = await open_shop(place, on_conflict=on_conflict)
    await shop.expect(total="4.00")
    await shop.receive(state="WAIT_BUYER_PAY")
    await shop.receive()
    assert await eventually(lambda: len(reported) == 2)

    # Told once, however often the shop says the same.
    await shop.expect(total="4.00")
    await shop.inbox.replay()
    assert len(await shop.inbox.conflicts()) == 2

    await shop.expect(total="3.00")

    assert await eventually(lambda: place.effects() == ["PAY_A WAIT_BUYER_PAY", *ONCE])
    assert await shop.inbox.conflicts() == []
    assert len(reported) == 2


async def test_a_wrong_correction_is_reported_again(open_shop, place, eventually):
    """
    It is another reason.
    """
    reported = []

    async def on_conflict(conflict):
        reported.append(conflict.reason)

    shop = await open_shop(place, on_conflict=on_conflict)
    await shop.expect(total="4.00")
    await shop.receive()
    assert await eventually(lambda: len(reported) == 1)
    await shop.expect(total="5.00")

    assert await eventually(lambda: len(reported) == 2)
    assert reported[1] == "the total is 3.00, expected was 5.00"
    assert len(await shop.inbox.conflicts()) == 1


async def test_trailing_zeros_are_the_same_money(shop, place, eventually):
    """
    3.0 is 3.00.
    """
    await shop.expect(total="3.0")
    await shop.receive(total="3.00")

    assert await eventually(lambda: place.effects() == ONCE)


# The order of states

LEVELS = {
    "WAIT_BUYER_PAY": 0,
    "TRADE_PENDING": 1,
    "TRADE_SUCCESS": 2,
    "TRADE_CANCEL": 3,
}


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_and_any_duplicates_end_in_the_last_state(
    open_shop, place, seed
):
    """
    Whatever the network does, each object ends highest and is told each step once.
    """
    chance = random.Random(seed)
    reported = []

    async def on_conflict(conflict):
        reported.append(conflict.event.key)

    shop = await open_shop(place, own=True, on_conflict=on_conflict)
    sent = [
        (f"PAY_{one}", state)
        for one in range(12)
        for state in LEVELS
        for _ in range(chance.randint(1, 3))
    ]
    chance.shuffle(sent)

    for start in range(0, len(sent), 10):
        await asyncio.gather(
            *(
                shop.receive(payment, state, number=payment)
                for payment, state in sent[start : start + 10]
            )
        )

    await shop.inbox.replay()

    assert sorted(place.effects()) == sorted(" ".join(one) for one in shop.seen)

    for one in range(12):
        states = [LEVELS[state] for seen, state in shop.seen if seen == f"PAY_{one}"]
        assert states == sorted(set(states))
        assert states[-1] == 3
        found = await shop.inbox.notified(mer_reference_id=f"PAY_{one}")
        assert found.state == "TRADE_CANCEL"

    # What was not applied is a conflict: nothing is lost.
    conflicts = await shop.inbox.conflicts()
    assert len(conflicts) + len(shop.seen) == 12 * len(LEVELS)


async def test_an_older_state_in_another_body_is_a_duplicate(open_shop, place):
    """
    What was applied before is no conflict when it comes again, in whatever bytes.
    """
    shop = await open_shop(place, own=True)
    states = ["WAIT_BUYER_PAY", "TRADE_PENDING", "TRADE_SUCCESS"]

    for state in states:
        await shop.receive(state=state)

    await shop.inbox.replay()

    for state in states:
        again = shop.signer(
            {"payment": {"id": "PAY_A", "state": state, "settle_date": "20261124"}}
        )
        await shop.inbox.receive(again.body, again.headers)

    await shop.inbox.replay()

    assert place.effects() == [f"PAY_A {state}" for state in states]
    assert await shop.inbox.conflicts() == []
    assert (await shop.inbox.notified(object_id="PAY_A")).state == "TRADE_SUCCESS"


async def test_a_bug_does_not_end_the_inbox(open_shop, place, eventually, log):
    """
    Whatever happens in its own task is logged, and it goes on.
    """
    shop = await open_shop(place, own=True)
    ready = shop.inbox._applier._store
    due = ready.due
    calls = []

    async def broken(status, **options):
        calls.append(status)

        if len(calls) == 1:
            raise RuntimeError("a bug")

        return await due(status, **options)

    ready.due = broken
    await shop.receive()

    assert await eventually(lambda: place.effects() == ONCE)
    assert "it goes on" in log.text


# Waiting


def clock():
    return asyncio.get_running_loop().time()


async def test_wait_is_over_at_once_if_the_state_is_final(shop, place, eventually):
    """
    A final state that was applied before is returned at once.
    """
    await shop.expect()
    await shop.receive()
    assert await eventually(place.effects)

    found = await shop.inbox.wait("PAY_A", deadline=clock())

    assert found.state == "TRADE_SUCCESS"


def _looks(shop):
    """
    Return a list that grows with each look into the store.
    """
    newest, looked = shop.inbox._newest, []

    async def look(**which):
        found = await newest(**which)
        looked.append(found)

        return found

    shop.inbox._newest = look

    return looked


async def test_wait_returns_the_next_state(shop, place, eventually):
    """
    A state that is not final was seen already: the next one is waited for.
    """
    await shop.expect()
    await shop.receive(state="WAIT_BUYER_PAY")
    assert await eventually(place.effects)
    looked = _looks(shop)
    waiting = asyncio.create_task(shop.inbox.wait("PAY_A", deadline=clock() + 50))
    assert await eventually(lambda: looked)
    assert not waiting.done()
    await shop.receive(state="TRADE_PENDING")

    assert (await waiting).state == "TRADE_PENDING"


async def test_who_waits_in_this_process_is_woken(shop):
    """
    All that wait, by the commit itself: nobody looks into the file for it.
    """
    await shop.expect()
    waiting = [
        asyncio.create_task(shop.inbox.wait("PAY_A", deadline=clock() + 50))
        for _ in range(3)
    ]
    await asyncio.sleep(0.05)
    await shop.receive()
    found = await asyncio.gather(*waiting)

    assert {one.state.value for one in found} == {"TRADE_SUCCESS"}


async def test_who_waits_in_another_worker_sees_it_at_the_deadline(open_shop, place):
    """
    Until then whoever waits asks the gateway.
    """
    here = await open_shop(place)
    there = await open_shop(place)
    # Only the other one applies.
    here.inbox._tasks[0].cancel()
    waiting = asyncio.create_task(here.inbox.wait("PAY_A", deadline=clock() + 2))
    await there.expect()
    await there.receive()
    await there.inbox.replay()
    found = await waiting

    assert found.state == "TRADE_SUCCESS"
    assert here.seen == []


async def test_wait_ends_at_the_deadline(shop):
    """
    None, and nothing is left behind.
    """
    start = clock()

    assert await shop.inbox.wait("PAY_A", deadline=start + 0.1) is None
    assert clock() >= start + 0.05
    assert await shop.inbox.wait("PAY_A", deadline=start) is None
    assert [*shop.inbox._arrived] == []


async def test_a_wake_up_for_nothing_ends_no_wait(shop, eventually):
    """
    It costs a look into the store.
    """
    looked = _looks(shop)
    waiting = asyncio.create_task(shop.inbox.wait("PAY_A", deadline=clock() + 50))

    for times in range(1, 4):
        assert await eventually(lambda times=times: len(looked) >= times)
        shop.inbox._wake("PAY_A")

    assert await eventually(lambda: len(looked) >= 4)
    assert not waiting.done()
    waiting.cancel()


async def test_a_lost_wake_up_is_harmless(open_shop, place):
    """
    At the deadline the store is asked once more.
    """
    shop = await open_shop(place)

    for task in shop.inbox._tasks:
        task.cancel()

    await shop.expect()
    await shop.receive()
    newest, looked = shop.inbox._newest, []

    async def apply_meanwhile(**which):
        found = await newest(**which)

        if not looked:
            looked.append(found)
            # Whoever had to tell is dead.
            shop.inbox._arrived.clear()
            await shop.inbox.replay()

        return found

    shop.inbox._newest = apply_meanwhile
    found = await shop.inbox.wait("PAY_A", deadline=clock() + 0.05)

    assert looked == [None]
    assert found.state == "TRADE_SUCCESS"


async def test_a_cancelled_wait_leaves_nothing(shop):
    """
    The one that waits for the same object goes on.
    """
    one, other = (
        asyncio.create_task(shop.inbox.wait("PAY_A", deadline=clock() + 50))
        for _ in range(2)
    )
    await asyncio.sleep(0.05)
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    await shop.expect()
    await shop.receive()

    assert (await other).state == "TRADE_SUCCESS"
    assert [*shop.inbox._arrived] == []


async def test_who_waits_hears_that_the_inbox_is_closed(shop):
    """
    A waiting task does not hang until its deadline.
    """
    waiting = asyncio.create_task(shop.inbox.wait("PAY_A", deadline=clock() + 60))
    await asyncio.sleep(0.05)
    await shop.inbox.aclose()

    with pytest.raises(NotificationError, match="closed"):
        await waiting


async def test_notified_tells_the_newest_applied_state(shop, place, eventually):
    """
    By the object's id or the merchant's number; None if nothing was applied.
    """
    assert await shop.inbox.notified(object_id="PAY_A") is None
    assert await shop.inbox.notified(mer_reference_id="n1") is None
    await shop.receive(state="TRADE_PENDING")
    await shop.inbox.replay()
    assert await shop.inbox.notified(mer_reference_id="n1") is None

    await shop.expect()
    await shop.receive()
    assert await eventually(lambda: len(place.effects()) == 2)

    for found in (
        await shop.inbox.notified(object_id="PAY_A"),
        await shop.inbox.notified(mer_reference_id="n1"),
    ):
        assert found.id == "PAY_A"
        assert found.state == "TRADE_SUCCESS"


async def test_notified_of_nothing_is_nothing(shop, place, eventually):
    """
    Neither an id nor a number names no payment of somebody else's.
    """
    await shop.expect()
    await shop.receive()
    assert await eventually(place.effects)

    assert await shop.inbox.notified() is None


async def test_the_newest_is_the_one_applied_last_whatever_the_clock_says(
    shop, place, eventually, monkeypatch
):
    """
    A clock that is set back between two payments of an order makes the first no newer.
    """
    await shop.expect(payment_id="PAY_A")
    await shop.expect(payment_id="PAY_B")
    await shop.receive("PAY_A", "TRADE_CLOSED")
    assert await eventually(lambda: len(place.effects()) == 1)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600)
    await shop.receive("PAY_B")
    assert await eventually(lambda: len(place.effects()) == 2)

    assert (await shop.inbox.notified(mer_reference_id="n1")).id == "PAY_B"


async def test_a_final_state_is_applied_after_a_word_that_nobody_knows(
    shop, place, eventually
):
    """
    The gateway may learn words between two that are known.
    """
    await shop.expect()
    await shop.receive(state="TRADE_PARKED")
    await shop.receive()

    assert await eventually(
        lambda: place.effects() == ["PAY_A TRADE_PARKED", "PAY_A TRADE_SUCCESS"]
    )
    assert await shop.inbox.conflicts() == []


# The end of things


async def test_old_applied_events_are_removed(open_shop, place, eventually):
    """
    What is held or in conflict stays; a late duplicate is still not applied.
    """
    shop = await open_shop(place)
    await shop.expect()
    await shop.receive()
    await shop.receive(state="TRADE_FAIL")
    await shop.receive("PAY_B", number="unknown")
    assert await eventually(lambda: place.effects() == ONCE)
    await shop.inbox.replay()
    await shop.inbox.aclose()
    assert place.stored() == 3

    later = await open_shop(place, keep=timedelta(0))
    assert await eventually(lambda: place.stored() == 2)
    await later.receive()
    await later.inbox.replay()

    assert place.effects() == ONCE
    assert len(await later.inbox.conflicts()) == 1
    assert (await later.inbox.notified(object_id="PAY_A")).state == "TRADE_SUCCESS"


def test_nothing_is_left_after_aclose(make_shop, place, receiver, signer):
    """
    No task and no thread; another loop with a new inbox goes on.
    """
    threads = set(threading.enumerate())

    async def day(number):
        shop = make_shop(place, receiver, signer, own=True)

        async with shop.inbox:
            await shop.receive(f"PAY_{number}", number=f"n{number}")
            await shop.inbox.replay()

        await shop.inbox.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    for number in range(3):
        asyncio.run(day(number))

    for thread in set(threading.enumerate()) - threads:
        thread.join(30)
        assert not thread.is_alive()

    assert len(place.effects()) == 3


@pytest.mark.parametrize("place", ["", ":memory:", None, 7])
def test_a_place_that_keeps_nothing_is_refused(receiver, place):
    """
    A database is needed.
    """
    with pytest.raises(ConfigError, match="Database"):
        NotificationInbox(place, receiver)


@pytest.mark.parametrize(
    "scheme", ["redis:", "redis", "redis+sentinel", "postgresql", "sqlite", " redis"]
)
def test_an_address_that_cannot_be_used_is_nowhere_shown(receiver, scheme):
    """
    No file is named after it; its password is in no message and in no frame of ours.
    """
    with pytest.raises(ConfigError) as caught:
        NotificationInbox(f"{scheme}://user:hunter2@host/0", receiver)

    assert "hunter2" not in str(caught.value)
    frames = [entry.frame.f_locals for entry in caught.traceback[1:]]

    assert "hunter2" not in repr(frames)


async def test_closing_that_is_cancelled_leaves_no_thread(place, receiver):
    """
    Ctrl-C comes twice: the file's threads would keep the process alive.
    """
    import threading

    before = threading.active_count()
    inbox = NotificationInbox(place.spec, receiver)
    await inbox.__aenter__()
    closing = asyncio.create_task(inbox.aclose())
    await asyncio.sleep(0)
    closing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await closing

    for _ in range(1500):
        if threading.active_count() == before:
            break

        await asyncio.sleep(0.02)

    assert before == threading.active_count()


async def test_an_inbox_is_opened_once_at_a_time(
    make_shop, place, receiver, signer, eventually
):
    """
    A second opening would leave the threads of the first; after `aclose()` it may be.
    """
    threads = set(threading.enumerate())
    shop = make_shop(place, receiver, signer)

    for _ in range(2):
        async with shop.inbox:
            with pytest.raises(ConfigError, match="open already"):
                await shop.inbox.__aenter__()

            assert (await shop.receive()).status == 200

    assert await eventually(lambda: set(threading.enumerate()) <= threads)


async def test_an_inbox_that_could_not_be_opened_may_be_tried_again(
    make_shop, place, receiver, signer, tmp_path
):
    """
    The folder came later.
    """
    place.spec = str(tmp_path / "later" / "shop.sqlite3")
    shop = make_shop(place, receiver, signer)

    with pytest.raises(DatabaseError, match="CANTOPEN"):
        await shop.inbox.__aenter__()

    (tmp_path / "later").mkdir()

    async with shop.inbox:
        assert (await shop.receive()).status == 200
