"""
The steps of a flow, told as they happen.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

import attrs


@attrs.frozen(kw_only=True)
class Step:
    """
    One step of a flow.

    Args:
        name: ``created``, ``code_sent``, ``executed``, ``waiting``, ``final``, ...
        object: What the gateway gave: a payment, a refund; None if nothing.
    """

    name: str
    object: object | None = None


OnStep = Callable[[Step], Awaitable[None] | None]


async def tell(on_step: OnStep | None, name: str, what: object | None = None) -> None:
    """
    Report a step; what *on_step* raises ends the flow.
    """
    if on_step is None:
        return

    told = on_step(Step(name=name, object=what))

    if inspect.isawaitable(told):
        await told
