"""
Banks, rates, the WeChat page.
"""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit


def test_banks_are_listed_by_card_type(shop):
    """
    Each has a Chinese name and the types it takes.
    """
    credit = shop.get("/bank?type=CREDIT_CARD").json["banks"]
    debit = shop.get("/bank?type=DEBIT_CARD").json["banks"]
    icbc = next(bank for bank in credit if bank["code"] == "ICBC")

    assert "中国工商银行" == icbc["name_zh"]
    assert ["CREDIT_CARD", "DEBIT_CARD"] == icbc["types"]
    assert {bank["code"] for bank in debit} < {bank["code"] for bank in credit}
    assert ["DEBIT_CARD", "CREDIT_CARD"] == debit[0]["types"]
    assert any(["CREDIT_CARD"] == bank["types"] for bank in credit)
    assert "00060700" == shop.get("/bank?type=CASH").code
    assert "00060700" == shop.get("/bank").code


def test_a_rate_is_for_one_unit(shop):
    """
    Unknown currencies and none have their codes.
    """
    assert [{"rate": "6.9193", "currency": "USD"}] == shop.get(
        "/exchange_rate?currency=USD"
    ).json["exchangeRates"]
    assert "00281017" == shop.get("/exchange_rate?currency=XXX").code
    assert "00202000" == shop.get("/exchange_rate").code


def test_the_wechat_page_keeps_its_fragment_and_every_level(shop):
    """
    Its meta has no sign, a header signs it; the page is quoted once a level.
    """
    page = "http://shop.test/page?a=1&b=二"
    reply = shop.get(f"/payments/wechat_openid?notify_url={quote(page, safe='')}")
    link = reply.json["links"][0]
    outer = parse_qs(urlsplit(link["href"]).query)
    inner = parse_qs(urlsplit(outer["redirect_uri"][0]).query)

    assert link["href"].endswith("#wechat_redirect")
    assert "weChat" == link["ref"]
    assert [page] == inner["notifyUrl"]
    assert "sign" not in reply.json["meta"]
    assert "signature" in reply.headers
    assert "00060700" == shop.get("/payments/wechat_openid").code
