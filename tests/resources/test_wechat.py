"""
WeChat: the page that gives a customer's open_id.
"""

from __future__ import annotations

import pytest

from umfpay.errors import ConfigError
from umfpay.resources._wechat import WeChat


async def test_the_page(sender):
    """
    Its answer is documented without a signature (gateway.md 5.14).
    """
    href = "https://open.weixin.qq.com/x#wechat_redirect"
    sender.answers = [{"links": [{"ref": "weChat", "href": href}]}]
    link = await WeChat(sender).openid_link("https://a/b", mer_reference_id="o1")

    assert href == link.href
    assert sender.targets == [
        "payments/wechat_openid?notify_url=https%3A%2F%2Fa%2Fb&mer_reference_id=o1"
    ]
    assert sender.calls[0].unsigned_allowed


@pytest.mark.parametrize("url", ["a/b", "ftp://a/b", "https://a/b?c=d"])
async def test_where_the_customer_cannot_return_to(sender, url):
    """
    A query of its own would be cut.
    """
    with pytest.raises(ConfigError, match="notify_url: "):
        await WeChat(sender).openid_link(url)

    assert [] == sender.calls
