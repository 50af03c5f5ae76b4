"""
What proves nothing by itself is asked for; two merchants share one gateway here.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import timedelta
from types import SimpleNamespace

import attrs
import pytest

from tests import orders
from umfpay import Config, UMFSession
from umfpay._background import pause_after
from umfpay.emulator import Emulator, serve
from umfpay.models import Money
from umfpay.notifications import NotificationReceiver, _event_store, _inbox
from umfpay.testing import NotificationSigner


PRICE = Money("10.00", "USD")
DAY = f"{orders.DAY:%Y%m%d}"
META = {"ret_code": "0000", "ret_msg": "Success"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """
    Questions after 10, 20, 40 ms ... in place of seconds.
    """

    def quick(times):
        return min(0.01 * 2**times, 0.1)

    monkeypatch.setattr(_event_store, "pause_after", quick)
    monkeypatch.setattr(_inbox, "_POLL_SECONDS", 0.02)


class Gateway:
    """
    The emulator, its two merchants, and what it signs for both.
    """

    def __init__(self, emulator, session, other):
        self.emulator = emulator
        self.session = session
        self.other = other
        self.signer = NotificationSigner(emulator.credentials.gateway_key)

    async def create(self, number, session=None):
        made = await (session or self.session).payments.create(
            attrs.evolve(
                orders.wallet_payment("ALIPAY_SCAN"),
                order=orders.order(reference=number),
            )
        )

        return made.id

    def pay(self, payment_id):
        self.emulator.control("POST", f"/payments/{payment_id}/pay", {})

    def asked(self, payment_id):
        log = self.emulator.control("GET", "/requests")["requests"]

        return [
            one
            for one in log
            if one["method"] == "GET" and one["path"].endswith(payment_id)
        ]


@pytest.fixture(name="gateway", params=["refused", "visible"])
async def _gateway(request):
    async with AsyncExitStack() as stack:
        emulator = Emulator(key_bits=1024)
        server = await stack.enter_async_context(serve(emulator))
        emulator.control("PUT", "/settings", {"foreign_payments": request.param})

        async def opened(made):
            config = Config(
                client_id=made.client_id,
                client_secret=made.client_secret,
                merchant_key=made.merchant_key,
                gateway_certificate=emulator.credentials.gateway_certificate,
                base_url=server.base_url,
                token_store="memory",
            )

            return await stack.enter_async_context(UMFSession(config))

        yield Gateway(
            emulator,
            await opened(emulator.credentials),
            await opened(emulator.other_merchant),
        )


@pytest.fixture(name="open_asking_shop")
async def _open_asking_shop(gateway, place, make_shop):
    async with AsyncExitStack() as stack:

        async def open_asking_shop(**options):
            receiver = NotificationReceiver(
                gateway.emulator.credentials.gateway_certificate
            )
            options = {"gateway": gateway.session, **options}
            shop = make_shop(place, receiver, gateway.signer, **options)
            await stack.enter_async_context(shop.inbox)

            return shop

        yield open_asking_shop


@pytest.fixture(name="shop")
async def _shop(open_asking_shop):
    return await open_asking_shop()


def _event(payment_id, number="n1", **members):
    members = {"total": "10.00", "currency": "USD", "mer_date": DAY, **members}

    return {"payment_id": payment_id, "mer_reference_id": number, **members}


async def _receive(shop, payment_id, **members):
    signed = shop.signer.payment(**_event(payment_id, **members))
    await shop.inbox.receive(signed.body, signed.headers)


async def test_a_strangers_payment_never_pays_an_order(
    gateway, shop, place, eventually, log
):
    """
    He pays himself under our number and amount; whether a query shows it or not, it is
    not in our own list. Ours is applied once.
    """
    mine = await gateway.create("n1")
    await shop.inbox.expect("n1", amount=PRICE, payment_id=mine)
    foreign = await gateway.create("n1", gateway.other)
    gateway.pay(foreign)
    await _receive(shop, foreign)

    assert await eventually(lambda: "not confirmed and not applied" in log.text)
    [waiting] = await shop.inbox.unconfirmed()
    assert (foreign, "n1") == (waiting.event.object_id, waiting.mer_reference_id)
    assert await shop.inbox.notified(object_id=foreign) is None

    gateway.pay(mine)
    await _receive(shop, mine)

    assert await eventually(lambda: place.effects() == [f"{mine} TRADE_SUCCESS"])
    assert mine == (await shop.inbox.notified(mer_reference_id="n1")).id


async def test_an_own_payment_that_was_not_announced_is_confirmed(
    gateway, shop, place, eventually
):
    """
    The query fits, and the own list has it: it is applied, and its id is known then.
    """
    await shop.inbox.expect("n1", amount=PRICE)
    mine = await gateway.create("n1")
    gateway.pay(mine)
    await _receive(shop, mine)

    assert await eventually(lambda: place.effects() == [f"{mine} TRADE_SUCCESS"])
    assert [] == await shop.inbox.unconfirmed()
    [own] = await shop.inbox._store.own_objects(object_id=mine)
    assert "n1" == own.mer_reference_id


async def test_a_number_that_nobody_expects_is_never_asked_for(gateway, shop, log):
    """
    Strangers do not steer our calls.
    """
    mine = await gateway.create("n1")
    await _receive(shop, mine)
    await shop.inbox.replay()
    await shop.inbox._queries.query_due()

    [held] = await shop.inbox.held()
    assert mine == held.event.object_id
    assert [] == gateway.asked(mine)


@pytest.mark.parametrize("outside", [{"meta": META}, {"links": [{"ref": "self"}]}])
async def test_a_create_answer_is_no_payment(gateway, shop, place, eventually, outside):
    """
    It says TRADE_SUCCESS before anybody paid (gateway.md, trap 19): a query decides.
    """
    mine = await gateway.create("n1")
    await shop.inbox.expect("n1", amount=PRICE, payment_id=mine)
    amount = {"total": "10.00", "currency": "USD"}
    order = {"mer_reference_id": "n1", "amount": amount}
    signed = shop.signer(
        {"payment": {"id": mine, "state": "TRADE_SUCCESS", "order": order}, **outside}
    )
    await shop.inbox.receive(signed.body, signed.headers)

    assert await eventually(lambda: gateway.asked(mine))
    assert [] == place.effects()

    gateway.pay(mine)

    assert await eventually(lambda: place.effects() == [f"{mine} TRADE_SUCCESS"])


async def test_an_event_that_tells_little_is_completed(
    gateway, shop, place, eventually
):
    """
    Real ones may carry only total_cny (gateway.md 3.3).
    """
    mine = await gateway.create("n1")
    await shop.inbox.expect("n1", amount=PRICE, payment_id=mine)
    gateway.pay(mine)
    signed = shop.signer(
        {
            "payment": {
                "id": mine,
                "state": "TRADE_SUCCESS",
                "order": {"amount": {"total_cny": "69.23"}},
            }
        }
    )
    await shop.inbox.receive(signed.body, signed.headers)

    assert await eventually(lambda: place.effects() == [f"{mine} TRADE_SUCCESS"])
    found = await shop.inbox.notified(object_id=mine)
    assert ("n1", PRICE.total) == (
        found.order.mer_reference_id,
        found.order.amount.total,
    )


async def test_what_a_query_contradicts_is_a_conflict(gateway, shop, eventually):
    """
    The order was expected with another amount.
    """
    mine = await gateway.create("n1")
    await shop.inbox.expect("n1", amount=Money("9.00", "USD"), payment_id=mine)
    gateway.pay(mine)
    signed = shop.signer({"payment": {"id": mine, "state": "TRADE_SUCCESS"}})
    await shop.inbox.receive(signed.body, signed.headers)

    assert await eventually(lambda: gateway.asked(mine))
    await _until_listed(shop.inbox.conflicts)
    [conflict] = await shop.inbox.conflicts()
    assert "the total is 10.00, expected was 9.00" == conflict.reason
    assert [] == shop.seen


async def _until_listed(listed):
    while not await listed():
        await asyncio.sleep(0.02)


async def test_a_flat_notification_has_its_payments_asked_for(
    gateway, shop, place, eventually
):
    """
    It names the number only; the ids of its payments are known.
    """
    mine = await gateway.create("n1")
    await shop.inbox.expect("n1", amount=PRICE, payment_id=mine)
    gateway.pay(mine)
    signed = shop.signer({"order_id": "n1", "trade_state": "TRADE_SUCCESS"})
    reply = await shop.inbox.receive(signed.body, signed.headers)

    assert 200 == reply.status
    assert await eventually(lambda: place.effects() == [f"{mine} TRADE_SUCCESS"])


async def test_a_refund_of_the_own_list_is_applied(gateway, shop, place, eventually):
    """
    One that was made in the merchant's portal: a query alone would prove nothing.
    """
    mine = await gateway.create("n1")
    await shop.inbox.expect("n1", amount=PRICE, payment_id=mine)
    gateway.pay(mine)
    new = attrs.evolve(orders.refund(), mer_reference_id="portal-1")
    made = await gateway.session.refunds.create(mine, new)
    signed = shop.signer(
        {
            "refund": {
                "id": made.id,
                "state": "REFUND_SUCCESS",
                "parent_payment": mine,
                "order": {"mer_reference_id": "portal-1", "mer_date": DAY},
            }
        }
    )
    await shop.inbox.receive(signed.body, signed.headers)

    assert await eventually(lambda: place.effects() == [f"{made.id} REFUND_SUCCESS"])


async def test_a_strangers_refund_is_not_applied(gateway, shop, place, log, eventually):
    """
    Under our refund number, without its payment: it is in his list, not in ours.
    """
    foreign = await gateway.create("n1", gateway.other)
    gateway.pay(foreign)
    new = attrs.evolve(orders.refund(), mer_reference_id="r1")
    made = await gateway.other.refunds.create(foreign, new)
    await shop.inbox.expect(new, payment_id="PAY_MINE")
    signed = shop.signer(
        {
            "refund": {
                "id": made.id,
                "state": "REFUND_SUCCESS",
                "order": {"mer_reference_id": "r1", "mer_date": DAY},
            }
        }
    )
    await shop.inbox.receive(signed.body, signed.headers)

    assert await eventually(lambda: "not confirmed and not applied" in log.text)
    assert [] == place.effects()

    async with asyncio.timeout(30):
        while not await shop.inbox.unconfirmed():
            await asyncio.sleep(0.01)


async def test_paid_twice_is_reported(gateway, shop, place, eventually):
    """
    Two payments of one order, both ours and both paid: the second is a person's.
    """
    first, second = await gateway.create("n1"), await gateway.create("n1")

    for one in (first, second):
        await shop.inbox.expect("n1", amount=PRICE, payment_id=one)
        await _receive(shop, one)

    assert await eventually(lambda: place.effects() == [f"{first} TRADE_SUCCESS"])
    await _until_listed(shop.inbox.conflicts)

    [conflict] = await shop.inbox.conflicts()
    assert f"paid twice: {first} was paid before" == conflict.reason
    assert second == conflict.event.object_id
    assert [f"{first} TRADE_SUCCESS"] == place.effects()


async def test_after_a_day_it_is_unconfirmed_and_warned_of_daily(
    gateway, shop, place, eventually, log
):
    """
    Nobody asks any more; `expect()` with the id releases it.
    """
    await shop.inbox.expect("n1", amount=PRICE)
    await _receive(shop, "PAY_NOBODY")
    assert await eventually(lambda: "not confirmed and not applied" in log.text)
    log.clear()
    await place.change(
        "UPDATE umf_events SET received_at = received_at - 90000000000, questions = 20"
    )
    assert await eventually(
        lambda: place.run("SELECT status FROM umf_events") == [("unconfirmed",)]
    )
    assert await eventually(lambda: "not confirmed and not applied" in log.text)
    questions = place.run("SELECT questions FROM umf_events")
    await shop.inbox._reporter.remind()
    assert "1 not confirmed (see inbox.unconfirmed())" in log.text
    assert questions == place.run("SELECT questions FROM umf_events")

    await shop.inbox.expect("n1", amount=PRICE, payment_id="PAY_NOBODY")

    assert await eventually(lambda: place.effects() == ["PAY_NOBODY TRADE_SUCCESS"])
    assert [] == await shop.inbox.unconfirmed()


async def test_without_a_session_it_waits_for_a_worker_that_has_one(
    gateway, open_asking_shop, place, eventually, log
):
    """
    That is said at once.
    """
    blind = await open_asking_shop(gateway=None)
    await blind.inbox.expect("n1", amount=PRICE)
    mine = await gateway.create("n1")
    gateway.pay(mine)
    await _receive(blind, mine)

    assert await eventually(lambda: "not confirmed and not applied" in log.text)
    assert [] == place.effects()

    await blind.inbox._reporter.remind()
    assert "1 not confirmed (see inbox.unconfirmed())" in log.text

    await open_asking_shop()

    assert await eventually(lambda: place.effects() == [f"{mine} TRADE_SUCCESS"])


async def test_a_clock_that_was_set_back_delays_no_question(shop, place, eventually):
    """
    What was due tomorrow by the old clock is asked now.
    """
    await shop.inbox.expect("n1", amount=PRICE)
    await _receive(shop, "PAY_NOBODY")
    assert await eventually(lambda: place.run("SELECT questions FROM umf_events")[0][0])
    await place.change(
        f"UPDATE umf_events SET due_at = {time.time_ns() // 1000 + 86392000000}"
    )
    await place.change("UPDATE umf_events SET questions = 0")

    assert await eventually(lambda: place.run("SELECT questions FROM umf_events")[0][0])


async def test_the_gateway_that_is_away_is_asked_again(
    gateway, shop, place, eventually
):
    """
    An error is no answer.
    """
    mine = await gateway.create("n1")
    await shop.inbox.expect("n1", amount=PRICE)
    gateway.pay(mine)
    get, calls = gateway.session.payments.get, []

    async def away(key, **options):
        calls.append(key)

        if len(calls) < 3:
            raise (OSError("a bug"), TimeoutError())[len(calls) - 1]

        return await get(key, **options)

    gateway.session.payments.get = away
    await _receive(shop, mine)

    assert await eventually(lambda: place.effects() == [f"{mine} TRADE_SUCCESS"])
    assert 3 <= len(calls)


def test_the_pauses_grow_to_five_minutes():
    """
    1, 2, 4 ... 300 seconds.
    """
    assert [1, 2, 4, 8] == [pause_after(times) for times in range(4)]
    assert 300 == pause_after(9) == pause_after(10**9)


async def test_a_recorded_query_is_confirmed_by_its_own_words(gateway, shop, place):
    """
    Nobody told its id: the own list proves it, and whoever recorded it hears so.
    """
    mine = await gateway.create("n1")
    gateway.pay(mine)
    await shop.inbox.expect("n1", amount=PRICE)
    found = await gateway.session.payments.get(mine)
    deadline = asyncio.get_running_loop().time() + 30

    applied = await shop.inbox.record(found, deadline=deadline)

    assert (mine, "TRADE_SUCCESS") == (applied.id, applied.state)
    assert [f"{mine} TRADE_SUCCESS"] == place.effects()
    assert [] == await shop.inbox.unconfirmed()


async def test_a_recorded_query_of_nobody_is_not_applied(gateway, shop, place):
    """
    The list has no such payment: whoever recorded it waits until his deadline only.
    """
    theirs = await gateway.create("n1", gateway.other)
    gateway.pay(theirs)
    await shop.inbox.expect("n1", amount=PRICE)
    found = await gateway.other.payments.get(theirs)
    deadline = asyncio.get_running_loop().time() + 0.5

    assert await shop.inbox.record(found, deadline=deadline) is None
    assert [] == place.effects()

    async with asyncio.timeout(30):
        while not await shop.inbox.unconfirmed():
            await asyncio.sleep(0.01)


async def test_a_day_that_nobody_named_is_the_one_of_the_query(
    gateway, shop, place, eventually
):
    """
    Neither the event nor `expect()` names one: the list of today would never have it.
    """
    order = attrs.evolve(
        orders.order(reference="n1"), mer_date=orders.DAY - timedelta(days=3)
    )
    made = await gateway.session.payments.create(
        attrs.evolve(orders.wallet_payment("ALIPAY_SCAN"), order=order)
    )
    gateway.pay(made.id)
    await shop.inbox.expect("n1", amount=PRICE)
    await _receive(shop, made.id, mer_date=None)

    assert await eventually(lambda: place.effects() == [f"{made.id} TRADE_SUCCESS"])


async def test_what_is_asked_about_is_reported_once_however_often_it_is_expected(
    gateway, shop, place, eventually, log
):
    """
    The order is tried again and again; the stranger's event is no news.
    """
    theirs = await gateway.create("n1", gateway.other)
    await _receive(shop, theirs)
    assert await eventually(lambda: "is held and not applied" in log.text)
    asked = "SELECT questions FROM umf_events"

    for _ in range(3):
        await shop.inbox.expect("n1", amount=PRICE)
        await shop.inbox.replay()
        so_far = place.run(asked)[0][0]
        assert await eventually(
            lambda before=so_far: place.run(asked)[0][0] > before + 1
        )
        assert "is not confirmed and not applied" in log.text

    assert 1 == log.text.count("is held and not applied")
    assert 1 == log.text.count("is not confirmed and not applied")


async def test_a_question_that_is_cancelled_from_inside_is_asked_again(
    gateway, open_asking_shop, place, eventually, log
):
    """
    Not the inbox was cancelled, but something that the session awaited.
    """

    class Torn:
        def __init__(self):
            self.asked = 0

        async def get(self, key, /):
            self.asked += 1

            if self.asked == 1:
                raise asyncio.CancelledError

            return await gateway.session.payments.get(key)

    shop = await open_asking_shop(
        gateway=SimpleNamespace(payments=Torn(), statements=gateway.session.statements)
    )
    mine = await gateway.create("n1")
    gateway.pay(mine)
    await shop.inbox.expect("n1", amount=PRICE)
    await _receive(shop, mine)

    assert await eventually(lambda: place.effects() == [f"{mine} TRADE_SUCCESS"])
    assert "cancelled from inside" in log.text
