"""
Expected orders, refunds and declarations: which objects of the gateway are the shop's.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal, get_args

import attrs

from umfpay.errors import ConfigError
from umfpay.models import (
    Currency,
    CustomsDeclaration,
    Money,
    NewOrder,
    NewRefund,
)
from umfpay.notifications._receiver import Kind, NotificationEvent
from umfpay.sensitive import shows_itself_half_made


# Orders and refunds each have numbers of their own.
Expected = Literal["payment", "refund"]
Expectable = NewOrder | NewRefund | CustomsDeclaration | str


def _read_day(day: date | str | None) -> date | None:
    return date.fromisoformat(day) if isinstance(day, str) else day


@shows_itself_half_made
@attrs.frozen(kw_only=True)
class Expectation:
    """
    What the shop knows of an order or refund: the number, *total* in *currency*.

    Attributes:
        mer_date: The merchant's date of it, if it is known.
        payment_id: Of a refund: the payment that is given back.
    """

    kind: Expected
    mer_reference_id: str
    total: Decimal = attrs.field(converter=Decimal)
    currency: str
    mer_date: date | None = attrs.field(default=None, converter=_read_day)
    payment_id: str | None = None


@attrs.frozen(kw_only=True)
class OwnObject:
    """
    An object of the gateway that is the shop's own: the answer to its own call gave the
    id.

    Attributes:
        mer_reference_id: The number of the order or refund, if it is known.
        payment_id: Of a refund or declaration: its payment.
    """

    kind: Kind
    object_id: str
    mer_reference_id: str | None = None
    payment_id: str | None = None


def own_object(event: NotificationEvent, expected: Expectation | None) -> OwnObject:
    """
    Return the object of *event* as the shop's own.

    Args:
        expected: What is expected of the order or refund that it is, if that is known.
    """
    return OwnObject(
        kind=event.kind,
        object_id=event.object_id,
        mer_reference_id=getattr(expected, "mer_reference_id", None),
        payment_id=event.payment_id or getattr(expected, "payment_id", None),
    )


def read_expectation(
    what: Expectable,
    *,
    amount: Money | None,
    kind: Expected,
    payment_id: str | None,
    refund_id: str | None,
) -> tuple[Expectation | None, OwnObject | None]:
    """
    Return what is expected, and which object is the shop's own by it.

    Raises:
        ConfigError: *what* is nothing that can be expected, or its amount is missing.
    """
    for name, one in (("payment_id", payment_id), ("refund_id", refund_id)):
        if one is not None and (not isinstance(one, str) or not one.strip()):
            raise ConfigError.of("expect", f"{name} is not an id", f"{name} 不是编号")

    # Blanks around an id, from a file or a form, are none of its own: nothing would fit.
    payment_id = None if payment_id is None else payment_id.strip()
    refund_id = None if refund_id is None else refund_id.strip()

    if isinstance(what, CustomsDeclaration):
        if what.id is None:
            raise ConfigError.of("expect", "the declaration has no id", "报关没有编号")

        return None, OwnObject(
            kind="customs_declaration",
            object_id=what.id,
            payment_id=payment_id or what.parent_payment,
        )

    number: object = what
    day = None

    if isinstance(what, NewOrder | NewRefund):
        number, amount, day = what.mer_reference_id, what.amount, what.mer_date
        kind = "payment" if isinstance(what, NewOrder) else "refund"

    number = number.strip() if isinstance(number, str) else None

    if not number or not isinstance(amount, Money):
        raise ConfigError.of(
            "expect",
            "an order, a refund, a declaration, or a number and amount= are needed",
            "需要订单、退款、报关，或单号与 amount=",
        )

    if kind not in get_args(Expected):
        raise ConfigError.of(
            "expect", 'kind is "payment" or "refund"', 'kind 应为 "payment" 或 "refund"'
        )

    if refund_id is not None and kind != "refund":
        raise ConfigError.of(
            "expect", "refund_id goes with a refund", "refund_id 仅用于退款"
        )

    parent = payment_id if kind == "refund" else None
    expected = Expectation(
        kind=kind,
        mer_reference_id=number,
        total=amount.total,
        currency=Currency(amount.currency).value,
        mer_date=day,
        payment_id=parent,
    )
    object_id = refund_id if kind == "refund" else payment_id

    if object_id is None:
        return expected, None

    return expected, OwnObject(
        kind=kind, object_id=object_id, mer_reference_id=number, payment_id=parent
    )
