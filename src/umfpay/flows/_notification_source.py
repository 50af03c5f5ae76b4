"""
The notification source (webhook inbox) that a waiting flow is given as `arrivals`.
"""

from __future__ import annotations

from typing import Protocol

from umfpay._session import Evidence
from umfpay.models import (
    CustomsDeclaration,
    Money,
    NewOrder,
    NewRefund,
    Payment,
    Refund,
)


class NotificationSource(Evidence, Protocol):
    """
    Where verified notifications arrive: the inbox of `umfpay.notifications`.
    """

    async def expect(
        self,
        what: NewOrder | NewRefund | CustomsDeclaration | str,
        *,
        amount: Money | None = None,
        payment_id: str | None = None,
        refund_id: str | None = None,
    ) -> None:
        """
        Keep what was ordered, and which ids of the gateway are the shop's own.
        """
        ...

    async def wait(
        self, object_id: str, *, deadline: float
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Return the object of *object_id* as the next notification tells it.

        A stored one whose state is final is returned at once.

        Args:
            deadline: In the running loop's time; None is returned when it has passed.
        """
        ...

    async def record(
        self, entity: Payment | Refund | CustomsDeclaration, *, deadline: float
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Keep what a signed query says, and return when the shop's handler has committed.

        Args:
            deadline: In the running loop's time.

        Returns:
            The object as it was applied last; None if this state was not applied.
        """
        ...
