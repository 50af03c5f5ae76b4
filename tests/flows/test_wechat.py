"""
WeChat: who the customer is, what a page and an app are shown, and what they pay.
"""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests import orders, tracebacks
from tests.end_to_end import canaries
from umfpay.errors import (
    ConfigError,
    EnvelopeError,
    FlowError,
    PaymentExpiredError,
)
from umfpay.flows import authorize_url, open_id_from, wechat_app, wechat_web
from umfpay.models import Link


BACK = "https://shop.test/wechat/back"
WHO = {"name": "张三", "citizen_id_number": orders.ID_NUMBER}


async def test_a_page_of_an_official_account_pays(session, box, shop, order, steps):
    """
    The page gets the camelCase names of WeChat's JS.
    """
    shown = []

    async def show(pay_info):
        shown.append(pay_info.for_wechat_js())
        payments = box.payments()
        box.pay(payments[-1]["id"])

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
        payments = box.payments()
        box.pay(payments[-1]["id"])

    payment = await wechat_app(
        session, order, show=show, notify_url=shop.url, arrivals=shop, **WHO
    )

    assert "TRADE_SUCCESS" == payment.state
    assert "WECHAT_IN_APP" == box.payment(payment.id)["method"]


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
        box.advance(31 * 60)

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
    box.fault("drop_after", method="POST", path="/payments/payment$", times=0)
    error = await canaries.fails(flow(session, order, show=print, **WHO, **changes))

    tracebacks.assert_silent(
        tracebacks.everything(error), [*WHO.values(), *changes.get("phone", "").split()]
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
    tracebacks.assert_silent(tracebacks.everything(error), ["张三", orders.ID_NUMBER])


async def test_the_page_brings_the_browser_back_with_its_state(session):
    """
    The state is in the path, where no level of quoting can cut it.
    """
    url = await authorize_url(session, f"{BACK}/", "s-1_x")
    inner = parse_qs(urlsplit(url).query)["redirect_uri"][0]
    back = parse_qs(urlsplit(inner).query)["notifyUrl"][0]

    assert f"{BACK}/s-1_x" == back
    assert url.endswith("#wechat_redirect")


@pytest.mark.parametrize("state", ["", "a b", "a&b", "a/b", "ä", "x" * 129, None])
async def test_a_state_that_quoting_could_change_is_refused(session, state):
    """
    Before anything is sent.
    """
    with pytest.raises(ConfigError, match="state"):
        await authorize_url(session, BACK, state)


@pytest.mark.parametrize(
    "page",
    [
        f"{BACK}?a=b",
        f"{BACK}#part",
        f"{BACK}&a",
        f"{BACK}%2Fa",
        f"{BACK} a",
        f"{BACK}\n",
        "https://shop.test/微信",
        "https://",
        "ftp://shop.test/back",
        "",
        None,
        5,
    ],
)
async def test_a_page_that_quoting_could_change_is_refused(session, box, page):
    """
    Before anything is sent.
    """
    with pytest.raises(ConfigError, match="notify_url"):
        await authorize_url(session, page, "s-1")

    assert [] == box.requests("/wechat_openid")


async def test_the_customer_comes_back_with_an_open_id(session, box):
    """
    By the link of the page where he authorises.
    """
    url = await authorize_url(session, BACK, "s-1")
    page = await box.page(url)
    (back,) = re.findall(rf'href="({re.escape(BACK)}[^"]*)"', page)

    assert back.startswith(f"{BACK}/s-1?")
    assert open_id_from(html.unescape(back), state="s-1").startswith("o")


async def test_an_answer_without_a_page_is_refused(session, monkeypatch):
    """
    An empty address would lead the customer nowhere.
    """

    async def empty(*_, **__):
        return Link(ref="weChat", href=None)

    monkeypatch.setattr(session.wechat, "openid_link", empty)

    with pytest.raises(EnvelopeError):
        await authorize_url(session, BACK, "s")


@pytest.mark.parametrize(
    "url",
    [
        f"{BACK}/s-1?open_id=oABC_1-x&code=2",
        "/wechat/back/s-1?open_id=oABC_1-x",
    ],
)
def test_the_open_id_comes_back_with_its_state(url):
    """
    As the whole address, or its path and query.
    """
    assert "oABC_1-x" == open_id_from(url, state="s-1")


def test_a_query_or_mapping_is_enough_without_a_state():
    """
    A framework may hand out nothing else.
    """
    assert "oA" == open_id_from("open_id=oA&code=1")
    assert "oA" == open_id_from("?open_id=oA")
    assert "oA" == open_id_from({"open_id": "oA"})
    assert "oA" == open_id_from({"open_id": ["oA"]})


@pytest.mark.parametrize(
    ("url", "state"),
    [
        (f"{BACK}/other?open_id=oA", "s-1"),
        (f"{BACK}?open_id=oA", "s-1"),
        ("open_id=oA", "s-1"),
        (f"{BACK}/ä?open_id=oA", "s-1"),
        ("http://[x/s-1?open_id=oA", "s-1"),
        ("http://[x/s-1?open_id=oA", None),
        ("?open_id=o\ud800A", None),
        ({"open_id": ["oA", "oB"]}, None),
        ({"open_id": 5}, None),
        (f"{BACK}/s-1", "s-1"),
        (f"{BACK}/s-1?open_id=", "s-1"),
        (f"{BACK}/s-1?open_id=a&open_id=b", "s-1"),
        (f"{BACK}/s-1?open_id=%3Cscript%3E", "s-1"),
        ({}, None),
    ],
)
def test_anything_else_is_no_open_id(url, state):
    """
    Another state is somebody else's browser.
    """
    with pytest.raises(FlowError):
        open_id_from(url, state=state)


@pytest.mark.parametrize(
    ("url", "state"),
    [({"open_id": "oA"}, "s-1"), (None, None), (b"open_id=oA", None), (5, "s-1")],
)
def test_what_is_no_address_is_a_mistake_of_the_shop(url, state):
    """
    A mapping cannot hold the state, which is in the path.
    """
    with pytest.raises(ConfigError, match="url"):
        open_id_from(url, state=state)
