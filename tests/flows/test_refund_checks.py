"""
What a refund is refused for before it is sent, where a flow does not get to it.
"""

from __future__ import annotations

import asyncio

import pytest

from tests import orders
from umfpay.errors import ConfigError, RefundNumberUsedError
from umfpay.flows._options import FlowOptions
from umfpay.flows._refund_checks import (
    RefundHistory,
    amount_of,
    must_be_left,
    must_be_new,
)
from umfpay.models import Money, NewRefund, Payment, Refund, RefundState


PAYMENT = Payment(id="PAY_A")
NOBODY_KNOWS = RefundHistory(total=None, amounts={}, numbers={})


def test_a_given_amount_goes_before_the_goods():
    """
    The model refuses them if they differ.
    """
    given = Money("1.00", "USD")

    assert given == amount_of(PAYMENT, NOBODY_KNOWS, given, ())


def test_without_any_amount_the_rest_has_to_be_given():
    """
    The gateway may leave the amount out of its answer.
    """
    with pytest.raises(ConfigError, match="amount"):
        amount_of(PAYMENT, NOBODY_KNOWS, None, ())


def test_what_nobody_knows_is_the_gateways_to_judge():
    """
    Neither amount nor currency is compared.
    """
    new = NewRefund(
        mer_reference_id="r", mer_date=orders.DAY, amount=Money("99.00", "EUR")
    )

    assert must_be_left(PAYMENT, new, NOBODY_KNOWS) is None


@pytest.mark.parametrize("trouble", [ConnectionError("down"), None])
async def test_notifications_that_are_out_of_reach_refuse_nothing(trouble, elapsed):
    """
    The list and the gateway know the numbers, too; a place that hangs is left.
    """

    class Place:
        async def notified(self, **_):
            if trouble is not None:
                raise trouble

            await asyncio.sleep(60)

    flow = FlowOptions.of(None, deadline=0.2, arrivals=Place())

    assert await must_be_new(flow, "r-1", NOBODY_KNOWS) is None
    assert elapsed() == (0.2 if trouble is None else 0)


@pytest.mark.parametrize(
    ("state", "moved"),
    [("REFUND_SUCCESS", True), ("REFUND_FAIL", False), (None, True)],
)
async def test_a_used_number_has_moved_money_unless_its_refund_failed(state, moved):
    """
    The refund that has it tells; its id may be missing.
    """
    known = Refund(id="", state=None if state is None else RefundState(state))
    so_far = RefundHistory(total=None, amounts={}, numbers={"r-1": known})

    with pytest.raises(RefundNumberUsedError, match="r-1") as caught:
        await must_be_new(FlowOptions.of(None, deadline=1), "r-1", so_far)

    assert known is caught.value.last
    assert moved is caught.value.money_may_have_moved
