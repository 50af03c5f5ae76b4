"""
The decision table: whether a verified event is applied, held, asked for or refused.

UMF signs for all its merchants with one key, and any signed answer can be sent to a shop
as if it were a notification. So an event is applied on its own word only if its id is
the shop's own, and everything that it tells is what was ordered; what is absent or in
doubt is asked for, what differs is a conflict, what nobody expected is held.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

import attrs

from umfpay.errors import escape
from umfpay.models import CustomsDeclaration, PaymentState, Refund
from umfpay.notifications._expectations import Binding, Expectation
from umfpay.notifications._receiver import NotificationEvent
from umfpay.notifications._state_machine import Transition, transition


class Status(StrEnum):
    """
    Where a stored event is.
    """

    READY = "ready"
    HELD = "held"
    ASKING = "asking"
    UNCONFIRMED = "unconfirmed"
    CONFLICT = "conflict"
    WRONG_AMOUNT = "wrong_amount"
    APPLIED = "applied"
    SAME = "same"
    DISMISSED = "dismissed"


@attrs.frozen
class Decision:
    """
    What to do with an event, and why if it is not applied.
    """

    status: Status
    reason: str = ""


@attrs.frozen(kw_only=True)
class KnownFacts:
    """
    What the shop knows of the id and the number that an event names.

    Args:
        states: The states of its object that were applied, the last one last.
        binding: Of its id, None if it is not known to be the shop's own.
        order: What is expected of the order: of the one its id is bound to, else of
            the number that the event names.
        refund: The same of the refund.
        parent: The order number of the payment that a refund is of, None if that
            payment is not known to be the shop's own.
        paid_by: Another payment of the same order that was applied as paid.
        payment_ids: The payments that are bound to the number.
        refund_ids: The refunds that are bound to the number.
    """

    states: tuple[str, ...] = ()
    binding: Binding | None = None
    order: Expectation | None = None
    refund: Expectation | None = None
    parent: str | None = None
    paid_by: str | None = None
    payment_ids: tuple[str, ...] = ()
    refund_ids: tuple[str, ...] = ()


_APPLIED_DECISION: Final = Decision(Status.APPLIED)


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
        return _unreadable(number, known)

    if known.binding is not None and known.binding.kind != event.kind:
        return Decision(Status.CONFLICT, "its id is that of another kind")

    if event.kind == "payment":
        return _payment(event, known)

    if event.kind == "refund":
        return _refund(event, known)

    return _declaration(event, known)


def _declaration(event: NotificationEvent, known: KnownFacts) -> Decision:
    assert isinstance(event.object, CustomsDeclaration)

    if known.binding is None:
        return Decision(Status.HELD, "no declaration of this id was made here")

    trouble = _parent_conflict(event.object.parent_payment, known.binding.payment_id)

    if trouble is not None:
        return trouble

    return _decide_by_state(event, known) or _decide_without_query(event)


def _parent_conflict(parent: str | None, own: str | None) -> Decision | None:
    """
    Return the conflict if an event names another payment than its object is of.
    """
    if parent is None or own in (None, parent):
        return None

    return Decision(Status.CONFLICT, f"it is of {escape(parent)}, expected was {own}")


def _unreadable(number: str | None, known: KnownFacts) -> Decision:
    """
    The ids of the number can be asked for.
    """
    if known.payment_ids:
        return Decision(Status.ASKING, "it names no payment; those of its number are")

    if number is None:
        return Decision(Status.HELD, "it names neither payment nor order")

    return Decision(Status.HELD, "it names no payment, and its number is not expected")


def _payment(event: NotificationEvent, known: KnownFacts) -> Decision:
    if known.order is None:
        if event.mer_reference_id is None:
            return Decision(Status.HELD, "it names no order, and its id is not known")

        return Decision(Status.HELD, "its order is not expected")

    trouble = number_conflict(event, known.order) or money_conflict(event, known.order)

    if trouble is not None:
        return trouble

    if known.binding is None:
        return Decision(Status.ASKING, "its id is not known to be ours")

    decision = _decide_by_state(event, known)

    if decision is not None:
        return decision

    if event.origin == "notification" and not is_complete(event):
        return Decision(Status.ASKING, "it does not tell all that was ordered")

    decision = _decide_without_query(event)

    if decision is _APPLIED_DECISION and is_paid_twice(event.state, known):
        return Decision(Status.CONFLICT, f"paid twice: {known.paid_by} was paid before")

    return decision


def _refund(event: NotificationEvent, known: KnownFacts) -> Decision:
    assert isinstance(event.object, Refund)
    expected, parent = known.refund, event.object.parent_payment
    own_parent = None if expected is None else expected.payment_id

    if known.binding is not None:
        own_parent = known.binding.payment_id or own_parent
    elif expected is None and known.order is None and known.parent is None:
        return Decision(Status.HELD, "neither its number nor its payment is known")

    trouble = _parent_conflict(parent, own_parent) or _refund_number_conflict(
        event.mer_reference_id, known
    )

    if trouble is not None:
        return trouble

    # Under the number of its order stands the money of its order (gateway.md, trap 15).
    if expected is not None and event.mer_reference_id in (
        None,
        expected.mer_reference_id,
    ):
        trouble = money_conflict(event, expected)

        if trouble is not None:
            return trouble

    # With the number of the refund the payment counts, not with that of an order,
    # which refunds name, too (gateway.md, trap 15).
    ours = known.binding is not None or (
        expected is not None
        and parent is not None
        and (parent == own_parent or known.parent is not None)
    )

    if not ours:
        return Decision(Status.ASKING, "its id is not known to be ours")

    # A number is used once: money may have been given back twice.
    if known.binding is None and known.refund_ids:
        return Decision(
            Status.CONFLICT, f"its number is that of {', '.join(known.refund_ids)}"
        )

    return _decide_by_state(event, known) or _decide_without_query(event)


def _refund_number_conflict(number: str | None, known: KnownFacts) -> Decision | None:
    """
    Return the conflict if an own refund has the number of neither itself nor its order.
    """
    own = None if known.binding is None else known.binding.mer_reference_id

    # Refunds name the number of the order, too (gateway.md, trap 15).
    if None in (number, own, known.parent) or number in (own, known.parent):
        return None

    return Decision(
        Status.CONFLICT, f"the number is {escape(str(number))}, its id belongs to {own}"
    )


def _decide_by_state(event: NotificationEvent, known: KnownFacts) -> Decision | None:
    # Told again, perhaps late, perhaps in other bytes.
    if event.state in known.states:
        return Decision(Status.SAME)

    last = known.states[-1] if known.states else None
    step = transition(event.kind, last, event.state)

    if step is Transition.FORWARD:
        return None

    word = "goes back" if step is Transition.BACK else "contradicts"

    return Decision(
        Status.CONFLICT, f"{escape(event.state)} {word} after {escape(last or '')}"
    )


def _decide_without_query(event: NotificationEvent) -> Decision:
    # A create answer says TRADE_SUCCESS before anybody paid (gateway.md, trap 19).
    if not event.bare:
        return Decision(Status.ASKING, "it has the form of an answer")

    return _APPLIED_DECISION


def is_complete(event: NotificationEvent) -> bool:
    """
    Tell whether *event* tells number, total and currency.
    """
    amount = None if event.order is None else event.order.amount

    return (
        event.mer_reference_id is not None
        and amount is not None
        and amount.total is not None
        and amount.currency is not None
    )


def is_paid_twice(state: str, known: KnownFacts) -> bool:
    """
    Tell whether *state* says that an order is paid which another payment has paid.
    """
    return state == PaymentState.TRADE_SUCCESS and known.paid_by is not None


def number_conflict(event: NotificationEvent, expected: Expectation) -> Decision | None:
    """
    Return the conflict if *event* names another number, or day of it, than expected.
    """
    number = event.mer_reference_id

    if number not in (None, expected.mer_reference_id):
        return Decision(
            Status.CONFLICT,
            f"the number is {escape(str(number))}, its id belongs to"
            f" {expected.mer_reference_id}",
        )

    day = None if event.order is None else event.order.mer_date

    # Perhaps a number is unique within a day only (gateway.md 12.9).
    if None not in (day, expected.mer_date) and day != expected.mer_date:
        return Decision(
            Status.CONFLICT, f"the mer_date is {day}, expected was {expected.mer_date}"
        )

    return None


def money_conflict(event: NotificationEvent, expected: Expectation) -> Decision | None:
    """
    Return the conflict if *event* names other money than expected.
    """
    amount = None if event.order is None else event.order.amount

    if amount is None:
        return None

    total, currency = amount.total, amount.currency

    # A refund's whole number may be CNY cents (gateway.md, trap 15).
    if event.kind == "refund" and total is not None and _is_whole(total):
        return None

    if total is not None and total != expected.total:
        reason = f"the total is {total}, expected was {expected.total}"
    elif currency is not None and currency != expected.currency:
        reason = f"the currency is {currency}, expected was {expected.currency}"
    else:
        return None

    return Decision(Status.WRONG_AMOUNT, reason)


def _is_whole(total: Decimal) -> bool:
    return "." not in str(total)
