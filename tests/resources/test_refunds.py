"""
Refunds: what is asked, and what the answer must name.
"""

from __future__ import annotations

import attrs
import pytest

from tests.guide_orders import guide_refund
from umfpay.errors import (
    ConfigError,
    EnvelopeError,
    Intent,
    MismatchedResponseError,
)
from umfpay.resources import Refunds
from umfpay.transport import Effect


URL = "https://example.com/notify"
PARENT = {"ref": "parent_payment", "href": "https://x/payments/payment/PAY_A"}
SELF = {"ref": "self", "href": "https://x/payments/refund/REFUND_A"}


@pytest.fixture(name="refunds")
def _refunds(sender):
    return Refunds(sender, notify_url="https://a/n")


async def test_asking_for_a_refund(refunds, sender):
    """
    The refund's own number is what an unclear end is looked up by.
    """
    sender.answers = [{"refund": {"state": "REFUND_PROCESS"}, "links": [PARENT, SELF]}]
    new = guide_refund(URL)
    refund = await refunds.create("PAY_A", new)
    call = sender.calls[0]

    assert ("REFUND_A", "PAY_A") == (refund.id, refund.parent_payment)
    assert ("POST", "payments/payment/PAY_A/refund") == (call.method, call.target())
    assert Effect.MONEY is call.effect
    assert new == call.body
    assert call.intent == Intent(
        call="refunds.create",
        at=call.intent.at,
        payment_id="PAY_A",
        mer_reference_id=new.mer_reference_id,
        mer_date=f"{new.mer_date:%Y%m%d}",
        amount=new.amount.total,
        currency="USD",
    )
    assert call.intent.elapsed is not None


async def test_the_config_s_address_fills_a_gap(refunds, sender):
    """
    The caller's refund stays as it is.
    """
    sender.answers = [{"refund": {}, "links": [SELF]}]
    new = guide_refund(None)
    await refunds.create("PAY_A", new)

    assert "https://a/n" == sender.calls[0].body.notify_url
    assert new.notify_url is None


async def test_a_refund_of_another_payment(refunds, sender):
    """
    It is not believed.
    """
    sender.answers = [{"refund": {}, "links": [PARENT, SELF]}]

    with pytest.raises(MismatchedResponseError, match="PAY_A, asked was PAY_B"):
        await refunds.create("PAY_B", guide_refund(URL))


async def test_an_answer_that_is_given_to_a_second_refund_is_not_believed(
    refunds, sender
):
    """
    It names neither number nor amount: its id is that of the first.
    """
    answer = {"refund": {"state": "REFUND_SUCCESS"}, "links": [PARENT, SELF]}
    sender.answers = [answer, answer, answer]
    new = guide_refund(URL)
    first = await refunds.create("PAY_A", new)

    with pytest.raises(MismatchedResponseError, match="names another refund: REFUND_A"):
        await refunds.create("PAY_A", attrs.evolve(new, mer_reference_id="another"))

    # What is lost is looked for without it.
    assert {"known_refunds": "REFUND_A"} == sender.calls[1].intent.details
    assert first == await refunds.create("PAY_A", new)
    assert {} == sender.calls[2].intent.details


async def test_asking_about_a_refund(refunds, sender):
    """
    A list with nothing but a state (gateway.md 5.8).
    """
    sender.answers = [{"refunds": [{"state": "REFUND_SUCCESS"}]}]
    refund = await refunds.get("REFUND_A")

    assert ("REFUND_A", "REFUND_SUCCESS") == (refund.id, refund.state)
    assert ["payments/refund/REFUND_A"] == sender.targets


async def test_an_answer_about_another_refund(refunds, sender):
    """
    It is not believed.
    """
    sender.answers = [{"refund": {"id": "REFUND_B"}}]

    with pytest.raises(MismatchedResponseError, match="REFUND_B, asked was REFUND_A"):
        await refunds.get("REFUND_A")


async def test_a_refund_without_id(refunds, sender):
    """
    It could not be asked about later.
    """
    sender.answers = [{"refund": {"state": "REFUND_PROCESS"}}]

    with pytest.raises(EnvelopeError, match=r"holds no refund\.id"):
        await refunds.create("PAY_A", guide_refund(URL))


async def test_ids_are_needed(refunds, sender):
    """
    Nothing is sent without them.
    """
    with pytest.raises(ConfigError, match="payment_id: an id is needed"):
        await refunds.create("", guide_refund(URL))

    with pytest.raises(ConfigError, match="refund_id: an id is needed"):
        await refunds.get("")

    assert [] == sender.calls
