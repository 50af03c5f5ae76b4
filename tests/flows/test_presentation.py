"""
What pays is created, shown once, within the deadline, and after that it is waited for.

A create with an unclear end is made once more: nobody has paid.
"""

from __future__ import annotations

import asyncio

import pytest

from tests import orders
from umfpay.errors import (
    APIError,
    ConfigError,
    NotFinishedError,
    OutcomeUnknownError,
    TransportError,
)
from umfpay.flows import (
    bank_payment,
    checkout,
    qr_payment,
    register_enterprise,
    wechat_app,
)


WHO = {"name": "张三", "citizen_id_number": orders.ID_NUMBER}


async def test_a_shop_that_never_ends_showing_ends_at_the_deadline(
    session, box, order, elapsed
):
    """
    The customer may have seen it: he may still pay.
    """

    async def show(_code):
        await asyncio.Event().wait()

    with pytest.raises(NotFinishedError) as caught:
        await qr_payment(
            session, order, method="WECHAT_SCAN", show=show, deadline=60, **WHO
        )

    assert 60 == elapsed()
    assert caught.value.money_may_have_moved
    assert "WAIT_BUYER_PAY" == box.payment(caught.value.last.id)["state"]


async def test_a_time_out_of_the_shop_is_its_own(session, order, steps):
    """
    As is everything else it raises: the flow ends.
    """

    async def show(_pay_info):
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await wechat_app(session, order, show=show, on_step=steps.hear, **WHO)

    assert ["created"] == steps


@pytest.mark.parametrize("show", [None, 5])
async def test_what_cannot_be_called_is_refused(session, box, order, show):
    """
    Before a payment is created that nobody could pay.
    """
    with pytest.raises(ConfigError, match="function"):
        await qr_payment(session, order, method="WECHAT_SCAN", show=show, **WHO)

    assert [] == box.requests("/payments/payment")


async def test_a_plain_function_shows_too(session, box, order, steps):
    """
    It need not be a coroutine; the page is opened once.
    """
    opened = []

    with pytest.raises(NotFinishedError):
        await checkout(
            session,
            order,
            open_page=opened.append,
            ret_url="http://127.0.0.1:9/back",
            on_step=steps.hear,
            deadline=60,
        )

    assert 1 == len(opened)
    assert ["created", "opened", "waiting"] == steps


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
    box.fault(kind, method="POST", path="/payments/payment$")
    await _start(session, order, shown)

    assert 2 == len(box.requests("/payments/payment"))
    assert 1 == len(shown)


async def test_the_second_unclear_end_is_reported(session, box, order):
    """
    No third one is made, and nobody has paid.
    """
    box.fault("drop_after", method="POST", path="/payments/payment$", times=0)

    with pytest.raises(OutcomeUnknownError) as caught:
        await qr_payment(session, order, method="WECHAT_SCAN", show=print, **WHO)

    assert not caught.value.money_may_have_moved
    assert 2 == len(box.requests("/payments/payment"))


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
    assert 1 == len(box.requests("/payments/payment"))


async def test_an_order_that_was_paid_already_is_not_created_again(
    session, box, order, card
):
    """
    The transaction list knows its number.
    """
    paid = await orders.paid(session, box, reference="taken")
    again = orders.order(reference="taken")
    box.fault("drop_before", method="POST", path="/payments/payment$")

    with pytest.raises(OutcomeUnknownError):
        await qr_payment(session, again, method="WECHAT_SCAN", show=print, **WHO)

    assert "TRADE_SUCCESS" == box.payment(paid.id)["state"]


@pytest.mark.parametrize("kind", ["drop_before", "error_before", "unsign"])
async def test_a_gateway_that_cannot_be_asked_leaves_the_first_end_unclear(
    session, box, order, kind
):
    """
    The error is still the create's own, with its intent and its cause.
    """
    rule = {"method": "GET", "path": "/payments/transactions", "times": 0}
    box.control(
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
    assert 1 == len(box.requests("/payments/payment"))


async def test_a_signed_refusal_of_the_second_one_is_reported(session, box, order):
    """
    It is definite: this order cannot be created.
    """
    box.settings(refusals="signed")
    box.fault("drop_before", method="POST", path="/payments/payment$")

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
    assert 2 == len(box.requests("/payments/payment"))


async def test_nothing_is_created_after_the_deadline(session, box):
    """
    The listener of the step before took the rest of the time.
    """
    company = await register_enterprise(session, orders.company(), wait=False)
    box.enable(company.id)

    async def slow(_step):
        await asyncio.sleep(0.9)

    with pytest.raises(NotFinishedError, match="before the payment") as caught:
        await bank_payment(
            session,
            orders.order(currency="CNY"),
            bank_code="ICBC",
            enterprise=orders.company(),
            enterprise_id=company.id,
            open_page=print,
            on_step=slow,
            deadline=0.5,
        )

    assert not caught.value.money_may_have_moved
    assert [] == box.requests("/payments/payment")


async def test_a_second_one_is_not_begun_after_the_deadline(session, box, order):
    """
    The first took all the time there was.
    """
    box.fault("delay", method="POST", path="/payments/payment$", seconds=2, times=0)

    with pytest.raises(OutcomeUnknownError):
        await qr_payment(
            session, order, method="WECHAT_SCAN", show=print, deadline=0.5, **WHO
        )

    assert 1 == len(box.requests("/payments/payment"))
