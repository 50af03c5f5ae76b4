"""
Companies: registered and asked about.
"""

from __future__ import annotations

import pytest

from umfpay.errors import MismatchedResponseError
from umfpay.models import NewEnterprise
from umfpay.resources import Enterprises


NEW = NewEnterprise(external_enterprise_id="e1", busi_type="SJHG")


@pytest.fixture(name="enterprises")
def _enterprises(sender):
    return Enterprises(sender)


def answer(**members):
    return {
        "enterprise_qualification": members,
        "links": [{"ref": "self", "href": "https://x/enterprise_qualification/EQ_A"}],
    }


async def test_registering(enterprises, sender):
    """
    The id is in the link.
    """
    sender.answers = [answer(external_enterprise_id="e1", enterprise_status="DISABLE")]
    company = await enterprises.register(NEW)

    assert ("EQ_A", "DISABLE") == (company.id, company.enterprise_status)
    assert ["enterprise_qualification"] == sender.targets
    assert NEW is sender.calls[0].body


async def test_another_company_is_not_the_one(enterprises, sender):
    """
    Neither by its own number nor by the gateway's id.
    """
    sender.answers = [answer(external_enterprise_id="e2"), answer()]

    with pytest.raises(MismatchedResponseError, match="e2, asked was e1"):
        await enterprises.register(NEW)

    with pytest.raises(MismatchedResponseError, match="EQ_A, asked was EQ_B"):
        await enterprises.get("EQ_B")


async def test_asking(enterprises, sender):
    """
    By the gateway's id.
    """
    sender.answers = [answer(enterprise_status="ENABLE", rank="A")]
    company = await enterprises.get("EQ_A")

    assert ("ENABLE", "A") == (company.enterprise_status, company.rank)
    assert ["enterprise_qualification/EQ_A"] == sender.targets
