"""
Query the gateway, with backoff, about events that prove nothing by themselves.

Nobody knows whether a query of another merchant's payment is refused. So one whose id
is not known to be the shop's own must stand in the shop's own list, too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final, Protocol

import attrs

from umfpay._background import gather_all, pause_after
from umfpay._callbacks import call
from umfpay.errors import UMFError
from umfpay.models import (
    Order,
    Payment,
    PaymentSummary,
    RefundSummary,
)
from umfpay.notifications._decision import (
    Decision,
    KnownFacts,
    Status,
    is_complete,
    money_conflict,
    number_conflict,
)
from umfpay.notifications._event_store import EventStore
from umfpay.notifications._expectations import Binding, Expectation
from umfpay.notifications._query_events import event_of
from umfpay.notifications._receiver import Entity, Kind, NotificationEvent
from umfpay.notifications._stored_events import Read, StoredEvent


# Seconds.
_GIVE_UP_SECONDS: Final = 86400.0
_QUESTION_TIMEOUT_SECONDS: Final = 120.0
# A process that was down for a day, or a clock that jumped, is no reason to give up.
_MIN_QUESTIONS: Final = 10
_MAX_CONCURRENCY: Final = 8
# The gateway's business days are China's (gateway.md 12.17 leaves it open).
_CHINA_ZONE: Final = timezone(timedelta(hours=8))

_log = logging.getLogger("umfpay")


class _Getter(Protocol):
    async def get(self, key: str, /) -> Any: ...


class _Lists(Protocol):
    def transactions(self, mer_date: date, /) -> AsyncIterator[Any]: ...


class Gateway(Protocol):
    """
    Who is asked about notifications: a `umfpay.UMFSession`.
    """

    @property
    def payments(self) -> _Getter: ...

    @property
    def refunds(self) -> _Getter: ...

    @property
    def customs(self) -> _Getter: ...

    @property
    def statements(self) -> _Lists: ...


def getter(gateway: Gateway, kind: Kind) -> _Getter:
    """
    Return what asks about objects of *kind*.
    """
    if kind == "payment":
        return gateway.payments

    return gateway.refunds if kind == "refund" else gateway.customs


@attrs.frozen
class Proof:
    """
    What the gateway says in place of an event, and the ids that are thereby ours.
    """

    answers: tuple[NotificationEvent, ...]
    binding: Binding | None = None


def decide_by_answer(
    event: NotificationEvent, known: KnownFacts, answer: Entity
) -> Decision:
    """
    Decide what a signed query says about *event*; no I/O.

    Returns:
        APPLIED: The query is to be applied (of an id that is not bound: if the own
        list has it). CONFLICT or WRONG_AMOUNT: it differs from what was ordered.
        ASKING: it says nothing yet.
    """
    if answer.state is None or not (
        answer.state.final or answer.state.value == event.state
    ):
        return Decision(Status.ASKING, f"the gateway says {answer.state}")

    if not isinstance(answer, Payment):
        return Decision(Status.APPLIED)

    if known.order is None:
        return Decision(Status.ASKING, "its order is not expected")

    asked = event_of(answer, known.binding)
    trouble = number_conflict(asked, known.order) or money_conflict(asked, known.order)

    # Another merchant's payment may fit or not: it is never a conflict of ours.
    if known.binding is None and (trouble is not None or not is_complete(asked)):
        return Decision(Status.ASKING, "the gateway tells of another order")

    return trouble or Decision(Status.APPLIED)


def _is_listed(row: object, event: NotificationEvent, known: KnownFacts) -> bool:
    """
    Tell whether *row* of the own list is that payment, with number and total.
    """
    expected = known.order

    return (
        isinstance(row, PaymentSummary)
        and expected is not None
        and row.payment_id == event.object_id
        and row.mer_reference_id == expected.mer_reference_id
        and row.amount is not None
        and row.amount.total == expected.total
        and row.amount.currency in (None, expected.currency)
    )


def _is_listed_refund(row: object, event: NotificationEvent, known: KnownFacts) -> bool:
    """
    Tell whether *row* of the own list is that refund, of a payment of ours.
    """
    if not isinstance(row, RefundSummary) or row.refund_id != event.object_id:
        return False

    ordered_payment = None if known.refund is None else known.refund.payment_id
    total = None if row.amount is None else row.amount.total

    return (ordered_payment or event.payment_id) in (None, row.payment_id) and (
        known.refund is None or (total is not None and abs(total) == known.refund.total)
    )


@attrs.define(eq=False, kw_only=True)
class Asker:
    """
    Asks after 1, 2, 4 ... 300 seconds, for a day; then the event is unconfirmed.

    Args:
        read: Makes the event of stored bytes.
        on_answer: Called when something became ready.
        on_waiting: Called when somebody is to be told.
    """

    _store: EventStore
    _read: Read
    _gateway: Gateway
    _on_answer: Callable[[], None]
    _on_waiting: Callable[[], None]

    async def ask_due(self) -> bool:
        """
        Ask about all events whose time has come; return True.

        Raises:
            DatabaseError: The database is down.
        """
        after = None

        while batch := await self._store.due(Status.ASKING, time.time(), after=after):
            for start in range(0, len(batch), _MAX_CONCURRENCY):
                some = batch[start : start + _MAX_CONCURRENCY]
                await gather_all(self._ask(one.key) for one in some)

            after = batch[-1]

        return True

    async def _ask(self, key: str) -> None:
        stored = await self._store.find(key)
        now = time.time()

        if stored is None:
            return

        until = now + pause_after(stored.questions + 1)

        if not await self._store.claim_question(key, now, until):
            return

        found = await self._decide_by_query(stored)

        if isinstance(found, Proof):
            await self._store.confirm(stored, found.answers, found.binding)
            self._on_answer()

            return

        given_up = (
            now - stored.received >= _GIVE_UP_SECONDS
            and stored.questions + 1 >= _MIN_QUESTIONS
        )

        if found.status is Status.ASKING and given_up:
            found = Decision(Status.UNCONFIRMED, found.reason)

        await self._store.conclude(stored, found)
        self._on_waiting()

    async def _decide_by_query(self, stored: StoredEvent) -> Proof | Decision:
        try:
            async with asyncio.timeout(_QUESTION_TIMEOUT_SECONDS):
                return await call(self._question, stored)
        except (UMFError, TimeoutError) as error:
            name = getattr(error, "ret_code", None) or type(error).__name__

            return Decision(Status.ASKING, f"the gateway does not confirm it ({name})")
        except Exception as error:  # noqa: BLE001 (logged)
            # A bug, or a gateway of the shop's own: the event waits, it is not lost.
            _log.exception("a question about a notification failed")

            return Decision(Status.ASKING, f"asking failed ({type(error).__name__})")

    async def _question(self, stored: StoredEvent) -> Proof | Decision:
        event, known = self._read(stored), stored.known

        if event is None:
            return await self._of_number(known)

        # Our own list has no declarations.
        if event.kind == "customs_declaration" and known.binding is None:
            return Decision(Status.HELD, "no declaration of this id was made here")

        answer = await getter(self._gateway, event.kind).get(event.object_id)
        decision = decide_by_answer(event, known, answer)

        if decision.status is not Status.APPLIED:
            return decision

        # A query tells of an object whoever asks (gateway.md 5.8).
        binding = known.binding or await self._find_in_own_list(event, known, answer)

        if binding is None:
            return Decision(Status.ASKING, "it is not in our own list")

        return Proof((event_of(answer, binding),), binding)

    async def _find_in_own_list(
        self, event: NotificationEvent, known: KnownFacts, answer: Entity
    ) -> Binding | None:
        """
        Return what binds the id of *event* if the list has it, under the dates under
        which it may be there (gateway.md 9.3).
        """
        sources: list[Order | Expectation | None] = [event.order, known.order]

        if isinstance(answer, Payment):
            # The event and what was expected may name no day.
            sources.append(answer.order)
            expected, fits = known.order, _is_listed
        else:
            sources.append(known.refund)
            expected, fits = known.refund, _is_listed_refund

        days = {one.mer_date for one in sources if one is not None and one.mer_date}

        for day in sorted(days) or [datetime.now(UTC).astimezone(_CHINA_ZONE).date()]:
            async for row in self._gateway.statements.transactions(day):
                if fits(row, event, known):
                    return Binding(
                        kind=event.kind,
                        object_id=event.object_id,
                        mer_reference_id=getattr(expected, "mer_reference_id", None),
                        payment_id=event.payment_id
                        or getattr(expected, "payment_id", None),
                    )

        return None

    async def _of_number(self, known: KnownFacts) -> Proof | Decision:
        answers: list[NotificationEvent] = []

        for payment_id in known.payment_ids:
            answer = await self._gateway.payments.get(payment_id)
            number = None if known.order is None else known.order.mer_reference_id
            binding = Binding(
                kind="payment", object_id=payment_id, mer_reference_id=number
            )

            # What it differs in becomes a conflict when it is applied.
            if answer.state is not None and answer.state.final:
                answers.append(event_of(answer, binding))

        if not answers:
            return Decision(Status.ASKING, "no payment of its number is decided")

        return Proof(tuple(answers))
