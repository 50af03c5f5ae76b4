"""
The query that follows an answer: for what it leaves out, or what a refusal leaves open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from umfpay._session._resolving import Executed, outcome_of
from umfpay.errors import (
    APIError,
    MismatchedResponseError,
    PaymentStateError,
    UMFError,
)
from umfpay.models import Payment, PaymentState
from umfpay.protocol import DATA_LAG_SECONDS, DecidedBy
from umfpay.resources import Call
from umfpay.transport import CallState, Ending, Judgement, unconfirmed


T = TypeVar("T")

_GOOD: Final = Judgement(ending=Ending.GOOD)

_log = logging.getLogger("umfpay")


async def look_up(
    call: Call[T],
    state: CallState,
    result: T,
    ask: Callable[[Call[Any]], Awaitable[Any]],
) -> Judgement:
    """
    Ask once for what a good answer leaves out, and compare it; say how the call ended.

    Args:
        ask: Makes a call within the same deadline.
    """
    query = None if call.lookup is None else call.lookup(result)

    if query is None:
        return _GOOD

    try:
        await ask(query)
    except UMFError as error:
        if query.may_fail and not isinstance(error, MismatchedResponseError):
            _log.warning(
                "%s: the answer could not be compared: %s",
                call.name,
                type(error).__name__,
            )

            return _GOOD

        return unconfirmed(state, error)

    return _GOOD


async def decide(
    call: Call[Any],
    judgement: Judgement,
    ask: Callable[[Call[Any]], Awaitable[Any]],
    *,
    left: Callable[[], float],
) -> tuple[Judgement, Any]:
    """
    Ask the payment after a refusal that may mean "done already".

    A refusal for the payment's state, and a payment that waits, contradict each other:
    one of them is behind, and the payment is asked again when it no longer can be.

    Args:
        ask: Makes a call within the same deadline.
        left: Tells the seconds until the deadline.

    Returns:
        How the call ended, and the payment if it was carried out after all.
    """
    query = call.query_after_refusal

    if query is None or judgement.decided_by is not DecidedBy.QUERY:
        return judgement, None

    try:
        found = await ask(query)

        if _may_be_behind(found, judgement):
            if left() <= DATA_LAG_SECONDS:
                return judgement, None

            await asyncio.sleep(DATA_LAG_SECONDS)
            found = await ask(query)
    except UMFError as error:
        _log.info("the query after a refusal failed: %s", type(error).__name__)

        return judgement, None

    assert isinstance(found, Payment)
    outcome = outcome_of(found, refused_once=_is_proof(judgement))

    if outcome is Executed.YES:
        return _GOOD, found

    if outcome is Executed.NO and _is_signed(judgement):
        return Judgement(ending=Ending.FAILED, error=judgement.error), None

    return judgement, None


def _may_be_behind(payment: Payment, judgement: Judgement) -> bool:
    return (
        payment.state == PaymentState.WAIT_BUYER_PAY
        and isinstance(judgement.error, PaymentStateError)
        and _is_proof(judgement)
    )


def _is_proof(judgement: Judgement) -> bool:
    """
    Tell whether the refusal says that nothing happened, if the payment still waits.
    """
    return _is_signed(judgement) and not judgement.sent_twice


def _is_signed(judgement: Judgement) -> bool:
    return isinstance(judgement.error, APIError) and judgement.error.verified
