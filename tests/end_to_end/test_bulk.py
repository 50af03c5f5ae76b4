"""
Many queries over a socket.
"""

from __future__ import annotations

from tests import orders
from umfpay import errors


async def test_payments_and_refunds_are_queried_many_at_a_time(box, session):
    """
    Results and errors as they come, through a gateway that is busy in between.
    """
    payments = [
        (await session.payments.create(orders.card_payment())).id for _ in range(10)
    ]
    box.fault("busy", path="/payments/payment/", times=30)
    results = {
        one.id: one
        async for one in session.payments.get_many(
            [*payments * 3, "PAY_UNKNOWN"], concurrency=8
        )
    }

    assert {*payments, "PAY_UNKNOWN"} == results.keys()
    assert all(results[one].object.id == one for one in payments)
    assert isinstance(results["PAY_UNKNOWN"].error, errors.APIError)

    (refund,) = [one async for one in session.refunds.get_many(["REFUND_UNKNOWN"])]

    assert isinstance(refund.error, errors.APIError)
