"""
Who pays: members, their names, and what is sealed.
"""

from __future__ import annotations

import attrs
import pytest

from umfpay import Secret
from umfpay.models import (
    BankCard,
    NewEnterprise,
    NewPayer,
    NewPayerInfo,
    PayerAgreement,
    QRCodeScan,
    WeChatH5,
    WeChatInApp,
    WeChatInAppWeb,
)


# The members of gateway.md 6 that a merchant sends.
NAMES = {
    BankCard: "number valid_date cvv2 payer_name citizen_id_type citizen_id_number"
    " phone verify_code external_customer_id",
    QRCodeScan: "citizen_id_type citizen_id_number",
    WeChatInApp: "citizen_id_type citizen_id_number",
    WeChatInAppWeb: "open_id citizen_id_type citizen_id_number",
    WeChatH5: "citizen_id_type citizen_id_number",
    PayerAgreement: "usr_busi_agreement_id usr_pay_agreement_id valid_date cvv2",
    NewPayerInfo: "phone name bank_card qr_code_scan wechat_in_app wechat_in_app_web"
    " wechat_H5 payer_agreement verify_code",
    NewEnterprise: "external_enterprise_id busi_type enterprise_name enterprise_phone"
    " enterprise_email enterprise_contacts enterprise_code",
    NewPayer: "payment_method bank_code interface_type business_type payer_info"
    " enterprise_qualification external_customer_id sub_mer_id",
}

# gateway.md 4.
SEALED = {
    BankCard: "number valid_date cvv2 payer_name citizen_id_number",
    QRCodeScan: "citizen_id_number",
    WeChatInApp: "citizen_id_number",
    WeChatInAppWeb: "citizen_id_number",
    WeChatH5: "citizen_id_number",
    PayerAgreement: "cvv2",
    NewPayerInfo: "name",
}


@pytest.mark.parametrize("cls", NAMES)
def test_members_have_the_recommended_names(cls):
    """
    One name of each, where sources disagree.
    """
    assert set(NAMES[cls].split()) == {field.name for field in attrs.fields(cls)}


@pytest.mark.parametrize("cls", NAMES)
def test_what_is_sealed(cls):
    """
    The table of gateway.md 4, no more and no less.
    """
    sealed = {
        field.name
        for field in attrs.fields(cls)
        if field.metadata.get("hidden") is Secret
    }

    assert set(SEALED.get(cls, "").split()) == sealed


def test_a_payer_is_a_person_on_our_own_pages():
    """
    The oldest sample leaves both out; these are what it means.
    """
    payer = NewPayer(payment_method="CREDIT_CARD")

    assert "SERVER_TO_SERVER" == payer.interface_type
    assert "B2C" == payer.business_type


def test_an_id_paper_is_an_identity_card():
    """
    Samples write 1 for it (gateway.md 7.6).
    """
    assert "IDENTITY_CARD" == QRCodeScan().citizen_id_type
    assert "IDENTITY_CARD" == QRCodeScan(citizen_id_type="1").citizen_id_type
    assert BankCard().citizen_id_type is None
