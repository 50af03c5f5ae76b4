"""
Shipping of a paid order: customs declarations and parcels.
"""

from __future__ import annotations

import asyncio

import attrs
import pytest

from tests import orders
from umfpay.errors import (
    ConfigError,
    CustomsFailedError,
    CustomsRefusedError,
    EnvelopeError,
    NotFinishedError,
)
from umfpay.flows import declare_customs, qr_payment, report_tracking
from umfpay.models import Money, NewCustomsDeclaration


@pytest.fixture(name="to_declare")
async def _to_declare(session, box):
    """
    A paid order whose sub order is for the customs.
    """
    payment = await orders.paid(session, box, customs=True)
    number = payment.order.mer_reference_id

    return payment, NewCustomsDeclaration(
        customs_id="HZ",
        mer_customs_code="3301",
        mer_sub_reference_id=f"{number}-1",
        mer_item_ids=[f"{number}-1-1"],
        sub_order_amount=Money("10.00", "USD"),
        freight_amount=Money("1.00", "CNY"),
        tax_amount=Money("0.50", "CNY"),
    )


async def test_a_declaration_is_waited_for_until_the_customs_are_done(
    session, box, shop, to_declare, steps
):
    """
    ACCEPTED, SUBMITTED, SUCCESS; the last one arrives as a notification.
    """
    payment, new = to_declare
    new = attrs.evolve(new, notify_url=shop.url)
    done = await declare_customs(
        session, payment, [new], arrivals=shop, on_step=steps.hear
    )

    assert ["SUCCESS"] == [one.state for one in done]
    assert ["declared", "final"] == steps
    assert shop.objects


async def test_a_declaration_that_the_customs_refuse_is_an_error(
    session, box, to_declare
):
    """
    It carries the declaration.
    """
    payment, new = to_declare
    box.settings(settle_after=30)
    task = asyncio.create_task(declare_customs(session, payment.id, [new]))

    while not (found := box.control("GET", "/customs")["declarations"]):
        await asyncio.sleep(0.01)

    box.control("POST", f"/customs/{found[0]['id']}/fail", {})

    with pytest.raises(CustomsFailedError) as caught:
        await task

    assert "FAIL" == caught.value.last.state


@pytest.fixture(name="two")
async def _two(session, box):
    """
    A paid order with two sub orders for the customs, and both declarations.
    """
    order = orders.order(total="20.00", customs=True)
    first = attrs.evolve(order.sub_orders[0], amount=Money("10.00", "USD"), items=[])
    order = attrs.evolve(
        order,
        sub_orders=[
            attrs.evolve(
                first,
                mer_sub_reference_id=f"{order.mer_reference_id}-{index}",
                items=[
                    attrs.evolve(
                        order.sub_orders[0].items[0],
                        mer_item_id=f"{order.mer_reference_id}-{index}-1",
                        amount=Money("10.00", "USD"),
                    )
                ],
            )
            for index in (1, 2)
        ],
    )

    async def scan(code):
        box.pay(code.payment_id)

    payment = await qr_payment(
        session,
        order,
        method="WECHAT_SCAN",
        name="张三",
        citizen_id_number=orders.ID_NUMBER,
        show=scan,
    )

    return payment, [
        NewCustomsDeclaration(
            customs_id="HZHG",
            mer_customs_code="3301",
            mer_sub_reference_id=sub.mer_sub_reference_id,
            mer_item_ids=[sub.items[0].mer_item_id],
            sub_order_amount=sub.amount,
            freight_amount=Money("1.00", "CNY"),
            tax_amount=Money("0.50", "CNY"),
        )
        for sub in order.sub_orders
    ]


async def _declarations(box, count):
    while True:
        found = box.control("GET", "/customs")["declarations"]

        if len(found) == count:
            return sorted(found, key=lambda one: one["sub_id"])

        await asyncio.sleep(0.01)


