"""
What a customer sees, and where he is led afterwards.
"""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests import orders


async def test_the_qr_page_draws_the_code_that_the_shop_was_given(browser, session):
    """
    As a drawing inside the page, with nothing fetched from anywhere.
    """
    payment = await session.payments.create(orders.wallet_payment("ALIPAY_SCAN"))
    page = await browser.page(f"/scan/{payment.id}")

    assert "<svg" in page
    assert "<path" in page
    assert "10.00 USD" in page
    assert "69.19 CNY" in page


async def test_a_payment_without_a_code_has_no_qr_page(browser, session):
    """
    A card is not scanned.
    """
    payment = await session.payments.create(orders.card_payment())
    status, _, _ = await browser.get(f"/scan/{payment.id}")

    assert 404 == status


async def test_a_scanned_code_is_paid(browser, session):
    """
    The gateway's answer says so.
    """
    payment = await session.payments.create(orders.wallet_payment("WECHAT_SCAN"))
    status, _, page = await browser.post(f"/upay/{payment.id}/pay")

    assert 200 == status
    assert "Paid." in page
    assert "TRADE_SUCCESS" == (await session.payments.get(payment.id)).state


@pytest.mark.parametrize("interface", ["SERVER_TO_WEB", "SERVER_TO_H5WEB"])
async def test_the_cashier_is_where_the_link_leads(browser, session, box, interface):
    """
    The chosen method is kept for the console, and the way back is offered.
    """
    payment = await session.payments.create(orders.cashier_payment(interface))
    link = urlsplit(payment.cashier_url)
    page = await browser.page(f"{link.path}?{link.query}")
    offered = re.findall(r'name="method" value="(\w+)"', page)

    assert ["CREDIT_CARD", "DEBIT_CARD", "WECHAT_SCAN", "ALIPAY_SCAN"] == offered

    _, headers, page = await browser.post(
        f"/upay/{payment.id}/pay", method="ALIPAY_SCAN"
    )
    found = box.control("GET", f"/payments/{payment.id}")["payment"]

    assert "ALIPAY_SCAN" == found["paid_with"]
    assert 'content="2; url=http://127.0.0.1:9/back"' in page
    assert 'href="http://127.0.0.1:9/back"' in page
    # A redirect after a form to another site is what form-action forbids.
    assert "location" not in headers

    shown = await browser.page(f"/console/payments/{payment.id}")

    assert "Chosen by the customer: ALIPAY_SCAN" in shown


async def test_a_method_that_the_shop_fixed_is_the_only_one(
    browser, session, change, trace
):
    """
    Others are refused, and nobody has paid.
    """
    payment = await session.payments.create(orders.cashier_payment())
    change(payment.id, method="DEBIT_CARD")
    page = await browser.page(f"/upay/cbPluginPay.do?trace={trace(payment.id)}")
    status, _, _ = await browser.post(f"/upay/{payment.id}/pay", method="ALIPAY_SCAN")

    assert ["DEBIT_CARD"] == re.findall(r'name="method" value="(\w+)"', page)
    assert 400 == status
    assert "WAIT_BUYER_PAY" == (await session.payments.get(payment.id)).state


async def test_a_customer_fails_or_gives_up(browser, session):
    """
    Giving up changes nothing; a failed payment says so.
    """
    payment = await session.payments.create(orders.cashier_payment())
    _, _, given_up = await browser.post(f"/upay/{payment.id}/give_up")

    assert "Nobody has paid." in given_up
    assert "WAIT_BUYER_PAY" == (await session.payments.get(payment.id)).state

    _, _, failed = await browser.post(f"/upay/{payment.id}/fail")

    assert "The payment failed." in failed
    assert "TRADE_FAIL" == (await session.payments.get(payment.id)).state


@pytest.mark.parametrize("verb", ["pay", "fail", "give_up"])
async def test_a_page_that_lay_open_too_long_changes_nothing(
    browser, session, box, verb
):
    """
    It tells how the payment ended, and leads back all the same.
    """
    payment = await session.payments.create(orders.cashier_payment())
    await browser.post(f"/upay/{payment.id}/pay")
    before = box.control("GET", f"/payments/{payment.id}")
    status, _, page = await browser.post(f"/upay/{payment.id}/{verb}")

    assert 200 == status
    assert "Paid." in page
    assert "Nobody has paid" not in page
    assert 'id="back"' in page
    assert before == box.control("GET", f"/payments/{payment.id}")


async def test_an_expired_order_can_no_more_be_paid(browser, session, trace):
    """
    The page says that nothing is to be paid, before and after the form.
    """
    payment = await session.payments.create(orders.cashier_payment())
    number = trace(payment.id)
    await browser.post("/console/clock", seconds="86400")
    page = await browser.page(f"/upay/cbPluginPay.do?trace={number}")
    _, _, done = await browser.post(f"/upay/{payment.id}/pay", method="CREDIT_CARD")

    assert "nothing to pay" in page
    assert "<button" not in page
    assert "nothing to pay" in done
    assert "TRADE_CLOSED" in done


async def test_a_business_pays_at_its_bank(browser, session, trace):
    """
    The page names the bank and the company, and offers no methods.
    """
    await session.enterprises.register(orders.company())
    companies = await browser.page("/console/enterprises")
    key = re.search(r"/enterprises/(EQ_\w+)/enable", companies)[1]
    await browser.post(f"/console/enterprises/{key}/enable")
    payment = await session.payments.create(orders.bank_payment())
    page = await browser.page(f"/upay/cbPluginPay.do?trace={trace(payment.id)}")

    assert "ICBC" in page
    assert "c-1" in page
    assert 'name="method"' not in page

    await browser.post(f"/upay/{payment.id}/pay")

    assert "TRADE_SUCCESS" == (await session.payments.get(payment.id)).state


