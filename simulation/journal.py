"""
What the shop writes down before it acts: all that is left of it after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import attrs

from simulation.plan import PurchasePlan, RefundPlan, Schedule
from umfpay.errors import Intent
from umfpay.models import (
    CustomsDeclaration,
    Money,
    NewOrder,
    NewRefund,
    Payment,
    Refund,
)
from umfpay.notifications import NotificationReceiver
from umfpay.notifications._order_of_states import Move, move


class Told(StrEnum):
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
        executing: Written before execute is called; removed when it is known that
            nothing was sent.
        intent: Of the execute whose end is unclear.
    """

    number: str
    card: str
    payment_id: str | None = None
    expires_at: datetime | None = None
    sms: bool = False
    executing: datetime | None = None
    intent: Intent | None = None
    told: Told | None = None


@attrs.define(kw_only=True)
class RefundAttempt:
    """
    One refund number; *asking* is written before the call, as above.
    """

    number: str
    asking: datetime | None = None
    intent: Intent | None = None
    refund_id: str | None = None
    told: Told | None = None


@attrs.define(kw_only=True)
class RefundIntent:
    """
    A refund the shop owes, whatever the number under which it is tried.
    """

    plan: RefundPlan
    attempts: list[RefundAttempt] = attrs.field(factory=list)
    told: Told | None = None


@attrs.define(kw_only=True)
class Purchase:
    """
    A sale, whatever the number under which it is tried.
    """

    plan: PurchasePlan
    attempts: list[Attempt] = attrs.field(factory=list)
    refunds: list[RefundIntent] = attrs.field(factory=list)
    told: Told | None = None


class Journal:
    """
    The shop's database, and the `Evidence` of `UMFSession.resolve`.

    Attributes:
        unknown: What ``on_unknown`` was given.
        deaf: The shop is down: nobody takes notifications.
    """

    def __init__(self, schedule: Schedule, receiver: NotificationReceiver) -> None:
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

    async def post(
        self, _url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """
        Take a notification, as the shop's web server would.
        """
        if self.deaf:
            raise ConnectionRefusedError("the shop is down")

        event = self._receiver.read(body, headers)
        before = self._states.get(event.object_id)

        if move(event.kind, before, event.state) is Move.FORWARD:
            self._states[event.object_id] = event.state
            self._newest[event.object_id] = event.object

            if event.mer_reference_id is not None:
                self._newest[event.mer_reference_id] = event.object

            self._arrivals.pop(event.object_id, asyncio.Event()).set()

        return 200, event.ack().body

    async def notified(
        self, *, object_id: str | None = None, mer_reference_id: str | None = None
    ) -> Payment | Refund | CustomsDeclaration | None:
        """
        Return the newest object of that id or number.
        """
        return self._newest.get(object_id or mer_reference_id or "")

    async def expect(
        self,
        what: NewOrder | NewRefund | CustomsDeclaration | str,
        *,
        amount: Money | None = None,
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
        deadline: float,  # noqa: ARG002 (nobody is waited for)
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
        stored = self._newest.get(object_id)

        if stored is not None and stored.state is not None and stored.state.final:
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
