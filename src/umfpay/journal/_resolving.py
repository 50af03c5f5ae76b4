"""
`Resolver`: asks the gateway about one row, and writes what it says.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Final, Literal, Protocol

import attrs
from sqlalchemy import ColumnElement, update
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay._session import Evidence, Executed, Resolution, UMFSession
from umfpay.errors import DatabaseError, UMFError
from umfpay.journal._columns import ending, forget_sealed
from umfpay.journal._entry import (
    Decider,
    JournalEntry,
    JournalOutcome,
    JournalState,
)
from umfpay.journal._journal import Journal
from umfpay.journal._record import ROW_DETAIL, new_owner
from umfpay.models import CustomsDeclaration, Money, Payment, Refund
from umfpay.sql import Transaction


# The clocks of two companies differ, and the lists are behind.
_TOLERANCE: Final = timedelta(minutes=10)
_CLAIM_SECONDS: Final = 90
_CALL_SECONDS: Final = 30.0
_FIRST_PAUSE_SECONDS: Final = 5.0
_MAX_PAUSE_SECONDS: Final = 600.0
_MAX_DOUBLINGS: Final = 10
_SECOND: Final = 1_000_000

_log = logging.getLogger("umfpay")


class Inbox(Evidence, Protocol):
    """
    Where verified notifications are stored, and the final answers to queries.
    """

    async def expect(
        self,
        what: str,
        *,
        amount: Money,
        kind: Literal["payment", "refund"],
        payment_id: str | None,
        refund_id: str | None,
    ) -> None:
        """
        Learn what was asked for, and which id the gateway gave it.
        """
        ...

    async def record(
        self, entity: Payment | Refund | CustomsDeclaration, *, deadline: float
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Keep what a signed query says.
        """
        ...


