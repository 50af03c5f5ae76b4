"""
The ids that the gateway gave to this session's refunds, by payment.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final


_MAX_PAYMENTS: Final = 10_000


class RefundIds:
    """
    Knows which refund of a payment has which id.

    The answer to a new refund names neither its number nor its amount (gateway.md, trap
    15): an answer that is given a second time is recognised by its id alone.

    Args:
        max_payments: The oldest are forgotten beyond that.
    """

    def __init__(self, *, max_payments: int = _MAX_PAYMENTS) -> None:
        self._max_payments = max_payments
        self._payments: dict[str, dict[str, str]] = {}

    def of_other_numbers(self, payment_id: str, number: str) -> Collection[str]:
        """
        Return the ids of the refunds of *payment_id* that have another *number*.
        """
        refunds = self._payments.get(payment_id, {})

        return [one for one, other in refunds.items() if other != number]

    def add(self, payment_id: str, refund_id: str, number: str) -> None:
        """
        Note that *refund_id* is the refund with *number*.
        """
        refunds = self._payments.pop(payment_id, {})
        refunds.setdefault(refund_id, number)
        self._payments[payment_id] = refunds

        if len(self._payments) > self._max_payments:
            del self._payments[next(iter(self._payments))]
