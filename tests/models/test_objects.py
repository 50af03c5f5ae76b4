"""
What all objects that we read have in common; parts of answers and their members.
"""

from __future__ import annotations

import json
import pickle
from decimal import Decimal

import attrs
import pytest

from umfpay import Private, models
from umfpay.models import Amount, PayInfo, Payment, Received, Refund


# gateway.md 6: every member of each object, and [other names].
NAMES = {
    "Address": "recipient_name line1 line2 city state country_code postal_code phone",
    "Amount": "total currency total_cny exchange_rate org_amount",
    "Bank": "name name_zh code logo_url types is_support",
    "ReceivedCard": "number valid_date cvv2 payer_name citizen_id_type"
    " citizen_id_number phone verify_code external_customer_id state",
    "EnterpriseQualification": "id external_enterprise_id enterprise_name"
    " enterprise_phone enterprise_email enterprise_contacts enterprise_status"
    " busi_type enterprise_code rank links verified",
    "ExchangeRate": "currency rate",
    "Item": "mer_item_id type name description amount quantity",
    "Link": "href ref method",
    "Payer": "payment_method bank_code payer_info enterprise_qualification"
    " interface_type business_type external_customer_id sub_mer_id",
    "ReceivedAgreement": "usr_busi_agreement_id usr_pay_agreement_id gate_id"
    " last_four_cardid valid_date cvv2",
    "PayInfo": "app_id time_stamp sign_type package nonce_str pay_sign partner_id"
    " prepay_id",
    "PayerInfo": "phone name bank_card qr_code_scan wechat_in_app wechat_in_app_web"
    " payer_agreement wechat_H5 verify_code",
    "ReceivedQRCode": "citizen_id_type citizen_id_number qr_code_url",
    "ReceivedRiskInfo": "goods_type real_name business_type trans_type receiver_name"
    " receiver_moblie_id receiver_address registration_identify_code"
    " registration_email registration_moblie_id device_id device_type user_id"
    " registration_time user_agent success_transactions_number risk_expand",
    "ReceivedWeChat": "open_id citizen_id_type citizen_id_number pay_info"
    " wechat_h5_url",
    "SubOrder": "mer_sub_reference_id amount order_summary trans_code sub_trans_type"
    " is_customs invoice_id items tracking_number",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_member_of_the_notes_is_there(name):
    """
    Under its recommended name.
    """
    cls = getattr(models, name)

    assert {*NAMES[name].split(), "extra"} == {
        field.name for field in attrs.fields(cls)
    }


def test_for_wechat_s_page():
    """
    WeChat's JavaScript wants camelCase (gateway.md 6, pay_info).
    """
    info = PayInfo(
        app_id="wx1",
        time_stamp="1491820000",
        nonce_str="n",
        package="prepay_id=1",
        pay_sign="s",
        prepay_id="1",
    )
    expected = {
        "appId": "wx1",
        "timeStamp": "1491820000",
        "nonceStr": "n",
        "package": "prepay_id=1",
        "signType": "MD5",
        "paySign": "s",
    }

    assert expected == info.for_wechat_js()
    assert expected == json.loads(info.to_json())


def test_what_is_missing_is_not_given_to_wechat():
    """
    No null where a text is wanted.
    """
    assert {"signType": "RSA"} == PayInfo(sign_type="RSA").for_wechat_js()


CLASSES = [
    value
    for value in vars(models).values()
    if isinstance(value, type) and issubclass(value, Received)
]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_member_may_be_missing(cls):
    """
    Only the id of a payment and a refund is always there.
    """
    needed = {
        field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING
    }

    assert needed == ({"id"} if cls in (Payment, Refund) else set())


@pytest.mark.parametrize("cls", CLASSES)
def test_no_two_members_share_a_name_of_the_wire(cls):
    """
    A variant of one is not the name of another.
    """
    names = [
        name
        for field in attrs.fields(cls)
        for name in (field.name, *field.metadata.get("wire", ()))
    ]

    assert len(names) == len(set(names))


def test_unknown_members_are_shown_by_name_only():
    """
    Nobody knows how private they are.
    """
    shown = repr(Amount(total=Decimal("1.50"), extra={"card": "6217000010045997833"}))

    assert "extra=<card>" in shown
    assert "6217" not in shown


def test_objects_pickle():
    """
    They can be cached and queued.
    """
    info = models.PayerInfo(phone=Private("1"), extra={"x": [Decimal("1.0")]})
    payment = Payment(id="PAY_A", payer=models.Payer(payer_info=info))

    assert payment == pickle.loads(pickle.dumps(payment))