async def test_two_are_waited_for_together_and_come_in_the_order_given(
    session, box, two, steps
):
    """
    The gateway is asked: no notification need arrive.
    """
    payment, new = two
    done = await declare_customs(
        session, payment, list(reversed(new)), on_step=steps.hear
    )
    sub_ids = {one["id"]: one["sub_id"] for one in await _declarations(box, 2)}

    assert ["SUCCESS", "SUCCESS"] == [one.state for one in done]
    assert [one.mer_sub_reference_id for one in reversed(new)] == [
        sub_ids[one.id] for one in done
    ]
    assert ["declared", "declared", "final", "final"] == steps


async def test_one_that_is_refused_ends_the_waiting_for_the_other(session, box, two):
    """
    No task is left, and the other one goes on at the customs.
    """
    payment, new = two
    box.settings(settle_after=30)
    before = asyncio.all_tasks()
    task = asyncio.create_task(declare_customs(session, payment, new))
    found = await _declarations(box, 2)
    box.control("POST", f"/customs/{found[1]['id']}/fail", {})

    with pytest.raises(CustomsFailedError) as caught:
        await task

    assert found[1]["id"] == caught.value.last.id
    assert before == asyncio.all_tasks()


async def test_customs_that_take_their_time_are_not_finished(
    session, box, two, elapsed
):
    """
    No money moves by waiting for them.
    """
    payment, new = two
    box.settings(settle_after=60)
    began = elapsed()

    with pytest.raises(NotFinishedError) as caught:
        await declare_customs(session, payment, new[:1], deadline=45)

    assert began + 45 == pytest.approx(elapsed())
    assert not caught.value.money_may_have_moved
    assert caught.value.last.id


async def test_a_sub_order_that_is_not_for_the_customs_is_refused(session, box, paid):
    """
    The gateway says so, signed.
    """
    box.settings(refusals="signed")
    number = box.payment(paid.id)["order"]["sub_orders"][0]
    new = NewCustomsDeclaration(
        customs_id="HZHG",
        mer_customs_code="3301",
        mer_sub_reference_id=number["mer_sub_reference_id"],
        mer_item_ids=[number["items"][0]["mer_item_id"]],
        sub_order_amount=Money("10.00", "USD"),
        freight_amount=Money("1.00", "CNY"),
        tax_amount=Money("0.50", "CNY"),
    )

    with pytest.raises(CustomsRefusedError) as caught:
        await declare_customs(session, paid, [new])

    assert "00202014" == caught.value.ret_code


@pytest.mark.parametrize("declarations", [[], (), None, 5])
async def test_nothing_to_declare_is_a_mistake(session, box, declarations):
    """
    Nothing is sent.
    """
    with pytest.raises(ConfigError, match="declarations"):
        await declare_customs(session, "PAY_A", declarations)

    assert [] == box.requests("/apply_to_customs")


async def test_an_answer_without_an_id_cannot_be_waited_for(
    session, to_declare, monkeypatch
):
    """
    There is nothing to ask for.
    """
    payment, new = to_declare
    apply = session.customs.apply

    async def bare(payment_id, one, **options):
        return attrs.evolve(await apply(payment_id, one, **options), id=None)

    monkeypatch.setattr(session.customs, "apply", bare)

    with pytest.raises(EnvelopeError, match="CUST_"):
        await declare_customs(session, payment, [new])


async def test_parcels_are_reported_by_sub_order(session, box, paid):
    """
    The gateway keeps the number.
    """
    number = box.payment(paid.id)["order"]["sub_orders"][0]
    await report_tracking(
        session, paid, {number["mer_sub_reference_id"]: "SF 1234567890"}
    )

    assert "SF 1234567890" in str(box.payment(paid.id))


@pytest.mark.parametrize(
    "parcels", [{}, None, ["SF 1"], "SF 1", {"sub-1": None}, {"sub-1": ""}, {1: "SF 1"}]
)
async def test_parcels_without_number_or_sub_order_are_a_mistake(
    session, box, paid, parcels
):
    """
    Nothing is sent.
    """
    with pytest.raises(ConfigError):
        await report_tracking(session, paid.id, parcels)

    assert [] == box.requests("/update_express_info")
