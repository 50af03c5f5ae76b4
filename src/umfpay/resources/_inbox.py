"""
The inbox of notifications as calls see it: it is told what to expect, and is evidence.
"""

from __future__ import annotations

import logging
from typing import Protocol

from umfpay.errors import UMFError
from umfpay.models import CustomsDeclaration, NewOrder, NewRefund, Payment, Refund


_log = logging.getLogger("umfpay")


class ExpectationRegistry(Protocol):
    """
    What is told of orders, refunds and declarations: the inbox of
    `umfpay.notifications`.
    """

    async def expect(
        self,
        what: NewOrder | NewRefund | CustomsDeclaration,
        *,
        payment_id: str | None = None,
        refund_id: str | None = None,
    ) -> None:
        """
        Keep what was ordered, and which ids of the gateway are its own.

        Raises:
            UMFError: It cannot be kept; nothing was sent yet.
        """
        ...


class Evidence(Protocol):
    """
    Where verified notifications are kept: the inbox of `umfpay.notifications`.
    """

    async def notified(
        self,
        *,
        object_id: str | None = None,
        mer_reference_id: str | None = None,
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Return the newest object of that id, or of that merchant's number.

        Only events that were *applied* are evidence: what is held, unconfirmed or in
        conflict may be about another merchant's payment.
        """
        ...


async def bind(
    arrivals: ExpectationRegistry,
    what: NewOrder | NewRefund | CustomsDeclaration,
    *,
    payment_id: str | None = None,
    refund_id: str | None = None,
) -> None:
    """
    Tell *arrivals* of an id that the gateway gave; a failure is logged only.

    The call has been made, and its caller needs the answer. The inbox asks the gateway
    about an id that it was not told.
    """
    try:
        await arrivals.expect(what, payment_id=payment_id, refund_id=refund_id)
    except UMFError as error:
        _log.warning(
            "the inbox could not be told of %s: %s",
            refund_id or payment_id,
            error.what.en,
        )
