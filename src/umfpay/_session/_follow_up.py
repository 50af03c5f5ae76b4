"""
The query that follows an answer: for what it leaves out, or what a refusal leaves open.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from umfpay._session._resolving import Executed, outcome_of
from umfpay.errors import APIError, MismatchedResponseError, UMFError
from umfpay.models import Payment
from umfpay.protocol import DecidedBy
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
    call: Call[Any], judgement: Judgement, ask: Callable[[Call[Any]], Awaitable[Any]]
) -> tuple[Judgement, Any]:
    """
    Ask the payment after a refusal that may mean "done already".

    Returns:
        How the call ended, and the payment if it was carried out after all.
    """
    query = call.query_after_refusal

    if query is None or judgement.decided_by is not DecidedBy.QUERY:
        return judgement, None

    try:
        found = await ask(query)
    except UMFError as error:
        _log.info("the query after a refusal failed: %s", type(error).__name__)

        return judgement, None

    assert isinstance(found, Payment)
    refusal = judgement.error
    signed = isinstance(refusal, APIError) and refusal.verified
    outcome = outcome_of(found, refused_once=signed and not judgement.sent_twice)

    if outcome is Executed.YES:
        return _GOOD, found

    if outcome is Executed.NO and signed:
        return Judgement(ending=Ending.FAILED, error=judgement.error), None

    return judgement, None
