"""
What forms change.
"""

from __future__ import annotations

import asyncio
import re

import pytest

from tests import orders


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/console/clock", {"seconds": "soon"}, 400),
        ("/console/clock", {"seconds": "nan"}, 400),
        ("/console/clock", {"seconds": "-1"}, 400),
        ("/console/clock", {"seconds": "1e300"}, 400),
        ("/console/clock", {}, 400),
        ("/console/faults", {"kind": "earthquake"}, 400),
        ("/console/faults", {"kind": "delay", "times": "x"}, 400),
        ("/console/faults", {"kind": "delay", "times": "9" * 5000}, 400),
        ("/console/faults", {"kind": "delay", "seconds": "nan"}, 400),
        ("/console/faults", {"kind": "skew_clock", "seconds": "inf"}, 400),
        ("/console/faults", {"kind": "delay", "path": "("}, 400),
        ("/console/faults", {"kind": "delay", "path": "a{99999999999999999999}"}, 400),
        ("/console/faults", {"kind": "delay", "path": "(" * 5000}, 400),
        ("/console/faults", {"kind": "delay", "odd": "1"}, 400),
        ("/console/settings", {"refusals": "loud"}, 400),
        ("/console/settings", {"settle_after": "soon"}, 400),
        ("/console/settings", {"settle_after": "inf"}, 400),
        ("/console/settings", {"nothing": "1"}, 400),
        ("/console/payments/PAY_AAAA/pay", {}, 404),
        ("/console/refunds/REFUND_AAAA/succeed", {}, 404),
        ("/console/customs/CUST_AAAA/submit", {}, 404),
        ("/console/enterprises/EQ_AAAA/enable", {}, 404),
        ("/console/notifications/7/resend", {}, 404),
        ("/console/nothing", {}, 404),
        ("/upay/PAY_AAAA/pay", {}, 404),
        ("/upay/PAY_AAAA/fly", {}, 404),
        ("/", {}, 404),
    ],
)
async def test_a_form_that_makes_no_sense_changes_nothing(
    browser, box, path, form, status
):
    """
    It is answered with a page, never with an error of the server.
    """

    def now():
        return box.control("GET", "/settings"), box.control("GET", "/faults")

    before = now()
    found, _, page = await browser.post(path, **form)

    assert status == found
    assert "<main>" in page
    assert before == now()


async def test_the_clock_goes_forward(browser, session):
    """
    And what is due by then happens: an unpaid order expires.
    """
    payment = await session.payments.create(orders.wallet_payment("WECHAT_SCAN"))
    status, headers, _ = await browser.post(
        "/console/clock", seconds="3600", next="/console/faults"
    )

    assert (303, "/console/faults") == (status, headers["location"])
    assert "TRADE_CLOSED" == (await session.payments.get(payment.id)).state


@pytest.mark.parametrize(
    "place",
    ["//evil.test", "http://evil.test", "/\\evil.test", "", "/\r\nX-Odd: 1", "/é"],
)
async def test_a_form_leads_nowhere_else(browser, place):
    """
    The next page is one of ours.
    """
    _, headers, _ = await browser.post("/console/clock", seconds="1", next=place)

    assert "/" == headers["location"]
    assert "X-Odd" not in headers


async def test_faults_add_up_and_are_cleared(browser, box):
    """
    Numbers are read from the form; an empty field is as if it were not there.
    """
    await browser.post(
        "/console/faults",
        kind="delay",
        times="2",
        seconds="0.5",
        skip="1",
        probability="0.25",
        path="",
        method="GET",
        status="",
    )
    await browser.post("/console/faults", kind="error_before", status="503")
    first, second = box.control("GET", "/faults")["rules"]

    assert ("delay", 2, 0.5, 1, 0.25, "GET", "") == tuple(
        first[name]
        for name in (
            "kind",
            "times",
            "seconds",
            "skip",
            "probability",
            "method",
            "path",
        )
    )
    assert ("error_before", 503, 1) == (
        second["kind"],
        second["status"],
        second["times"],
    )

    await browser.post("/console/faults/clear")

    assert [] == box.control("GET", "/faults")["rules"]


async def test_a_new_fault_does_not_wake_one_that_has_struck(browser, box, session):
    """
    The counts of the others stay.
    """
    await browser.post("/console/faults", kind="delay", seconds="0", times="1")
    await session.payments.create(orders.wallet_payment("WECHAT_SCAN"))
    await browser.post("/console/faults", kind="busy", path="/nothing")
    rules = box.control("GET", "/faults")["rules"]

    assert [1, 0] == [rule["hits"] for rule in rules]
    assert "<td>1</td><td>1</td>" in await browser.page("/console/faults")