@attrs.frozen(kw_only=True, eq=False)
class Resolver:
    """
    Brings one row forward: each of its steps is fenced, so that any number may work.

    Args:
        give_up_after: A row that moves money is left to a person then.
        close_after: A row that nobody can ask about is closed as unknown then.
    """

    session: UMFSession
    journal: Journal
    inbox: Inbox | None = None
    give_up_after: timedelta = timedelta(days=3)
    close_after: timedelta = timedelta(days=1)

    async def claim(self, entry: JournalEntry) -> JournalEntry | None:
        """
        Take the row for a while; None if another was faster, or it has changed.
        """
        table, now = self._table, self.journal.database.now
        state = (
            JournalState.UNKNOWN if entry.state is JournalState.SENDING else entry.state
        )

        changed = await self._update(
            entry,
            (table.c.lease_until.is_(None)) | (table.c.lease_until < now),
            state=state,
            fence=entry.fence + 1,
            owner=new_owner(),
            lease_until=now + _CLAIM_SECONDS * _SECOND,
            attempts=entry.attempts + 1,
            next_at=now,
            updated_at=now,
        )

        if not changed:
            return None

        return attrs.evolve(
            entry, state=state, fence=entry.fence + 1, attempts=entry.attempts + 1
        )

    async def resolve(self, entry: JournalEntry) -> JournalOutcome | None:
        """
        Ask about a claimed row; return its outcome, None if it stays open.
        """
        if entry.state is JournalState.RECORDED:
            return await self._end(entry, JournalOutcome.NOT_SENT, "its caller died")

        assert entry.intent is not None

        try:
            found = await self._ask(entry)
        except UMFError as error:
            _log.info("row %d: %s", entry.position, type(error).__name__)
            found = None

        if found is None or found.outcome is Executed.UNKNOWN:
            return await self._stay_open(entry, found)

        outcome = (
            JournalOutcome.EXECUTED
            if found.outcome is Executed.YES
            else JournalOutcome.NOT_EXECUTED
        )
        decided_by = found.evidence if found.evidence in [*Decider] else Decider.QUERY
        object_id = getattr(found.object, "id", None) or getattr(
            found.object, "refund_id", None
        )
        state = getattr(found.object, "state", None)

        return await self._end(
            entry,
            outcome,
            None,
            decided_by=decided_by,
            object_id=object_id or entry.object_id,
            object_state=None if state is None else str(state)[:64],
        )

    async def _ask(self, entry: JournalEntry) -> Resolution:
        intent = entry.intent
        assert intent is not None
        # Here it is written with the fence.
        details = {
            name: text for name, text in intent.details.items() if name != ROW_DETAIL
        }

        return await self.session.resolve(
            attrs.evolve(intent, details=details),
            evidence=self.inbox,
            known_refunds=await self._known_refunds(entry),
            expires_at=(await self._order_of(entry)).expires_at,
            deadline=_CALL_SECONDS,
        )

    async def _known_refunds(self, entry: JournalEntry) -> list[str] | None:
        """
        Return the ids of all other refunds of the payment, None if there may be more.
        """
        if entry.known_refunds is None:
            return None

        table = self._table
        others = await self.journal.entries(
            table.c.payment_id == entry.payment_id,
            table.c.call == "refunds.create",
            table.c.position != entry.position,
        )

        if any(
            one.state is not JournalState.ENDED
            or (one.outcome is JournalOutcome.EXECUTED and one.object_id is None)
            for one in others
        ):
            return None

        return [
            *entry.known_refunds,
            *(one.object_id for one in others if one.object_id is not None),
        ]

    async def _order_of(self, entry: JournalEntry) -> JournalEntry:
        """
        Return the row that created the payment, *entry* itself if there is none.
        """
        if entry.call == "payments.create" or entry.payment_id is None:
            return entry

        table = self._table
        created = await self.journal.entries(
            table.c.payment_id == entry.payment_id, table.c.call == "payments.create"
        )

        return created[0] if created else entry

    async def _stay_open(
        self, entry: JournalEntry, found: Resolution | None
    ) -> JournalOutcome | None:
        """
        Write when the row is looked at again, or that it no longer is.
        """
        expires_at = entry.expires_at

        if (
            entry.call == "payments.create"
            and found is not None
            and expires_at is not None
            and entry.created_at + entry.age > expires_at + _TOLERANCE
        ):
            # It may exist: nobody can pay it any more.
            return await self._end(
                entry,
                JournalOutcome.NOT_EXECUTED,
                "its order can no longer be paid",
                decided_by=Decider.TRANSACTIONS,
            )

        if not entry.moves_money and entry.age > self.close_after:
            return await self._end(
                entry, JournalOutcome.UNKNOWN, "nobody can say; it moves no money"
            )

        if entry.moves_money and entry.age > self.give_up_after:
            _log.warning(
                "row %d of the journal (%s, %s) needs a person: nobody can say whether"
                " it was carried out",
                entry.position,
                entry.call,
                entry.payment_id,
            )
            await self._update(
                entry,
                next_at=None,
                lease_until=None,
                reason=entry.reason or "nobody can say whether it was carried out",
            )

            return None

        await self.postpone(entry)

        return None

    async def postpone(self, entry: JournalEntry) -> None:
        """
        Look at a claimed row again, after a while that doubles.
        """
        pause = min(
            _FIRST_PAUSE_SECONDS * 2 ** min(entry.attempts - 1, _MAX_DOUBLINGS),
            _MAX_PAUSE_SECONDS,
        )
        await self._update(
            entry,
            next_at=self.journal.database.now + int(pause * _SECOND),
            lease_until=None,
        )

    async def settle(self, entry: JournalEntry) -> None:
        """
        Follow a claimed, ended row to the final state; then call the handlers, once.
        """
        try:
            found = await self._final_object(entry)
        except (LookupError, UMFError) as error:
            _log.info("row %d: %s", entry.position, type(error).__name__)

            if entry.age > self.give_up_after:
                await self._update(entry, next_at=None, lease_until=None)
            else:
                await self.postpone(entry)

            return

        journal = self.journal
        state = getattr(found, "state", None)

        async def work(connection: AsyncConnection) -> None:
            values: dict[str, Any] = {
                "settled_at": journal.database.now,
                "lease_until": None,
            }

            if state is not None:
                values["object_state"] = str(state)[:64]

            changed = await connection.execute(
                update(self._table).where(*self._mine(entry)).values(**values)
            )

            if changed.rowcount != 1:
                return

            transaction = Transaction(connection)

            try:
                for handler in journal.handlers:
                    await handler(entry, found, transaction)
            finally:
                await transaction.close_sessions()

        try:
            await journal.database.run(work, timeout=_CALL_SECONDS)
        except Exception as error:  # noqa: BLE001 (it is called again)
            _log.warning(
                "settled: the handler failed for row %d: %s",
                entry.position,
                type(error).__name__,
            )
            await self.postpone(entry)

    async def _final_object(self, entry: JournalEntry) -> Any:  # Payment, Refund, None
        """
        Return what a carried-out call came to, None where nobody follows it.

        Raises:
            LookupError: It has not ended yet.
        """
        if entry.outcome is not JournalOutcome.EXECUTED:
            return None

        object_id: str | None = None
        get: Any = None  # of payments or refunds

        if entry.call in ("payments.create", "payments.execute"):
            object_id = entry.payment_id or entry.object_id
            get = self.session.payments.get
        elif entry.call == "refunds.create":
            object_id, get = entry.object_id, self.session.refunds.get

        if get is None or not object_id:
            return None

        found = (
            None
            if self.inbox is None
            else await self.inbox.notified(object_id=object_id)
        )

        if _is_final(found):
            return found

        found = await get(object_id, deadline=_CALL_SECONDS)

        if not _is_final(found):
            raise LookupError(object_id)

        if self.inbox is not None:
            await self._expect(self.inbox, entry)
            # Its handlers may be slow; that it is stored is enough.
            await self.inbox.record(found, deadline=0.0)

        return found

    @staticmethod
    async def _expect(inbox: Inbox, entry: JournalEntry) -> None:
        """
        Say whose refund it is: its query names neither number nor payment, and its
        caller may have died before it could.
        """
        if (
            entry.call != "refunds.create"
            or entry.mer_reference_id is None
            or entry.amount is None
            or entry.currency is None
        ):
            return

        await inbox.expect(
            entry.mer_reference_id,
            amount=Money(entry.amount, entry.currency),
            kind="refund",
            payment_id=entry.payment_id,
            refund_id=entry.object_id,
        )

    async def _end(
        self,
        entry: JournalEntry,
        outcome: JournalOutcome,
        reason: str | None,
        **values: Any,
    ) -> JournalOutcome | None:
        written = ending(self.journal, {"outcome": outcome, "reason": reason, **values})

        async def work(connection: AsyncConnection) -> bool:
            changed = await connection.execute(
                update(self._table).where(*self._mine(entry)).values(**written)
            )

            if outcome is JournalOutcome.EXECUTED and entry.moves_money:
                await forget_sealed(self.journal, connection, entry.payment_id)

            return bool(changed.rowcount)

        ended = await self.journal.database.run(work, repeatable=True)

        return outcome if ended else None

    async def _update(
        self, entry: JournalEntry, *which: ColumnElement[bool], **values: Any
    ) -> bool:
        async def work(connection: AsyncConnection) -> bool:
            changed = await connection.execute(
                update(self._table).where(*self._mine(entry), *which).values(**values)
            )

            return bool(changed.rowcount)

        try:
            return await self.journal.database.run(work)
        except DatabaseError as error:
            _log.info("row %d: %s", entry.position, type(error).__name__)

            return False

    def _mine(self, entry: JournalEntry) -> tuple[ColumnElement[bool], ...]:
        table = self._table

        return (
            table.c.merchant == self.journal.merchant,
            table.c.position == entry.position,
            table.c.fence == entry.fence,
            table.c.state == entry.state,
            table.c.settled_at.is_(None),
        )

    @property
    def _table(self) -> Any:  # a table
        return self.journal.database.tables.journal


def _is_final(found: Any) -> bool:  # any object of the gateway
    state = getattr(found, "state", None)

    return state is not None and bool(state.final)
