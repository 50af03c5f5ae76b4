"""
Banks and how long their list may be used again, exchange rates, the WeChat page.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from umfpay.errors import ConfigError, MismatchedResponseError
from umfpay.models import Bank
from umfpay.resources import Banks, ExchangeRates, WeChat


@pytest.fixture(name="banks")
def _banks(sender):
    sender.answers = [{"banks": [{"code": str(index)}]} for index in range(9)]
    clock = [100.0]
    banks = Banks(sender, clock=lambda: clock[0])
    banks.wait = lambda seconds: clock.__setitem__(0, clock[0] + seconds)

    return banks


async def test_banks_of_a_kind(banks, sender):
    """
    One call with the gateway's word.
    """
    assert (Bank(code="0"),) == await banks.list("CREDIT_CARD", timeout=3.0)
    assert ["bank?type=CREDIT_CARD"] == sender.targets
    assert [{"timeout": 3.0}] == sender.options


async def test_each_call_asks(banks, sender):
    """
    Unless an age is allowed.
    """
    first = await banks.list("CREDIT_CARD")

    assert first != await banks.list("CREDIT_CARD")


async def test_an_answer_is_used_again(banks, sender):
    """
    While it is younger than *max_age*, each kind by itself.
    """
    first = await banks.list("CREDIT_CARD", max_age=60)
    other = await banks.list("DEBIT_CARD", max_age=60)
    banks.wait(59.0)

    assert first != other
    assert first == await banks.list("CREDIT_CARD", max_age=60)
    assert other == await banks.list("DEBIT_CARD", max_age=60)
    assert 2 == len(sender.calls)

    banks.wait(1.0)

    assert first != await banks.list("CREDIT_CARD", max_age=60)


async def test_a_failure_is_not_remembered(banks, sender):
    """
    The next call asks again.
    """
    sender.answers.insert(0, {})

    with pytest.raises(Exception, match="holds no banks"):
        await banks.list("CREDIT_CARD", max_age=60)

    assert (Bank(code="0"),) == await banks.list("CREDIT_CARD", max_age=60)


async def test_a_rate(sender):
    """
    What one unit costs in CNY, digits kept.
    """
    sender.answers = [{"exchangeRates": [{"rate": "6.9020", "currency": "USD"}]}]
    rate = await ExchangeRates(sender).get("USD")

    assert "6.9020" == str(rate.rate)
    assert Decimal("6.902") == rate.rate
    assert "USD" == rate.currency
    assert ["exchange_rate?currency=USD"] == sender.targets


async def test_the_rate_of_another_currency(sender):
    """
    It is not taken for the one that was asked for.
    """
    sender.answers = [{"exchangeRates": [{"rate": "0.9", "currency": "HKD"}]}]

    with pytest.raises(MismatchedResponseError, match="holds no rate of USD"):
        await ExchangeRates(sender).get("USD")


async def test_the_page_that_gives_an_open_id(sender):
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
