"""
Automatic state transitions as time goes by (gateway.md 10, state machine).
"""

from __future__ import annotations

from umfpay.emulator import _customs as customs
from umfpay.emulator import _executions as executions
from umfpay.emulator import _refunds as refunds
from umfpay.emulator._gateway_state import GatewayState


def run_due(gateway_state: GatewayState) -> None:
    """
    Do all that is due.
    """
    now = gateway_state.clock.time()
    due = gateway_state.store.next_due()

    if due is None or due > now:
        return

    for payment in gateway_state.store.due("payment", now):
        if "expires_at" in payment:
            gateway_state.move(payment, "TRADE_CLOSED")
        elif "settles_at" in payment:
            executions.settle(gateway_state, payment, payment.pop("settles_to"))
        else:
            executions.settle(gateway_state, payment, "TRADE_CANCEL")

    for refund in gateway_state.store.due("refund", now):
        refunds.settle(gateway_state, refund, "REFUND_SUCCESS")

    for declaration in gateway_state.store.due("customs", now):
        following = "SUBMITTED" if declaration["state"] == "ACCEPTED" else "SUCCESS"
        customs.settle(gateway_state, declaration, following)
