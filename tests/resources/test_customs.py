"""
Customs: declarations of payments here and elsewhere.
"""

from __future__ import annotations

from datetime import date

import pytest

from umfpay.errors import ConfigError, MismatchedResponseError
from umfpay.models import (
    Money,
    NewCustomsDeclaration,
    NewStandaloneDeclaration,
    StandaloneDeclaration,
)
from umfpay.resources import Customs
from umfpay.transport import Effect


@pytest.fixture(name="customs")
def _customs(sender):
    return Customs(sender, notify_url="https://a/n")


@pytest.fixture(name="new")
def _new():
    return NewCustomsDeclaration(
        customs_id="HZ",
        mer_customs_code="c",
        mer_sub_reference_id="s1",
        sub_order_amount=Money(1, "USD"),
    )


async def test_declaring(customs, sender, new):
    """
    The config's notify_url fills a gap, one of the caller's stays.
    """
    sender.answers = [{"customs_declaration": {"state": "ACCEPTED"}}] * 2
    declaration = await customs.apply("PAY_A", new)
    await Customs(sender, notify_url=None).apply("PAY_A", new)

    assert "ACCEPTED" == declaration.state
    assert ["payments/payment/PAY_A/apply_to_customs"] * 2 == sender.targets
    assert ["https://a/n", None] == [call.body.notify_url for call in sender.calls]
    assert Effect.CREATE is sender.calls[0].effect


async def test_asking(customs, sender):
    """
    By the clean path, not the printed one with a blank (gateway.md 5.10).
    """
    sender.answers = [
        {"customs_declaration": {"state": "SUCCESS"}},
        {"customs_declaration": {"id": "CUST_B"}},
    ]

    assert "CUST_A" == (await customs.get("CUST_A")).id
    assert ["payments/customs_declarations/CUST_A"] == sender.targets

    with pytest.raises(MismatchedResponseError, match="CUST_B, asked was CUST_A"):
        await customs.get("CUST_A")


async def test_a_payment_made_elsewhere(customs, sender):
    """
    The gateway's own spelling of the path (gateway.md 5.21).
    """
    sender.answers = [{"customes_declaration_only": {"pay_trace": "7"}}]
    new = NewStandaloneDeclaration(
        mer_reference_id="o1",
        order_amount=Money(1, "USD"),
        customs_id="HZ",
        mer_customs_code="c",
        mer_pay_date=date(2017, 4, 10),
    )

    assert StandaloneDeclaration(pay_trace="7") == await customs.apply_only(new)
    assert ["apply_to_customes_only"] == sender.targets


async def test_declaring_again(customs, sender):
    """
    The order's number is needed.
    """
    sender.answers = [{}]

    assert await customs.declare_again("o1") is None
    assert {"mer_reference_id": "o1", "declare_type": "0"} == sender.calls[0].body

    with pytest.raises(ConfigError, match="mer_reference_id: an id is needed"):
        await customs.declare_again("")
