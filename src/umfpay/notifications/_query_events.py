"""
Answers of signed queries stored as events, so that the handler runs for them too.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

from umfpay.models import Amount, Order, Payment
from umfpay.notifications._expectations import Binding
from umfpay.notifications._receiver import (
    KIND_OF_TYPE,
    Entity,
    NotificationEvent,
    read_event,
)
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
    bound = binding or Binding(kind=kind, object_id=str(entity.id))
    number = bound.mer_reference_id
    members: dict[str, Any] = {"id": entity.id, "state": entity.state}

    if isinstance(entity, Payment):
        order = entity.order or Order()
        amount = order.amount or Amount()
        members |= {
            "order": {
                "mer_reference_id": order.mer_reference_id or number,
                "mer_date": order.mer_date,
                "amount": {
                    "total": amount.total,
                    "currency": amount.currency,
                    "total_cny": amount.total_cny,
                },
            },
            "settle_date": entity.settle_date,
            "execute_success_time": entity.execute_success_time,
        }
    else:
        # The answer to a new refund names the order that was paid, and CNY cents
        # (gateway.md, trap 15).
        members |= {
            "order": {"mer_reference_id": number},
            "parent_payment": entity.parent_payment or bound.payment_id,
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
