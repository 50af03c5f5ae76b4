"""
Query the gateway, with backoff, about events that prove nothing by themselves.

Nobody knows whether a query of another merchant's payment is refused. So one whose id
is not known to be the shop's own must stand in the shop's own list, too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, Protocol

import attrs

from umfpay._background import gather_all
from umfpay._callbacks import call
from umfpay.errors import UMFError
from umfpay.models import Amount, PaymentSummary, RefundSummary
from umfpay.notifications._decision import (
    Decision,
    KnownFacts,
    Status,
    is_complete,
    order_conflict,
)
from umfpay.notifications._event_store import EventStore
from umfpay.notifications._expectations import Expectation, OwnObject, own_object
from umfpay.notifications._receiver import Entity, Kind, NotificationEvent
from umfpay.notifications._stored_events import Read, StoredEvent, event_of


# Seconds.
_GIVE_UP_SECONDS: Final = 86400.0
_QUESTION_TIMEOUT_SECONDS: Final = 120.0
# A process that was down for a day, or a clock that jumped, is no reason to give up.
_MIN_QUESTIONS: Final = 10
_MAX_CONCURRENCY: Final = 8
# The gateway's business days are China's (gateway.md 12.17 leaves it open).
_CHINA_ZONE: Final = timezone(timedelta(hours=8))
_RESOURCE_OF_KIND: Final[dict[Kind, str]] = {
    "payment": "payments",
    "refund": "refunds",
    "customs_declaration": "customs",
}

# What the answers differ in becomes a conflict when they are applied.
_QUERIED: Final = "a query was applied"

_log = logging.getLogger("umfpay")


class Gateway(Protocol):
    """
    Who is asked about notifications: a `umfpay.UMFSession`.

    Any: `get()` of the first three is asked, and `transactions()` of the last one.
    """

    payments: Any
    refunds: Any
    customs: Any
    statements: Any


@attrs.define(eq=False)
class EventQueries:
    """
    Queries about the events that wait for one: after 1, 2, 4 ... 300 seconds, for a day;
    then an event is unconfirmed.

    Args:
        read: Makes the event of stored bytes.
        on_waiting: Called with an event, as it was, and why it is not applied.
    """

    _store: EventStore
    _read: Read
    _gateway: Gateway
    _on_waiting: Callable[[StoredEvent, Decision], None]

    async def query_due(self) -> None:
        """
        Query about all events whose time has come.

        Raises:
            DatabaseError: The database is down.
        """
        while batch := await self._store.due(Status.ASKING, limit=_MAX_CONCURRENCY):
            await gather_all(self._ask(one.key) for one in batch)

    async def _ask(self, key: str) -> None:
        stored = await self._store.find(key)

        if stored is None or not await self._store.claim_question(stored):
            return

        decision = await self._decide_by_query(stored)
        is_over = (
            time.time() - stored.received >= _GIVE_UP_SECONDS
            and stored.questions + 1 >= _MIN_QUESTIONS
        )

        if decision.status is Status.ASKING and is_over:
            decision = Decision(Status.UNCONFIRMED, decision.reason)

        is_news = await self._store.conclude(stored, decision)

        # Nothing is said of what was decided anew meanwhile.
        if is_news and not decision.answers:
            self._on_waiting(stored, decision)

    async def _decide_by_query(self, stored: StoredEvent) -> Decision:
        try:
            async with asyncio.timeout(_QUESTION_TIMEOUT_SECONDS):
                return await call(self._question, stored)
        except Exception as error:  # noqa: BLE001 (the event waits, it is not lost)
            # A bug, or a gateway of the shop's own.
            if not isinstance(error, UMFError | TimeoutError):
                _log.exception("a question about a notification failed")

            name = getattr(error, "ret_code", None) or type(error).__name__

            return Decision(Status.ASKING, f"the gateway does not confirm it ({name})")

    async def _question(self, stored: StoredEvent) -> Decision:
        event, known = self._read(stored), stored.known

        if event is None:
            return await self._question_about_number(str(stored.mer_reference_id))

        resource = getattr(self._gateway, _RESOURCE_OF_KIND[event.kind])
        answer = await resource.get(event.object_id)

        if answer.state is None or not (
            answer.final or answer.state.value == event.state
        ):
            return Decision(Status.ASKING, f"the gateway says {answer.state}")

        # A query tells of an object whoever asks (gateway.md 5.8).
        own = known.own or await self._find_in_own_list(event, known, answer)

        if own is None:
            return Decision(Status.ASKING, "our own list does not confirm it")

        return Decision(Status.SAME, _QUERIED, (event_of(answer, own),), own=own)

    async def _question_about_number(self, number: str) -> Decision:
        answers = []
        known = await self._store.own_objects(mer_reference_id=number, kind="payment")

        for own in known:
            answer = await self._gateway.payments.get(own.object_id)

            if answer.final:
                answers.append(event_of(answer, own))

        if not answers:
            return Decision(Status.ASKING, "no payment of its number is decided")

        return Decision(Status.SAME, _QUERIED, tuple(answers))

    async def _find_in_own_list(
        self, event: NotificationEvent, known: KnownFacts, answer: Entity
    ) -> OwnObject | None:
        """
        Return what binds the id of *event* if the list has it, under the dates under
        which it may be there (gateway.md 9.3).
        """
        expected, asked = known.expected(event.kind), event_of(answer)

        # Another merchant's payment may fit or not: it is never a conflict of ours.
        if event.kind == "payment" and (
            expected is None
            or not is_complete(asked)
            or order_conflict(asked, expected) is not None
        ):
            return None

        # The event and what was expected may name no day.
        orders: Any = (event.order, asked.order, known.order, expected)
        days = {one.mer_date for one in orders if one is not None and one.mer_date}

        for day in sorted(days) or [datetime.now(UTC).astimezone(_CHINA_ZONE).date()]:
            async for row in self._gateway.statements.transactions(day):
                if _is_listed(row, event, expected):
                    return own_object(event, expected)

        return None


def _is_listed(
    row: object, event: NotificationEvent, expected: Expectation | None
) -> bool:
    """
    Tell whether *row* of the own list is the object of *event*, as it was expected.
    """
    if isinstance(row, PaymentSummary) and event.kind == "payment" and expected:
        amount = row.amount or Amount()
        listed = (row.payment_id, row.mer_reference_id, amount.total)

        return listed == (
            event.object_id,
            expected.mer_reference_id,
            expected.total,
        ) and amount.currency in (None, expected.currency)

    if isinstance(row, RefundSummary) and event.kind == "refund":
        parent = (expected and expected.payment_id) or event.payment_id
        total = None if row.amount is None else row.amount.total

        return (
            row.refund_id == event.object_id
            and parent in (None, row.payment_id)
            # Lists give refunds with a minus.
            and (expected is None or total in (expected.total, -expected.total))
        )

    return False
