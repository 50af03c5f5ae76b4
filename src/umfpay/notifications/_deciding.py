"""
What becomes of a stored event: pure functions, the same for every store.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

import attrs

from umfpay.models import CustomsDeclaration, Refund
from umfpay.notifications._expectations import Expectation
from umfpay.notifications._order_of_states import Move, move
from umfpay.notifications._receiver import NotificationEvent


Unexpected = Literal["hold", "apply"]


class Status(StrEnum):
    """
    Where a stored event is.
    """

    READY = "ready"
    HELD = "held"
    APPLIED = "applied"
    SAME = "same"
    CONFLICT = "conflict"
    WRONG_AMOUNT = "wrong_amount"


@attrs.frozen
class Decision:
    """
    What to do with an event, and why if it is not applied.
    """

    status: Status
    reason: str = ""


def decide(
    event: NotificationEvent,
    *,
    before: Sequence[str],
    expected: Sequence[Expectation],
    unexpected: Unexpected,
) -> Decision:
    """
    Decide about *event*.

    Args:
        before: The states of its object that were applied, the last one last.
        expected: What the shop told of the number that it names, of each kind.
        unexpected: What to do with numbers that it told nothing of.
    """
    # Told again, perhaps late, perhaps in other bytes.
    if event.state in before:
        return Decision(Status.SAME)

    last = before[-1] if before else None
    step = move(event.kind, last, event.state)

    if step is not Move.FORWARD:
        word = "goes back" if step is Move.BACK else "contradicts"

        return Decision(Status.CONFLICT, f"{event.state} {word} after {last}")

    # The customs tell nothing of the order's money.
    if isinstance(event.object, CustomsDeclaration):
        return Decision(Status.APPLIED)

    told = {one.kind: one for one in expected}

    if event.kind in told:
        trouble = _money_trouble(event, told[event.kind])

        return Decision(Status.WRONG_AMOUNT if trouble else Status.APPLIED, trouble)

    # As the reference has it, a refund names the order that was paid (gateway.md, trap 15).
    if unexpected == "apply" or (event.kind == "refund" and told):
        return Decision(Status.APPLIED)

    # Nothing that the shop tells later could release it.
    if event.mer_reference_id is None:
        return Decision(Status.CONFLICT, f"{event.state} names no order")

    return Decision(Status.HELD)


def _money_trouble(event: NotificationEvent, expected: Expectation) -> str:
    assert not isinstance(event.object, CustomsDeclaration)
    order = event.object.order
    amount = None if order is None else order.amount

    # Nobody has seen whether every notification tells the amount.
    if amount is None:
        return ""

    total = amount.total

    # A refund's whole number may be CNY cents (gateway.md, trap 15).
    if isinstance(event.object, Refund) and total is not None and "." not in str(total):
        return ""

    if total is not None and total != expected.total:
        return f"the total is {total}, expected was {expected.total}"

    if amount.currency is not None and amount.currency != expected.currency:
        return f"the currency is {amount.currency}, expected was {expected.currency}"

    return ""
