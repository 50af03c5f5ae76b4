"""
Payments: what is asked, and what the answer must name.
"""

from __future__ import annotations

import pytest

from tests.guide_orders import MER_DATE, card_payer, guide_payment
from umfpay._codec import PayerBody
from umfpay.errors import (
    ConfigError,
    EnvelopeError,
    Intent,
    MismatchedResponseError,
)
from umfpay.models import ExpressInfo, Parcel
from umfpay.resources import Payments
from umfpay.transport import Effect


HREF = "https://x/payments/payment/"
URL = "https://example.com/notify"


@pytest.fixture(name="payments")
def _payments(sender):
    return Payments(sender, notify_url="https://a/n", ret_url="https://a/r")


def answer(order=None, payment_id="PAY_A", **more):
    return {
        "payment": {"state": "WAIT_BUYER_PAY", **({"order": order} if order else {})},
        "links": [{"ref": "self", "href": HREF + payment_id}],
        **more,
    }


async def test_creating(payments, sender):
    """
    The config's addresses fill what the payment leaves out.
    """
    sender.answers = [answer(), answer()]
    new = guide_payment(URL)
    payment = await payments.create(new, deadline=9.0)
    call = sender.calls[0]

    assert "PAY_A" == payment.id
    assert ("POST", "payments/payment") == (call.method, call.target())
    assert Effect.CREATE is call.effect
    assert URL == call.body.notify_url
    assert "https://a/r" == call.body.ret_url
    assert new.ret_url is None
    assert [{"deadline": 9.0}] == sender.options
    assert call.intent == Intent(
        call="payments.create",
        at=call.intent.at,
        mer_reference_id="20170411543977",
        mer_date=f"{MER_DATE:%Y%m%d}",
        amount=new.order.amount.total,
        currency="USD",
    )
    assert call.intent.elapsed is not None


async def test_the_config_s_notify_url_fills_a_gap(payments, sender):
    """
    The answer may tell the order without its amount.
    """
    sender.answers = [answer({"mer_reference_id": "20170411543977"})]
    await payments.create(guide_payment(None))

    assert "https://a/n" == sender.calls[0].body.notify_url


async def test_creating_without_addresses_of_the_config(sender):
    """
    Nothing is made up.
    """
    sender.answers = [answer()]
    await Payments(sender, notify_url=None, ret_url=None).create(guide_payment(URL))

    assert guide_payment(URL) == sender.calls[0].body


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ({"mer_reference_id": "other"}, "mer_reference_id"),
        ({"mer_date": "20170411"}, "mer_date"),
        ({"amount": {"currency": "EUR"}}, "currency"),
    ],
)
async def test_a_created_payment_is_the_one_that_was_asked_for(
    payments, sender, order, named
):
    """
    An answer about another order is not believed.
    """
    sender.answers = [answer(order)]

    with pytest.raises(MismatchedResponseError, match=f"another {named}"):
        await payments.create(guide_payment(URL))


async def test_the_amount_of_an_execute_may_differ(payments, sender):
    """
    The gateway swaps total and total_cny there (gateway.md, trap 18).
    """
    sender.answers = [answer({"amount": {"total": "690.46", "currency": "USD"}})]

    assert "PAY_A" == (await payments.execute("PAY_A", card_payer("123456"))).id


@pytest.mark.parametrize(
    ("verb", "effect"), [("verify", Effect.SMS), ("execute", Effect.MONEY)]
)
async def test_the_steps_of_a_card_payment(payments, sender, verb, effect):
    """
    The payer's data goes to the payment's own address.
    """
    sender.answers = [answer()]
    payer = card_payer("123456")
    await getattr(payments, verb)("PAY_A", payer)
    call = sender.calls[0]

    assert f"payments/payment/PAY_A/{verb}" == call.target()
    assert ("POST", effect) == (call.method, call.effect)
    assert PayerBody(payer=payer) == call.body

    if effect is Effect.MONEY:
        assert "PAY_A" == call.intent.payment_id
        assert "payments.execute" == call.intent.call
    else:
        assert call.intent is None


@pytest.mark.parametrize(
    "verb",
    [
        lambda payments, one: payments.verify(one, card_payer()),
        lambda payments, one: payments.execute(one, card_payer()),
        lambda payments, one: payments.get(one),
    ],
)
async def test_an_answer_about_another_payment(payments, sender, verb):
    """
    It is not believed.
    """
    sender.answers = [answer(payment_id="PAY_B")]

    with pytest.raises(MismatchedResponseError, match="PAY_B, asked was PAY_A"):
        await verb(payments, "PAY_A")


async def test_an_sms_answer_may_name_nothing(payments, sender):
    """
    Success is in meta.
    """
    sender.answers = [{"meta": {"ret_code": "0000"}}]

    assert (await payments.verify("PAY_A", card_payer())).payment_id is None


async def test_asking(payments, sender):
    """
    The answer names no id: it is the one that was asked for.
    """
    sender.answers = [{"payment": {"state": "TRADE_SUCCESS"}}]
    payment = await payments.get("PAY_A")

    assert ("PAY_A", "TRADE_SUCCESS") == (payment.id, payment.state)
    assert ("GET", Effect.READ) == (sender.calls[0].method, sender.calls[0].effect)
    assert ["payments/payment/PAY_A"] == sender.targets


async def test_an_answer_that_does_not_fit(payments, sender):
    """
    Another object than a payment.
    """
    sender.answers = [{"refund": {}}]

    with pytest.raises(EnvelopeError, match="holds no payment"):
        await payments.get("PAY_A")


async def test_parcels(payments, sender):
    """
    The answer has nothing in it.
    """
    sender.answers = [{}]
    info = ExpressInfo(
        sub_orders=[Parcel(mer_sub_reference_id="s1", tracking_number="SF 1")]
    )

    assert await payments.update_express_info("PAY_A", info) is None
    assert ["payments/payment/PAY_A/update_express_info"] == sender.targets
    assert info is sender.calls[0].body


@pytest.mark.parametrize(
    "verb",
    [
        lambda payments: payments.get(""),
        lambda payments: payments.verify("", card_payer()),
        lambda payments: payments.execute(" ", card_payer()),
        lambda payments: payments.update_express_info("..", None),
    ],
)
async def test_an_id_is_needed(payments, sender, verb):
    """
    Nothing is sent without one.
    """
    with pytest.raises(ConfigError, match="payment_id: an id is needed"):
        await verb(payments)

    assert [] == sender.calls
