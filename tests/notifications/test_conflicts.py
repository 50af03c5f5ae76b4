"""
Events that are not applied: acknowledged, kept, and told until somebody takes them.
"""

from __future__ import annotations

import asyncio

import pytest

from umfpay.emulator._keys import make_credentials
from umfpay.errors import NotificationError, Text
from umfpay.models import CustomsDeclaration, Money
from umfpay.notifications import NotificationReceiver
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
    told = []

    async def on_conflict(conflict):
        told.append(conflict)

    shop = await open_shop(place, own=True, on_conflict=on_conflict)
    await shop.receive()
    reply = await shop.receive(state=second)

    assert reply.status == 200
    assert await eventually(lambda: told)
    [conflict] = await shop.inbox.conflicts()
    assert says in conflict.reason
    assert conflict.error is None
    assert place.effects() == ONCE
    assert (await shop.inbox.notified(object_id="PAY_A")).state == "TRADE_SUCCESS"


class Noun:
    """
    A part of a session that knows one state.
    """

    def __init__(self, state):
        self.state = state
        self.asked = []

    async def get(self, key, /):
        self.asked.append(key)

        return self


class KnowingGateway:
    """
    A gateway that can be asked.
    """

    def __init__(self):
        self.payments = Noun("TRADE_SUCCESS")
        self.refunds = Noun("REFUND_SUCCESS")
        self.customs = Noun("SUCCESS")


async def test_the_gateway_is_asked_about_a_conflict(open_shop, place, eventually, log):
    """
    By default its answer is logged, for each kind of object.
    """
    gateway = KnowingGateway()
    shop = await open_shop(place, own=True, gateway=gateway)
    money = {"amount": {"total": "3.00", "currency": "USD"}}
    order = {"order": {"mer_reference_id": "n1", **money}}
    await shop.expect()
    await shop.inbox.expect(
        "n1", amount=Money("3.00", "USD"), kind="refund", refund_id="REF_A"
    )
    await shop.inbox.expect(CustomsDeclaration(id="CUST_A"))

    for first, second in (
        (
            {"payment": {"id": "PAY_A", "state": "TRADE_SUCCESS", **order}},
            {"payment": {"id": "PAY_A", "state": "TRADE_FAIL", **order}},
        ),
        (
            {"refund": {"id": "REF_A", "state": "REFUND_SUCCESS", **order}},
            {"refund": {"id": "REF_A", "state": "REFUND_PROCESS", **order}},
        ),
        (
            {"customs_declaration": {"id": "CUST_A", "state": "SUCCESS"}},
            {"customs_declaration": {"id": "CUST_A", "state": "FAIL"}},
        ),
    ):
        for members in (first, second):
            signed = shop.signer(members)
            await shop.inbox.receive(signed.body, signed.headers)

    assert await eventually(lambda: log.text.count("the gateway says") == 3)
    assert gateway.payments.asked == ["PAY_A"]
    assert gateway.refunds.asked == ["REF_A"]
    assert gateway.customs.asked == ["CUST_A"]
    assert "the gateway says REFUND_SUCCESS" in log.text


async def test_without_a_gateway_a_conflict_is_logged(
    open_shop, place, eventually, log
):
    """
    The log says that nobody was asked.
    """
    shop = await open_shop(place, own=True)
    await shop.receive()
    await shop.receive(state="TRADE_FAIL")

    assert await eventually(lambda: "nobody was asked" in log.text)


async def test_a_failing_on_conflict_is_told_again(
    open_shop, place, eventually, log, monkeypatch
):
    """
    The failure is logged, and the conflict is told until somebody takes it.
    """
    monkeypatch.setattr("umfpay.notifications._unapplied._FIRST_PAUSE", 0.02)
    told = []

    async def on_conflict(conflict):
        told.append(conflict.event.key)

        if len(told) < 3:
            raise RuntimeError("the desk is closed")

    shop = await open_shop(place, own=True, on_conflict=on_conflict)
    await shop.receive()
    await shop.receive(state="TRADE_FAIL")

    assert await eventually(lambda: len(told) == 3)
    assert "the desk is closed" in log.text
    await asyncio.sleep(0.1)
    assert len(told) == 3
    assert len(set(told)) == 1


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


async def test_a_conflict_is_told_after_a_restart(open_shop, place, eventually):
    """
    What nobody has taken is told by the next inbox.
    """
    begun = asyncio.Event()
    told = []

    async def thinks(conflict):
        begun.set()
        await asyncio.sleep(60)

    async def takes(conflict):
        told.append(conflict.event.state)

    first = await open_shop(place, own=True, on_conflict=thinks)
    await first.receive()
    await first.receive(state="TRADE_FAIL")
    await begun.wait()
    await first.inbox.aclose()
    await open_shop(place, own=True, on_conflict=takes)

    assert await eventually(lambda: told == ["TRADE_FAIL"])


async def test_a_place_that_is_down_stops_the_telling_for_a_while(
    open_shop, place, eventually, log, monkeypatch
):
    """
    It is logged, and goes on when the place is back.
    """
    monkeypatch.setattr("umfpay.notifications._unapplied._FIRST_PAUSE", 0.02)
    told = []

    async def on_conflict(conflict):
        told.append(conflict.event.state)

    shop = await open_shop(place, own=True, on_conflict=on_conflict)
    unreported = shop.inbox._store.unreported
    calls = []

    async def down(now, *, questions):
        calls.append(1)

        if len(calls) < 4:
            raise NotificationError(Text("It is down.", "不可用。"))

        return await unreported(now, questions=questions)

    monkeypatch.setattr(shop.inbox._store, "unreported", down)
    await shop.receive()
    await shop.receive(state="TRADE_FAIL")

    assert await eventually(lambda: told == ["TRADE_FAIL"])
    assert "what waits cannot be told now: It is down." in log.text


async def test_a_conflict_that_verifies_no_more_hides_no_other(
    open_shop, make_shop, place, log
):
    """
    After a change of keys it is left out of the list, and the log says so.
    """
    old = await open_shop(place, own=True)
    await old.receive()
    await old.receive(state="TRADE_FAIL")
    await old.inbox.replay()
    await old.inbox.aclose()
    other = make_credentials(1024)
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
        [conflict] = await new.inbox.conflicts()

    assert conflict.event.object_id == "PAY_B"
    assert "a stored event cannot be read" in log.text
