"""
Handlers: what they write is there once, or not at all; what fails is tried again.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from umfpay.emulator import Credentials
from umfpay.errors import NotificationError
from umfpay.models import Money
from umfpay.notifications import (
    NotificationInbox,
    NotificationReceiver,
    _event_store,
    _worker,
)
from umfpay.testing import NotificationSigner


ONCE = ["PAY_A TRADE_SUCCESS"]


class TroubleError(Exception):
    """
    What a handler may raise.
    """


async def test_a_failing_handler_leaves_nothing_and_is_tried_again(
    shop, place, eventually, log
):
    """
    The gateway gets its reply; what was written is rolled back; replay() applies it.
    """

    async def fail(event):
        raise TroubleError

    shop.stop_applying()
    shop.after = fail
    await shop.expect()
    reply = await shop.receive()

    assert reply.status == 200
    assert await shop.inbox.replay() == 0
    assert len(shop.seen) == 1
    assert await shop.inbox.replay() == 0
    assert place.effects() == []
    assert "it is tried again" in log.text
    assert await shop.inbox.notified(object_id="PAY_A") is None

    del shop.after
    assert await shop.inbox.replay() == 1
    assert place.effects() == ONCE
    assert await shop.inbox.replay() == 0


async def test_a_failed_handler_is_tried_again_by_itself(shop, place, eventually):
    """
    After a second, without anybody's doing.
    """

    async def fail_once(event):
        if len(shop.seen) == 1:
            raise TroubleError

    shop.before = fail_once
    await shop.expect()
    await shop.receive()

    assert await eventually(lambda: place.effects() == ONCE)
    assert len(shop.seen) == 2


@pytest.mark.parametrize(
    ("attempts", "pause"), [(0, 1), (1, 2), (4, 16), (8, 256), (9, 300), (5000, 300)]
)
async def test_the_pause_grows(shop, place, monkeypatch, attempts, pause):
    """
    1, 2, 4 ... 300 seconds, however often it has failed.
    """
    monkeypatch.setattr(_event_store, "time", SimpleNamespace(time=lambda: 1000.0))
    shop.stop_applying()

    async def fail(event):
        raise TroubleError

    shop.before = fail
    await shop.receive()
    await shop.inbox.replay()
    await place.set_attempts(attempts)
    await shop.expect()
    await shop.inbox.replay()

    assert place.run("SELECT due_at FROM umf_events") == [((1000 + pause) * 10**6,)]


@pytest.mark.parametrize(
    "trouble", [TroubleError(), NotificationError("It is down.", "不可用。")]
)
async def test_a_failing_event_does_not_stop_the_others(
    shop, place, eventually, trouble
):
    """
    Whatever the handler raises, the events behind it are applied.
    """

    async def fail(event):
        if event.object_id == "PAY_A":
            raise trouble

    shop.before = fail
    await shop.expect()
    await shop.expect("n2", payment_id="PAY_B")
    await shop.receive()
    await shop.receive("PAY_B", number="n2")

    assert await eventually(lambda: place.effects() == ["PAY_B TRADE_SUCCESS"])


async def test_a_later_state_waits_for_an_earlier_one_that_failed(
    open_shop, place, eventually
):
    """
    The states of one payment are applied one at a time, in the order they came.
    """
    shop = await open_shop(place, own=True)

    async def fail_once(event):
        if len(shop.seen) == 1:
            raise TroubleError

    shop.before = fail_once
    await shop.receive(state="WAIT_BUYER_PAY")
    assert await eventually(lambda: shop.seen)
    await shop.receive()
    await shop.receive("PAY_B", number="n2")

    assert await eventually(lambda: len(place.effects()) == 3)
    assert place.effects() == [
        "PAY_B TRADE_SUCCESS",
        "PAY_A WAIT_BUYER_PAY",
        "PAY_A TRADE_SUCCESS",
    ]
    assert await shop.inbox.conflicts() == []


async def test_a_slow_handler_is_stopped(open_shop, place, eventually, log):
    """
    After handler_timeout it is cancelled, and tried again later.
    """
    shop = await open_shop(place, own=True, handler_timeout=0.05)

    async def sleep(event):
        if len(shop.seen) == 1:
            await asyncio.sleep(60)

    shop.after = sleep
    await shop.receive()

    assert await eventually(lambda: "it is tried again" in log.text)
    # The one that is quick may be stopped, too, on a busy machine.
    assert await eventually(lambda: place.effects() == ONCE)
    assert len(shop.seen) >= 2


async def test_an_event_that_verifies_no_more_waits_for_its_key(
    make_shop, place, receiver, signer, credentials, eventually
):
    """
    After a change of keys others are applied; with both keys it is applied too.
    """
    old = make_shop(place, receiver, signer)

    async with old.inbox:
        await old.receive()
        await old.inbox.replay()

    other = Credentials.generate(1024)
    new_signer = NotificationSigner(other.gateway_key)
    new = make_shop(
        place,
        NotificationReceiver(other.gateway_certificate),
        new_signer,
        own=True,
    )

    async with new.inbox:
        await new.expect()
        await new.receive("PAY_B", number="n2")
        assert await eventually(lambda: place.effects() == ["PAY_B TRADE_SUCCESS"])

    certificates = [credentials.gateway_certificate, other.gateway_certificate]
    both = make_shop(place, NotificationReceiver(certificates), new_signer)

    async with both.inbox:
        await both.inbox.replay()

    assert place.effects() == ["PAY_B TRADE_SUCCESS", *ONCE]


async def test_a_handler_stopped_by_aclose_leaves_nothing(open_shop, place, eventually):
    """
    The next inbox applies the event.
    """
    shop = await open_shop(place, own=True)

    async def sleep(event):
        await asyncio.sleep(60)

    shop.after = sleep
    await shop.receive()
    assert await eventually(lambda: shop.seen)
    await shop.inbox.aclose()
    assert place.effects() == []

    await open_shop(place, own=True)
    assert await eventually(lambda: place.effects() == ONCE)


async def test_a_handler_that_is_just_being_stopped_keeps_no_inbox_open(
    open_shop, place
):
    """
    Its time is over, and it still cleans up: that is waited for.
    """
    shop = await open_shop(place, own=True, handler_timeout=0.05)
    ending = asyncio.Event()

    async def clean_up(event):
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.sleep(0.1)

    shop.before = clean_up
    await shop.receive()

    async with asyncio.timeout(30):
        await ending.wait()
        await shop.inbox.aclose()

    assert shop.inbox._databases[0]._binding is None
    assert place.effects() == []


async def test_several_handlers_are_one_transaction(open_shop, place):
    """
    If the second one fails, the first one's effect is not there.
    """
    shop = await open_shop(place, own=True)
    fails = [True]

    @shop.inbox.handler
    async def second(event, transaction):
        if fails:
            raise TroubleError

    await shop.receive()
    await shop.inbox.replay()
    assert place.effects() == []
    fails.clear()
    await shop.inbox.replay()

    assert place.effects() == ONCE


async def test_what_waits_for_another_process_hides_nothing(
    place, receiver, signer, monkeypatch
):
    """
    Though it fills whole batches: what came after it is applied.
    """
    for module in (_event_store, _worker):
        monkeypatch.setattr(module, "BATCH", 3)

    applied = []
    money = Money("3.00", "USD")
    known = {"total": "3.00", "currency": "USD", "mer_date": "20261123"}

    async with NotificationInbox(place.spec, receiver) as inbox:
        for number in range(8):
            name = f"r{number}"
            await inbox.expect(
                name,
                amount=money,
                kind="refund",
                payment_id="PAY_A",
                refund_id=f"REF_{number}",
            )
            given = signer.refund(
                f"REF_{number}",
                parent_payment="PAY_A",
                mer_reference_id=name,
                **known,
            )
            await inbox.receive(given.body, given.headers)

        @inbox.on_payment
        async def paid(event, transaction):
            applied.append(event.object_id)

        await inbox.expect("n1", amount=money, payment_id="PAY_A")
        signed = signer.payment("PAY_A", mer_reference_id="n1", **known)
        await inbox.receive(signed.body, signed.headers)
        await inbox.replay()

    assert applied == ["PAY_A"]
    assert sorted(place.status()) == ["applied", *["ready"] * 8]
