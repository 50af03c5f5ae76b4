"""
Events that were not applied (held, unconfirmed, conflicts): listed and reported.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Final

import attrs

from umfpay._callbacks import call
from umfpay.errors import (
    NotificationAmountError,
    NotificationError,
    escape,
)
from umfpay.notifications._asking import Gateway, getter
from umfpay.notifications._decision import Status
from umfpay.notifications._receiver import NotificationEvent
from umfpay.notifications._stored_events import Read, StoredEvent
from umfpay.notifications._waiting_events import WaitingEvents


_MAX_COUNT: Final = 100_000
_CONFLICT_STATUSES: Final = frozenset({Status.CONFLICT, Status.WRONG_AMOUNT})

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
        error: A `NotificationAmountError` if the amount is wrong, else None.
    """

    key: str
    event: NotificationEvent | None
    body: bytes = attrs.field(repr=False)
    mer_reference_id: str | None
    reason: str
    received: datetime
    attempts: int = 0
    questions: int = 0
    error: NotificationAmountError | None = None


OnConflict = Callable[[UnappliedEvent], Awaitable[None]]


@attrs.define(eq=False, kw_only=True)
class Reporter:
    """
    Tells of each event that waits: conflicts until somebody has taken them.

    Args:
        read: Makes the event of stored bytes.
    """

    _store: WaitingEvents
    _read: Read
    _gateway: Gateway | None
    _on_conflict: OnConflict | None

    async def list_events(self, statuses: Collection[Status]) -> list[UnappliedEvent]:
        """
        Return all events in one of *statuses*, the oldest first.
        """
        return [
            self._as_unapplied(one) for one in await self._store.list_events(statuses)
        ]

    async def report(self) -> bool:
        """
        Tell of what nobody was told of yet; False if that failed for one.

        Raises:
            DatabaseError: The database is down.
        """
        calm = True
        # With a session, an answer comes in a second: nobody need hear of the question.
        questions = 0 if self._gateway is None else 1
        waiting = await self._store.unreported(time.time(), questions=questions)
        counts: dict[Status, int] = {}

        for stored in waiting:
            try:
                await self._report(stored, counts)
            except Exception:  # noqa: BLE001 (logged; it is told again)
                _log.exception("a conflict could not be told; it is told again")
                calm = False
            else:
                await self._store.mark_reported(stored, time.time())

        return calm

    async def _report(self, stored: StoredEvent, counts: dict[Status, int]) -> None:
        unapplied = self._as_unapplied(stored)
        status = stored.status

        if status not in _CONFLICT_STATUSES:
            if status not in counts:
                counts[status] = await self._store.count(status, limit=_MAX_COUNT)

            held = status is Status.HELD
            _log.warning(
                "a notification of %s (order %s) is %s and not applied: %s; with it %d"
                " are: see inbox.%s()",
                _name(unapplied),
                unapplied.mer_reference_id or "unknown",
                "held" if held else "not confirmed",
                unapplied.reason,
                counts[status],
                "held" if held else "unconfirmed",
            )
        elif self._on_conflict is not None:
            await call(self._on_conflict, unapplied)
        else:
            await self._ask(unapplied)

    async def _ask(self, conflict: UnappliedEvent) -> None:
        event, gateway = conflict.event, self._gateway
        state = "nobody was asked"

        if gateway is not None and event is not None:
            # Another merchant's object may be refused, and a gateway of the shop's own may
            # raise anything: the conflict is told all the same.
            try:
                answer = await getter(gateway, event.kind).get(event.object_id)
                state = f"the gateway says {answer.state}"
            except Exception as error:  # noqa: BLE001 (told)
                name = getattr(error, "ret_code", None) or type(error).__name__
                state = f"the gateway does not tell its state ({name})"

        _log.warning(
            "a notification of %s was not applied: %s; %s",
            _name(conflict),
            conflict.reason,
            state,
        )

    def _as_unapplied(self, stored: StoredEvent) -> UnappliedEvent:
        reason, error = stored.reason, None

        try:
            event = self._read(stored)
        except NotificationError:
            # The key that signed it is not known any more: whoever lists it sees it.
            event, reason = None, f"{reason} (it verifies no more)"

        if stored.status is Status.WRONG_AMOUNT:
            name = "" if event is None else escape(event.object_id)
            error = NotificationAmountError(
                f"{name}: {stored.reason}.",
                f"{name}：通知金额与订单不符（{stored.reason}）。",
            )

        return UnappliedEvent(
            key=stored.event_key,
            event=event,
            body=stored.body,
            mer_reference_id=stored.mer_reference_id,
            reason=reason,
            received=datetime.fromtimestamp(stored.received, UTC),
            attempts=stored.attempts,
            questions=stored.questions,
            error=error,
        )


def _name(unapplied: UnappliedEvent) -> str:
    event = unapplied.event

    return "an unknown object" if event is None else event.object_id
