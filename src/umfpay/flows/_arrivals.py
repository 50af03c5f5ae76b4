"""
What a waiting flow wants of a place where notifications arrive.
"""

from __future__ import annotations

from typing import Protocol

from umfpay._session import Evidence
from umfpay.models import CustomsDeclaration, Payment, Refund


class Arrivals(Evidence, Protocol):
    """
    Where verified notifications arrive: the inbox of `umfpay.notifications`.
    """

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
