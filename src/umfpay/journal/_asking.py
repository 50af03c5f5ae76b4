"""
`Asker`: what the gateway, or a stored notification, says of a row.
"""

from __future__ import annotations

import logging
from datetime import datetime
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
class Asker:
    """
    Asks, and changes nothing.
    """

    session: UMFSession
    rows: Rows
    inbox: NotificationInbox | None

    async def resolution(self, entry: JournalEntry) -> Resolution | None:
        """
        Return what became of an open row, None if the gateway cannot be asked now.
        """
        intent = entry.intent
        assert intent is not None
        # Its end is written with the row's fence.
        details = {**intent.details}
        details.pop(ROW_DETAIL, None)

        try:
            return await self.session.resolve(
                attrs.evolve(intent, details=details),
                evidence=self.inbox,
                known_refunds=await self._known_refunds(entry),
                expires_at=await self._order_expires_at(entry),
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

        found: Any = None  # any object of the gateway

        if self.inbox is not None:
            found = await self.inbox.notified(object_id=object_id)

        if not _is_final(found):
            found = await resource.get(object_id, deadline=_CALL_SECONDS)

            if not _is_final(found):
                raise LookupError(object_id)

            if self.inbox is not None:
                await self._expect(entry, object_id)
                # Its handlers may be slow; that it is stored is enough.
                await self.inbox.record(found, deadline=0.0)

        return found  # type: ignore[no-any-return]

    async def _expect(self, entry: JournalEntry, object_id: str) -> None:
        """
        Make known to the inbox whose id it is: the caller may have died before it did.
        """
        is_refund = entry.call == "refunds.create"
        money = (
            None if entry.amount is None else Money(entry.amount, str(entry.currency))
        )

        if self.inbox is None or money is None or entry.mer_reference_id is None:
            return

        if is_refund or entry.call == "payments.create":
            await self.inbox.expect(
                entry.mer_reference_id,
                amount=money,
                kind="refund" if is_refund else "payment",
                payment_id=entry.payment_id if is_refund else object_id,
                refund_id=object_id if is_refund else None,
            )

    async def _known_refunds(self, entry: JournalEntry) -> list[str] | None:
        """
        Return the ids of all other refunds of the payment, None if there may be more.
        """
        if entry.known_refunds is None:
            return None

        columns = self.rows.table.c
        others = await self.rows.read(
            columns.payment_id == entry.payment_id,
            columns.call == "refunds.create",
            columns.position != entry.position,
        )

        if any(
            one.state is not JournalState.ENDED
            or (one.outcome is JournalOutcome.EXECUTED and one.object_id is None)
            for one in others
        ):
            return None

        ids = [one.object_id for one in others if one.object_id is not None]

        return [*entry.known_refunds, *ids]

    async def _order_expires_at(self, entry: JournalEntry) -> datetime | None:
        """
        Return when the order can no longer be paid, by the row that created it.
        """
        if entry.expires_at is not None or entry.payment_id is None:
            return entry.expires_at

        columns = self.rows.table.c
        created = await self.rows.read(
            columns.payment_id == entry.payment_id, columns.call == "payments.create"
        )

        return created[0].expires_at if created else None


def _is_final(found: Any) -> bool:
    state = getattr(found, "state", None)

    return state is not None and bool(state.final)
