"""
Who the customer is to WeChat: the page that asks, and the way back.
"""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from umfpay.errors import ConfigError, EnvelopeError, FlowError
from umfpay.flows import authorize_url, open_id_from
from umfpay.models import Link


BACK = "https://shop.test/wechat/back"


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

    assert [] == await box.sent("/wechat_openid")


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
