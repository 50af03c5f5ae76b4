"""
What is left of a payment, as far as gateway and caller can tell.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tests import orders
from umfpay.errors import NotFinishedError
from umfpay.flows._options import FlowOptions
from umfpay.flows._refund_checks import refund_history
from umfpay.models import (
    Amount,
    Currency,
    Money,
    Order,
    Payment,
    Refund,
    RefundState,
    RefundSummary,
)


PAYMENT = Payment(
    id="PAY_A",
    order=Order(
        mer_date=orders.DAY,
        amount=Amount(total=Decimal("10.00"), currency=Currency("USD")),
    ),
)


class Listed:
    """
    A session whose day's list holds *rows*.
    """

    def __init__(self, *rows):
        self.rows = rows
        self.days = []
        self.statements = self
        self.config = self
        self.deadline = 5.0

    async def transactions(self, day, **_options):
        self.days.append(day)

        for row in self.rows:
            yield row


def _row(refund_id, total, state="REFUND_SUCCESS", payment="PAY_A", number=None):
    return RefundSummary(
        refund_id=refund_id,
        payment_id=payment,
        mer_reference_id=number,
        amount=None if total is None else Amount(total=Decimal(total)),
        state=RefundState(state),
    )


async def _so_far(*rows, already=None, payment=PAYMENT):
    return await refund_history(
        FlowOptions.of(Listed(*rows), deadline=5),
        payment,
        mer_date=orders.DAY,
        already=already or {},
    )


async def test_only_what_was_given_back_of_this_payment_counts():
    """
    Not what failed, nor what belongs to another; a minus sign means the same.
    """
    so_far = await _so_far(
        _row("R1", "-2.00", number="n1"),
        _row("R2", "1.00", state="REFUND_FAIL", number="n2"),
        _row("R3", "5.00", payment="PAY_B"),
        _row("R4", None),
        already={"R2": Money("1.00", "USD"), "R5": Money("0.50", "USD")},
    )

    assert Decimal("7.50") == so_far.amount_left
    assert {
        "n1": Refund(
            id="R1", state=RefundState("REFUND_SUCCESS"), parent_payment="PAY_A"
        ),
        "n2": Refund(id="R2", state=RefundState("REFUND_FAIL"), parent_payment="PAY_A"),
    } == so_far.numbers


@pytest.mark.parametrize(
    "payment",
    [
        Payment(id="PAY_A"),
        Payment(id="PAY_A", order=Order()),
        Payment(id="PAY_A", order=Order(amount=Amount(total=Decimal(1)))),
        Payment(id="PAY_A", order=Order(amount=Amount(currency=Currency("USD")))),
    ],
)
async def test_a_payment_without_an_amount_leaves_all_to_the_gateway(payment):
    """
    Every member of an answer may be missing.
    """
    so_far = await _so_far(_row("R1", "2.00"), payment=payment)

    assert so_far.total is None
    assert so_far.amount_left is None


async def test_rows_without_an_id_are_all_counted():
    """
    Each may be another refund.
    """
    session = Listed(_row(None, "1.00"), _row(None, "1.00"))
    so_far = await refund_history(
        FlowOptions.of(session, deadline=5), PAYMENT, mer_date=orders.DAY, already={}
    )

    assert Decimal("8.00") == so_far.amount_left


async def test_a_list_that_takes_too_long_ends_with_the_deadline(elapsed):
    """
    However many pages it has; nothing was sent.
    """

    class Slow(Listed):
        async def transactions(self, day, **_options):
            while True:
                await asyncio.sleep(2)
                yield _row("REFUND_A", "1.00")

    with pytest.raises(NotFinishedError) as caught:
        await refund_history(
            FlowOptions.of(Slow(), deadline=5), PAYMENT, mer_date=orders.DAY, already={}
        )

    assert 5 == elapsed()
    assert not caught.value.money_may_have_moved
