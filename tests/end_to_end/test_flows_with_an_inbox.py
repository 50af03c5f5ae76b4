"""
Flows that are given the shop's inbox: they end when the shop's books say the same.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI

from tests import orders
from umfpay import UMFSession
from umfpay.emulator import Emulator, serve, serve_app
from umfpay.errors import (
    Intent,
    NotFinishedError,
    PaymentFailedError,
)
from umfpay.flows import declare_customs, qr_payment, refund
from umfpay.models import Money, NewCustomsDeclaration
from umfpay.notifications import NotificationInbox, NotificationReceiver
from umfpay.notifications.fastapi import notification_router
from umfpay.testing import EmulatorBox, NotificationSigner


WHO = {"name": "张三", "citizen_id_number": orders.ID_NUMBER}


class Shop:
    """
    A shop with a handler; the gateway's notifications reach it, or are lost.
    """

    def __init__(self, box, session, inbox):
        self.box = box
        self.session = session
        self.inbox = inbox
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.books = []

    async def apply(self, event, transaction):
        self.begun.set()
        await self.go_on.wait()
        self.books.append((event.object_id, event.mer_reference_id, event.state))

    async def pay(self, *, show=None, order=None, deadline=50):
        return await qr_payment(
            self.session,
            order or orders.order(),
            method="ALIPAY_SCAN",
            show=show or (lambda code: self.box.pay(code.payment_id)),
            arrivals=self.inbox,
            deadline=deadline,
            **WHO,
        )


@pytest.fixture(name="shop", params=["heard", "lost"])
async def _shop(request, tmp_path):
    async with AsyncExitStack() as stack:
        emulator = Emulator(key_bits=1024)
        await stack.enter_async_context(serve(emulator))
        box = EmulatorBox(emulator)
        inbox = NotificationInbox(
            tmp_path / "shop.sqlite3", NotificationReceiver.from_config(box.config())
        )
        origin = "http://127.0.0.1:9"

        if request.param == "heard":
            app = FastAPI()
            app.include_router(notification_router(inbox))
            origin = (await stack.enter_async_context(serve_app(app))).origin

        session = UMFSession(box.config(notify_url=f"{origin}/umf/notify"))
        await stack.enter_async_context(inbox)
        await stack.enter_async_context(session)
        shop = Shop(box, session, inbox)
        inbox.handler(shop.apply)

        yield shop


async def test_a_payment_is_in_the_books_when_the_flow_ends(shop):
    """
    Once, whether the notification came, and came first, or was lost.
    """
    order = orders.order()
    payment = await shop.pay(order=order)

    assert "TRADE_SUCCESS" == payment.state
    assert [(payment.id, order.mer_reference_id, "TRADE_SUCCESS")] == shop.books


async def test_the_flow_waits_for_a_slow_handler(shop):
    """
    The page must not say "paid" before the books do.
    """
    shop.go_on.clear()
    paying = asyncio.create_task(shop.pay())
    await shop.begun.wait()
    # Long enough for the first query, which says that it is paid.
    await asyncio.sleep(1.5)
    assert not paying.done()
    shop.go_on.set()
    payment = await paying

    assert [payment.id] == [one[0] for one in shop.books]


async def test_a_failed_payment_is_in_the_books_too(shop):
    """
    Whether failures are notified, nobody knows (gateway.md 12).
    """
    order = orders.order()

    with pytest.raises(PaymentFailedError):
        await shop.pay(order=order, show=lambda code: shop.box.fail(code.payment_id))

    assert [(order.mer_reference_id, "TRADE_FAIL")] == [one[1:] for one in shop.books]


async def test_a_refund_is_in_the_books_with_its_own_number(shop):
    """
    Its answers name the order that was paid (gateway.md, trap 15).
    """
    payment = await shop.pay()
    shop.books.clear()
    made = await refund(
        shop.session,
        payment,
        mer_reference_id="r-1",
        mer_date=orders.DAY,
        amount=Money("4.00", "USD"),
        arrivals=shop.inbox,
        deadline=50,
    )

    assert [(made.id, "r-1", "REFUND_SUCCESS")] == shop.books
    assert [] == await shop.inbox.conflicts()
    assert [] == await shop.inbox.held()


async def test_a_handler_that_fails_ends_the_flow_as_not_finished(shop):
    """
    The money has moved, and the error says so; the event is listed.
    """

    async def broken(event, transaction):
        raise ZeroDivisionError

    shop.inbox.handler(broken)

    with pytest.raises(NotFinishedError, match="has not committed") as caught:
        await shop.pay(deadline=4)

    assert caught.value.money_may_have_moved
    assert "TRADE_SUCCESS" == caught.value.last.state
    assert 1 <= len(await shop.inbox.failed())


async def test_declarations_are_bound(shop):
    """
    By the ids that the gateway gave.
    """
    order = orders.order(customs=True)
    payment = await shop.pay(order=order)
    shop.books.clear()
    part = order.sub_orders[0]
    new = NewCustomsDeclaration(
        customs_id="HZ",
        mer_customs_code="3301",
        mer_sub_reference_id=part.mer_sub_reference_id,
        mer_item_ids=[part.items[0].mer_item_id],
        sub_order_amount=Money("10.00", "USD"),
        freight_amount=Money("1.00", "CNY"),
        tax_amount=Money("0.50", "CNY"),
    )
    [done] = await declare_customs(
        shop.session, payment, [new], arrivals=shop.inbox, deadline=50
    )

    assert (done.id, "SUCCESS") == (shop.books[-1][0], shop.books[-1][2])
    assert [] == await shop.inbox.held()


async def test_what_is_not_applied_is_no_evidence(shop):
    """
    A stranger's payment under our number says nothing of our create.
    """
    order = orders.order()
    signed = NotificationSigner(shop.box.emulator.credentials.gateway_key).payment(
        "PAY_FOREIGN",
        mer_reference_id=order.mer_reference_id,
        mer_date=f"{orders.DAY:%Y%m%d}",
        total="10.00",
        currency="USD",
    )
    await shop.inbox.expect(order)
    await shop.inbox.receive(signed.body, signed.headers)
    await shop.inbox.replay()
    intent = Intent(
        call="payments.create",
        at=datetime.now(UTC),
        mer_reference_id=order.mer_reference_id,
        mer_date=f"{orders.DAY:%Y%m%d}",
        amount=order.amount.total,
        currency="USD",
    )
    found = await shop.session.resolve(intent, evidence=shop.inbox)

    assert "unknown" == found.outcome
    assert [] == shop.books
