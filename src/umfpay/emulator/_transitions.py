"""
What happens by itself as time goes by (gateway.md 10, state machine).
"""

from __future__ import annotations

from umfpay.emulator import _customs as customs
from umfpay.emulator import _executions as executions
from umfpay.emulator import _refunds as refunds
from umfpay.emulator._world import World


def tick(world: World) -> None:
    """
    Do all that is due.
    """
    now = world.clock.time()
    due = world.store.next_due()

    if due is None or due > now:
        return

    for payment in world.store.due("payment", now):
        if "expires_at" in payment:
            world.move(payment, "TRADE_CLOSED")
        elif "settles_at" in payment:
            executions.settle(world, payment, payment.pop("settles_to"))
        else:
            executions.settle(world, payment, "TRADE_CANCEL")

    for refund in world.store.due("refund", now):
        refunds.settle(world, refund, "REFUND_SUCCESS")

    for declaration in world.store.due("customs", now):
        following = "SUBMITTED" if declaration["state"] == "ACCEPTED" else "SUCCESS"
        customs.settle(world, declaration, following)
