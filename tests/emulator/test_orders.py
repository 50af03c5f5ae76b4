"""
The rules of an order, and what is checked of the sealed data of a card.
"""

from __future__ import annotations

import pytest

from tests.emulator.merchant import PAY


@pytest.mark.parametrize("day", [None, "", "2026113", "20260230", "20261123x", []])
def test_a_day_is_eight_digits_of_the_calendar(shop, day):
    """
    As text or number.
    """
    assert "0000" == shop.create(mer_date=20261123).code
    assert "00060700" == shop.create(mer_date=day).code
    assert "order.mer_date" in shop.last_request()["reason"]


@pytest.mark.parametrize(
    ("info", "phone"),
    [
        ({"bank_card": {"phone": 1}, "phone": "2"}, "1"),
        ({"phone": "2"}, "2"),
        ({}, ""),
    ],
)
def test_a_phone_is_found_in_both_places(shop, info, phone):
    """
    That of the card first.
    """
    shop.create(payer={"payer_info": info})

    assert phone == shop.control("GET", "/payments")["payments"][0]["phone"]


def test_a_sub_order_is_found_by_its_number(shop):
    """
    Or not at all.
    """
    key = shop.paid()
    codes = [
        shop.post(
            f"{PAY}/{key}/update_express_info",
            {
                "order": {
                    "sub_orders": [{"mer_sub_reference_id": name, "tracking_number": 1}]
                }
            },
        ).code
        for name in ("ref-1-a", "b")
    ]

    assert ["0000", "00202015"] == codes


def test_a_payer_of_few_words_has_defaults(shop):
    """
    As the oldest sample needs them.
    """
    body = shop.body() | {"payer": {"payer_info": {"phone": "1"}}}

    assert "0000" == shop.post(PAY, body).code

    [made] = shop.control("GET", "/payments")["payments"]

    assert ("NOT_APPLICABLE", "SERVER_TO_SERVER", "B2C") == (
        made["method"],
        made["interface"],
        made["business"],
    )


def test_sub_orders_and_items_are_distinguished(shop):
    """
    Two of one number could not be declared; an item has its sub order's currency.
    """
    order = shop.order()
    twice = shop.order(total="200.04")
    twice["sub_orders"] = order["sub_orders"] * 2
    mixed = shop.order()
    mixed["sub_orders"][0]["items"][0]["amount"] = {
        "total": "100.02",
        "currency": "EUR",
    }

    for one in (twice, mixed):
        reply = shop.post("/payments/payment", shop.body() | {"order": one})

        assert "00060700" == reply.code


@pytest.mark.parametrize(
    ("member", "plain", "code"),
    [
        ("number", "12345", "00200025"),
        ("number", "４３９２２６００１２３４５６７８", "00200025"),
        ("valid_date", "1330", "00200025"),
        ("valid_date", "12/30", "00200025"),
        ("valid_date", "2610", "00200026"),
        ("cvv2", "12", "00200025"),
        ("payer_name", " ", "00060022"),
        ("citizen_id_number", "123", "00060022"),
        ("number", "4392260012340076", "00060076"),
        ("number", "4392260012340875", "00060875"),
        ("number", "4392260012340502", "00290502"),
    ],
)
def test_wrong_card_data_has_its_code(shop, member, plain, code):
    """
    In verify and in execute.
    """
    key = shop.created()
    body = shop.payer(**{member: shop.keys.seal(plain)})

    assert code == shop.post(f"{PAY}/{key}/verify", body).code

    sms = shop.sms(key)
    body["payer"]["payer_info"]["verify_code"] = sms

    assert code == shop.post(f"{PAY}/{key}/execute", body).code
    assert "WAIT_BUYER_PAY" == shop.state(key)


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("number", "4392260012345678", "00200025"),
        ("number", "", "00200025"),
        ("number", "é" * 200, "00200025"),
        ("number", "QUJD" * 32, "00200025"),
        ("valid_date", None, "00200025"),
        ("payer_name", "张三", "00060700"),
        ("citizen_id_number", ["x"], "00060700"),
    ],
)
def test_what_is_not_sealed_is_refused(shop, member, value, code):
    """
    In clear, missing, and sealed for nobody.
    """
    key = shop.created()

    assert code == shop.post(f"{PAY}/{key}/verify", shop.payer(**{member: value})).code
    assert member in shop.last_request()["reason"]


def test_this_months_card_is_good(shop):
    """
    A card is valid to the end of its month.
    """
    key = shop.created()
    body = shop.payer(valid_date=shop.keys.seal("2611"))

    assert "0000" == shop.post(f"{PAY}/{key}/verify", body).code


def test_a_debit_card_has_no_date_and_no_cvv2(shop):
    """
    Blank members are as good as missing ones.
    """
    key = shop.created("DEBIT_CARD")
    body = shop.payer(valid_date="", cvv2=None)

    assert "0000" == shop.post(f"{PAY}/{key}/verify", body).code


def test_a_card_that_fails_on_purpose_fails(shop):
    """
    Its SMS code is sent, its payment ends as TRADE_FAIL.
    """
    key = shop.created()
    reply = shop.execute(key, number=shop.keys.seal("4392260012340750"))

    assert "TRADE_FAIL" == reply.json["payment"]["state"] == shop.state(key)


def test_gbk_sealing_and_broken_base64_are_opened(shop):
    """
    One SDK seals in GBK, Java's old encoder breaks lines.
    """
    key = shop.created()
    name = shop.keys.seal("张三", "gbk")
    number = shop.card()["number"]
    body = shop.payer(payer_name=name, number=f"{number[:76]}\r\n{number[76:]}")

    assert "0000" == shop.post(f"{PAY}/{key}/verify", body).code


def test_the_whole_card_may_come_with_create(shop):
    """
    The official demo sends it; then it is checked there.
    """
    payer = {"payer_info": {"bank_card": shop.card()}}
    wrong = {"payer_info": {"bank_card": shop.card(cvv2=shop.keys.seal("x"))}}

    assert "0000" == shop.create(payer=payer).code
    assert "00200025" == shop.create(payer=wrong).code
