"""
Old clients: other names, blanks in names, numbers as numbers.
"""

from __future__ import annotations

import json

import pytest

from umfpay.emulator._members import canonical, entries, member, members, text


PAY = "/payments/payment"


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


def test_todays_name_wins():
    """
    Whichever comes first.
    """
    assert {"quantity": 1} == canonical({"item_quantity": 2, "quantity": 1})
    assert {"quantity": 1} == canonical({"quantity": 1, "item_quantity": 2})
    assert {"currency": "USD"} == canonical({"CURRENCY": " USD "})


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ""), ({}, ""), ([], ""), (True, "TRUE"), (False, "FALSE"), (7, "7")],
)
def test_scalars_are_read_as_text(value, expected):
    """
    Objects and lists are none.
    """
    assert expected == text(value)


def test_paths_into_anything_are_safe():
    """
    What is missing or of another type is None, {} or [].
    """
    value = json.loads('{"a": {"b": [1, {"c": 2}]}}')

    assert [{"c": 2}] == entries(value, "a", "b")
    assert [] == entries(value, "a")
    assert {} == members(value, "a", "b")
    assert member([], "a") is None
