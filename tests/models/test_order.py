"""
What is bought: members and their names.
"""

from __future__ import annotations

import attrs
import pytest

from umfpay.models import NewItem, NewOrder, NewSubOrder, RiskInfo


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
