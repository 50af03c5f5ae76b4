"""
What is bought: members, their names, and the rules of an order; a broken one is named.
"""

from __future__ import annotations

from decimal import Context, localcontext

import attrs
import pytest

from umfpay.errors import ConfigError
from umfpay.models import Money, NewItem, NewOrder, NewSubOrder, RiskInfo


# The members of gateway.md 6 that a merchant sends.
NAMES = {
    NewItem: "mer_item_id type name description amount quantity",
    NewSubOrder: "mer_sub_reference_id amount order_summary trans_code sub_trans_type"
    " is_customs invoice_id items",
    NewOrder: "mer_reference_id mer_date amount order_summary expire_time user_ip"
    " sub_orders sub_mer_id",
    RiskInfo: "goods_type real_name business_type trans_type receiver_name"
    " receiver_moblie_id receiver_address registration_identify_code"
    " registration_email registration_moblie_id device_id device_type user_id"
    " registration_time user_agent success_transactions_number risk_expand",
}


@pytest.mark.parametrize("cls", NAMES)
def test_members_have_the_names_of_the_reference(cls):
    """
    Misspellings included.
    """
    assert set(NAMES[cls].split()) == {field.name for field in attrs.fields(cls)}


def test_other_spellings_of_a_kind_are_sent_as_the_recommended_one(right):
    """
    ELECTRONICS is written ELECTRONIC (gateway.md, trap 12).
    """
    assert "ELECTRONIC" == right.item(type="ELECTRONICS").type


def test_risk_info_hides_people():
    """
    Names, addresses and numbers of people are not shown.
    """
    shown = repr(RiskInfo(receiver_name="李四", trans_type="02"))

    assert "李四" not in shown
    assert "trans_type='02'" in shown


@pytest.mark.parametrize("count", [0, 11])
def test_one_to_ten_sub_orders(right, count):
    """
    The gateway takes no other number of them.
    """
    subs = [right.sub_order(mer_sub_reference_id=f"s{index}") for index in range(count)]
    order = right.order(sub_orders=subs, amount=Money(max(count, 1) * 10, "USD"))

    with pytest.raises(ConfigError, match=rf"order\.sub_orders: 1 to 10 .*not {count}"):
        right.payment(order=order)


def test_ten_sub_orders_pass(right):
    """
    The limit itself is allowed.
    """
    subs = [right.sub_order(mer_sub_reference_id=f"s{index}") for index in range(10)]
    order = right.order(sub_orders=subs, amount=Money(100, "USD"))

    assert 10 == len(right.payment(order=order).order.sub_orders)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"trans_code": "0112199"}, r"order\.sub_orders\[0\]\.trans_code: .*8 digits"),
        ({"trans_code": "０1121990"}, r"order\.sub_orders\[0\]\.trans_code: "),
        ({"items": []}, r"order\.sub_orders\[0\]\.items: goods"),
        (
            {"amount": Money(10, "EUR")},
            r"order\.sub_orders\[0\]\.amount\.currency: it must be USD",
        ),
        (
            {"amount": Money(9, "USD")},
            r"order\.sub_orders\[0\]\.amount: 9 is not the sum of its parts, 10",
        ),
    ],
)
def test_rules_of_a_sub_order(right, changes, named):
    """
    Code, items, currency and sum.
    """
    order = right.order(sub_orders=[right.sub_order(**changes)])

    with pytest.raises(ConfigError, match=named):
        right.payment(order=order)


def test_sub_orders_add_up(right):
    """
    The order's amount is their sum.
    """
    with pytest.raises(ConfigError, match=r"order\.amount: 10\.01 is not the sum"):
        right.payment(order=right.order(amount=right.usd("10.01")))


def test_sub_orders_have_different_numbers(right):
    """
    A declaration names one of them.
    """
    order = right.order(sub_orders=[right.sub_order()] * 2, amount=right.usd("20.00"))

    with pytest.raises(ConfigError, match=r"order\.sub_orders\[1\]: s1 is there twice"):
        right.payment(order=order)


def test_items_have_different_numbers(right):
    """
    A declaration names them.
    """
    sub = right.sub_order(items=[right.item()] * 2, amount=right.usd("20.00"))
    order = right.order(sub_orders=[sub], amount=right.usd("20.00"))

    with pytest.raises(ConfigError, match=r"sub_orders\[0\]\.items\[1\]: 1 is there"):
        right.payment(order=order)


def test_items_are_of_the_order_s_currency(right):
    """
    One payment has one currency.
    """
    sub = right.sub_order(items=[right.item(amount=Money(10, "EUR"))])

    with pytest.raises(
        ConfigError, match=r"sub_orders\[0\]\.items\[0\]\.amount\.currency: "
    ):
        right.payment(order=right.order(sub_orders=[sub]))


def test_quantity_does_not_multiply(right):
    """
    An item's amount is the total of its line.
    """
    sub = right.sub_order(items=[right.item(quantity=3)])

    assert (
        3
        == right.payment(order=right.order(sub_orders=[sub]))
        .order.sub_orders[0]
        .items[0]
        .quantity
    )


def test_services_need_no_items(right):
    """
    Only goods (01...) list them.
    """
    sub = right.sub_order(trans_code="03223010", items=[])

    assert (
        ()
        == right.payment(order=right.order(sub_orders=[sub])).order.sub_orders[0].items
    )


def test_sums_do_not_depend_on_the_caller_s_decimal_context(right):
    """
    A context that rounds neither refuses a right order nor passes a wrong one.
    """
    subs = [
        right.sub_order(
            mer_sub_reference_id=name,
            trans_code="03223010",
            items=(),
            amount=right.usd(total),
        )
        for name, total in (("s1", "1000.01"), ("s2", "0.02"))
    ]
    order = right.order(amount=right.usd("1000.03"), sub_orders=subs)
    short = right.order(amount=right.usd("1000.00"), sub_orders=subs)

    with localcontext(Context(prec=4)):
        assert order is right.payment(order=order).order

        with pytest.raises(ConfigError, match=r"1000\.00 is not the sum .* 1000\.03"):
            right.payment(order=short)
