"""
Waiting for a final state: by notification or by asking, whichever comes first.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from umfpay.errors import (
    AuthenticationError,
    ConfigError,
    FlowError,
    NotFinishedError,
    Text,
    UMFError,
    WrongLoopError,
)
from umfpay.flows._arrivals import Arrivals
from umfpay.flows._deadline import Deadline


T = TypeVar("T")

_FIRST: Final = 1.0
_LONGEST: Final = 30.0
# Seconds that a place for notifications may be late.
_GRACE: Final = 0.1
# Asking again will not mend these.
_HOPELESS: Final = (AuthenticationError, ConfigError, FlowError, WrongLoopError)

_log = logging.getLogger("umfpay")


async def wait_final(
    object_id: str,
    *,
    kind: type[T],
    ask: Callable[[], Awaitable[T]],
    is_final: Callable[[T], bool],
    deadline: Deadline,
    arrivals: Arrivals | None,
    last: T | None = None,
    longest: float = _LONGEST,
    money_may_move: bool = True,
) -> T:
    """
    Return the object in its final state.

    The gateway is asked after 1, 2, 4 ... *longest* seconds, each up to a quarter shorter, so
    that many waiting flows do not ask at once. An *ask* that fails is made again.

    Args:
        kind: What a notification of this object holds.
        ask: Queries the object.
        last: The object as it is known now.
        longest: Seconds between two queries in the end.
        money_may_move: Whether what is waited for may move money meanwhile.

    Raises:
        NotFinishedError: The deadline came first, or the gateway cannot be asked.
    """
    if last is not None and is_final(last):
        return last

    pause = _FIRST
    trouble: UMFError | None = None

    while deadline.left > 0:
        wait = pause * random.uniform(0.75, 1.0)  # noqa: S311 (spreads load only)
        told = await _pause(object_id, min(wait, deadline.left), arrivals)
        pause = min(pause * 2, longest)

        if isinstance(told, kind):
            last = told

            if is_final(told):
                return told

        if deadline.left <= 0:
            break

        try:
            last = await ask()
        except UMFError as error:
            _log.info("asking for %s failed: %s", object_id, type(error).__name__)
            trouble = error

            if isinstance(error, _HOPELESS):
                break
        else:
            trouble = None

            if is_final(last):
                return last

    # Whatever went wrong with a question: what is waited for may still happen.
    raise NotFinishedError(
        Text(
            f"{object_id}: the waiting ended before the final state.",
            f"{object_id}：未到达最终状态，等待已结束。",
        ),
        last=last,
        money_may_have_moved=money_may_move,
    ) from trouble


async def _pause(
    object_id: str, seconds: float, arrivals: Arrivals | None
) -> object | None:
    if arrivals is None:
        await asyncio.sleep(seconds)

        return None

    until = asyncio.get_running_loop().time() + seconds

    try:
        async with asyncio.timeout_at(until + _GRACE):
            return await arrivals.wait(object_id, deadline=until)
    except Exception as error:  # noqa: BLE001 (the gateway is asked in its place)
        # A place that is down, or hangs, wakes nobody.
        _log.warning("waiting for a notification failed: %s", type(error).__name__)
        await asyncio.sleep(until - asyncio.get_running_loop().time())

        return None
