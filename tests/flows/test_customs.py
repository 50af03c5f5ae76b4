"""
Customs declarations of a paid order.
"""

from __future__ import annotations

import asyncio

import attrs
import orders
import pytest

from umfpay.errors import ConfigError, CustomsFailedError, EnvelopeError
from umfpay.flows import declare_customs
from umfpay.models import Money, NewCustomsDeclaration


@pytest.fixture(name="to_declare")
async def _to_declare(session, box):
    """
    A paid order whose sub order is for the customs.
    """

    class Code:
        async def sms_code(self, payment_id):
            told = await box.control("GET", f"/payments/{payment_id}/sms_code")

            return told["sms_code"]

    payment = await orders.paid(session, Code(), customs=True)
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
    ACCEPTED, SUBMITTED, SUCCESS; the last one arrives over HTTP.
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
    await box.settings(settle_after=30)
    task = asyncio.create_task(declare_customs(session, payment.id, [new]))

    while not (found := (await box.control("GET", "/customs"))["declarations"]):
        await asyncio.sleep(0.01)

    await box.control("POST", f"/customs/{found[0]['id']}/fail", {})

    with pytest.raises(CustomsFailedError) as caught:
        await task

    assert "FAIL" == caught.value.last.state


async def test_nothing_to_declare_is_a_mistake(session):
    """
    Nothing is sent.
    """
    with pytest.raises(ConfigError, match="declarations"):
        await declare_customs(session, "PAY_A", [])


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
