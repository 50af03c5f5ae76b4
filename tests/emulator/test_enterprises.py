"""
Companies: registered, enabled, disabled.
"""

from __future__ import annotations

import pytest


COMPANY = {
    "external_enterprise_id": "e-1",
    "enterprise_name": "某公司",
    "enterprise_phone": "010",
    "enterprise_email": "a@b.test",
    "enterprise_contacts": "李四",
    "busi_type": "GFHG",
    "enterprise_code": "91",
}


@pytest.mark.parametrize(
    "body",
    [
        {"enterprise_qualification": COMPANY},
        {"external_enterprise": COMPANY},
        {"EnterpriseQualification": COMPANY},
        COMPANY,
        {
            "enterprise_contact" if name == "enterprise_contacts" else name: one
            for name, one in COMPANY.items()
        },
    ],
)
def test_a_company_starts_disabled(shop, body):
    """
    In every wrapper; registered twice it is the same one.
    """
    reply = shop.post("/enterprise_qualification", body)
    path = reply.json["links"][0]["href"].partition("/cberest/v1")[2]

    assert COMPANY == reply.json["enterprise_qualification"]
    assert (
        reply.json["links"]
        == shop.post("/enterprise_qualification", body).json["links"]
    )
    assert {
        "external_enterprise_id": "e-1",
        "busi_type": "GFHG",
        "enterprise_status": "DISABLE",
        "rank": "UNKNOWN",
        "enterprise_name": "某公司",
    } == shop.get(path).json["enterprise_qualification"]


def test_a_company_pays_only_when_enabled(shop):
    """
    Not before it is registered, and not before it was checked.
    """
    payer = {
        "payment_method": "NOT_APPLICABLE",
        "interface_type": "DIRECT_TO_BANK",
        "business_type": "B2B",
        "enterprise_qualification": {"external_enterprise_id": "e-1"},
    }

    assert "00060114" == shop.create(payer=payer).code

    other = COMPANY | {"external_enterprise_id": "e-0"}
    shop.post("/enterprise_qualification", other)
    shop.post("/enterprise_qualification", COMPANY)

    assert "00060114" == shop.create(payer=payer).code

    key = shop.control("GET", "/enterprises")["enterprises"][1]["id"]
    shop.control("POST", f"/enterprises/{key}/enable")

    assert "0000" == shop.create(payer=payer).code

    shop.control("POST", f"/enterprises/{key}/disable")

    assert "00060114" == shop.create(payer=payer).code


@pytest.mark.parametrize(
    "change", [{"external_enterprise_id": ""}, {"busi_type": ""}, {"busi_type": "X"}]
)
def test_a_company_that_breaks_a_rule_is_refused(shop, change):
    """
    Id and business type are needed.
    """
    assert "00060700" == shop.post("/enterprise_qualification", COMPANY | change).code


def test_an_unknown_company_is_unknown(shop):
    """
    The code is 00060760.
    """
    assert "00060760" == shop.get("/enterprise_qualification/EQ_AAAA").code
