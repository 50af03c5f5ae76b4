"""
Who pays: members, their names, what is sealed, and the rules of who may pay how.
"""

from __future__ import annotations

from itertools import product

import attrs
import pytest

from umfpay import Secret
from umfpay.errors import ConfigError
from umfpay.models import (
    BankCard,
    BusinessType,
    InterfaceType,
    NewEnterprise,
    NewPayer,
    NewPayerInfo,
    PayerAgreement,
    PaymentMethod,
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
    One name of each, where sources disagree: a new field stands in the table of
    gateway.md 6, and in `NAMES` here.
    """
    there = {field.name for field in attrs.fields(cls)}
    other = there ^ set(NAMES[cls].split())

    assert not other, (
        f"{', '.join(sorted(other))}: look it up in gateway.md 6, and give {cls.__name__}"
        " and NAMES in this file the same members"
    )


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
