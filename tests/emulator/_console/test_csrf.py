"""
Who may send a form.
"""

from __future__ import annotations

import pytest


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
