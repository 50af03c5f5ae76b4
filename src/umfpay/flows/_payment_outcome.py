"""
Outcome of a payment: wait until paid, or raise the error that says why not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime
from http import HTTPStatus
from typing import Final, TypeGuard

import attrs

from umfpay._session import Executed, Resolution
from umfpay.errors import (
    APIError,
    GatewayBusyError,
    MismatchedResponseError,
    OutcomeUnknownError,
    PaymentExpiredError,
    PaymentFailedError,
    PaymentStateError,
    UMFError,
    UnknownCodeError,
)
from umfpay.flows._options import FlowOptions
from umfpay.flows._waiting import wait_final
from umfpay.models import Payment, PaymentState
from umfpay.protocol import DATA_LAG_SECONDS, DecidedBy
from umfpay.resources import KnownOrder


# Codes that say the time to pay is over (gateway.md 8.2). "Order closed" is none:
# it may have been paid with another payment.
_EXPIRED_CODES: Final = frozenset({"00060751", "00060762"})
QUERY_PAUSE_SECONDS: Final = 5.0
_MAX_PAUSE_SECONDS: Final = 30.0
_RESOLVE_SECONDS: Final = 30.0

_log = logging.getLogger("umfpay")


def paid_or_raise(payment: Payment, *, cause: BaseException | None = None) -> Payment:
    """
    Return *payment* if it was paid; its state must be final, or its time over.

    Args:
        cause: What is to be the cause of an error.

    Raises:
        PaymentFailedError: It failed, or was cancelled or reversed.
        PaymentExpiredError: Nobody paid in time.
    """
    if payment.state == PaymentState.TRADE_SUCCESS:
        return payment

    if payment.state in (PaymentState.TRADE_CLOSED, PaymentState.WAIT_BUYER_PAY):
        raise _expired_error(payment) from cause

    raise PaymentFailedError(
        f"{payment.id}: the payment ended as {payment.state}.",
        f"{payment.id}：支付结束，状态为 {payment.state}。",
        last=payment,
    ) from cause


def _expired_error(payment: Payment) -> PaymentExpiredError:
    return PaymentExpiredError(
        f"{payment.id}: nobody paid before the order expired.",
        f"{payment.id}：订单过期前未支付。",
        last=payment,
    )


async def wait_until_paid(
    flow: FlowOptions,
    payment: Payment,
    *,
    ordered: KnownOrder,
    proven: bool = False,
) -> Payment:
    """
    Wait for the final state, report ``waiting`` and ``final``, return the paid payment.

    Args:
        payment: As it is known now.
        ordered: What it was made for: the final state of another order proves nothing.
        proven: Whether its state comes from a query or a notification. The answers to
            create and execute prove nothing (gateway.md, traps 18 and 19).

    Raises:
        PaymentFailedError: It ended without the money.
        PaymentExpiredError: Nobody paid in time.
        NotFinishedError: The deadline came first; money may still move.
    """
    if payment.final and not proven:
        payment = await query_payment(flow, payment, ordered)

    if not payment.final:
        await flow.report("waiting", payment, money_may_have_moved=True)

    payment = await wait_final(
        flow,
        payment.id,
        kind=Payment,
        ask=lambda: flow.session.payments.get(payment.id, **flow.call_options()),
        is_final=lambda found: found.final,
        last=payment,
        must_fit=lambda found: ordered.must_be(found.order),
    )
    paid = payment.state == PaymentState.TRADE_SUCCESS
    await flow.report("final", payment, money_may_have_moved=paid)

    return paid_or_raise(payment)


async def query_payment(
    flow: FlowOptions, payment: Payment, ordered: KnownOrder
) -> Payment:
    """
    Return what a query says; without its state if it says nothing of this order now.
    """
    try:
        found = await flow.session.payments.get(payment.id, **flow.call_options())
        ordered.must_be(found.order)
    except UMFError as error:
        _log.info("asking for %s failed: %s", payment.id, type(error).__name__)

        return attrs.evolve(payment, state=None)

    return found


async def query_twice(
    flow: FlowOptions,
    payment: Payment,
    ordered: KnownOrder,
    *,
    refusal: APIError | None = None,
) -> Payment:
    """
    Return the payment: as waiting only if two queries say so, five seconds apart.

    Data lag by 5 to 10 seconds (gateway.md, trap 24), so one answer that it waits is
    not enough. Its state is None if the gateway cannot be asked, or not twice before
    the deadline.

    Args:
        refusal: One for the payment's state contradicts that it waits: the second query
            then comes when the first can no longer be behind.
    """
    pause = (
        DATA_LAG_SECONDS
        if isinstance(refusal, PaymentStateError)
        else QUERY_PAUSE_SECONDS
    )
    payment = await query_payment(flow, payment, ordered)

    if payment.state != PaymentState.WAIT_BUYER_PAY:
        return payment

    if flow.seconds_left <= pause:
        return attrs.evolve(payment, state=None)

    await asyncio.sleep(pause)

    return await query_payment(flow, payment, ordered)


async def reconcile_refusal(
    flow: FlowOptions, payment: Payment, refusal: APIError, *, ordered: KnownOrder
) -> Payment:
    """
    Return the payment if it was, or is being, paid all the same; else raise what
    *refusal* means.

    A refusal for the payment's state is explained by that state: it is asked for.

    Raises:
        PaymentFailedError: The payment had failed.
        PaymentExpiredError: The order had expired.
        APIError: *refusal*; the payment still waits.
    """
    if not isinstance(refusal, PaymentStateError):
        raise refusal

    payment = await query_payment(flow, payment, ordered)

    if payment.final:
        return paid_or_raise(payment, cause=refusal)

    if payment.state == PaymentState.TRADE_PENDING:
        # Another execute is under way.
        return payment

    # If the gateway cannot be asked now, the refusal speaks for its own call alone.
    if (
        payment.state == PaymentState.WAIT_BUYER_PAY
        and refusal.ret_code in _EXPIRED_CODES
    ):
        raise _expired_error(payment) from refusal

    raise refusal


async def resolve_or_raise(
    flow: FlowOptions,
    unknown: OutcomeUnknownError,
    *,
    known_refunds: Collection[str] | None = None,
    expires_at: datetime | None = None,
    once: bool = False,
) -> Resolution:
    """
    Find out what became of a write: executed or not, never still unknown.

    If the gateway gave no answer, it may still be at work: it is asked after 0, 1, 2,
    4 ... 30 seconds until the deadline. So it is after a signed refusal that the day's
    list decides. Any other refusal will not become clearer: it is asked about once.

    Args:
        known_refunds: Ids of all refunds of this payment but the one in question, None
            if nobody can say that these are all.
        expires_at: When the order can no longer be paid, with a zone.
        once: Ask once only.

    Raises:
        OutcomeUnknownError: *unknown*, with its own cause: nobody can say by then.
    """
    pause = 1.0

    while True:
        try:
            # Stored notifications are asked first.
            found = await flow.session.resolve(
                unknown.intent,
                evidence=flow.arrivals,
                known_refunds=known_refunds,
                expires_at=expires_at,
                **flow.call_options(),
            )
        except UMFError as error:
            _log.info("resolve failed: %s", type(error.__cause__ or error).__name__)
        else:
            if found.outcome is not Executed.UNKNOWN:
                return found

        listed = known_refunds is not None and _is_decided_by_the_list(unknown)

        if once or (_is_refused(unknown) and not listed) or flow.seconds_left <= pause:
            raise unknown

        await asyncio.sleep(pause)
        pause = min(pause * 2, _MAX_PAUSE_SECONDS)


def _is_decided_by_the_list(unknown: OutcomeUnknownError) -> bool:
    return unknown.intent.details.get("decided_by") == DecidedBy.TRANSACTIONS


def _is_refused(unknown: OutcomeUnknownError) -> bool:
    """
    Tell whether the gateway said no, in a way that cannot be trusted.
    """
    cause = unknown.__cause__

    return (
        isinstance(cause, APIError)
        and not isinstance(cause, GatewayBusyError | UnknownCodeError)
        and cause.http_status < HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _is_signed(error: BaseException | None) -> TypeGuard[APIError]:
    return isinstance(error, APIError) and error.verified


async def resolve_payment(
    flow: FlowOptions,
    unknown: OutcomeUnknownError,
    *,
    ordered: KnownOrder,
    expires_at: datetime | None = None,
    once: bool = False,
) -> Payment:
    """
    Return the payment of an execute that turns out to have been carried out.

    Its state is proven: TRADE_SUCCESS or TRADE_PENDING. A customer waits for it: the
    gateway is asked for 30 seconds at most.

    Raises:
        PaymentFailedError: It was not, and the payment has failed.
        PaymentExpiredError: It was not, and the order has expired.
        OutcomeUnknownError: *unknown*: nobody can say.
        APIError: It was not, says a signed refusal, and the payment still waits.
    """
    found = await resolve_or_raise(
        flow.within(_RESOLVE_SECONDS), unknown, expires_at=expires_at, once=once
    )
    payment = found.object
    # Evidence of an execute is always the payment itself.
    assert isinstance(payment, Payment)

    try:
        ordered.must_be(payment.order)
    except MismatchedResponseError as mismatch:
        raise unknown from mismatch

    refusal = unknown.__cause__

    if found.outcome is Executed.NO:
        if payment.state == PaymentState.WAIT_BUYER_PAY and _is_signed(refusal):
            raise refusal

        return paid_or_raise(payment, cause=unknown)

    return payment
