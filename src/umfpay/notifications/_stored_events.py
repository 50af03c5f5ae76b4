"""
Stored events: how they are kept, with what is known of their objects and orders.

Answers of signed queries are kept as events as well, so that the handler runs for them,
too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from typing import Any, Final, TypeVar

import attrs
from sqlalchemy import ColumnElement, FromClause, Label, Row, Select, func, select

from umfpay.models import Amount, Order, Payment
from umfpay.notifications._decision import KnownFacts, Status
from umfpay.notifications._expectations import Expectation, OwnObject
from umfpay.notifications._receiver import (
    KIND_OF_TYPE,
    Entity,
    Kind,
    NotificationEvent,
    Origin,
    read_event,
)
from umfpay.protocol import dump_json, parse_json
from umfpay.sensitive import shows_itself_half_made
from umfpay.sql import Tables


_T = TypeVar("_T")

_MICROSECONDS: Final = 1_000_000
_AMOUNTS: Final = ("total", "currency", "total_cny")


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
        The merchant's number that its object belongs to, else the one that it names.
        """
        own = self.known.own

        return (own and own.mer_reference_id) or self.mer_reference_id

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


def event_query(tables: Tables, merchant: str) -> Select[Any]:
    """
    Return the query of events with what is known now, in one statement: one snapshot.
    """
    events = tables.events.c
    own, parent, other = (
        tables.objects.alias(name) for name in ("own", "parent", "other")
    )
    parent_id = func.coalesce(events.payment_id, own.c.payment_id)
    number = func.coalesce(own.c.mer_reference_id, events.mer_reference_id)
    joined: FromClause = tables.events
    joins: list[tuple[Any, ColumnElement[bool]]] = [
        (own, own.c.object_id == events.object_id),
        (parent, (parent.c.object_id == parent_id) & (parent.c.kind == "payment")),
    ]
    columns = _columns(OwnObject, "own", own)

    for kind in ("payment", "refund"):
        order = tables.orders.alias(f"{kind}_order")
        is_it = (order.c.kind == kind) & (order.c.mer_reference_id == number)
        joins.append((order, is_it))
        columns += _columns(Expectation, f"{kind}_order", order)

    for table, condition in joins:
        joined = joined.outerjoin(table, (table.c.merchant == merchant) & condition)

    def of_number(name: str, kind: str, *conditions: Any) -> Label[Any]:
        found = select(other.c.object_id).where(
            other.c.merchant == merchant,
            other.c.kind == kind,
            other.c.mer_reference_id == number,
            *conditions,
        )

        return found.limit(1).scalar_subquery().label(name)

    is_another = other.c.object_id != events.object_id
    is_paid = other.c.state == "TRADE_SUCCESS"

    return (
        select(
            tables.events,
            *columns,
            own.c.states.label("own_states"),
            parent.c.mer_reference_id.label("parent_number"),
            of_number("paid_by", "payment", is_another, is_paid),
            # Nothing is looked for where it decides nothing.
            of_number("refunded_by", "refund", is_another, events.kind == "refund"),
            of_number("any_payment", "payment", events.kind.is_(None)),
        )
        .select_from(joined)
        .where(events.merchant == merchant)
    )


def read_stored(row: Row[Any]) -> StoredEvent:
    """
    Return the event of a row of `event_query`.
    """
    known = KnownFacts(
        states=tuple(row.own_states.split("\n")) if row.own_states else (),
        own=_record(OwnObject, "own", row),
        order=_record(Expectation, "payment_order", row),
        refund=_record(Expectation, "refund_order", row),
        parent=row.parent_number,
        paid_by=row.paid_by,
        refunded_by=row.refunded_by,
        has_payments=row.any_payment is not None,
    )

    return StoredEvent(known=known, **{name: getattr(row, name) for name in _COLUMNS})


def _columns(cls: Any, prefix: str, table: FromClause) -> list[Label[Any]]:
    return [
        table.c[one.name].label(f"{prefix}_{one.name}") for one in attrs.fields(cls)
    ]


def _record(cls: type[_T], prefix: str, row: Row[Any]) -> _T | None:
    """
    Return what `_columns()` have brought, None if there is no such row.
    """
    fields: Any = attrs.fields(cls)  # type: ignore[arg-type]
    members = {one.name: getattr(row, f"{prefix}_{one.name}") for one in fields}

    return None if members["kind"] is None else cls(**members)


def event_of(entity: Entity, own: OwnObject | None = None) -> NotificationEvent:
    """
    Return the event of what a query says, with what is needed to apply it.

    Args:
        entity: With an id and a state.
        own: The object of its id: it completes what queries leave out, the number and the
            payment of a refund (gateway.md 5.6, 5.8).
    """
    kind = KIND_OF_TYPE[type(entity)]
    own = own or OwnObject(kind=kind, object_id=str(entity.id))
    number = own.mer_reference_id
    members: dict[str, Any] = {"id": entity.id, "state": entity.state}

    if isinstance(entity, Payment):
        order = entity.order or Order()
        amount = order.amount or Amount()
        members |= {
            "order": {
                "mer_reference_id": order.mer_reference_id or number,
                "mer_date": order.mer_date,
                "amount": {name: getattr(amount, name) for name in _AMOUNTS},
            },
            "settle_date": entity.settle_date,
            "execute_success_time": entity.execute_success_time,
        }
    else:
        # The answer to a new refund names the order that was paid, and CNY cents
        # (gateway.md, trap 15).
        members |= {
            "order": {"mer_reference_id": number},
            "parent_payment": entity.parent_payment or own.payment_id,
        }

    return stored_event(dump_json({kind: _plain(members)}))


def stored_event(body: bytes) -> NotificationEvent:
    """
    Return the event that `event_of()` made, from its body.
    """
    key = hashlib.sha256(b"query " + body).hexdigest()

    return read_event(parse_json(body), body, key=key, signature="", origin="query")


def _plain(value: Any) -> Any:
    """
    Return *value* as JSON takes it, without what is None or empty.
    """
    if isinstance(value, dict):
        plain = {name: _plain(one) for name, one in value.items()}

        return {name: one for name, one in plain.items() if one not in (None, {})}

    if isinstance(value, date):
        return f"{value:%Y%m%d}"

    return None if value is None else str(value)
