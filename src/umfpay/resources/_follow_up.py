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
from umfpay.models import PaymentState
from umfpay.protocol import DATA_LAG_SECONDS, DecidedBy
from umfpay.resources._unknown_outcome import Executed, outcome_of
from umfpay.transport import (
    GOOD_VERDICT,
    Call,
    CallEnd,
    CallState,
    CallVerdict,
    unconfirmed,
)


Ask = Callable[[Call[Any]], Awaitable[Any]]

_log = logging.getLogger("umfpay")


async def look_up(query: Call[Any], state: CallState, ask: Ask) -> CallVerdict:
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
        if not query.may_fail or isinstance(error, MismatchedResponseError):
            return unconfirmed(state, error)

        _log.warning(
            "%s: the answer could not be compared: %s",
            state.call.name,
            type(error).__name__,
        )

    return GOOD_VERDICT


async def query_after_refusal(
    call: Call[Any], call_verdict: CallVerdict, ask: Ask, *, deadline: float
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
