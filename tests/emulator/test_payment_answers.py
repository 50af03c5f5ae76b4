"""
What each payment method gets in the answer to create.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest


def _person(shop, holder, **more):
    return {
        "payer_info": {
            "name": shop.keys.seal("张三"),
            "phone": "13800138000",
            holder: {
                "citizen_id_type": "1",
                "citizen_id_number": shop.keys.seal("110101199001010"),
                **more,
            },
        }
    }


def _refs(reply):
    return [link["ref"] for link in reply.json["links"]]


@pytest.mark.parametrize(
    ("method", "scheme"),
    [("WECHAT_SCAN", "weixin://"), ("ALIPAY_SCAN", "https://qr.alipay.com/")],
)
def test_a_qr_payment_gets_the_text_of_a_code(shop, method, scheme):
    """
    The minimal body of production: no bank_code.
    """
    body = shop.body(method, payer=_person(shop, "qr_code_scan"))
    del body["payer"]["bank_code"]
    reply = shop.post("/payments/payment", body)
    scan = reply.json["payment"]["payer"]["payer_info"]["qr_code_scan"]

    assert scan["qr_code_url"].startswith(scheme)
    assert ["self", "refund", "apply_to_customs"] == _refs(reply)


def test_wechat_payments_get_their_pay_info(shop):
    """
    In an app and on an official account.
    """
    app = shop.create("WECHAT_IN_APP", payer=_person(shop, "wechat_in_app"))
    web = shop.create(
        "WECHAT_WEB", payer=_person(shop, "wechat_in_app_web", open_id="o-1")
    )
    h5 = shop.create("WECHAT_H5", payer=_person(shop, "wechat_H5"))
    infos = [one.json["payment"]["payer"]["payer_info"] for one in (app, web, h5)]

    assert "MD5" == infos[0]["wechat_in_app"]["pay_info"]["sign_type"]
    assert infos[1]["wechat_in_app_web"]["pay_info"]["package"].startswith("prepay_id=")
    assert infos[2]["wechat_H5"]["wechat_h5_url"].startswith("https://")


def test_name_and_id_number_of_a_qr_payment_are_checked(shop):
    """
    What is given must be sealed, and look like an id number.
    """
    clear = _person(shop, "qr_code_scan")
    clear["payer_info"]["name"] = "张三"
    wrong = _person(shop, "qr_code_scan")
    wrong["payer_info"]["qr_code_scan"]["citizen_id_number"] = shop.keys.seal("1")

    assert "00060700" == shop.create("WECHAT_SCAN", payer=clear).code
    assert "00060022" == shop.create("WECHAT_SCAN", payer=wrong).code
    assert "0000" == shop.create("WECHAT_SCAN").code


@pytest.mark.parametrize("interface", ["SERVER_TO_WEB", "SERVER_TO_H5WEB"])
@pytest.mark.parametrize("info", [{}, {"phone": "13800138000"}])
def test_the_minimal_cashier_body_gets_the_cashier(shop, interface, info):
    """
    The body that production sends, and a link that is quoted and in cents.
    """
    body = {
        "payer": {
            "payment_method": "NOT_APPLICABLE",
            "payer_info": info,
            "interface_type": interface,
            "business_type": "B2C",
            "external_customer_id": "c-1",
        },
        "order": shop.order(sub_mer_id="s-1"),
        "notify_url": "http://shop.test/n?a=1&b=2",
        "ret_url": "http://shop.test/r",
        "risk_info": {"trans_type": "02"},
    }
    reply = shop.post("/payments/payment", body)
    link = reply.json["links"][3]
    query = parse_qs(urlsplit(link["href"]).query)

    assert "upay" == link["ref"]
    assert link["href"].isascii()
    assert " " not in link["href"]
    assert (["69207"], ["10002"]) == (query["amount"], query["oriAmount"])
    assert ["两件衣服"] == query["goodsInf"]
    assert ["http://shop.test/n?a=1&b=2"] == query["notifyUrl"]


def test_old_words_of_b2b_mean_todays(shop):
    """
    B2B_ONLINE_BANKING and CHECKOUT_COUNTER_WEB, as the sample of June 2017 has them.
    """
    reply = shop.create(
        "B2B_ONLINE_BANKING", payer={"interface_type": "CHECKOUT_COUNTER_WEB"}
    )
    payer = reply.json["payment"]["payer"]

    assert ("DIRECT_TO_BANK", "B2B") == (
        payer["interface_type"],
        payer["business_type"],
    )
    assert "NOT_APPLICABLE" == payer["payment_method"]
    assert "upay" in _refs(reply)
    assert "WAIT_BUYER_PAY" == reply.json["payment"]["state"]

    old = shop.create("NOT_APPLICABLE", payer={"interface_type": "SERVER_TO_MOBILE"})

    assert "SERVER_TO_H5WEB" == old.json["payment"]["payer"]["interface_type"]


def test_the_oldest_body_names_no_interface(shop):
    """
    It means SERVER_TO_SERVER and B2C.
    """
    body = shop.body()
    del body["payer"]["interface_type"], body["payer"]["business_type"]
    payer = shop.post("/payments/payment", body).json["payment"]["payer"]

    assert "SERVER_TO_SERVER" == payer["interface_type"]
    assert "B2C" == payer["business_type"]
