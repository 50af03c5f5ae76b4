"""
Goods of an order are chosen for a refund: wholes and lines, once each.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests import orders
from umfpay.errors import ConfigError
from umfpay.flows import choose_goods
from umfpay.models import Money, NewItem, NewOrder, NewSubOrder


def _sub(number, *items):
    lines = [
        NewItem(mer_item_id=one, type="OTHER", amount=Money(total, "USD"))
        for one, total in items
    ]

    return NewSubOrder(
        mer_sub_reference_id=number,
        amount=Money(sum(line.amount.total for line in lines), "USD"),
        trans_code="01122030",
        items=lines,
    )


@pytest.fixture(name="bought")
def _bought():
    subs = [
        _sub("s1", ("a", "1.00"), ("b", "2.50")),
        _sub("s2", ("c", "4.00")),
        _sub("s3", ("twice", "1.00")),
        _sub("s4", ("twice", "1.00")),
    ]

    return NewOrder(
        mer_reference_id="o",
        mer_date=orders.DAY,
        amount=Money("9.50", "USD"),
        sub_orders=subs,
    )


def _chosen(parts):
    return {part.mer_sub_reference_id: part.amount.total for part in parts}


def test_wholes_and_lines_are_chosen_together(bought):
    """
    Lines of one sub order add up; its trans_code goes with it.
    """
    parts = choose_goods(bought, sub_orders=["s2"], items=["a", "b"])

    assert {"s1": Decimal("3.50"), "s2": Decimal("4.00")} == _chosen(parts)
    assert {"01122030"} == {part.trans_code for part in parts}


def test_a_single_line_is_part_of_its_sub_order(bought):
    """
    The rest of it stays with the customer.
    """
    assert {"s1": Decimal("2.50")} == _chosen(choose_goods(bought, items=["b"]))


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"sub_orders": ["s9"]},
        {"items": ["z"]},
        {"sub_orders": ["s1"], "items": ["a"]},
        {"sub_orders": ["s1", "s1"]},
        {"items": ["a", "a"]},
        {"items": ["twice"]},
        {"items": "a"},
        {"sub_orders": "s1"},
    ],
)
def test_an_unclear_choice_is_refused(bought, choice):
    """
    Nothing, something unknown, something twice, a text for a list.
    """
    with pytest.raises(ConfigError, match="choose_goods"):
        choose_goods(bought, **choice)
