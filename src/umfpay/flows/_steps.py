"""
Progress of a flow: the steps that are reported to `on_step`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from umfpay.errors import ConfigError, NotFinishedError
from umfpay.flows._deadline import Deadline


# Seconds that a listener has in any case: what comes in the last moment is heard, too.
_MIN_SECONDS: Final = 1.0


@attrs.frozen(kw_only=True)
class Step:
    """
    One step of a flow.

    Args:
        name: ``created``, ``code_sent``, ``executing``, ``executed``, ``waiting``,
            ``final``, ...
        object: What the gateway gave: a payment, a refund; None if nothing. With
            ``executing`` it is the `PendingCardPayment`.
    """

    name: str
    object: object | None = None


OnStep = Callable[[Step], Awaitable[None] | None]


def check_listener(on_step: OnStep | None) -> None:
    """
    Refuse what cannot be told anything, before a flow sends anything.

    Raises:
        ConfigError: *on_step* is no function.
    """
    if on_step is not None and not callable(on_step):
        raise ConfigError("on_step: a function is needed.", "on_step：必须是函数。")


async def report_step(
    on_step: OnStep | None,
    name: str,
    what: object | None = None,
    *,
    deadline: Deadline,
    money_may_have_moved: bool = False,
) -> None:
    """
    Report a step; what *on_step* raises ends the flow.

    Args:
        deadline: Until when *on_step* may take; it has a second in any case.
        money_may_have_moved: Whether it may have by this step.

    Raises:
        NotFinishedError: *on_step* took longer; *last* is *what*.
    """
    if on_step is None:
        return

    until = max(deadline.at, asyncio.get_running_loop().time() + _MIN_SECONDS)

    try:
        async with asyncio.timeout_at(until) as limit:
            result = on_step(Step(name=name, object=what))

            if inspect.isawaitable(result):
                await result
    except TimeoutError as error:
        # The shop's own time-outs are its own errors.
        if not limit.expired():
            raise

        raise NotFinishedError(
            f"The deadline passed while on_step was told {name!r}.",
            f"在 on_step 处理步骤 {name!r} 期间已到期限。",
            last=what,
            money_may_have_moved=money_may_have_moved,
        ) from error
