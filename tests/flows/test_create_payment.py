"""
Creates with an unclear end: nobody has paid, so one more is made.
"""

from __future__ import annotations

import pytest

from tests import orders
from umfpay.errors import (
    APIError,
    NotFinishedError,
    OutcomeUnknownError,
    TransportError,
)
from umfpay.flows import qr_payment
from umfpay.flows._create_payment import create_payment
from umfpay.flows._deadline import Deadline


WHO = {"name": "张三", "citizen_id_number": orders.ID_NUMBER}


async def _start(session, order, shown, **changes):
    with pytest.raises(NotFinishedError):
        await qr_payment(
            session,
            order,
            method="WECHAT_SCAN",
            show=shown.append,
            **{"deadline": 1.0, **WHO, **changes},
        )


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "forge", "unsign"])
async def test_a_create_whose_end_is_unclear_is_made_once_more(
    session, box, order, kind
):
    """
    Under the same order number; the customer sees one code.
    """
    shown = []
    await box.fault(kind, method="POST", path="/payments/payment$")
    await _start(session, order, shown)

    assert 2 == len(await box.sent("/payments/payment"))
    assert 1 == len(shown)


async def test_the_second_unclear_end_is_reported(session, box, order):
    """
    No third one is made, and nobody has paid.
    """
    await box.fault("drop_after", method="POST", path="/payments/payment$", times=0)

    with pytest.raises(OutcomeUnknownError) as caught:
        await qr_payment(session, order, method="WECHAT_SCAN", show=print, **WHO)

    assert not caught.value.money_may_have_moved
    assert 2 == len(await box.sent("/payments/payment"))


async def test_a_refusal_that_is_not_signed_is_not_repeated(session, box, order):
    """
    The same would be refused again.
    """
    with pytest.raises(OutcomeUnknownError) as caught:
        await qr_payment(
            session,
            order,
            method="WECHAT_SCAN",
            show=print,
            name="张三",
            citizen_id_number="1",
        )

    assert "00060022" == caught.value.__cause__.ret_code
    assert 1 == len(await box.sent("/payments/payment"))


async def test_an_order_that_was_paid_already_is_not_created_again(
    session, box, order, card
):
    """
    The transaction list knows its number.
    """
    paid = await orders.paid(session, _Code(box), reference="taken")
    again = orders.order(reference="taken")
    await box.fault("drop_before", method="POST", path="/payments/payment$")

    with pytest.raises(OutcomeUnknownError):
        await qr_payment(session, again, method="WECHAT_SCAN", show=print, **WHO)

    assert "TRADE_SUCCESS" == (await box.payment(paid.id))["state"]


@pytest.mark.parametrize("kind", ["drop_before", "error_before", "unsign"])
async def test_a_gateway_that_cannot_be_asked_leaves_the_first_end_unclear(
    session, box, order, kind
):
    """
    The error is still the create's own, with its intent and its cause.
    """
    rule = {"method": "GET", "path": "/payments/transactions", "times": 0}
    await box.control(
        "PUT",
        "/faults",
        {
            "rules": [
                {"kind": "drop_after", "method": "POST", "path": "/payments/payment$"},
                {"kind": kind, **rule},
            ]
        },
    )

    with pytest.raises(OutcomeUnknownError) as caught:
        await qr_payment(session, order, method="WECHAT_SCAN", show=print, **WHO)

    assert "payments.create" == caught.value.intent.call
    assert isinstance(caught.value.__cause__, TransportError)
    assert not caught.value.money_may_have_moved
    assert 1 == len(await box.sent("/payments/payment"))


async def test_a_signed_refusal_of_the_second_one_is_reported(session, box, order):
    """
    It is definite: this order cannot be created.
    """
    await box.settings(refusals="signed")
    await box.fault("drop_before", method="POST", path="/payments/payment$")

    with pytest.raises(APIError) as caught:
        await qr_payment(
            session,
            order,
            method="WECHAT_SCAN",
            show=print,
            name="张三",
            citizen_id_number="1",
        )

    assert "00060022" == caught.value.ret_code
    assert 2 == len(await box.sent("/payments/payment"))


async def test_nothing_is_created_after_the_deadline(session, box):
    """
    Neither the first time nor once more.
    """
    new = orders.wallet_payment("WECHAT_SCAN")

    with pytest.raises(NotFinishedError) as caught:
        await create_payment(
            session, new, deadline=Deadline(0.0), arrivals=None, on_step=None
        )

    assert not caught.value.money_may_have_moved
    assert [] == await box.sent("/payments/payment")


async def test_a_second_one_is_not_begun_after_the_deadline(session, box, order):
    """
    The first took all the time there was.
    """
    await box.fault(
        "delay", method="POST", path="/payments/payment$", seconds=2, times=0
    )

    with pytest.raises(OutcomeUnknownError):
        await qr_payment(
            session, order, method="WECHAT_SCAN", show=print, deadline=0.5, **WHO
        )

    assert 1 == len(await box.sent("/payments/payment"))


class _Code:
    def __init__(self, box):
        self._box = box

    async def sms_code(self, payment_id):
        answer = await self._box.control("GET", f"/payments/{payment_id}/sms_code")

        return answer["sms_code"]
