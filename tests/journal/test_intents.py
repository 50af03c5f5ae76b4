"""
Whatever makes something at the gateway takes an intent, which no other process repeats.
"""

from __future__ import annotations

import httpx
import pytest

from tests import orders
from umfpay.errors import DuplicateIntentError, OutcomeUnknownError
from umfpay.flows import (
    begin_card_payment,
    declare_customs,
    register_enterprise,
    report_tracking,
)
from umfpay.models import Money, NewCustomsDeclaration


def _declared(order):
    return NewCustomsDeclaration(
        customs_id="HZHG",
        mer_customs_code="3301",
        mer_sub_reference_id=order.sub_orders[0].mer_sub_reference_id,
        mer_item_ids=[order.sub_orders[0].items[0].mer_item_id],
        sub_order_amount=Money("10.00", "CNY"),
        freight_amount=Money("1.00", "CNY"),
        tax_amount=Money("0.00", "CNY"),
    )


async def _payment(shop, session):
    new = orders.card_payment(customs=True)
    payment = await session.payments.create(new)
    shop.pay(payment.id)

    return payment.id, new.order


async def _execute(shop, session, intent_id):
    payment = await session.payments.create(orders.card_payment())
    await session.payments.verify(payment.id, orders.card())

    await session.payments.execute(
        payment.id, orders.card(shop.sms_code(payment.id)), intent_id=intent_id
    )


async def _refund(shop, session, intent_id):
    payment_id, _ = await _payment(shop, session)
    await session.refunds.create(
        payment_id, orders.refund(total="1.00"), intent_id=intent_id
    )


async def _apply(shop, session, intent_id):
    payment_id, order = await _payment(shop, session)
    await session.customs.apply(payment_id, _declared(order), intent_id=intent_id)


async def _express(shop, session, intent_id):
    payment_id, order = await _payment(shop, session)
    parcels = orders.parcels(order.sub_orders[0].mer_sub_reference_id)
    await session.payments.update_express_info(payment_id, parcels, intent_id=intent_id)


async def _raw(shop, session, intent_id):
    payment_id, order = await _payment(shop, session)
    parcels = orders.parcels(order.sub_orders[0].mer_sub_reference_id)
    path = f"/payments/payment/{payment_id}/update_express_info"
    await session.request("POST", path, parcels, intent_id=intent_id)


async def _tracking(shop, session, intent_id):
    payment_id, order = await _payment(shop, session)
    number = order.sub_orders[0].mer_sub_reference_id
    await report_tracking(session, payment_id, {number: "SF 1"}, intent_id=intent_id)


async def _begin(shop, session, intent_id):
    card = orders.card().payer_info.bank_card
    await begin_card_payment(session, orders.order(), card, intent_id=intent_id)


async def _register(shop, session, intent_id):
    await register_enterprise(
        session, orders.company(), wait=False, intent_id=intent_id
    )


CALLS = {
    "payments.create": lambda shop, session, intent_id: session.payments.create(
        orders.cashier_payment(), intent_id=intent_id
    ),
    "payments.execute": _execute,
    "payments.update_express_info": _express,
    "refunds.create": _refund,
    "customs.apply": _apply,
    "customs.apply_only": lambda shop, session, intent_id: session.customs.apply_only(
        orders.declaration(), intent_id=intent_id
    ),
    "enterprises.register": lambda shop, session, intent_id: (
        session.enterprises.register(orders.company(), intent_id=intent_id)
    ),
    "request": _raw,
    "report_tracking": _tracking,
    "begin_card_payment": _begin,
    "register_enterprise": _register,
}


@pytest.fixture(name="tables_url")
def _tables_url(tmp_path):
    """
    SQLite alone: that an intent is unique in each database is shown elsewhere.
    """
    return f"sqlite+aiosqlite:///{tmp_path}/shop.db"


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_an_intent_is_carried_out_by_one_process(shop, process, call):
    """
    The second one hears of the first: its row, when it was, what it made.
    """
    session, journal = process
    await call(shop, session, "order 42")
    first = next(
        row
        for row in await shop.settled(journal)
        if row["intent_id"].startswith("order 42")
    )
    other, _ = await shop.process()

    with pytest.raises(DuplicateIntentError, match="order 42") as caught:
        await call(shop, other, "order 42")

    assert (first["position"], "executed") == (caught.value.row, caught.value.outcome)
    assert first["object_id"] == caught.value.object_id
    assert caught.value.at is not None


async def test_each_declaration_of_a_flow_has_an_intent(shop, process):
    """
    Named by the shop's words and the number of its sub order.
    """
    session, journal = process
    payment_id, order = await _payment(shop, session)
    number = order.sub_orders[0].mer_sub_reference_id

    async def declare(session):
        await declare_customs(
            session, payment_id, [_declared(order)], intent_id="parcel 7", deadline=30
        )

    await declare(session)
    rows = await shop.settled(journal)
    assert f"parcel 7 {number}" == rows[-1]["intent_id"]
    other, _ = await shop.process()

    with pytest.raises(DuplicateIntentError, match="parcel 7"):
        await declare(other)


class Repeating(httpx.AsyncBaseTransport):
    """
    A network that gives the first answer to a refund again, to whoever asks next.
    """

    answer = None

    def __init__(self, inner):
        self._inner = inner

    async def handle_async_request(self, request):
        if not request.url.path.endswith("/refund"):
            return await self._inner.handle_async_request(request)

        if Repeating.answer is None:
            response = await self._inner.handle_async_request(request)
            Repeating.answer = (response.headers, await response.aread())

        headers, body = Repeating.answer

        return httpx.Response(200, headers=headers, content=body)

    async def aclose(self):
        await self._inner.aclose()


async def test_the_answer_to_a_refund_of_another_process_is_no_answer_to_this_one(
    shop, paid, monkeypatch
):
    """
    It names neither number nor amount (gateway.md, trap 15): the journal knows its id.
    """
    monkeypatch.setattr(Repeating, "answer", None)
    first, its_journal = await shop.process(wrap=Repeating)
    await first.refunds.create(paid, orders.refund(total="0.10"))
    await shop.settled(its_journal)

    second, journal = await shop.process(wrap=Repeating)

    with pytest.raises(OutcomeUnknownError, match="speaks of something else"):
        await second.refunds.create(paid, orders.refund(total="0.10"))

    assert ["executed", "unknown"] == [
        row["outcome"] or row["state"]
        for row in await shop.settled(journal)
        if row["call"] == "refunds.create"
    ]
