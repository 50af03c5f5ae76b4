"""
Requests of a browser: answers, headers, languages, and trouble.
"""

from __future__ import annotations

import re

import pytest

from tests import orders


PAGES = [
    "/",
    "/console/requests",
    "/console/notifications",
    "/console/refunds",
    "/console/customs",
    "/console/enterprises",
    "/console/papers",
    "/console/faults",
]


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there_and_locked_down(browser, session, path):
    """
    No script, no frame, no other site's resource, nothing in a cache.
    """
    await session.payments.create(orders.wallet_payment("WECHAT_SCAN"))
    status, headers, page = await browser.get(path)
    policy = headers["content-security-policy"]

    assert 200 == status
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "no-store" == headers["cache-control"]
    assert "DENY" == headers["x-frame-options"]
    assert "same-origin" == headers["referrer-policy"]
    assert "<script" not in page
    assert "style=" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/console/",
        "/console/nothing",
        "/console/requests/999999",
        "/console/payments/PAY_AAAA",
        "/console/payments/%00",
        "/scan/PAY_AAAA",
        "/upay/cbPluginPay.do",
        "/upay/cbPluginPay.do?trace=1",
        "/upay/cbPluginPay.do?trace=%ff%00",
        "/wechat/authorize",
        "/wechat/authorize?redirect_uri=http%3A%2F%2F%5B",
        "/wechat/authorize?redirect_uri=x%3FnotifyUrl%3Djavascript%3Aalert(1)",
        "/wechat/authorize?redirect_uri=x%3FnotifyUrl%3Dhttp%3A%2F%2F%255B",
        "/wechat/pay",
        "/wechat/pay?prepay_id=x",
        "/wechat/pay/3611240018000001",
        "/console/requests/" + "9" * 5000,
        "/console/nothing?" + "a=1&" * 500,
    ],
)
async def test_what_is_not_there_is_a_page_that_says_so(browser, path):
    """
    404, in the reader's language.
    """
    status, _, page = await browser.get(path, **{"Accept-Language": "zh-CN"})

    assert 404 == status
    assert "没有此页面" in page


@pytest.mark.parametrize("method", ["DELETE", "PUT", "OPTIONS", "TRACE", "ODD"])
@pytest.mark.parametrize("path", ["/console/faults", "/console/style.css", "/"])
async def test_other_methods_are_refused(browser, method, path):
    """
    Pages are read, forms are posted.
    """
    status, headers, _ = await browser.ask(method, path)

    assert (405, "GET, HEAD, POST") == (status, headers["allow"])


async def test_a_page_can_be_asked_for_its_headers_only(browser):
    """
    HEAD is GET without a body.
    """
    status, headers, page = await browser.ask("HEAD", "/")

    assert (200, "") == (status, page)
    assert headers["content-type"] == "text/html; charset=utf-8"


async def test_the_only_resource_of_a_page_is_one_small_style_sheet(browser):
    """
    And it takes nothing from elsewhere.
    """
    page = await browser.page("/")
    _, headers, style = await browser.get("/console/style.css")

    assert ["/console/style.css", "data:,"] == re.findall(
        r'<link [^>]*href="(.*?)"', page
    )
    assert "src=" not in page
    assert "text/css; charset=utf-8" == headers["content-type"]
    assert len(style) < 8000
    assert "url(" not in style
    assert "@import" not in style


async def test_a_language_that_was_chosen_is_kept_in_a_cookie(browser):
    """
    It wins over the browser's own; nonsense in the cookie does not matter.
    """
    _, headers, page = await browser.get("/?lang=zh")

    assert "请求" in page
    assert headers["set-cookie"].startswith("lang=zh;")
    assert "SameSite=Strict" in headers["set-cookie"]

    kept = await browser.page("/", **{"Cookie": "lang=zh", "Accept-Language": "en"})
    broken = await browser.page("/", Cookie='lang="\x01; =;')
    unknown = await browser.page("/", Cookie="lang=fr")
    among = await browser.page("/", Cookie="a/b=1; =; x; lang=zh")

    assert "请求" in kept
    assert "Requests" in broken
    assert "Requests" in unknown
    assert "请求" in among


async def test_a_language_that_we_do_not_speak_sets_no_cookie(browser):
    """
    Nor does what looks like another header.
    """
    for asked in ("fr", "zh%0d%0aX-Odd: 1".replace(" ", "%20")):
        _, headers, _ = await browser.get(f"/?lang={asked}")

        assert "set-cookie" not in headers
        assert "X-Odd" not in headers


async def test_the_language_switch_stays_on_the_page(browser, session):
    """
    With all that its address says; a customer finds it, too.
    """
    payment = await session.payments.create(orders.cashier_payment())
    address = payment.cashier_url.partition(browser.host)[2]
    page = await browser.page(address)
    switch = page.partition('id="language" href="')[2].partition('"')[0]
    chinese = await browser.page(
        address.partition("?")[0] + switch.replace("&amp;", "&")
    )

    assert "收银台" in chinese
    assert "English" in chinese


async def test_the_answer_to_a_form_has_no_language_switch(browser, session):
    """
    Its address cannot be opened again.
    """
    payment = await session.payments.create(orders.cashier_payment())
    _, _, page = await browser.post(f"/upay/{payment.id}/give_up")

    assert 'id="done"' in page
    assert 'id="language"' not in page


async def test_trouble_is_reported_in_the_readers_language(browser, box):
    """
    What the settings refuse, too.
    """
    token = await browser.token()
    status, _, page = await browser.send(
        "/console/settings",
        {"token": token, "refusals": "loud"},
        **{"Accept-Language": "zh"},
    )

    assert 400 == status
    assert "无此设置" in page
    assert "unsigned" == box.control("GET", "/settings")["refusals"]


async def test_long_trouble_is_cut(browser):
    """
    What was sent does not come back whole.
    """
    status, _, page = await browser.post("/console/settings", refusals="9" * 5000)

    assert 400 == status
    assert "999" in page
    assert len(page) < 3000


async def test_an_order_that_has_ended_cannot_be_paid_in_the_console(browser, session):
    """
    409, with the state that it is in.
    """
    payment = await session.payments.create(orders.wallet_payment("WECHAT_SCAN"))
    await browser.post(f"/console/payments/{payment.id}/close")
    status, _, page = await browser.post(f"/console/payments/{payment.id}/pay")

    assert 409 == status
    assert "TRADE_CLOSED" in page


async def test_a_bug_is_a_page_and_a_line_in_the_log(box, browser, caplog):
    """
    A console whose books are shut answers all the same, and tells no insides.
    """
    await browser.page("/")
    box.emulator._store.close()
    status, _, page = await browser.get("/")

    assert 500 == status
    assert "a bug of the emulator" in page
    assert "Traceback" not in page
    assert "GET /" in caplog.text


async def test_a_full_disk_is_named_and_no_bug(box, browser, full_disk, caplog):
    """
    One line in the log without a traceback, and a page that says where to look.
    """
    with full_disk(box.emulator):
        status, _, page = await browser.post("/console/clock", seconds="60")

    assert 500 == status
    assert "look at the disk" in page
    assert "a bug of the emulator" not in page
    assert [None] == [record.exc_info for record in caplog.records]
    assert "look at the disk" in caplog.text


async def test_pages_are_served_under_our_own_name_only(browser):
    """
    A foreign Host never reaches them.
    """
    status, _, page = await browser.get("/", Host="evil.test")

    assert 421 == status
    assert "<html" not in page
