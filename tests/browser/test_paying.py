"""
Customers and developers at the console, in a real browser.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.ui import WebDriverWait

from tests import orders
from umfpay.flows import authorize_url, checkout, open_id_from, qr_payment, wechat_web


WHO = {"name": "张三", "citizen_id_number": orders.ID_NUMBER}


def _click(page, name):
    """
    Click what leads to another page, and wait until this one is gone.
    """
    element = page.find_element(By.CSS_SELECTOR, f"#{name}, .do-{name}")
    element.click()
    _until(page, staleness_of(element))


def _until(page, condition):
    """
    Between two documents Chromium's answers are errors that pass; ask again.
    """
    wait = WebDriverWait(page, 10, ignored_exceptions=[WebDriverException])

    return wait.until(condition)


def _text(page):
    return page.find_element(By.TAG_NAME, "body").text


def _shown(found):
    deadline = time.monotonic() + 10

    while not found:
        assert time.monotonic() < deadline
        time.sleep(0.02)

    return found[0]


def _picture(page, name):
    """
    Keep a screenshot for the docs, if a folder for them is given.
    """
    folder = os.environ.get("UMFPAY_SCREENSHOTS")

    if folder:
        assert page.save_screenshot(str(Path(folder) / name))


def test_a_customer_scans_and_pays(page, world):
    """
    The flow that waited for it ends with the paid payment.
    """
    codes = []
    paying = world.start(
        qr_payment(
            world.session,
            orders.order(),
            method="WECHAT_SCAN",
            show=codes.append,
            arrivals=world.inbox,
            **WHO,
        )
    )
    code = _shown(codes)
    page.get(f"{world.box.origin}/")
    page.find_element(By.CSS_SELECTOR, "tbody a").click()
    _click(page, "door")

    assert page.find_elements(By.CSS_SELECTOR, "#qr svg path")

    _click(page, "pay")

    assert "Paid." == page.find_element(By.ID, "done").text
    assert "TRADE_SUCCESS" == paying.result(10).state
    assert code.payment_id == paying.result().id

    page.get(f"{world.box.origin}/console/payments/{code.payment_id}")

    assert "TRADE_SUCCESS" == page.find_element(By.ID, "state").text

    _until(page, lambda _: page.refresh() or "acknowledged" in _text(page))
    _picture(page, "console-payment.png")


def test_a_customer_pays_at_the_cashier_and_comes_back(page, world):
    """
    The browser ends on the shop's own page.
    """
    opened = []
    paying = world.start(
        checkout(
            world.session, orders.order(), open_page=opened.append, arrivals=world.inbox
        )
    )
    page.get(_shown(opened))
    page.set_window_size(560, 860)
    page.find_element(By.XPATH, "//label[contains(., 'Alipay')]").click()
    _picture(page, "console-cashier.png")
    _click(page, "pay")
    _until(page, lambda _: page.current_url == f"{world.shop}/back")

    assert "Shop" in _text(page)
    assert "TRADE_SUCCESS" == paying.result(10).state


def test_a_customer_gives_up_at_the_cashier(page, world):
    """
    Nobody has paid; the link still works.
    """
    new = attrs.evolve(orders.cashier_payment(), ret_url=f"{world.shop}/back")
    payment = world.run(world.session.payments.create(new))
    page.get(payment.cashier_url)
    _click(page, "give_up")

    assert "Nobody has paid." == page.find_element(By.ID, "done").text

    _until(page, lambda _: page.current_url == f"{world.shop}/back")

    assert "WAIT_BUYER_PAY" == world.state(payment.id)

    page.get(payment.cashier_url)
    _click(page, "fail")

    assert "TRADE_FAIL" == world.state(payment.id)

    page.get(payment.cashier_url)

    assert page.find_elements(By.ID, "nothing")


def test_a_customer_pays_in_wechat(page, world):
    """
    Authorise, come back with an open_id, pay.
    """
    url = world.run(authorize_url(world.session, f"{world.shop}/wechat", "s-1"))
    page.get(url)
    page.find_element(By.ID, "authorise").click()
    _until(page, lambda _: page.current_url.startswith(world.shop))
    open_id = open_id_from(page.current_url, state="s-1")
    shown = []
    paying = world.start(
        wechat_web(
            world.session,
            orders.order(),
            open_id=open_id,
            show=shown.append,
            arrivals=world.inbox,
            **WHO,
        )
    )
    package = _shown(shown).package
    page.get(f"{world.box.origin}/wechat/pay?{package}")
    _click(page, "give_up")

    assert "Nobody has paid." == page.find_element(By.ID, "done").text
    assert not paying.done()

    page.get(f"{world.box.origin}/wechat/pay?{package}")
    _click(page, "pay")

    assert "TRADE_SUCCESS" == paying.result(10).state


def test_a_company_pays_at_its_bank(page, world):
    """
    The bank's page names the company; papers are due afterwards.
    """
    company = world.run(world.session.enterprises.register(orders.company()))
    page.get(f"{world.box.origin}/console/enterprises")
    _click(page, "enable")

    assert "ENABLE" in _text(page)

    payment = world.run(world.session.payments.create(orders.bank_payment()))
    page.get(payment.cashier_url)

    assert company.external_enterprise_id in _text(page)

    _click(page, "pay")

    assert "TRADE_SUCCESS" == world.state(payment.id)

    page.get(f"{world.box.origin}/console/payments/{payment.id}")
    _click(page, "approve_papers")
    _click(page, "cancel")

    assert "TRADE_CANCEL" == page.find_element(By.ID, "state").text


def test_a_developer_reads_why_a_request_was_refused(page, world):
    """
    The page of the request shows the reason and what was received.
    """
    with pytest.raises(Exception, match="00060022"):
        world.run(
            world.session.payments.create(
                orders.wallet_payment("WECHAT_SCAN", citizen="1")
            )
        )

    page.get(f"{world.box.origin}/console/requests")

    assert "00060022" in _text(page)

    page.find_element(By.CSS_SELECTOR, "tbody a").click()

    assert "citizen_id_number" in _text(page)


def test_a_developer_resends_a_notification(page, world):
    """
    One more attempt is written down.
    """
    payment = world.run(
        world.session.payments.create(orders.wallet_payment("ALIPAY_SCAN"))
    )
    world.run(_in_loop(world.box.pay, payment.id))
    page.get(f"{world.box.origin}/console/notifications")
    _until(page, lambda _: page.refresh() or _text(page).count("acknowledged") == 1)
    _click(page, "resend")
    _until(page, lambda _: page.refresh() or _text(page).count("acknowledged") == 2)


async def _in_loop(call, *arguments):
    return call(*arguments)


def test_a_developer_switches_a_fault_on_and_off(page, world):
    """
    The next create fails; after clearing it does not.
    """
    page.get(f"{world.box.origin}/console/faults")
    Select(page.find_element(By.NAME, "kind")).select_by_visible_text("error_before")
    page.find_element(By.NAME, "path").send_keys("/payments/payment$")
    _click(page, "add")

    with pytest.raises(Exception, match="502"):
        world.run(world.session.payments.create(orders.wallet_payment("ALIPAY_SCAN")))

    page.refresh()
    _click(page, "clear")

    assert world.run(
        world.session.payments.create(orders.wallet_payment("ALIPAY_SCAN"))
    ).id

    Select(page.find_element(By.NAME, "refusals")).select_by_visible_text("signed")
    _click(page, "save")

    assert (
        "signed"
        == world.run(_in_loop(world.box.control, "GET", "/settings"))["refusals"]
    )


def test_the_language_is_kept(page, world):
    """
    Chinese from one click on, on every page; a customer switches it at the cashier.
    """
    payment = world.run(world.session.payments.create(orders.cashier_payment()))
    page.get(payment.cashier_url)
    _click(page, "language")

    assert "收银台" in _text(page)
    assert "10.00 USD" in _text(page)

    page.get(f"{world.box.origin}/console/requests")

    assert "请求" in _text(page)

    _click(page, "language")
    page.get(f"{world.box.origin}/")

    assert "Payments" in _text(page)


HOSTILE = (
    "<script>hacked=1</script><img src=x onerror=hacked=1>\u202e"
    + "long" * 2500
    + "\"' onmouseover=hacked=1"
)


@pytest.fixture(name="hostile")
def _hostile(world):
    """
    A payment of a shop that means harm, as stored by a gateway that takes it all.
    """

    async def make():
        payment = await world.session.payments.create(orders.cashier_payment())
        books = world.box.emulator._gateway_state
        document = books.payment(payment.id)
        document["order"] |= {"order_summary": HOSTILE, "mer_reference_id": HOSTILE}
        document |= {"notify_url": HOSTILE, "ret_url": HOSTILE, "bank_code": HOSTILE}
        books.store.put("payment", payment.id, document)
        books.notify("payment", payment.id)

        return payment

    return world.run(make())


def _paths(payment):
    return (
        "/",
        "/console/requests",
        "/console/requests/2",
        "/console/notifications",
        "/console/faults",
        f"/console/payments/{payment.id}",
        f"{urlsplit(payment.cashier_url).path}?{urlsplit(payment.cashier_url).query}",
    )


def test_hostile_words_do_nothing(page, world, hostile):
    """
    Nothing runs, nothing is fetched, and the browser has nothing to complain about.
    """
    page.get_log("browser")

    for path in _paths(hostile):
        page.get(f"{world.box.origin}{path}")

        assert page.execute_script("return typeof hacked") == "undefined"
        assert page.find_elements(By.TAG_NAME, "h1")
        assert not page.get_log("browser")


def test_a_phone_needs_no_sideways_scrolling(page, world, hostile):
    """
    At 360 pixels, with endless words, ids and addresses.
    """
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True},
    )

    try:
        widths = {}

        for path in _paths(hostile):
            page.get(f"{world.box.origin}{path}")
            widths[path] = page.execute_script(
                "return document.documentElement.scrollWidth"
            )
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    assert widths
    assert not {path: width for path, width in widths.items() if width > 360}
