"""
WeChat: what a page of an official account and an app are shown, and what they pay.
"""

from __future__ import annotations

import pytest

from tests import orders
from tests.end_to_end import canaries
from umfpay.errors import ConfigError, EnvelopeError, PaymentExpiredError
from umfpay.flows import wechat_app, wechat_web


WHO = {"name": "张三", "citizen_id_number": orders.ID_NUMBER}


async def test_a_page_of_an_official_account_pays(session, box, shop, order, steps):
    """
    The page gets the camelCase names of WeChat's JS.
    """
    shown = []

    async def show(pay_info):
        shown.append(pay_info.for_wechat_js())
        payments = (await box.control("GET", "/payments"))["payments"]
        await box.move(payments[-1]["id"], "pay")

    payment = await wechat_web(
        session,
        order,
        open_id="oABC",
        show=show,
        ret_url="https://shop.test/done",
        notify_url=shop.url,
        arrivals=shop,
        on_step=steps.hear,
        **WHO,
    )

    assert "TRADE_SUCCESS" == payment.state
    assert {
        "appId",
        "timeStamp",
        "nonceStr",
        "package",
        "signType",
        "paySign",
    } == shown[0].keys()
    assert ["created", "shown", "waiting", "final"] == steps


async def test_an_app_pays(session, box, shop, order):
    """
    The app calls WeChat's SDK with what it is shown.
    """

    async def show(pay_info):
        assert pay_info.package.startswith("prepay_id=")
        payments = (await box.control("GET", "/payments"))["payments"]
        await box.move(payments[-1]["id"], "pay")

    payment = await wechat_app(
        session, order, show=show, notify_url=shop.url, arrivals=shop, **WHO
    )

    assert "TRADE_SUCCESS" == payment.state
    assert "WECHAT_IN_APP" == (await box.payment(payment.id))["method"]


async def test_an_answer_without_pay_info_is_refused(session, order, monkeypatch):
    """
    There is nothing to show.
    """
    create = session.payments.create

    async def bare(new, **options):
        import attrs

        return attrs.evolve(await create(new, **options), payer=None)

    monkeypatch.setattr(session.payments, "create", bare)

    with pytest.raises(EnvelopeError, match="pay_info"):
        await wechat_app(session, order, show=print, **WHO)


async def test_a_customer_who_goes_away_lets_the_order_expire(session, box, order):
    """
    The emulator's clock passes expire_time; a query tells.
    """

    async def show(_pay_info):
        await box.control("POST", "/clock", {"advance": 31 * 60})

    with pytest.raises(PaymentExpiredError) as caught:
        await wechat_app(session, order, show=show, **WHO)

    assert "TRADE_CLOSED" == caught.value.last.state


@pytest.mark.parametrize(
    ("flow", "changes"),
    [(wechat_web, {"open_id": "oABC"}), (wechat_app, {"phone": "15210838198"})],
)
async def test_no_frame_keeps_what_the_customer_said(
    session, box, order, flow, changes
):
    """
    A crash report with the locals of every frame shows none of it.
    """
    await box.fault("drop_after", method="POST", path="/payments/payment$", times=0)
    error = await canaries.fails(flow(session, order, show=print, **WHO, **changes))

    canaries.assert_silent(
        canaries.everything(error), [*WHO.values(), *changes.get("phone", "").split()]
    )


@pytest.mark.parametrize("flow", [wechat_web, wechat_app])
async def test_neither_does_a_refusal_of_our_own(session, order, flow):
    """
    The id number was given as a number.
    """
    who = {"name": "张三", "citizen_id_number": int(orders.ID_NUMBER)}
    changes = {"open_id": "oABC"} if flow is wechat_web else {}
    error = await canaries.fails(flow(session, order, show=print, **who, **changes))

    assert isinstance(error, ConfigError)
    canaries.assert_silent(canaries.everything(error), ["张三", orders.ID_NUMBER])
