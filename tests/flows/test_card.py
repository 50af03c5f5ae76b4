"""
Card payments in one go: from the order to the money.
"""

from __future__ import annotations

import asyncio

import pytest

from tests import tracebacks
from umfpay.errors import (
    ConfigError,
    NotFinishedError,
    PaymentExpiredError,
    PaymentFailedError,
)
from umfpay.flows import begin_card_payment, card_payment
from umfpay.models import PayerAgreement, PaymentState


ALL = ["created", "code_sent", "executing", "executed", "final"]
POOR = "6227000000000730"
FAILS = "6227000000000750"


async def test_a_card_is_paid_from_order_to_final_state(
    session, box, order, card, steps
):
    """
    The code comes from the customer; the result from a query.
    """
    payment = await card_payment(
        session,
        order,
        card(),
        verification_code=box.code,
        bank_code="CCB",
        on_step=steps.hear,
    )

    assert PaymentState.TRADE_SUCCESS == payment.state
    assert order.mer_reference_id == payment.order.mer_reference_id
    assert ALL == steps
    assert "CREDIT_CARD" == box.payment(payment.id)["method"]


async def test_a_payment_under_way_ends_by_its_notification(
    session, box, shop, order, card, steps
):
    """
    It came over HTTP, verified, before the first poll was due.
    """
    box.settings(execute="pending", settle_after=0.1)
    payment = await card_payment(
        session,
        order,
        card(),
        verification_code=box.code,
        bank_code="CCB",
        notify_url=shop.url,
        arrivals=shop,
        on_step=steps.hear,
    )
    queries = [one for one in box.requests(payment.id) if one["method"] == "GET"]

    assert shop.objects[payment.id] is payment
    assert [*ALL[:4], "waiting", "final"] == steps
    assert [] == queries


async def test_a_payment_under_way_ends_by_polling(session, box, order, card):
    """
    Without a place for notifications the gateway is asked.
    """
    box.settings(execute="pending", settle_after=0.1)
    payment = await card_payment(
        session, order, card(), verification_code=box.code, bank_code="CCB"
    )

    assert PaymentState.TRADE_SUCCESS == payment.state


async def test_a_card_without_cvv2_is_a_debit_card(session, box, order, card):
    """
    The method follows from the card unless it is given.
    """
    payment = await card_payment(
        session,
        order,
        card(cvv2=None, valid_date=None, phone=None),
        verification_code=box.code,
        bank_code="CCB",
        phone="13800000000",
    )
    kept = box.payment(payment.id)

    assert ("DEBIT_CARD", "13800000000") == (kept["method"], kept["phone"])


@pytest.mark.parametrize("phone", ["13800000000", None])
async def test_an_agreement_pays_in_place_of_a_card(session, box, order, phone):
    """
    Its ids are sent in clear, its cvv2 sealed.
    """
    agreement = PayerAgreement(
        usr_busi_agreement_id="B1",
        usr_pay_agreement_id="P1",
        valid_date="3012",
        cvv2="123",
    )
    payment = await card_payment(
        session,
        order,
        agreement,
        verification_code=box.code,
        payment_method="CREDIT_CARD",
        phone=phone,
    )

    assert PaymentState.TRADE_SUCCESS == payment.state
    assert "P1" == box.payment(payment.id)["card"]["agreement"]


@pytest.mark.parametrize("refusals", ["signed", "unsigned"])
async def test_an_order_that_expires_before_the_code_came(
    session, box, order, card, refusals
):
    """
    In one go nobody asks before the execute: its refusal tells, or the state does.
    """
    box.settings(refusals=refusals)

    async def late(pending):
        code = await box.code(pending)
        box.advance(31 * 60)

        return code

    with pytest.raises(PaymentExpiredError) as caught:
        await card_payment(
            session, order, card(), verification_code=late, bank_code="CCB"
        )

    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("pace", ["immediate", "pending"])
async def test_a_payment_that_fails_is_an_error(session, box, order, card, pace, steps):
    """
    Its last state is in the error.
    """
    box.settings(execute=pace, settle_after=0.1)

    with pytest.raises(PaymentFailedError) as caught:
        await card_payment(
            session,
            order,
            card(FAILS),
            verification_code=box.code,
            bank_code="CCB",
            on_step=steps.hear,
        )

    assert "TRADE_FAIL" == caught.value.last.state
    assert "final" == steps[-1]


async def test_a_code_that_never_comes_ends_at_the_deadline(
    session, order, card, elapsed
):
    """
    Nothing was executed and the card is forgotten.
    """

    async def never(_pending):
        await asyncio.sleep(60)

    with pytest.raises(NotFinishedError) as caught:
        await card_payment(session, order, card(), verification_code=never, deadline=45)

    assert 45 == elapsed()
    assert not caught.value.money_may_have_moved
    assert caught.value.last.forgotten


@pytest.mark.parametrize(
    "change", [{"verification_code": None}, {"on_step": []}, {"deadline": 1e15}]
)
async def test_what_cannot_be_used_is_refused_before_anything_is_sent(
    session, box, order, card, change
):
    """
    Functions that are none, a deadline past the calendar's end.
    """
    given = {"verification_code": box.code, **change}

    with pytest.raises(ConfigError, match=next(iter(change))):
        await card_payment(session, order, card(), **given)

    assert [] == box.payments()


async def test_a_plain_function_cannot_ask_the_customer(session, order, card):
    """
    It would stop the loop until he has typed the code.
    """
    with pytest.raises(ConfigError, match="verification_code"):
        await card_payment(
            session, order, card(), verification_code=lambda _pending: "123456"
        )


async def test_a_timeout_of_the_callers_own_is_his(session, order, card):
    """
    What *verification_code* raises ends the flow as it is.
    """

    async def late(_pending):
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await card_payment(session, order, card(), verification_code=late)


async def test_an_execute_of_a_payment_that_was_paid_elsewhere_returns_it(
    session, box, order, card
):
    """
    The refusal for its state is explained by the state.
    """
    box.settings(refusals="signed")

    async def paid_meanwhile(pending):
        code = await box.code(pending)
        box.pay(pending.payment_id)

        return code

    payment = await card_payment(
        session, order, card(), verification_code=paid_meanwhile, bank_code="CCB"
    )

    assert PaymentState.TRADE_SUCCESS == payment.state


class _Customer:
    """
    Who answers with whatever he was made with.
    """

    def __init__(self, *answer):
        self._answer = answer

    def at_once(self, _pending):
        return self._answer[0]

    async def later(self, _pending):
        return self._answer[0]


@pytest.mark.parametrize("way", ["at_once", "later"])
async def test_a_code_of_a_wrong_type_is_in_no_traceback(session, order, card, way):
    """
    Nor one that came in a wrong way.
    """
    customer = _Customer(837465)

    with pytest.raises(ConfigError) as caught:
        await card_payment(
            session, order, card(), verification_code=getattr(customer, way)
        )

    assert "837465" not in tracebacks.everything(caught.value)


@pytest.mark.parametrize("flow", [card_payment, begin_card_payment])
async def test_a_phone_that_is_a_number_is_in_no_traceback(session, order, card, flow):
    """
    The error names it without showing it.
    """
    more = {} if flow is begin_card_payment else {"verification_code": print}

    with pytest.raises(ConfigError, match="phone") as caught:
        await flow(session, order, card(), phone=13911112222, **more)

    assert "13911112222" not in tracebacks.everything(caught.value)
