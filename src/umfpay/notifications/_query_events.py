"""
Answers of signed queries stored as events, so that the handler runs for them too.
"""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import Any

from umfpay import _codec
from umfpay.models import Order, Payment
from umfpay.notifications._expectations import Binding
from umfpay.notifications._receiver import KIND_OF_TYPE, Entity, NotificationEvent
from umfpay.protocol import dump_json, parse_json


def event_of(entity: Entity, binding: Binding | None = None) -> NotificationEvent:
    """
    Return the event of what a query says, with what is needed to apply it.

    Args:
        entity: With an id and a state.
        binding: Of its id: it completes what queries leave out, the number and the
            payment of a refund (gateway.md 5.6, 5.8).
    """
    kind = KIND_OF_TYPE[type(entity)]
    assert entity.state is not None
    members: dict[str, Any] = {"id": entity.id, "state": entity.state.value}
    number, payment_id = None, None

    if binding is not None:
        number, payment_id = binding.mer_reference_id, binding.payment_id

    if isinstance(entity, Payment):
        members |= {
            "order": _order(entity.order, number),
            "settle_date": entity.settle_date,
            "execute_success_time": entity.execute_success_time,
        }
    else:
        # The answer to a new refund names the order that was paid, and CNY cents
        # (gateway.md, trap 15).
        members |= {
            "order": {"mer_reference_id": number} if number else None,
            "parent_payment": entity.parent_payment or payment_id,
        }

    return stored_event(dump_json({kind: _plain(members)}))


def stored_event(body: bytes) -> NotificationEvent:
    """
    Return the event that `event_of()` made, from its body.
    """
    members = parse_json(body)
    entity = _codec.read_notification(members)
    assert entity.id is not None
    assert entity.state is not None

    return NotificationEvent(
        kind=KIND_OF_TYPE[type(entity)],
        object=entity,
        object_id=entity.id,
        state=entity.state.value,
        key=hashlib.sha256(b"query " + body).hexdigest(),
        body=body,
        signature="",
        origin="query",
    )


def _order(order: Order | None, number: str | None) -> dict[str, Any]:
    if order is None:
        return {"mer_reference_id": number}

    amount = order.amount
    money = None

    if amount is not None:
        money = {
            "total": amount.total,
            "currency": None if amount.currency is None else amount.currency.value,
            "total_cny": amount.total_cny,
        }

    return {
        "mer_reference_id": order.mer_reference_id or number,
        "mer_date": order.mer_date,
        "amount": money,
    }


def _plain(value: Any) -> Any:
    """
    Return *value* as JSON takes it, without what is None.
    """
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one is not None}

    if isinstance(value, date):
        return f"{value:%Y%m%d}"

    return str(value) if isinstance(value, Decimal) else value
