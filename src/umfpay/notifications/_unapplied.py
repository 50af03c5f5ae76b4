"""
Events that were not applied (held, unconfirmed, conflicts): listed and reported.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Final

import attrs

from umfpay._callbacks import call
from umfpay.errors import NotificationError, escape
from umfpay.notifications._decision import Decision, Status
from umfpay.notifications._event_store import EventStore
from umfpay.notifications._receiver import NotificationEvent
from umfpay.notifications._stored_events import Read, StoredEvent


# What a log calls a status, and where it is listed.
_LISTS: Final = {
    Status.HELD: ("held", "held"),
    Status.ASKING: ("not confirmed", "unconfirmed"),
    Status.UNCONFIRMED: ("not confirmed", "unconfirmed"),
    Status.CONFLICT: ("in conflict", "conflicts"),
    Status.READY: ("failed", "failed"),
}

_log = logging.getLogger("umfpay")


@attrs.frozen(kw_only=True)
class UnappliedEvent:
    """
    An event that was stored and acknowledged, and not applied.

    Attributes:
        key: Of the event: see `NotificationInbox.dismiss`.
        event: The notification; None if no object with id and state was found in it,
            or the key that signed it is not known any more.
        body: As received; the gateway has signed it.
        mer_reference_id: The merchant's number that it names.
        reason: Why it is not applied.
        received: When it came.
        attempts: How often the handler failed.
        questions: How often the gateway was asked.
    """

    key: str
    event: NotificationEvent | None
    body: bytes = attrs.field(repr=False)
    mer_reference_id: str | None
    reason: str
    received: datetime
    attempts: int = 0
    questions: int = 0


OnConflict = Callable[[UnappliedEvent], Awaitable[None]]


@attrs.define(eq=False)
class Reporter:
    """
    Reports what waits, in the process that has decided so: once, and all of it daily.

    Args:
        read: Makes the event of stored bytes.
        asks: Whether this process asks the gateway.

    Attributes:
        calls: Of *on_conflict*, while they run.
    """

    _store: EventStore
    _read: Read
    _on_conflict: OnConflict | None
    _asks: bool = attrs.field(kw_only=True)
    calls: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    async def list_events(self, statuses: Collection[Status]) -> list[UnappliedEvent]:
        """
        Return all events in one of *statuses*, the oldest first.
        """
        found = await self._store.list_events(statuses)

        return [self._as_unapplied(stored) for stored in found]

    async def remind(self) -> None:
        """
        Log how many events wait.

        Raises:
            DatabaseError: The database is down.
        """
        counts = await self._store.count_waiting()

        if counts:
            _log.warning(
                "notifications wait and are not applied: %s",
                ", ".join(
                    f"{count} {_LISTS[status][0]} (see inbox.{_LISTS[status][1]}())"
                    for status, count in sorted(counts.items())
                ),
            )

    def report(self, stored: StoredEvent, decision: Decision) -> None:
        """
        Log why *stored*, as it was before, is not applied.
        """
        # With a session, an answer comes in a second: nobody need hear of the question.
        asks = stored.status is Status.ASKING
        is_first = asks == self._asks and not stored.questions
        # Decided anew as before: somebody called `expect()` again.
        is_same = stored.status is Status.READY and decision.reason == stored.reason

        if is_same or (decision.status is Status.ASKING and not is_first):
            return

        unapplied = self._as_unapplied(
            attrs.evolve(stored, status=decision.status, reason=decision.reason)
        )
        word, name = _LISTS[decision.status]
        _log.warning(
            "a notification of %s (order %s) is %s and not applied: %s; see inbox.%s()",
            escape(stored.object_id or "an unknown object"),
            escape(stored.mer_reference_id or "unknown"),
            word,
            decision.reason,
            name,
        )

        if decision.status is Status.CONFLICT and self._on_conflict is not None:
            task = asyncio.create_task(_report_conflict(self._on_conflict, unapplied))
            self.calls.add(task)
            task.add_done_callback(self.calls.discard)

    def _as_unapplied(self, stored: StoredEvent) -> UnappliedEvent:
        reason = stored.reason

        try:
            event = self._read(stored)
        except NotificationError:
            # The key that signed it is not known any more: whoever lists it sees it.
            event, reason = None, f"{reason} (it verifies no more)"

        return UnappliedEvent(
            key=stored.event_key,
            event=event,
            body=stored.body,
            mer_reference_id=stored.mer_reference_id,
            reason=reason,
            received=datetime.fromtimestamp(stored.received, UTC),
            attempts=stored.attempts,
            questions=stored.questions,
        )


async def _report_conflict(on_conflict: OnConflict, conflict: UnappliedEvent) -> None:
    try:
        await call(on_conflict, conflict)
    except Exception:  # noqa: BLE001 (logged; the conflict stays listed)
        _log.exception("on_conflict failed; the conflict stays in the list")
