"""
`OutcomeQueries`: what the gateway, or a stored notification, says of a row's outcome.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import attrs

from umfpay._session import Resolution, UMFSession
from umfpay.errors import UMFError
from umfpay.journal._entry import JournalEntry, JournalOutcome, JournalState
from umfpay.journal._record import ROW_DETAIL
from umfpay.journal._rows import Rows
from umfpay.models import Money, Payment, Refund


if TYPE_CHECKING:
    from umfpay.notifications import NotificationInbox


_CALL_SECONDS: Final = 30.0

_log = logging.getLogger("umfpay")


@attrs.frozen
class OutcomeQueries:
    """
    Queries about the rows of a journal; they change none.
    """

    session: UMFSession
    rows: Rows
    inbox: NotificationInbox | None

    async def resolution(self, entry: JournalEntry) -> Resolution | None:
        """
        Return what became of an open row, None if the gateway cannot be asked now.
        """
        assert entry.intent is not None
        # Its end is written with the row's fence.
        details = {**entry.intent.details}
        details.pop(ROW_DETAIL, None)
        columns = self.rows.table.c
        others = await self.rows.read(
            columns.payment_id == (entry.payment_id or ""),
            columns.position != entry.position,
        )
        created = (one.expires_at for one in others if one.call == "payments.create")

        try:
            return await self.session.resolve(
                attrs.evolve(entry.intent, details=details),
                evidence=self.inbox,
                known_refunds=_known_refunds(entry, others),
                # When the order can no longer be paid, by the row that created it.
                expires_at=entry.expires_at or next(created, None),
                deadline=_CALL_SECONDS,
            )
        except UMFError as error:
            _log.info("row %d: %s", entry.position, type(error).__name__)

            return None

    async def final_object(self, entry: JournalEntry) -> Payment | Refund | None:
        """
        Return what a carried-out call came to, None where nobody follows it.

        Raises:
            LookupError: It has not ended yet.
            UMFError: Nobody can be asked now.
        """
        is_payment = entry.call in ("payments.create", "payments.execute")
        resource: Any = self.session.payments if is_payment else self.session.refunds
        object_id = (entry.payment_id if is_payment else None) or entry.object_id

        if (
            entry.outcome is not JournalOutcome.EXECUTED
            or not (is_payment or entry.call == "refunds.create")
            or object_id is None
        ):
            return None

        inbox = self.inbox
        # Any: an object of the gateway.
        found: Any = inbox and await inbox.notified(object_id=object_id)

        if not _is_final(found):
            found = await resource.get(object_id, deadline=_CALL_SECONDS)

            if not _is_final(found):
                raise LookupError(object_id)

            if inbox is not None:
                await self._expect(inbox, entry, object_id)
                # Its handlers may be slow; that it is stored is enough.
                await inbox.record(found, deadline=0.0)

        return found  # type: ignore[no-any-return]

    async def _expect(
        self, inbox: NotificationInbox, entry: JournalEntry, object_id: str
    ) -> None:
        """
        Make known to the inbox whose id it is: the caller may have died before it did.
        """
        is_refund = entry.call == "refunds.create"

        if (
            entry.amount is not None
            and entry.mer_reference_id is not None
            and (is_refund or entry.call == "payments.create")
        ):
            await inbox.expect(
                entry.mer_reference_id,
                amount=Money(entry.amount, str(entry.currency)),
                kind="refund" if is_refund else "payment",
                payment_id=entry.payment_id if is_refund else object_id,
                refund_id=object_id if is_refund else None,
            )


def _known_refunds(
    entry: JournalEntry, others: Iterable[JournalEntry]
) -> list[str] | None:
    """
    Return the ids of all other refunds of the payment, None if there may be more.
    """
    refunds = [one for one in others if one.call == "refunds.create"]
    ids = [one.object_id for one in refunds if one.object_id is not None]
    may_be_there = (JournalOutcome.EXECUTED, JournalOutcome.FORGOTTEN)
    may_be_more = any(
        one.state is not JournalState.ENDED
        or (one.outcome in may_be_there and one.object_id is None)
        for one in refunds
    )

    if entry.known_refunds is None or may_be_more:
        return None

    return [*entry.known_refunds, *ids]


def _is_final(found: Any) -> bool:
    return bool(getattr(getattr(found, "state", None), "final", False))
