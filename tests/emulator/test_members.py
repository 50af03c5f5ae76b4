"""
Members as old clients send them: other names, blanks, numbers; and amounts of money.
"""

from __future__ import annotations

import pytest

from tests.emulator.merchant import PAY


def test_a_client_of_2017_pays(shop):
    """
    bankCard, item_quantity, Currency, card_holder, keys with blanks, JSON numbers, the
    whole sealed card at create, blank agreements at verify.
    """
    card = shop.card()
    card["card_holder"] = card.pop("payer_name")
    money = {"total": 100.02, "Currency": "USD"}
    order = {
        "mer_reference_id ": "old-1",
        "mer_date ": "20261123",
        "amount": money,
        "order_summary ": " 两件衣服 ",
        "expire_time ": 360,
        "sub_orders": [
            {
                "mer_sub_reference_id": "old-1-a",
                "trans_code": "01121990",
                "amount": money,
                "items": [
                    {
                        " mer_item_id ": 1,
                        "name ": "shirt",
                        "description ": "",
                        "type": " ELECTRONIC",
                        "item_quantity": 2,
                        "amount": money,
                    }
                ],
            }
        ],
    }
    payer = {
        "payment_method": "CREDIT_CARD",
        "payer_info": {
            "bankCard": card,
            "payerAgreement": {"agreement_id": "", "busi_agreement_id": ""},
        },
    }
    created = shop.post(PAY, {"payer": payer, "order": order})
    item = created.json["payment"]["order"]["sub_orders"][0]["items"][0]

    assert ("0000", 2) == (created.code, item["quantity"])

    key = created.json["payment"]["id"]
    body = {"mer_cust_id": "", "payer": payer, "order": order}

    assert "0000" == shop.post(f"{PAY}/{key}/verify", body).code

    code = shop.control("GET", f"/payments/{key}/sms_code")["sms_code"]
    card["verify_code"] = code

    assert (
        "TRADE_SUCCESS"
        == (shop.post(f"{PAY}/{key}/execute", body).json["payment"]["state"])
    )


def test_blank_agreements_do_not_stand_for_a_card(shop):
    """
    The sample of verify has them next to the card, which is checked.
    """
    key = shop.created()
    info = {
        "bank_card": shop.card(cvv2=shop.keys.seal("x")),
        "payerAgreement": {"agreement_id": "", "busi_agreement_id": ""},
    }

    assert "00200025" == shop.post(f"{PAY}/{key}/verify", shop.payer(info=info)).code


def _item_of(created):
    return created.json["payment"]["order"]["sub_orders"][0]["items"][0]


@pytest.mark.parametrize(
    "given",
    [{"item_quantity": 2, "quantity": 1}, {"quantity": 1, "item_quantity": 2}],
)
def test_todays_name_wins(shop, given):
    """
    Whichever comes first.
    """
    order = shop.order()
    item = order["sub_orders"][0]["items"][0]
    del item["quantity"]
    item |= given

    assert 1 == _item_of(shop.post(PAY, shop.body() | {"order": order}))["quantity"]


@pytest.mark.parametrize("name", ["CURRENCY", "Currency", " currency "])
def test_a_currency_is_one_in_any_case(shop, name):
    """
    And without blanks.
    """
    order = shop.order()
    order["amount"] = {"total": "100.02", name: " USD "}
    order["sub_orders"][0]["amount"] = order["amount"]
    order["sub_orders"][0]["items"][0]["amount"] = order["amount"]
    created = shop.post(PAY, shop.body() | {"order": order})

    assert "USD" == created.json["payment"]["order"]["amount"]["currency"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ""), ({}, ""), ([], ""), (True, "TRUE"), (False, "FALSE"), (7, "7")],
)
def test_scalars_are_read_as_text(shop, value, expected):
    """
    Objects and lists are none.
    """
    order = shop.order(order_summary=value)
    created = shop.post(PAY, shop.body() | {"order": order})

    assert expected == created.json["payment"]["order"]["order_summary"]


@pytest.mark.parametrize(
    "body",
    [
        {"payer": [], "order": 1},
        {"payer": {"payer_info": 1}, "order": {"sub_orders": {"a": 1}}},
        {
            "payer": {"payer_info": {"bank_card": [1]}},
            "order": {"sub_orders": [1, "x"]},
        },
    ],
)
def test_paths_into_anything_are_safe(shop, body):
    """
    What is of another type is missing.
    """
    code = shop.post(PAY, body).code

    assert code not in ("0000", "00060999")


def _amount(shop, total, currency="USD"):
    """
    Create a payment; return its code, and its totals there and in CNY.
    """
    reply = shop.create(total=total, currency=currency)
    amount = reply.json.get("payment", {}).get("order", {}).get("amount", {})

    return reply.code, amount.get("total"), amount.get("total_cny")


@pytest.mark.parametrize(
    ("total", "expected"),
    [("100.02", "100.02"), (7, "7.00"), (0.5, "0.50"), ("9999999.99", "9999999.99")],
)
def test_text_and_numbers_are_amounts(shop, total, expected):
    """
    With two decimals.
    """
    assert ("0000", expected, None) == _amount(shop, total, "CNY")


def test_an_amount_without_a_currency_is_cny(shop):
    """
    As of a shop that knows no other.
    """
    order = shop.order(total="7", currency="")
    created = shop.post(PAY, shop.body() | {"order": order})

    assert {"total": "7.00", "currency": "CNY"} == (
        created.json["payment"]["order"]["amount"]
    )


@pytest.mark.parametrize("total", ["1,00", "1e2", "１", "1.", ".5", "NaN", "+1", True])
def test_anything_else_is_no_amount(shop, total):
    """
    Not even what Decimal would take.
    """
    assert ("00060700", None, None) == _amount(shop, total)


def test_cny_is_half_up(shop):
    """
    The guide's amount, and a tie; the cashier is led to cents.
    """
    assert "692.07" == _amount(shop, "100.02")[2]
    assert "0.05" == _amount(shop, "0.01", "AUD")[2]

    payer = {"payment_method": "NOT_APPLICABLE", "interface_type": "SERVER_TO_WEB"}
    links = shop.create(payer=payer).json["links"]

    assert "&amount=69207&" in links[-1]["href"]


def test_yen_have_no_decimals(shop):
    """
    Zeros after the point are none.
    """
    assert ("0000", "100.00") == _amount(shop, "100.00", "JPY")[:2]
    assert "00202002" == _amount(shop, "100.50", "JPY")[0]
