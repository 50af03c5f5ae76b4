"""
The decision table: whether a verified event is applied, held, asked for or refused.

UMF signs for all its merchants with one key, and any signed answer can be sent to a shop
as if it were a notification. So an event is applied on its own word only if its id is
the shop's own, and everything that it tells is what was ordered; what is absent or in
doubt is asked for, what differs is a conflict, what nobody expected is held.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import attrs

from umfpay.errors import escape
from umfpay.models import Amount, CustomsState, PaymentState, RefundState
from umfpay.notifications._expectations import Expectation, OwnObject
from umfpay.notifications._receiver import Kind, NotificationEvent


_STATES_OF_KIND: Final[dict[Kind, type[PaymentState | RefundState | CustomsState]]] = {
    "payment": PaymentState,
    "refund": RefundState,
    "customs_declaration": CustomsState,
}
# A final state follows each open one; these are the other steps (gateway.md 7.1-7.3).
_SUCCESSORS: Final = {
    "WAIT_BUYER_PAY": {"TRADE_PENDING", "PRE_AUTHORIZATION_TRANSFER"},
    "TRADE_SUCCESS": {"TRADE_CANCEL", "TRADE_REVERSE"},
    "ACCEPTED": {"SUBMITTED"},
}


class Status(StrEnum):
    """
    Where a stored event is.
    """

    READY = "ready"
    HELD = "held"
    ASKING = "asking"
    UNCONFIRMED = "unconfirmed"
    CONFLICT = "conflict"
    APPLIED = "applied"
    SAME = "same"
    DISMISSED = "dismissed"


@attrs.frozen
class Decision:
    """
    What to do with an event, and why if it is not applied.

    Attributes:
        answers: What the gateway says in its place, as events.
        own: The object that is thereby the shop's own.
    """

    status: Status
    reason: str = ""
    answers: tuple[NotificationEvent, ...] = ()
    own: OwnObject | None = None


@attrs.frozen(kw_only=True)
class KnownFacts:
    """
    What the shop knows of the id and the number that an event names.

    Args:
        states: The states of its object that were applied, the last one last.
        own: The object of its id, None if it is not known to be the shop's own.
        order: What is expected of the order: of the one its object belongs to, else of
            the number that the event names.
        refund: The same of the refund.
        parent: The order number of the payment that a refund is of, None if that
            payment is not known to be the shop's own.
        paid_by: Another payment of the same order that was applied as paid.
        refunded_by: Another refund that has the same number.
        has_payments: Whether a payment of the number is known.
    """

    states: tuple[str, ...] = ()
    own: OwnObject | None = None
    order: Expectation | None = None
    refund: Expectation | None = None
    parent: str | None = None
    paid_by: str | None = None
    refunded_by: str | None = None
    has_payments: bool = False

    def expected(self, kind: Kind) -> Expectation | None:
        """
        Return what is expected of an object of *kind*.
        """
        return {"payment": self.order, "refund": self.refund}.get(kind)


def decide(
    event: NotificationEvent | None, known: KnownFacts, *, number: str | None = None
) -> Decision:
    """
    Decide about *event*: apply it, ask the gateway, hold it, or tell of a conflict.

    Args:
        event: None for signed bytes without an id.
        number: The merchant's number that those bytes name.
    """
    if event is None:
        return _nameless(number, known)

    if known.own is not None and known.own.kind != event.kind:
        return _conflict("its id is that of another kind")

    return (
        _BY_KIND[event.kind](event, known)
        or _by_state(event, known)
        or _by_form(event)
        or _paid_twice(event, known)
        or Decision(Status.APPLIED)
    )


def _conflict(reason: str) -> Decision:
    return Decision(Status.CONFLICT, reason)


def _nameless(number: str | None, known: KnownFacts) -> Decision:
    """
    The ids of the number can be asked for.
    """
    if known.has_payments:
        return Decision(Status.ASKING, "it names no payment; those of its number are")

    if number is None:
        return Decision(Status.HELD, "it names neither payment nor order")

    return Decision(Status.HELD, "it names no payment, and its number is not expected")


def _payment(event: NotificationEvent, known: KnownFacts) -> Decision | None:
    if known.order is None and event.mer_reference_id is None:
        return Decision(Status.HELD, "it names no order, and its id is not known")

    if known.order is None:
        return Decision(Status.HELD, "its order is not expected")

    trouble = order_conflict(event, known.order)

    if trouble is None and known.own is None:
        return Decision(Status.ASKING, "its id is not known to be ours")

    return trouble


def _refund(event: NotificationEvent, known: KnownFacts) -> Decision | None:
    own, expected, number = known.own, known.refund, event.mer_reference_id
    own_parent = None if expected is None else expected.payment_id

    if own is not None:
        own_parent = own.payment_id or own_parent
    elif expected is None and known.order is None and known.parent is None:
        return Decision(Status.HELD, "neither its number nor its payment is known")

    trouble = _parent_conflict(event, own_parent) or _refund_number_conflict(
        number, known
    )

    # Under the number of its order stands the money of its order (gateway.md, trap 15).
    if (
        trouble is None
        and expected is not None
        and number in (None, expected.mer_reference_id)
    ):
        trouble = _money_conflict(event, expected)

    if trouble is not None or own is not None:
        return trouble

    is_of_ours = event.payment_id == own_parent or known.parent is not None

    # With the number of the refund the payment counts, not with that of an order,
    # which refunds name, too (gateway.md, trap 15).
    if expected is None or event.payment_id is None or not is_of_ours:
        return Decision(Status.ASKING, "its id is not known to be ours")

    # A number is used once: money may have been given back twice.
    if known.refunded_by is not None:
        return _conflict(f"its number is that of {known.refunded_by}")

    return None


def _declaration(event: NotificationEvent, known: KnownFacts) -> Decision | None:
    if known.own is None:
        return Decision(Status.HELD, "no declaration of this id was made here")

    return _parent_conflict(event, known.own.payment_id)


_BY_KIND: Final[
    dict[Kind, Callable[[NotificationEvent, KnownFacts], Decision | None]]
] = {"payment": _payment, "refund": _refund, "customs_declaration": _declaration}


def _parent_conflict(event: NotificationEvent, own: str | None) -> Decision | None:
    """
    Return the conflict if *event* names another payment than its object is of.
    """
    if event.payment_id is None or own in (None, event.payment_id):
        return None

    return _conflict(f"it is of {escape(event.payment_id)}, expected was {own}")


def _refund_number_conflict(number: str | None, known: KnownFacts) -> Decision | None:
    """
    Return the conflict if an own refund has the number of neither itself nor its order.
    """
    own = None if known.own is None else known.own.mer_reference_id

    # Refunds name the number of the order, too (gateway.md, trap 15).
    if None in (number, own, known.parent) or number in (own, known.parent):
        return None

    return _conflict(f"the number is {escape(str(number))}, its id belongs to {own}")


def _by_state(event: NotificationEvent, known: KnownFacts) -> Decision | None:
    # Told again, perhaps late, perhaps in other bytes.
    if event.state in known.states:
        return Decision(Status.SAME)

    last = known.states[-1] if known.states else None

    if last is None or follows(event.kind, last, event.state):
        return None

    # Of a word that nobody knows nobody can say whether it is an earlier one.
    is_known = _STATES_OF_KIND[event.kind](event.state).known
    is_back = is_known and follows(event.kind, event.state, last)
    word = "goes back" if is_back else "contradicts"

    return _conflict(f"{escape(event.state)} {word} after {escape(last)}")


def follows(kind: Kind, before: str, after: str) -> bool:
    """
    Tell whether the state *after* may come at any time after the state *before*.
    """
    word = _STATES_OF_KIND[kind]

    return (word(after).final and not word(before).final) or after in _SUCCESSORS.get(
        before, ()
    )


def _by_form(event: NotificationEvent) -> Decision | None:
    # A create answer says TRADE_SUCCESS before anybody paid (gateway.md, trap 19).
    if not event.bare:
        return Decision(Status.ASKING, "it has the form of an answer")

    is_whole = event.kind != "payment" or is_complete(event)

    # A query has told all that it knows.
    if is_whole or event.origin == "query":
        return None

    return Decision(Status.ASKING, "it does not tell all that was ordered")


def _paid_twice(event: NotificationEvent, known: KnownFacts) -> Decision | None:
    if event.state != PaymentState.TRADE_SUCCESS or known.paid_by is None:
        return None

    return _conflict(f"paid twice: {known.paid_by} was paid before")


def is_complete(event: NotificationEvent) -> bool:
    """
    Tell whether *event* tells number, total and currency.
    """
    amount = _amount(event)

    return None not in (event.mer_reference_id, amount.total, amount.currency)


def _amount(event: NotificationEvent) -> Amount:
    return (event.order and event.order.amount) or Amount()


def order_conflict(event: NotificationEvent, expected: Expectation) -> Decision | None:
    """
    Return the conflict if *event* names another number, day or money than expected.
    """
    number, own = event.mer_reference_id, expected.mer_reference_id
    day = None if event.order is None else event.order.mer_date

    if number not in (None, own):
        return _conflict(
            f"the number is {escape(str(number))}, its id belongs to {own}"
        )

    # Perhaps a number is unique within a day only (gateway.md 12.9).
    if None not in (day, expected.mer_date) and day != expected.mer_date:
        return _conflict(f"the mer_date is {day}, expected was {expected.mer_date}")

    return _money_conflict(event, expected)


def _money_conflict(event: NotificationEvent, expected: Expectation) -> Decision | None:
    amount = _amount(event)

    # A refund's whole number may be CNY cents (gateway.md, trap 15).
    if (
        event.kind == "refund"
        and amount.total is not None
        and "." not in str(amount.total)
    ):
        return None

    for name, found, own in (
        ("total", amount.total, expected.total),
        ("currency", amount.currency, expected.currency),
    ):
        if found is not None and found != own:
            return _conflict(f"the {name} is {found}, expected was {own}")

    return None
