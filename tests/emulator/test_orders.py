"""
The rules of an order that need no payment.
"""

from __future__ import annotations

import pytest

from umfpay.emulator._members import wire_day
from umfpay.emulator._messages import Refusal
from umfpay.emulator._orders import find_sub_order, payer_method, payer_phone


@pytest.mark.parametrize("day", [None, "", "2026113", "20260230", "20261123x", []])
def test_a_day_is_eight_digits_of_the_calendar(day):
    """
    As text or number.
    """
    assert "20261123" == wire_day(20261123, "day")

    with pytest.raises(Refusal, match="00060700"):
        wire_day(day, "day")


def test_a_phone_is_found_in_both_places():
    """
    That of the card first.
    """
    assert "1" == payer_phone({"payer_info": {"bank_card": {"phone": 1}, "phone": "2"}})
    assert "2" == payer_phone({"payer_info": {"phone": "2"}})
    assert "" == payer_phone({})


def test_a_sub_order_is_found_by_its_number():
    """
    Or not at all.
    """
    order = {"sub_orders": [{"mer_sub_reference_id": "a"}, "x"]}

    assert {"mer_sub_reference_id": "a"} == find_sub_order(order, "a")
    assert find_sub_order(order, "b") is None


def test_an_empty_payer_has_defaults():
    """
    As the oldest sample needs them.
    """
    assert ("NOT_APPLICABLE", "SERVER_TO_SERVER", "B2C") == payer_method({})


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
