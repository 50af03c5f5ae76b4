"""
Events as they are kept, with what is known of their objects and orders.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

import attrs
from sqlalchemy import ColumnElement, Select, and_, func, select

from umfpay.notifications._decision import Decision, KnownFacts, Status
from umfpay.notifications._expectations import Binding, Expectation
from umfpay.notifications._receiver import Kind, NotificationEvent, Origin
from umfpay.sql import Tables, Transaction


# Seconds: no event waits longer for its next attempt, whatever a clock said once.
MAX_PAUSE_SECONDS: Final = 300.0
MICROSECONDS: Final = 1_000_000


def pause_after(times: int) -> float:
    """
    Return the seconds before the next attempt: 1, 2, 4 ... 300.
    """
    # 2 to the power of more is longer anyway, and too much for a float in the end.
    return min(2.0 ** min(times, 30), MAX_PAUSE_SECONDS)


@attrs.frozen(kw_only=True)
class StoredEvent:
    """
    An event as bytes, as it is kept, with what is known of its object and order.

    Attributes:
        kind: None if no object with id and state was found in it.
        origin: ``query``: what a signed query said; it has no signature of its own.
        number: The merchant's number that it names.
        received: When it came, in Unix time.
        decision: The last one.
        attempts: How often its handler failed.
        questions: How often the gateway was asked about it.
        version: How often it was made ready anew.
    """

    key: str
    body: bytes = attrs.field(repr=False)
    signature: str = attrs.field(repr=False)
    origin: Origin = "notification"
    position: int = 0
    kind: Kind | None = None
    object_id: str | None = None
    state: str | None = None
    number: str | None = None
    received: float = 0.0
    due: float = 0.0
    decision: Decision = Decision(Status.READY)
    attempts: int = 0
    questions: int = 0
    version: int = 0
    known: KnownFacts = KnownFacts()


# Decides, and calls the handler if the event is to be applied.
Work = Callable[[StoredEvent, Transaction], Awaitable[Decision]]
# None for signed bytes that hold no object with id and state.
Read = Callable[[StoredEvent], NotificationEvent | None]


def event_query(tables: Tables) -> Select[Any]:
    """
    Return the query of events with what is known now, in one statement: one snapshot.
    """
    events, orders = tables.events.c, tables.orders
    own, parent, other = (
        tables.objects.alias(name) for name in ("own", "parent", "other")
    )
    number = func.coalesce(own.c.mer_reference_id, events.mer_reference_id)
    joined: Any = tables.events.outerjoin(
        own,
        and_(
            own.c.merchant == events.merchant,
            own.c.object_id == events.object_id,
            # An id is bound to an object of one kind.
            own.c.kind == events.kind,
        ),
    )
    expected: list[ColumnElement[Any]] = []

    for kind in ("payment", "refund"):
        order = orders.alias(f"{kind}_order")
        joined = joined.outerjoin(
            order,
            and_(
                order.c.merchant == events.merchant,
                order.c.kind == kind,
                order.c.mer_reference_id == number,
            ),
        )
        expected += [
            order.c[name].label(f"{kind}_{name}")
            for name in (
                "mer_reference_id",
                "total",
                "currency",
                "mer_date",
                "payment_id",
            )
        ]

    joined = joined.outerjoin(
        parent,
        and_(
            parent.c.merchant == events.merchant,
            parent.c.object_id == func.coalesce(events.payment_id, own.c.payment_id),
            parent.c.kind == "payment",
        ),
    )
    paid_by = (
        select(other.c.object_id)
        .where(
            other.c.merchant == events.merchant,
            other.c.kind == "payment",
            other.c.mer_reference_id == number,
            other.c.object_id != events.object_id,
            other.c.state == "TRADE_SUCCESS",
        )
        .limit(1)
        .scalar_subquery()
    )

    return select(
        tables.events,
        own.c.kind.label("own_kind"),
        own.c.mer_reference_id.label("own_number"),
        own.c.payment_id.label("own_payment_id"),
        own.c.states.label("own_states"),
        *expected,
        parent.c.mer_reference_id.label("parent_number"),
        paid_by.label("paid_by"),
    ).select_from(joined)


def read_stored(row: Any, known: KnownFacts | None = None) -> StoredEvent:
    """
    Return the event of a row of `event_query`, or of the table alone. Any: the row.
    """
    return StoredEvent(
        key=row.event_key,
        body=row.body,
        signature=row.signature,
        origin=row.origin,
        position=row.position,
        kind=row.kind,
        object_id=row.object_id,
        state=row.state,
        number=row.mer_reference_id,
        received=row.received_at / MICROSECONDS,
        due=row.due_at / MICROSECONDS,
        decision=Decision(Status(row.status), row.reason),
        attempts=row.attempts,
        questions=row.questions,
        version=row.version,
        known=known or KnownFacts(),
    )


def read_known(row: Any) -> KnownFacts:
    """
    Return what a row of `event_query` knows. Any: the row.
    """
    binding = None

    if row.own_kind is not None:
        binding = Binding(
            kind=row.own_kind,
            object_id=row.object_id,
            mer_reference_id=row.own_number,
            payment_id=row.own_payment_id,
        )

    return KnownFacts(
        states=tuple(json.loads(row.own_states or "[]")),
        binding=binding,
        order=_expectation("payment", row),
        refund=_expectation("refund", row),
        parent=row.parent_number,
        paid_by=row.paid_by,
    )


def _expectation(kind: Any, row: Any) -> Expectation | None:
    number, total, currency, day, payment_id = (
        getattr(row, f"{kind}_{name}")
        for name in ("mer_reference_id", "total", "currency", "mer_date", "payment_id")
    )

    if number is None:
        return None

    return Expectation(
        kind=kind,
        mer_reference_id=number,
        total=Decimal(total),
        currency=currency,
        mer_date=None if day is None else date.fromisoformat(day),
        payment_id=payment_id,
    )
