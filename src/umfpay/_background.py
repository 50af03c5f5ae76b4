"""
Background work: repeated whatever fails, shielded from cancellation, or in a thread.

What is shielded runs to its end, though whoever waits for it is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

from umfpay.errors import DatabaseError


_T = TypeVar("_T")

# Seconds: nothing waits longer for its next attempt, whatever a clock said once.
MAX_PAUSE_SECONDS: Final = 300.0
_CANCEL_SECONDS: Final = 1.0

_log = logging.getLogger("umfpay")


def pause_after(times: int, *, longest: float = MAX_PAUSE_SECONDS) -> float:
    """
    Return the seconds before the next attempt: 1, 2, 4 ... at most *longest*.

    Args:
        times: How many were made again before, 0 at first.
    """
    # 2 to the power of more is longer anyway, and too much for a float in the end.
    return min(2.0 ** min(times, 30), longest)


async def rest(until: asyncio.Event, at: float) -> None:
    """
    Wait until the event is set, or for that moment in the loop's time.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout_at(at):
            await until.wait()


async def repeat(
    name: str,
    work: Callable[[], Awaitable[object]],
    wake: asyncio.Event | None = None,
    *,
    seconds: float,
    max_pause: float = 1.0,
) -> None:
    """
    Do *work* again and again: when *wake* is set, and after so many seconds.

    Args:
        name: What a log calls it.
        max_pause: Seconds at most before what failed is done again.
    """
    wake = wake or asyncio.Event()
    failures = 0

    while True:
        wake.clear()

        try:
            await work()
            failures = 0
        except DatabaseError as error:
            _log.warning("%s cannot be done now: %s", name, error.what.en)
            failures += 1
        except Exception:  # noqa: BLE001 (logged; nobody else would do it)
            _log.exception("%s failed; it goes on", name)
            failures += 1

        if failures:
            await asyncio.sleep(pause_after(failures - 1, longest=max_pause))
        else:
            await rest(wake, asyncio.get_running_loop().time() + seconds)


async def end(*tasks: asyncio.Task[None]) -> None:
    """
    Cancel *tasks* until they have ended.
    """
    pending = {one for one in tasks if not one.done()}

    # `asyncio.wait_for` before Python 3.12, in a library, may lose a cancellation.
    while pending:
        for task in pending:
            task.cancel()

        _, pending = await asyncio.wait(pending, timeout=_CANCEL_SECONDS)


async def gather_all(works: Iterable[Awaitable[None]]) -> None:
    """
    Wait for all of them, also when one fails.

    Raises:
        BaseException: The first error among theirs.
    """
    for ended in await asyncio.gather(*works, return_exceptions=True):
        if ended is not None:
            raise ended


async def run_to_end(work: Coroutine[Any, Any, _T]) -> _T:
    """
    Return what *work* gives; a cancellation waits for its end, however long that takes.

    So nothing is left half closed, also when Ctrl-C comes just now.
    """
    task = asyncio.ensure_future(work)
    # Whoever is cancelled never asks for it.
    task.add_done_callback(retrieve_error)

    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})

        raise


async def run_in_own_thread(
    name: str, function: Callable[..., _T], *arguments: Any
) -> _T:
    """
    Call *function* in a thread made for it. Any: what it takes.

    The loop's own threads may all be busy with the user's work, and those of a pool
    would be gone after a fork.

    Args:
        name: Of the thread.
    """
    executor = ThreadPoolExecutor(1, name)

    try:
        loop = asyncio.get_running_loop()

        return await loop.run_in_executor(executor, function, *arguments)
    finally:
        executor.shutdown(wait=False)


def retrieve_error(task: asyncio.Task[Any]) -> None:
    """
    Take the error of a task that nobody waits for: the loop would complain.
    """
    if not task.cancelled():
        task.exception()
