"""
Events as they are kept, with what is known of their objects and orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
from sqlalchemy import ColumnElement, Row, Select, and_, func, select

from umfpay.notifications._decision import KnownFacts, Status
from umfpay.notifications._expectations import Binding, Expectation
from umfpay.notifications._receiver import Kind, NotificationEvent, Origin
from umfpay.sensitive import shows_itself_half_made
from umfpay.sql import Tables


_MICROSECONDS: Final = 1_000_000
# Of an order or refund, as `Expectation` has them.
_EXPECTED: Final = ("mer_reference_id", "total", "currency", "mer_date", "payment_id")


def as_moment(seconds: float) -> int:
    """
    Return a Unix time in microseconds, as it is kept.
    """
    return int(seconds * _MICROSECONDS)


@shows_itself_half_made
@attrs.frozen(kw_only=True)
class StoredEvent:
    """
    The row of an event, with what is known of its object and order.

    Attributes:
        kind: None if no object with id and state was found in it.
        origin: ``query``: what a signed query said; it has no signature of its own.
        attempts: How often its handler failed.
        questions: How often the gateway was asked about it.
        version: How often it was made ready anew.
    """

    body: bytes = attrs.field(repr=False)
    signature: str = attrs.field(repr=False)
    origin: Origin = "notification"
    event_key: str = ""
    position: int = 0
    kind: Kind | None = None
    object_id: str | None = None
    mer_reference_id: str | None = None
    status: Status = attrs.field(default=Status.READY, converter=Status)
    reason: str = ""
    attempts: int = 0
    questions: int = 0
    version: int = 0
    received_at: int = 0
    due_at: int = 0
    known: KnownFacts = KnownFacts()

    @property
    def name(self) -> str:
        """
        Of its object; its own key if it names none.
        """
        return self.object_id or self.event_key

    @property
    def number(self) -> str | None:
        """
        The merchant's number that its id is bound to, else the one that it names.
        """
        binding = self.known.binding

        return (binding and binding.mer_reference_id) or self.mer_reference_id

    @property
    def received(self) -> float:
        """
        When it came, in Unix time.
        """
        return self.received_at / _MICROSECONDS


# None for signed bytes that hold no object with id and state.
Read = Callable[[StoredEvent], NotificationEvent | None]
_COLUMNS: Final = tuple(
    one.name for one in attrs.fields(StoredEvent) if one.name != "known"
)


def read_stored(row: Row[Any], known: KnownFacts | None = None) -> StoredEvent:
    """
    Return the event of a row.
    """
    members = {name: getattr(row, name) for name in _COLUMNS}

    return StoredEvent(**members, known=known or KnownFacts())


def event_query(tables: Tables) -> Select[Any]:
    """
    Return the query of events with what is known now, in one statement: one snapshot.
    """
    events = tables.events.c
    own, parent, other = (
        tables.objects.alias(name) for name in ("own", "parent", "other")
    )
    number = func.coalesce(own.c.mer_reference_id, events.mer_reference_id)
    joined: Any = tables.events.outerjoin(
        own,
        and_(own.c.merchant == events.merchant, own.c.object_id == events.object_id),
    ).outerjoin(
        parent,
        and_(
            parent.c.merchant == events.merchant,
            parent.c.object_id == func.coalesce(events.payment_id, own.c.payment_id),
            parent.c.kind == "payment",
        ),
    )
    expected: list[ColumnElement[Any]] = []

    for kind in ("payment", "refund"):
        order = tables.orders.alias(f"{kind}_order")
        joined = joined.outerjoin(
            order,
            and_(
                order.c.merchant == events.merchant,
                order.c.kind == kind,
                order.c.mer_reference_id == number,
            ),
        )
        expected += [order.c[name].label(f"{kind}_{name}") for name in _EXPECTED]

    paid_by = select(other.c.object_id).where(
        other.c.merchant == events.merchant,
        other.c.kind == "payment",
        other.c.mer_reference_id == number,
        other.c.object_id != events.object_id,
        other.c.state == "TRADE_SUCCESS",
    )

    return select(
        tables.events,
        own.c.kind.label("own_kind"),
        own.c.mer_reference_id.label("own_number"),
        own.c.payment_id.label("own_payment_id"),
        own.c.states.label("own_states"),
        *expected,
        parent.c.mer_reference_id.label("parent_number"),
        paid_by.limit(1).scalar_subquery().label("paid_by"),
    ).select_from(joined)


def read_known(row: Row[Any], others: list[Row[Any]]) -> KnownFacts:
    """
    Return what a row of `event_query` knows.

    Args:
        others: Id and kind of the other objects of its number.
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
        states=tuple(row.own_states.split("\n")) if row.own_states else (),
        binding=binding,
        order=_expectation("payment", row),
        refund=_expectation("refund", row),
        parent=row.parent_number,
        paid_by=row.paid_by,
        payment_ids=tuple(one.object_id for one in others if one.kind == "payment"),
        refund_ids=tuple(one.object_id for one in others if one.kind == "refund"),
    )


def _expectation(kind: Any, row: Row[Any]) -> Expectation | None:
    members = {name: getattr(row, f"{kind}_{name}") for name in _EXPECTED}

    if members["mer_reference_id"] is None:
        return None

    return Expectation(kind=kind, **members)
