"""
QR payments: shown once, paid by a customer, told by a notification.
"""

from __future__ import annotations

import asyncio
import sys

import attrs
import pytest

from tests import orders, tracebacks
from tests.end_to_end import canaries
from umfpay.errors import (
    ConfigError,
    EnvelopeError,
    NotFinishedError,
    PaymentExpiredError,
    PaymentFailedError,
)
from umfpay.flows import QRCode, qr_payment


WHO = {"name": "张三", "citizen_id_number": orders.ID_NUMBER}


def _moves(box, verb, codes):
    async def show(code):
        codes.append(code)
        getattr(box, verb)(code.payment_id)

    return show


@pytest.mark.parametrize(
    ("method", "scheme"),
    [("WECHAT_SCAN", "weixin://"), ("ALIPAY_SCAN", "https://qr.alipay.com/")],
)
async def test_the_customer_scans_and_pays(
    session, box, shop, order, steps, method, scheme
):
    """
    The notification ends the waiting; nobody asked the gateway.
    """
    codes = []
    payment = await qr_payment(
        session,
        order,
        method=method,
        show=_moves(box, "pay", codes),
        notify_url=shop.url,
        arrivals=shop,
        on_step=steps.hear,
        **WHO,
    )
    queries = [one for one in box.requests(payment.id) if one["method"] == "GET"]

    assert "TRADE_SUCCESS" == payment.state
    assert ["created", "shown", "waiting", "final"] == steps
    assert [True] == [one.url.startswith(scheme) for one in codes]
    assert [] == queries


@pytest.mark.parametrize(
    ("verb", "error"), [("fail", PaymentFailedError), ("close", PaymentExpiredError)]
)
async def test_a_payment_that_ends_without_money_is_an_error(
    session, box, shop, order, verb, error
):
    """
    It carries the payment as it ended.
    """
    with pytest.raises(error) as caught:
        await qr_payment(
            session,
            order,
            method="WECHAT_SCAN",
            show=_moves(box, verb, []),
            notify_url=shop.url,
            arrivals=shop,
            **WHO,
        )

    assert caught.value.last.state.final


async def test_nobody_pays_before_the_deadline(session, order, elapsed):
    """
    The customer may still pay: money may have moved.
    """
    shown = []

    with pytest.raises(NotFinishedError) as caught:
        await qr_payment(
            session,
            order,
            method="WECHAT_SCAN",
            show=shown.append,
            deadline=600,
            **WHO,
        )

    assert 600 == elapsed()
    assert caught.value.money_may_have_moved
    assert shown[0].payment_id == caught.value.last.id


async def test_an_unreachable_notify_url_costs_a_poll_and_no_more(session, box, order):
    """
    The emulator wrote down that nobody listened.
    """
    payment = await qr_payment(
        session,
        order,
        method="ALIPAY_SCAN",
        show=_moves(box, "pay", []),
        notify_url="http://127.0.0.1:9/nobody",
        **WHO,
    )
    notifications = box.control("GET", "/notifications")["notifications"]

    assert "TRADE_SUCCESS" == payment.state
    assert "failed" in notifications[0]["attempts"][0]["outcome"]


async def test_a_card_is_no_qr_method(session, box, order):
    """
    Refused before anything is sent.
    """
    with pytest.raises(ConfigError, match="method"):
        await qr_payment(session, order, method="CREDIT_CARD", show=print, **WHO)

    assert [] == box.requests("/payments/payment")


async def test_the_order_expires_while_nobody_scans(session, box, order):
    """
    The emulator's clock passes expire_time; a query tells.
    """

    async def show(_code):
        box.advance(31 * 60)

    with pytest.raises(PaymentExpiredError) as caught:
        await qr_payment(session, order, method="ALIPAY_SCAN", show=show, **WHO)

    assert "TRADE_CLOSED" == caught.value.last.state


async def test_an_answer_without_a_code_is_refused(session, order, monkeypatch):
    """
    There is nothing to show.
    """
    create = session.payments.create

    async def bare(new, **options):
        return attrs.evolve(await create(new, **options), payer=None)

    monkeypatch.setattr(session.payments, "create", bare)

    with pytest.raises(EnvelopeError, match="QR"):
        await qr_payment(session, order, method="WECHAT_SCAN", show=print, **WHO)


@pytest.mark.parametrize("method", ["WECHAT_SCAN", "CREDIT_CARD"])
async def test_no_frame_keeps_what_the_customer_said(session, box, order, method):
    """
    A crash report with the locals of every frame shows none of it.
    """
    box.fault("drop_after", method="POST", path="/payments/payment$", times=0)
    who = {**WHO, "phone": "15210838198"}
    error = await canaries.fails(
        qr_payment(session, order, method=method, show=print, **who)
    )

    tracebacks.assert_silent(tracebacks.everything(error), who.values())


async def test_cancelling_leaves_no_task(session, order):
    """
    Nor does the customer's payment depend on the waiting.
    """
    shown = asyncio.Event()

    async def show(_code):
        shown.set()

    task = asyncio.create_task(
        qr_payment(session, order, method="WECHAT_SCAN", show=show, **WHO)
    )
    await shown.wait()
    before = len(asyncio.all_tasks())
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    assert before - 1 == len(asyncio.all_tasks())


def test_a_code_is_drawn_in_three_ways():
    """
    For a page, a file and a terminal.
    """
    code = QRCode("weixin://wxpay/bizpayurl?pr=abc", "PAY_A")

    assert code.svg(scale=3).startswith("<svg")
    assert code.png().startswith(b"\x89PNG\r\n\x1a\n")
    assert len(code.terminal().splitlines()) > 10


@pytest.mark.parametrize(
    "draw",
    [
        lambda: QRCode("x" * 4000, "PAY_A").svg(),
        lambda: QRCode("x" * 4000, "PAY_A").terminal(),
        lambda: QRCode("weixin://x", "PAY_A").svg(scale=0),
        lambda: QRCode("weixin://x", "PAY_A").png(scale=-1),
        lambda: QRCode("weixin://x", "PAY_A").png(scale="big"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw):
    """
    Too long a text, or modules of no size.
    """
    with pytest.raises(ConfigError, match="drawn"):
        draw()


def test_without_segno_the_extra_is_named(monkeypatch):
    """
    The payment itself does not need it.
    """
    monkeypatch.setitem(sys.modules, "segno", None)

    with pytest.raises(ConfigError) as caught:
        QRCode("weixin://x", "PAY_A").svg()

    assert "umfpay[qr]" in caught.value.advice.en
