"""
Payments, refunds, declarations and lists: members and conveniences.
"""

from __future__ import annotations

import attrs
import pytest

from umfpay import models
from umfpay.models import Link, LinkRef, Payer, PayerInfo, Payment, ReceivedQRCode


# gateway.md 6, and 9.3, 9.4 for the lists.
NAMES = {
    "CustomsDeclaration": "id sub_order customs_id mer_customs_code freight_amount"
    " tax_amount sub_order_amount ec_plat_id notify_url state customs_clearance_date"
    " acquiring_by_ump parent_payment links verified",
    "Order": "mer_reference_id mer_date amount order_summary refund_summary expire_time"
    " user_ip sub_orders state sub_mer_id",
    "Pagination": "total_count page_number page_size",
    "Payment": "id payer order state notify_url ret_url execute_success_time"
    " mer_check_date settle_date risk_info links pay_elements is_from_US verified",
    "PaymentSummary": "payment_id phone_number order_date mer_reference_id amount"
    " settle_date execute_success_time state product_id service_fee exchange_amount"
    " exchange_date",
    "ReconciliationsPage": "payment_summaries refund_summaries settle_date amount"
    " pagination verified",
    "Refund": "id order notify_url state parent_payment links verified",
    "RefundSummary": "refund_id payment_id phone_number amount settle_date"
    " execute_success_time state mer_sub_reference_id product_id mer_reference_id"
    " order_date service_fee exchange_amount exchange_date",
    "SmsSent": "payment_id links verified",
    "StandaloneDeclaration": "pay_trace verified",
    "TransactionsPage": "payment_summaries refund_summaries pagination verified",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_member_of_the_notes_is_there(name):
    """
    Under its recommended name: a new field stands in the table of gateway.md 6 (9.3, 9.4
    for lists), and in `NAMES` here.
    """
    there = {field.name for field in attrs.fields(getattr(models, name))}
    other = there ^ {*NAMES[name].split(), "extra"}

    assert not other, (
        f"{', '.join(sorted(other))}: look it up in gateway.md 6, and give {name} and"
        " NAMES in this file the same members"
    )


def test_links_of_a_payment():
    """
    By their ref, as text or as `LinkRef`.
    """
    upay = Link(ref=LinkRef.UPAY, href="https://example.com/pay")
    payment = Payment(id="PAY_A", links=(Link(), upay))

    assert upay is payment.link("upay") is payment.link(LinkRef.UPAY)
    assert payment.link("refund") is None
    assert "https://example.com/pay" == payment.cashier_url
    assert Payment(id="PAY_A").cashier_url is None


def test_the_content_of_a_qr_code():
    """
    It is deep inside; a payment by card has none.
    """
    scan = ReceivedQRCode(qr_code_url="weixin://pay/1")
    payer = Payer(payer_info=PayerInfo(qr_code_scan=scan))

    assert "weixin://pay/1" == Payment(id="PAY_A", payer=payer).qr_code_url

    for nothing in (None, Payer(), Payer(payer_info=PayerInfo())):
        assert Payment(id="PAY_A", payer=nothing).qr_code_url is None
