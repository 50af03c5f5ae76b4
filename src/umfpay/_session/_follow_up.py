"""
Follow-up queries: what an answer leaves out, or what a refusal leaves open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from umfpay.errors import (
    APIError,
    MismatchedResponseError,
    PaymentStateError,
    UMFError,
)
from umfpay.models import Payment, PaymentState
from umfpay.protocol import DATA_LAG_SECONDS, DecidedBy
from umfpay.resources import Executed, outcome_of
from umfpay.transport import (
    GOOD_VERDICT,
    Call,
    CallEnd,
    CallState,
    CallVerdict,
    unconfirmed,
)


_log = logging.getLogger("umfpay")


async def look_up(
    query: Call[Any], state: CallState, ask: Callable[[Call[Any]], Awaitable[Any]]
) -> CallVerdict:
    """
    Ask once for what a good answer leaves out, and compare it; say how the call ended.

    Args:
        query: What names it.
        state: Of the call that is answered.
        ask: Makes a call within the same deadline.
    """
    try:
        await ask(query)
    except UMFError as error:
        if query.may_fail and not isinstance(error, MismatchedResponseError):
            _log.warning(
                "%s: the answer could not be compared: %s",
                state.call.name,
                type(error).__name__,
            )

            return GOOD_VERDICT

        return unconfirmed(state, error)

    return GOOD_VERDICT


async def query_after_refusal(
    call: Call[Any],
    call_verdict: CallVerdict,
    ask: Callable[[Call[Any]], Awaitable[Any]],
    *,
    left: Callable[[], float],
) -> tuple[CallVerdict, Any]:
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

    if query is None or call_verdict.decided_by is not DecidedBy.QUERY:
        return call_verdict, None

    try:
        found = await ask(query)

        if _may_be_behind(found, call_verdict):
            if left() <= DATA_LAG_SECONDS:
                return call_verdict, None

            await asyncio.sleep(DATA_LAG_SECONDS)
            found = await ask(query)
    except UMFError as error:
        _log.info("the query after a refusal failed: %s", type(error).__name__)

        return call_verdict, None

    assert isinstance(found, Payment)
    outcome = outcome_of(found, refused_once=_is_proof(call_verdict))

    if outcome is Executed.YES:
        return GOOD_VERDICT, found

    if outcome is Executed.NO and _is_signed(call_verdict):
        return CallVerdict(ending=CallEnd.FAILED, error=call_verdict.error), None

    return call_verdict, None


def _may_be_behind(payment: Payment, call_verdict: CallVerdict) -> bool:
    return (
        payment.state == PaymentState.WAIT_BUYER_PAY
        and isinstance(call_verdict.error, PaymentStateError)
        and _is_proof(call_verdict)
    )


def _is_proof(call_verdict: CallVerdict) -> bool:
    """
    Tell whether the refusal says that nothing happened, if the payment still waits.
    """
    return _is_signed(call_verdict) and not call_verdict.sent_twice


def _is_signed(call_verdict: CallVerdict) -> bool:
    return isinstance(call_verdict.error, APIError) and call_verdict.error.verified
