"""
Calls that are given an inbox tell it what to expect, and which ids are its own.
"""

from __future__ import annotations

import logging

import pytest

from tests.guide_orders import guide_payment, guide_refund
from umfpay.errors import NotificationError
from umfpay.models import Money, NewCustomsDeclaration
from umfpay.resources import Customs, Payments, Refunds


URL = "https://example.com/notify"
PAYMENT = {"ref": "self", "href": "https://x/payments/payment/PAY_A"}
PARENT = {"ref": "parent_payment", "href": "https://x/payments/payment/PAY_A"}
REFUND = {"ref": "self", "href": "https://x/payments/refund/REFUND_A"}


class Inbox:
    """
    Writes down what it is told, and how many calls had been sent by then.

    Args:
        fails: From which telling on the place is down.
    """

    def __init__(self, sender, *, fails=9):
        self.sender = sender
        self.fails = fails
        self.expected = []

    async def expect(self, what, *, payment_id=None, refund_id=None):
        self.expected.append((len(self.sender.calls), what, payment_id, refund_id))

        if len(self.expected) >= self.fails:
            raise NotificationError("down", "坏")


async def create_payment(sender, inbox):
    sender.answers = [
        {"payment": {"id": "PAY_A", "state": "WAIT_BUYER_PAY"}, "links": [PAYMENT]}
    ]
    new = guide_payment(URL)
    made = await Payments(sender, notify_url=None, ret_url=None).create(
        new, arrivals=inbox
    )

    return made, new.order


async def create_refund(sender, inbox):
    sender.answers = [
        {"refund": {"state": "REFUND_PROCESS"}, "links": [PARENT, REFUND]}
    ]
    new = guide_refund(URL)
    made = await Refunds(sender, notify_url=None).create("PAY_A", new, arrivals=inbox)

    return made, new


async def test_a_new_payment_is_expected_before_it_is_sent(sender):
    """
    And bound when the answer has given its id.
    """
    inbox = Inbox(sender)
    made, order = await create_payment(sender, inbox)

    assert "PAY_A" == made.id
    assert [(0, order, None, None), (1, order, "PAY_A", None)] == inbox.expected


async def test_a_new_refund_is_expected_before_it_is_sent(sender):
    """
    With its payment; then with its own id.
    """
    inbox = Inbox(sender)
    _, new = await create_refund(sender, inbox)

    assert [(0, new, "PAY_A", None), (1, new, "PAY_A", "REFUND_A")] == inbox.expected


async def test_a_declaration_is_bound_by_its_answer(sender):
    """
    It has no number that could be expected.
    """
    sender.answers = [{"customs_declaration": {"id": "CUST_A", "state": "ACCEPTED"}}]
    new = NewCustomsDeclaration(
        customs_id="HZ",
        mer_customs_code="c",
        mer_sub_reference_id="s1",
        sub_order_amount=Money(1, "USD"),
    )
    inbox = Inbox(sender)
    made = await Customs(sender, notify_url=None).apply("PAY_A", new, arrivals=inbox)

    assert [(1, made, "PAY_A", None)] == inbox.expected


@pytest.mark.parametrize("create", [create_payment, create_refund])
async def test_an_inbox_that_is_down_before_sends_nothing(sender, create):
    """
    A payment whose notification nobody expects is not made.
    """
    with pytest.raises(NotificationError):
        await create(sender, Inbox(sender, fails=1))

    assert [] == sender.calls


@pytest.mark.parametrize("create", [create_payment, create_refund])
async def test_an_inbox_that_is_down_afterwards_takes_no_answer_away(
    sender, create, caplog
):
    """
    The call was made: its caller gets the answer, and the log says so.
    """
    with caplog.at_level(logging.WARNING, logger="umfpay"):
        made, _ = await create(sender, Inbox(sender, fails=2))

    assert made.id in ("PAY_A", "REFUND_A")
    assert "the inbox could not be told of" in caplog.text
