"""
What happens by itself as time goes by (protocol notes 10, state machine).
"""

from __future__ import annotations

from umfpay.emulator import _customs as customs
from umfpay.emulator import _payments as payments
from umfpay.emulator import _refunds as refunds
from umfpay.emulator._world import World


def tick(world: World) -> None:
    """
    Do all that is due.
    """
    now = world.clock.time()

    for payment in world.store.all("payment"):
        if payment["state"] == "WAIT_BUYER_PAY" and payment["expires_at"] <= now:
            world.move(payment, "TRADE_CLOSED")
        elif payment.get("settles_at", now + 1) <= now:
            payments.settle(world, payment, payment.pop("settles_to"))
        elif (
            payment["business"] == "B2B"
            and payment["state"] == "TRADE_SUCCESS"
            and not payment.get("papers_approved")
            and payment.get("papers_due", now + 1) <= now
        ):
            payments.settle(world, payment, "TRADE_CANCEL")

    for refund in world.store.all("refund"):
        if refund.get("settles_at", now + 1) <= now:
            refunds.settle(world, refund, "REFUND_SUCCESS")

    for declaration in world.store.all("customs"):
        if declaration.get("settles_at", now + 1) <= now:
            following = "SUBMITTED" if declaration["state"] == "ACCEPTED" else "SUCCESS"
            customs.settle(world, declaration, following)
