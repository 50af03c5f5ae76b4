"""
What the shop writes down before it acts: all that is left of it after a crash.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

import attrs

from tests.simulation.plan import PurchasePlan, RefundPlan, Schedule
from umfpay.errors import Intent
from umfpay.models import (
    CustomsDeclaration,
    Money,
    NewOrder,
    NewRefund,
    Payment,
    Refund,
)
from umfpay.notifications import (
    Expectation,
    KnownFacts,
    NotificationEvent,
    NotificationReceiver,
    OwnObject,
    Status,
    decide,
)


class ReportedOutcome(StrEnum):
    """
    What the merchant was told of a try or an intent.
    """

    DONE = "done"
    NOT_DONE = "not done"
    OPEN = "open"


@attrs.define(kw_only=True)
class Attempt:
    """
    One order number of a purchase.

    Attributes:
        pending: A card payment half made, as JSON.
        executing: Written before execute is called; removed when it is known that
            nothing was sent.
        intent: Of the execute whose end is unclear.
    """

    number: str
    card: str
    pending: str | None = None
    payment_id: str | None = None
    expires_at: datetime | None = None
    sms: bool = False
    executing: datetime | None = None
    intent: Intent | None = None
    reported: ReportedOutcome | None = None


@attrs.define(kw_only=True)
class RefundAttempt:
    """
    One refund number; *asking* is written before the call, as above.
    """

    number: str
    asking: datetime | None = None
    intent: Intent | None = None
    refund_id: str | None = None
    reported: ReportedOutcome | None = None


@attrs.define(kw_only=True)
class RefundIntent:
    """
    A refund the shop owes, whatever the number under which it is tried.
    """

    plan: RefundPlan
    attempts: list[RefundAttempt] = attrs.field(factory=list)
    reported: ReportedOutcome | None = None


@attrs.define(kw_only=True)
class Purchase:
    """
    A sale, whatever the number under which it is tried.
    """

    plan: PurchasePlan
    attempts: list[Attempt] = attrs.field(factory=list)
    refunds: list[RefundIntent] = attrs.field(factory=list)
    reported: ReportedOutcome | None = None


def _expected(purchase: Purchase, attempt: Attempt) -> Expectation:
    return Expectation(
        kind="payment",
        mer_reference_id=attempt.number,
        total=purchase.plan.amount,
        currency="USD",
    )


class Journal:
    """
    The shop's database, and the `Evidence` of `UMFSession.resolve`.

    Attributes:
        unknown: What ``on_unknown`` was given.
        deaf: The shop is down: nobody takes notifications.
    """

    def __init__(
        self,
        schedule: Schedule,
        receiver: NotificationReceiver,
        counts: Counter[str],
    ) -> None:
        self._counts = counts
        self.purchases = [
            Purchase(
                plan=plan,
                refunds=[RefundIntent(plan=refund) for refund in plan.refunds],
            )
            for plan in schedule.purchases
        ]
        self.unknown: list[Intent] = []
        self.deaf = False
        self._receiver = receiver
        self._newest: dict[str, Payment | Refund | CustomsDeclaration] = {}
        self._states: dict[str, str] = {}
        self._arrivals: dict[str, asyncio.Event] = {}
        self._held: list[NotificationEvent] = []

    async def post(
        self, _url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """
        Take a notification, as the shop's web server would.
        """
        if self.deaf:
            raise ConnectionRefusedError("the shop is down")

        event = self._receiver.read(body, headers)
        self._counts[f"event: {decide(event, self._known(event)).status}"] += 1
        self._held.append(event)
        self._apply_bound()

        return 200, event.ack().body

    def _apply_bound(self) -> None:
        """
        Apply what the product's table lets pass; the rest is held, and looked at again.

        The gateway signs for all its merchants with one key, so a number proves nothing.
        """
        for event in list(self._held):
            status = decide(event, self._known(event)).status

            if status in (Status.HELD, Status.ASKING):
                continue

            self._held.remove(event)

            if status is Status.APPLIED:
                self._apply(event)

    def _known(self, event: NotificationEvent) -> KnownFacts:
        """
        Return what the shop's books say of the id and number that *event* names.
        """
        state = self._states.get(event.object_id)
        states = () if state is None else (state,)

        for purchase in self.purchases:
            for attempt in purchase.attempts:
                if attempt.payment_id is not None and attempt.payment_id in (
                    event.object_id,
                    event.payment_id,
                ):
                    return self._known_of(event, purchase, attempt, states)

        for purchase in self.purchases:
            for attempt in purchase.attempts:
                if attempt.number == event.mer_reference_id:
                    return KnownFacts(states=states, order=_expected(purchase, attempt))

        return KnownFacts(states=states)

    def _known_of(
        self,
        event: NotificationEvent,
        purchase: Purchase,
        attempt: Attempt,
        states: tuple[str, ...],
    ) -> KnownFacts:
        order = _expected(purchase, attempt)

        if event.kind == "payment":
            return KnownFacts(
                states=states,
                order=order,
                own=OwnObject(
                    kind="payment",
                    object_id=event.object_id,
                    mer_reference_id=attempt.number,
                ),
            )

        refund = None

        for owed in purchase.refunds:
            for one in owed.attempts:
                if one.number == event.mer_reference_id:
                    refund = Expectation(
                        kind="refund",
                        mer_reference_id=one.number,
                        total=owed.plan.amount,
                        currency="USD",
                        payment_id=attempt.payment_id,
                    )

        return KnownFacts(
            states=states, order=order, refund=refund, parent=attempt.number
        )

    def _apply(self, event: NotificationEvent) -> None:
        self._states[event.object_id] = event.state
        self._newest[event.object_id] = event.object

        if event.mer_reference_id is not None:
            self._newest[event.mer_reference_id] = event.object

        self._arrivals.pop(event.object_id, asyncio.Event()).set()

    async def notified(
        self, *, object_id: str | None = None, mer_reference_id: str | None = None
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Return the newest object of that id or number.
        """
        self._apply_bound()

        return self._newest.get(object_id or mer_reference_id or "")

    async def expect(
        self,
        what: NewOrder | NewRefund | CustomsDeclaration | str,
        *,
        amount: Money | None = None,
        kind: Literal["payment", "refund"] = "payment",
        payment_id: str | None = None,
        refund_id: str | None = None,
    ) -> None:
        """
        Nothing: what was ordered stands in the plan.
        """

    async def record(
        self,
        entity: Payment | Refund | CustomsDeclaration,
        *,
        deadline: float,
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Return what a query says: the shop reads its books by itself.
        """
        return entity

    async def wait(
        self, object_id: str, *, deadline: float
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Return the object as the next notification tells it, or None at *deadline*.
        """
        self._apply_bound()
        stored = self._newest.get(object_id)

        if stored is not None and stored.final:
            return stored

        arrival = self._arrivals.setdefault(object_id, asyncio.Event())

        try:
            async with asyncio.timeout_at(deadline):
                await arrival.wait()
        except TimeoutError:
            return None

        return self._newest[object_id]

    def handed(self, call: str, key: str | None) -> Intent | None:
        """
        Return the newest intent of *call* that ``on_unknown`` was given, and forget it.

        Args:
            key: The order or refund number, else the payment's id.
        """
        for intent in reversed(self.unknown):
            if intent.call == call and key in (
                intent.mer_reference_id,
                intent.payment_id,
            ):
                self.unknown.remove(intent)

                return intent

        return None
