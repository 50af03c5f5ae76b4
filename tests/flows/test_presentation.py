"""
What pays is shown once, within the deadline, and after that it is waited for.
"""

from __future__ import annotations

import asyncio

import pytest

from tests import orders
from umfpay.errors import ConfigError, NotFinishedError
from umfpay.flows import checkout, qr_payment, wechat_app


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
    assert "WAIT_BUYER_PAY" == (await box.payment(caught.value.last.id))["state"]


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

    assert [] == await box.sent("/payments/payment")


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