async def test_settings_are_switched(browser, box):
    """
    Words and numbers, each in its own type.
    """
    await browser.post(
        "/console/settings", settle_after="1.5", token_lifetime="60", names="old"
    )
    settings = box.control("GET", "/settings")

    assert (1.5, 60, "old") == (
        settings["settle_after"],
        settings["token_lifetime"],
        settings["names"],
    )


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        ("succeed", "REFUND_SUCCESS"),
        ("fail", "REFUND_FAIL"),
        ("close", "REFUND_CLOSE"),
    ],
)
async def test_a_refund_is_ended(browser, session, box, verb, state):
    """
    With each button that its row has.
    """
    await browser.post("/console/settings", settle_after="600")
    paid = await orders.paid(session, box)
    refund = await session.refunds.create(paid.id, orders.refund())
    page = await browser.page("/console/refunds")

    assert f"/console/refunds/{refund.id}/{verb}" in page

    status, headers, _ = await browser.post(
        f"/console/refunds/{refund.id}/{verb}", next="/console/refunds"
    )

    assert (303, "/console/refunds") == (status, headers["location"])
    assert state == (await session.refunds.get(refund.id)).state


async def test_a_company_is_enabled_and_disabled(browser, session):
    """
    The page offers what the state does not say.
    """
    await session.enterprises.register(orders.company())

    for verb, state in (("enable", "ENABLE"), ("disable", "DISABLE")):
        page = await browser.page("/console/enterprises")
        path = re.search(rf"/console/enterprises/EQ_\w+/{verb}", page)[0]
        await browser.post(path)
        key = path.split("/")[3]

        assert state == (await session.enterprises.get(key)).enterprise_status


async def test_a_notification_is_sent_again(browser, session, box):
    """
    It is written down as another attempt, and the page it came from is shown again.
    """

    def notification():
        return box.control("GET", "/notifications")["notifications"][0]

    payment = await session.payments.create(orders.wallet_payment("WECHAT_SCAN"))
    path = f"/console/payments/{payment.id}"
    await browser.post(f"{path}/pay")

    assert [] == notification()["attempts"]

    status, headers, _ = await browser.post(
        f"/console/notifications/{notification()['number']}/resend", next=path
    )

    async with asyncio.timeout(5):
        while not notification()["attempts"]:
            await asyncio.sleep(0.01)

    assert (303, path) == (status, headers["location"])
    assert "not delivered" in notification()["attempts"][0]["outcome"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_another_site_cannot_send_our_forms(browser, box, headers):
    """
    Even with a token of ours.
    """
    before = box.control("GET", "/settings")
    form = {"token": await browser.token(), "refusals": "signed"}
    status, _, page = await browser.send("/console/settings", form, **headers)

    assert 403 == status
    assert "does not come from a page of this console" in page
    assert before == box.control("GET", "/settings")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "ours"}, 303),
    ],
)
async def test_a_browser_says_where_a_form_comes_from(browser, headers, status):
    """
    One of the two headers is enough, none is not.
    """
    if "Origin" in headers:
        headers = {"Origin": f"http://{browser.host}"}

    form = f"token={await browser.token()}&seconds=1"
    found, _, _ = await browser.ask("POST", "/console/clock", form, **headers)

    assert status == found


@pytest.mark.parametrize("token", ["", "x", "ä"])
async def test_a_form_without_the_token_is_refused(browser, token):
    """
    Only our own pages know it.
    """
    form = {"token": token, "seconds": "60"}
    status, _, page = await browser.send("/console/clock", form)

    assert 403 == status
    assert "open the page again" in page


async def test_a_body_that_is_no_form_is_refused(browser):
    """
    Too long, not UTF-8, or too many fields.
    """
    long = await browser.send("/console/clock", {"token": "x" * 70_000})
    longer = await browser.send("/console/clock", {"token": "x" * 5_000_000})
    many = await browser.send("/console/clock", {f"a{i}": "1" for i in range(200)})
    binary = await browser.ask(
        "POST", "/console/clock", b"\xff\xfe", **{"Sec-Fetch-Site": "same-origin"}
    )

    assert [413, 413, 400, 400] == [long[0], longer[0], many[0], binary[0]]
