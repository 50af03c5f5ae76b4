"""
Earlier refunds of a payment, as the gateway's lists and the caller know them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import attrs

from umfpay._session import UMFSession
from umfpay.flows._deadline import Deadline
from umfpay.models import Money, Payment, Refund, RefundSummary


@attrs.frozen(kw_only=True)
class RefundHistory:
    """
    The refunds of one payment.

    Args:
        amounts: By refund id.
        numbers: The refunds by their own numbers, where they are told; the id of one
            may be empty.
        total: What the payment took, None if the gateway does not tell.
    """

    total: Money | None
    amounts: Mapping[str, Decimal]
    numbers: Mapping[str, Refund]

    @property
    def amount_left(self) -> Decimal | None:
        """
        What can still be given back, None if nobody knows.
        """
        if self.total is None:
            return None

        return self.total.total - sum(self.amounts.values(), Decimal(0))


def paid_amount(payment: Payment) -> Money | None:
    """
    Return what a query says the payment took, in its own currency.
    """
    amount = None if payment.order is None else payment.order.amount

    if amount is None or amount.total is None or amount.currency is None:
        return None

    return Money(amount.total, amount.currency)


async def refund_history(
    session: UMFSession,
    payment: Payment,
    *,
    mer_date: date,
    already: Mapping[str, Money],
    deadline: Deadline,
) -> RefundHistory:
    """
    Collect the refunds of *payment* from the transaction lists, and *already*.

    A refund stands in the list of the order's day, but only once it is done: those
    that are under way are known to the caller alone.

    Args:
        payment: As a query tells it.
        mer_date: Of the refund to come; nobody has seen under which day the real
            gateway lists one (gateway.md 9.3), so both are asked.
        already: Amounts of refunds by their ids.
    """
    days = {mer_date}

    if payment.order is not None and payment.order.mer_date is not None:
        days.add(payment.order.mer_date)

    amounts = {one: money.total for one, money in already.items()}
    numbers: dict[str, Refund] = {}

    try:
        # Each page alone would have all the time that is left.
        async with asyncio.timeout_at(deadline.at):
            for day in sorted(days):
                async for row in session.statements.transactions(
                    day, **deadline.options(session)
                ):
                    if isinstance(row, RefundSummary) and row.payment_id == payment.id:
                        _count(row, amounts, numbers)
    except TimeoutError:
        deadline.must_have_time(payment)

        raise

    return RefundHistory(total=paid_amount(payment), amounts=amounts, numbers=numbers)


def _count(
    row: RefundSummary, amounts: dict[str, Decimal], numbers: dict[str, Refund]
) -> None:
    # One without an id is another one each time.
    refund_id = row.refund_id or f"row {len(amounts)}"

    if row.mer_reference_id:
        numbers[row.mer_reference_id] = Refund(
            id=row.refund_id or "", state=row.state, parent_payment=row.payment_id
        )

    if row.state is not None and row.state.failed:
        amounts.pop(refund_id, None)
    elif row.amount is not None and row.amount.total is not None:
        amounts[refund_id] = abs(row.amount.total)
