"""
Wait for a final state: by notification or by polling, whichever comes first.
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
    MismatchedResponseError,
    NotFinishedError,
    Text,
    UMFError,
    WrongLoopError,
)
from umfpay.flows._options import FlowOptions, NotificationSource
from umfpay.models import CustomsDeclaration, Payment, Refund


T = TypeVar("T")

_FIRST_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 30.0
# Seconds that a place for notifications may be late.
_GRACE_SECONDS: Final = 0.1
# A stray answer is followed by the right one; a gateway that goes on is not asked for long.
_MAX_MISMATCHES: Final = 3
# Asking again will not mend these.
_PERMANENT_ERRORS: Final = (AuthenticationError, ConfigError, FlowError, WrongLoopError)

_log = logging.getLogger("umfpay")


async def wait_final(
    flow: FlowOptions,
    object_id: str,
    *,
    kind: type[T],
    ask: Callable[[], Awaitable[T]],
    is_final: Callable[[T], bool],
    last: T | None = None,
    longest: float = _MAX_PAUSE_SECONDS,
    money_may_move: bool = True,
    must_fit: Callable[[T], None] | None = None,
) -> T:
    """
    Return the object in its final state.

    The gateway is asked after 1, 2, 4 ... *longest* seconds, each up to a quarter shorter, so
    that many waiting flows do not ask at once. An *ask* that fails is made again. What
    a query says is kept in *flow*'s arrivals, and waited for until the shop's handler has
    committed it.

    Args:
        kind: What a notification of this object holds.
        ask: Queries the object.
        last: The object as it is known now.
        longest: Seconds between two queries in the end.
        money_may_move: Whether what is waited for may move money meanwhile.
        must_fit: Raises `MismatchedResponseError` for an object that is about something
            else than what was ordered. Such an answer counts as none; several in a row
            end the waiting.

    Raises:
        NotFinishedError: The deadline came first, or the gateway cannot be asked, or
            the handler did not commit.
    """

    async def committed(found: T) -> T:
        return await _wait_committed(
            flow, found, is_final, money_may_move=money_may_move
        )

    if last is not None and is_final(last):
        return await committed(last)

    pause = _FIRST_PAUSE_SECONDS
    trouble: UMFError | None = None
    mismatches = 0

    while flow.seconds_left > 0:
        wait = pause * random.uniform(0.75, 1.0)  # noqa: S311 (spreads load only)
        notified = await _pause(object_id, min(wait, flow.seconds_left), flow.arrivals)
        pause = min(pause * 2, longest)

        if isinstance(notified, kind) and _fits(notified, must_fit):
            last = notified

            if is_final(notified):
                return notified

        if flow.seconds_left <= 0:
            break

        try:
            last = await _ask(ask, must_fit)
        except UMFError as error:
            mismatches += isinstance(error, MismatchedResponseError)
            level = logging.WARNING if mismatches else logging.INFO
            _log.log(level, "asking for %s failed: %s", object_id, type(error).__name__)
            trouble = error

            if isinstance(error, _PERMANENT_ERRORS) or mismatches >= _MAX_MISMATCHES:
                break
        else:
            trouble = None
            mismatches = 0

            if is_final(last):
                return await committed(last)

    # Whatever went wrong with a question: what is waited for may still happen.
    raise NotFinishedError(
        f"{object_id}: the waiting ended before the final state.",
        f"{object_id}：未到达最终状态，等待已结束。",
        last=last,
        money_may_have_moved=money_may_move,
    ) from trouble


async def _wait_committed(
    flow: FlowOptions,
    found: T,
    is_final: Callable[[T], bool],
    *,
    money_may_move: bool,
) -> T:
    """
    Return *found* when the shop's handler has committed it.

    Raises:
        NotFinishedError: It was not applied, or not in time.
    """
    arrivals = flow.arrivals
    kinds = Payment | Refund | CustomsDeclaration

    if arrivals is None or not isinstance(found, kinds) or not found.id:
        return found

    trouble: Exception | None = None
    applied: object = None

    while True:
        try:
            async with asyncio.timeout_at(flow.ends_at + _GRACE_SECONDS):
                applied = await arrivals.record(found, deadline=flow.ends_at)

            trouble = None
        except Exception as error:  # noqa: BLE001 (tried again; it ends the flow)
            _log.warning("a state could not be recorded: %s", type(error).__name__)
            trouble = error

        again = (
            isinstance(trouble, UMFError) and flow.seconds_left > _FIRST_PAUSE_SECONDS
        )

        if not again:
            break

        await asyncio.sleep(_FIRST_PAUSE_SECONDS)

    if isinstance(applied, type(found)):
        if getattr(applied, "state", None) == found.state:
            return found

        if is_final(applied):
            return applied

    raise NotFinishedError(
        f"{found.id}: it ended as {found.state}, and the shop's handler has not"
        " committed that.",
        f"{found.id}：状态为 {found.state}，但商户的处理函数尚未提交。",
        last=found,
        money_may_have_moved=money_may_move,
        advice=Text(
            "Look at the lists of the inbox: conflicts(), held(), unconfirmed(),"
            " failed(). A process with a handler applies it later.",
            "请查看收件箱的列表：conflicts()、held()、unconfirmed()、failed()。"
            "带有处理函数的进程稍后会应用。",
        ),
    ) from trouble


async def _ask(
    ask: Callable[[], Awaitable[T]], must_fit: Callable[[T], None] | None
) -> T:
    found = await ask()

    if must_fit is not None:
        must_fit(found)

    return found


def _fits(value: T, must_fit: Callable[[T], None] | None) -> bool:
    if must_fit is None:
        return True

    try:
        must_fit(value)
    except MismatchedResponseError:
        _log.warning("a notification is about something else than what was ordered")

        return False

    return True


async def _pause(
    object_id: str, seconds: float, arrivals: NotificationSource | None
) -> object | None:
    if arrivals is None:
        await asyncio.sleep(seconds)

        return None

    until = asyncio.get_running_loop().time() + seconds

    try:
        async with asyncio.timeout_at(until + _GRACE_SECONDS):
            return await arrivals.wait(object_id, deadline=until)
    except Exception as error:  # noqa: BLE001 (the gateway is asked in its place)
        # A place that is down, or hangs, wakes nobody.
        _log.warning("waiting for a notification failed: %s", type(error).__name__)
        await asyncio.sleep(until - asyncio.get_running_loop().time())

        return None
