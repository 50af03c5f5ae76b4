"""
The rules of a new payment: each broken one names its member.
"""

from __future__ import annotations

from decimal import Context, localcontext
from itertools import product

import pytest

from umfpay.errors import ConfigError
from umfpay.models import (
    BusinessType,
    InterfaceType,
    Money,
    NewEnterprise,
    NewPayerInfo,
    PaymentMethod,
    QRCodeScan,
    WeChatH5,
    WeChatInApp,
    WeChatInAppWeb,
)


CARDS = {"CREDIT_CARD", "DEBIT_CARD"}
SCANS = {"WECHAT_SCAN", "ALIPAY_SCAN"}

# gateway.md 7.4, with the mobile cashier (gateway.md 10.8) and H5 (gateway.md 10.5).
MATRIX = {
    ("SERVER_TO_SERVER", "B2C"): CARDS
    | SCANS
    | {"WECHAT_IN_APP", "WECHAT_WEB", "WECHAT_H5"},
    ("SERVER_TO_WEB", "B2C"): CARDS | SCANS | {"NOT_APPLICABLE"},
    ("SERVER_TO_H5WEB", "B2C"): CARDS | SCANS | {"NOT_APPLICABLE"},
    ("DIRECT_TO_BANK", "B2C"): SCANS,
    ("SERVER_TO_WEB", "B2B"): {"NOT_APPLICABLE"},
    ("SERVER_TO_H5WEB", "B2B"): {"NOT_APPLICABLE"},
    ("DIRECT_TO_BANK", "B2B"): {"NOT_APPLICABLE"},
}

EVERYTHING = NewPayerInfo(
    name="张三",
    qr_code_scan=QRCodeScan(citizen_id_number="11"),
    wechat_in_app=WeChatInApp(citizen_id_number="11"),
    wechat_in_app_web=WeChatInAppWeb(open_id="o", citizen_id_number="11"),
    wechat_H5=WeChatH5(citizen_id_number="11"),
)
COMPANY = NewEnterprise(external_enterprise_id="e1", busi_type="GFHG")


@pytest.mark.parametrize(
    ("interface", "business", "method"),
    list(product(InterfaceType, BusinessType, PaymentMethod)),
)
def test_the_matrix_of_methods(right, interface, business, method):
    """
    A method goes with some interfaces and businesses only (gateway.md 7.4).
    """
    payer = right.payer(
        payment_method=method,
        interface_type=interface,
        business_type=business,
        payer_info=EVERYTHING,
        enterprise_qualification=COMPANY if business == "B2B" else None,
    )

    if method in MATRIX.get((interface, business), ()):
        assert payer == right.payment(payer=payer).payer
    else:
        with pytest.raises(ConfigError, match=r"payer\.payment_method: .*does not go"):
            right.payment(payer=payer)


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_method": "B2B_ONLINE_BANKING"},
        {"interface_type": "CHECKOUT_COUNTER_WEB"},
        {"business_type": "C2C"},
    ],
)
def test_old_and_unknown_words_are_not_sent(right, changes):
    """
    What we send is strict.
    """
    with pytest.raises(ConfigError, match=r"payer\.payment_method: "):
        right.payment(payer=right.payer(**changes))


def test_a_bank_is_needed_to_go_to_it(right):
    """
    DIRECT_TO_BANK with NOT_APPLICABLE needs bank_code (gateway.md 7.4).
    """
    payer = right.payer(
        payment_method="NOT_APPLICABLE",
        interface_type="DIRECT_TO_BANK",
        business_type="B2B",
        bank_code=None,
        enterprise_qualification=COMPANY,
    )

    with pytest.raises(ConfigError, match=r"payer\.bank_code: it is needed"):
        right.payment(payer=payer)


def test_a_company_is_needed_to_pay_as_one(right):
    """
    B2B needs enterprise_qualification (gateway.md 5.19).
    """
    payer = right.payer(
        payment_method="NOT_APPLICABLE",
        interface_type="SERVER_TO_WEB",
        business_type="B2B",
    )

    with pytest.raises(ConfigError, match=r"payer\.enterprise_qualification: "):
        right.payment(payer=payer)


@pytest.mark.parametrize(
    ("method", "member"),
    [
        ("WECHAT_SCAN", "qr_code_scan"),
        ("ALIPAY_SCAN", "qr_code_scan"),
        ("WECHAT_IN_APP", "wechat_in_app"),
        ("WECHAT_WEB", "wechat_in_app_web"),
        ("WECHAT_H5", "wechat_H5"),
    ],
)
def test_name_and_id_number_are_needed(right, method, member):
    """
    Each QR and WeChat method needs both, in its own object (gateway.md 4).
    """
    number = rf"payer\.payer_info\.{member}\.citizen_id_number: "

    for info, named in (
        (None, r"payer\.payer_info\.name: "),
        (NewPayerInfo(), r"payer\.payer_info\.name: "),
        (NewPayerInfo(name="张三"), number),
        (
            NewPayerInfo(
                name="张三",
                qr_code_scan=QRCodeScan(),
                wechat_in_app=WeChatInApp(),
                wechat_in_app_web=WeChatInAppWeb(open_id="o"),
                wechat_H5=WeChatH5(),
            ),
            number,
        ),
    ):
        payer = right.payer(payment_method=method, payer_info=info)

        with pytest.raises(ConfigError, match=named):
            right.payment(payer=payer)


def test_the_cashier_asks_for_the_identity_itself(right):
    """
    On the gateway's pages a scan needs nothing from us.
    """
    payer = right.payer(
        payment_method="WECHAT_SCAN", interface_type="SERVER_TO_WEB", payer_info=None
    )

    assert payer == right.payment(payer=payer).payer


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
