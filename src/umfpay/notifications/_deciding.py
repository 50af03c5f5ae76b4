"""
What becomes of a stored event: pure functions, the same for every store.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

import attrs

from umfpay.models import CustomsDeclaration
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


@attrs.frozen(kw_only=True)
class Expectation:
    """
    What the shop knows of an order or refund: the number, *total* in *currency*.
    """

    mer_reference_id: str
    total: Decimal
    currency: str


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
    before: str | None,
    expected: Expectation | None,
    unexpected: Unexpected,
) -> Decision:
    """
    Decide about *event*.

    Args:
        before: The state that was applied last, None if none was.
        expected: What the shop told of this number.
        unexpected: What to do with numbers that it told nothing of.
    """
    step = move(event.kind, before, event.state)

    if step is Move.SAME:
        return Decision(Status.SAME)

    if step is not Move.FORWARD:
        word = "goes back" if step is Move.BACK else "contradicts"

        return Decision(Status.CONFLICT, f"{event.state} {word} after {before}")

    # The customs tell nothing of the order's money.
    if isinstance(event.object, CustomsDeclaration):
        return Decision(Status.APPLIED)

    if expected is None:
        if unexpected == "apply":
            return Decision(Status.APPLIED)

        # Nothing that the shop tells later could release it.
        if event.mer_reference_id is None:
            return Decision(Status.CONFLICT, f"{event.state} names no order")

        return Decision(Status.HELD)

    trouble = _money_trouble(event, expected)

    if trouble:
        return Decision(Status.WRONG_AMOUNT, trouble)

    return Decision(Status.APPLIED)


def _money_trouble(event: NotificationEvent, expected: Expectation) -> str:
    assert not isinstance(event.object, CustomsDeclaration)
    order = event.object.order
    amount = None if order is None else order.amount

    # Nobody has seen whether every notification tells the amount.
    if amount is None:
        return ""

    if amount.total is not None and amount.total != expected.total:
        return f"the total is {amount.total}, expected was {expected.total}"

    if amount.currency is not None and amount.currency != expected.currency:
        return f"the currency is {amount.currency}, expected was {expected.currency}"

    return ""