@pytest.mark.parametrize("method", ["WECHAT_WEB", "WECHAT_IN_APP"])
async def test_wechat_finds_a_payment_by_its_prepay_id(browser, session, method):
    """
    As it stands in pay_info.package, in the path or alone.
    """
    payment = await session.payments.create(orders.wallet_payment(method))
    info = payment.payer.payer_info
    part = info.wechat_in_app or info.wechat_in_app_web
    package = part.pay_info.package
    prepay = package.removeprefix("prepay_id=")

    for path in (
        f"/wechat/pay?{package}",
        f"/wechat/pay/{prepay}",
        f"/wechat/pay/{prepay.removeprefix('wx')}",
    ):
        page = await browser.page(path)

        assert f"/upay/{payment.id}/pay" in page
        assert f"/upay/{payment.id}/give_up" in page


async def test_wechat_knows_no_other_payments(browser, session, trace):
    """
    A cashier's payment is not paid there, nor a WeChat one at the cashier.
    """
    cashier = await session.payments.create(orders.cashier_payment())
    wechat = await session.payments.create(orders.wallet_payment("WECHAT_WEB"))
    first, _, _ = await browser.get(f"/wechat/pay/{trace(cashier.id)}")
    second, _, _ = await browser.get(f"/upay/cbPluginPay.do?trace={trace(wechat.id)}")

    assert [404, 404] == [first, second]


def _authorise_path(notify_url):
    inner = f"http://x/recv.htm?notifyUrl={quote(notify_url, safe='')}"

    return f"/wechat/authorize?appid=wx0&redirect_uri={quote(inner, safe='')}"


async def _authorised(browser, notify_url):
    page = await browser.page(_authorise_path(notify_url))

    return html.unescape(re.search(r'id="authorise"[^>]* href="([^"]+)"', page)[1])


async def test_authorising_leads_to_the_shop_with_an_open_id(browser, session):
    """
    The same customer has the same open_id; each code is another.
    """
    given = await session.wechat.openid_link("http://127.0.0.1:9/here")
    link = urlsplit(given.href)
    page = await browser.page(f"{link.path}?{link.query}")

    assert "wechat_redirect" == link.fragment
    assert "http://127.0.0.1:9/here" in page

    first = urlsplit(await _authorised(browser, "http://127.0.0.1:9/here?a=1#part"))
    again = urlsplit(await _authorised(browser, "http://127.0.0.1:9/there"))
    given, other = parse_qs(first.query), parse_qs(again.query)

    assert ("/here", "part") == (first.path, first.fragment)
    assert ["1"] == given["a"]
    assert given["open_id"] == other["open_id"]
    assert re.fullmatch(r"o[0-9a-f]{26}", given["open_id"][0])
    assert given["code"] != other["code"]


async def test_a_way_back_that_no_browser_may_open_is_no_link(browser, session, change):
    """
    The official samples hold other things than http there.
    """
    payment = await session.payments.create(orders.cashier_payment())
    change(payment.id, ret_url="javascript:alert(1)")
    status, _, page = await browser.post(f"/upay/{payment.id}/give_up")

    assert 200 == status
    assert "javascript" not in page
    assert "refresh" not in page


async def test_a_way_back_cannot_break_out_of_its_link(browser, session, change):
    """
    Quotes and angle brackets stay inside the address.
    """
    payment = await session.payments.create(orders.cashier_payment())
    change(payment.id, ret_url="http://shop.test/\"><b id=out>'; url=http://evil.test")
    _, _, page = await browser.post(f"/upay/{payment.id}/give_up")

    assert "<b id" not in page
    assert page.count('http-equiv="refresh"') == 1
    assert 'content="2; url=http://shop.test/&#34;&gt;' in page


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/here",
        "//shop.test",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://shop.test/",
        "http:shop.test",
        "http://",
        "http://[::1",
        "http://a\u2100b/",
        " java\tscript:alert(1)",
    ],
)
async def test_a_browser_is_led_to_web_addresses_only(browser, address):
    """
    Everything else is no address of a shop.
    """
    status, _, page = await browser.get(_authorise_path(address))

    assert 404 == status
    assert "open_id" not in page


@pytest.mark.parametrize(
    ("address", "before", "after"),
    [
        ("http://shop.test", "http://shop.test?", ""),
        ("https://shop.test/x?y=1", "https://shop.test/x?y=1&", ""),
        ("HTTPS://shop.test/x?y=1#z", "https://shop.test/x?y=1&", "#z"),
    ],
)
async def test_what_is_added_stands_in_the_query(browser, address, before, after):
    """
    Behind what is there, before the fragment.
    """
    link = await _authorised(browser, address)
    added = link.removeprefix(before).removesuffix(after)

    assert f"{before}{added}{after}" == link
    assert re.fullmatch("open_id=o[0-9a-f]{26}&code=[0-9a-f]{32}", added)


async def test_an_order_without_a_summary_has_its_number_there(
    browser, session, change, box, trace
):
    """
    Clients that no one here wrote send what they like.
    """
    payment = await session.payments.create(orders.cashier_payment())
    order = box.control("GET", f"/payments/{payment.id}")["payment"]["order"]
    number = order["mer_reference_id"]
    del order["order_summary"]

    for summary in ({}, {"order_summary": {"odd": 1}}, {"order_summary": None}):
        change(payment.id, order={**order, **summary})
        page = await browser.page(f"/upay/cbPluginPay.do?trace={trace(payment.id)}")

        assert f'<p class="what">{number}</p>' in page
