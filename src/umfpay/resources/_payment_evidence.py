"""
What became of a payment: an execute by the payment's state, a create by its order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

from umfpay.errors import APIError, PaymentStateError, Text, UMFError
from umfpay.models import Order, Payment, PaymentState, PaymentSummary
from umfpay.protocol import DATA_LAG_SECONDS, DecidedBy
from umfpay.resources._resolution import (
    CLOCK_TOLERANCE,
    Executed,
    Question,
    Resolution,
    resolution,
)
from umfpay.transport import GOOD_VERDICT, Call, CallEnd, CallVerdict


_NOBODY_PAID_ADVICE: Final = Text(
    "Nobody has paid: the payment may or may not exist. Create it again with"
    " allow_repeat=True under the same number, or give it up.",
    "没有人付款：该笔支付可能已创建也可能未创建。可用 allow_repeat=True"
    " 以同一单号重新创建，或放弃。",
)
_log = logging.getLogger("umfpay")


def outcome_of(payment: Payment, *, refused_once: bool = False) -> Executed:
    """
    Say whether an execute was carried out, by the state that a query tells.

    Args:
        refused_once: Whether a signed refusal answered the only copy that left.
    """
    state = payment.state

    if state is None:
        return Executed.UNKNOWN

    if state.executed:
        return Executed.YES

    waits = state == PaymentState.WAIT_BUYER_PAY

    return Executed.NO if state.failed or (waits and refused_once) else Executed.UNKNOWN


async def query_after_refusal(
    call: Call[Any],
    call_verdict: CallVerdict,
    ask: Callable[[Call[Any]], Awaitable[Any]],
    *,
    deadline: float,
) -> tuple[CallVerdict, Any]:
    """
    Ask the payment after a refusal that may mean "done already".

    A refusal for the payment's state, and a payment that waits, contradict each other:
    one of them is behind, and the payment is asked again when it no longer can be.

    Args:
        ask: Makes a call within the same deadline.
        deadline: In the running loop's time.

    Returns:
        How the call ended, and the payment if it was carried out after all.
    """
    query = call.query_after_refusal

    if query is None or call_verdict.decided_by is not DecidedBy.QUERY:
        return call_verdict, None

    refusal = call_verdict.error
    is_signed = isinstance(refusal, APIError) and refusal.verified
    # It says that nothing happened, if the payment still waits.
    is_proof = is_signed and not call_verdict.sent_twice

    try:
        found = await ask(query)

        if (
            is_proof
            and isinstance(refusal, PaymentStateError)
            and found.state == PaymentState.WAIT_BUYER_PAY
        ):
            left = deadline - asyncio.get_running_loop().time()

            if left <= DATA_LAG_SECONDS:
                return call_verdict, None

            await asyncio.sleep(DATA_LAG_SECONDS)
            found = await ask(query)
    except UMFError as error:
        _log.info("the query after a refusal failed: %s", type(error).__name__)

        return call_verdict, None

    outcome = outcome_of(found, refused_once=is_proof)

    if outcome is Executed.YES:
        return GOOD_VERDICT, found

    if outcome is Executed.NO and is_signed:
        return CallVerdict(ending=CallEnd.FAILED, error=refusal), None

    return call_verdict, None


async def find_execution(question: Question) -> Resolution:
    """
    Say whether an execute was carried out: by a notification, or by the payment itself.

    Raises:
        UMFError: The payment cannot be asked for.
    """
    payment_id = question.needed("payment_id")
    notified = await question.notified(object_id=payment_id)

    if (
        isinstance(notified, Payment)
        and notified.id == payment_id
        and notified.final
        and question.ordered.fits(notified.order)
    ):
        return _by_state(question, notified, evidence="notification")

    payment, moment = await question.ask(payment_id)
    question.ordered.must_be(payment.order)

    return _by_state(question, payment, evidence="query", gateway=moment)


def _by_state(
    question: Question,
    payment: Payment,
    *,
    evidence: str,
    gateway: datetime | None = None,
) -> Resolution:
    intent = question.intent
    settled = intent.at + timedelta(seconds=DATA_LAG_SECONDS)
    refused = "refused_with" in intent.details
    is_behind = refused and not intent.has_passed(settled, gateway=gateway)
    outcome = outcome_of(payment, refused_once=refused and not is_behind)

    if outcome is not Executed.UNKNOWN:
        return resolution(outcome, evidence, payment)

    if is_behind:
        return resolution(Executed.UNKNOWN, evidence, payment, until=settled)

    until = None

    if payment.state == PaymentState.WAIT_BUYER_PAY and question.expires_at is not None:
        try:
            until = max(question.expires_at, intent.at) + CLOCK_TOLERANCE
        except OverflowError:
            # In the year 9999: that is never.
            until = None

    if until is not None and intent.has_passed(until, gateway=gateway):
        return resolution(Executed.NO, evidence, payment)

    return resolution(Executed.UNKNOWN, evidence, payment, until=until)


async def find_creation(question: Question) -> Resolution:
    """
    Say whether a payment was created: by a notification, or by the day's list.

    Raises:
        UMFError: The list cannot be asked for.
    """
    number = question.needed("mer_reference_id")
    notified = await question.notified(mer_reference_id=number)

    if isinstance(notified, Payment) and await _is_order(notified, question):
        return resolution(Executed.YES, "notification", notified)

    day = question.mer_date

    if day is not None:
        async for row in question.transactions(day):
            if isinstance(row, PaymentSummary) and _is_row_of(row, question):
                return resolution(Executed.YES, "transactions", row)

    return resolution(Executed.UNKNOWN, "transactions", advice=_NOBODY_PAID_ADVICE)


async def _is_order(payment: Payment, question: Question) -> bool:
    """
    Tell whether *payment* was paid, or is being paid, for the order of the intent.

    An older one of the same number that failed says nothing of this one. What the
    notification leaves out is asked for.
    """
    is_paid = outcome_of(payment) is Executed.YES

    if not is_paid or not question.ordered.fits(payment.order):
        return False

    if question.ordered.is_named_by(payment.order):
        return True

    try:
        asked, _ = await question.ask(payment.id)
    except UMFError as error:
        _log.info("asking for %s failed: %s", payment.id, type(error).__name__)

        return False

    return outcome_of(asked) is Executed.YES and question.ordered.fits(asked.order)


def _is_row_of(row: PaymentSummary, question: Question) -> bool:
    named = Order(
        mer_reference_id=row.mer_reference_id,
        mer_date=row.order_date,
        amount=row.amount,
    )

    return row.mer_reference_id is not None and question.ordered.fits(named)
