"""
Callbacks of the shop: checked when they are registered, awaited with care.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from umfpay.errors import ConfigError, UMFError, without_traceback


_T = TypeVar("_T")


def was_cancelled() -> bool:
    """
    Tell whether somebody cancelled the task that runs; a thread runs none.

    If not, what it awaited was cancelled, which is an error like any other.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False

    return task is not None and task.cancelling() > 0


async def call(callback: Callable[..., Awaitable[_T]], *arguments: Any) -> _T:
    """
    Return what *callback* returns. Any: what it takes.

    Raises:
        RuntimeError: Something that it awaited was cancelled, not the running task.
    """
    try:
        return await callback(*arguments)
    except asyncio.CancelledError:
        if was_cancelled():
            raise

        raise RuntimeError("it was cancelled from inside") from None


async def call_until(
    at: float | None,
    callback: Callable[..., Awaitable[_T] | _T],
    *arguments: Any,
    late: Callable[[], Exception] = TimeoutError,
) -> _T:
    """
    Return what *callback* returns, a plain function or one that is awaited. Any: what
    it takes.

    Args:
        at: How long it is awaited, in the running loop's time; None: until its end.
        late: Makes the error for a callback that has not ended by then.

    Raises:
        Exception: What *late* makes. What the callback raises, its own time-outs among
            it, is not changed.
    """
    try:
        async with asyncio.timeout_at(at) as limit:
            result = callback(*arguments)

            if inspect.isawaitable(result):
                return cast("_T", await result)

            return result
    except TimeoutError as error:
        if not limit.expired():
            raise

        raise late() from error


def check_callback(name: str, callback: Any, *, arguments: int) -> None:
    """
    Refuse what cannot be awaited with so many positional arguments.

    Args:
        name: What the message calls it.

    Raises:
        ConfigError: It is no coroutine function, or takes other arguments.
    """
    if not _is_async(callback):
        raise ConfigError.of(
            name,
            "a coroutine function (async def) is needed",
            "必须是协程函数（async def）",
        )

    try:
        signature = inspect.signature(callback)
    except (TypeError, ValueError):
        # Some that are written in C tell none.
        return

    try:
        signature.bind(*(None,) * arguments)
    except TypeError:
        raise ConfigError.of(
            name,
            f"it must take {arguments} positional arguments, its signature is"
            f" {signature}",
            f"必须接受 {arguments} 个位置参数，当前签名为 {signature}",
        ) from None


def _is_async(callback: Any) -> bool:
    while isinstance(callback, functools.partial):
        callback = callback.func

    if inspect.isclass(callback) or not callable(callback):
        return False

    # An object whose class has an async __call__ works like a function.
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(
        type(callback).__call__
    )


@contextmanager
def translate_errors(
    translated: Callable[[BaseException], Exception],
    *,
    passing: tuple[type[Exception], ...] = (UMFError,),
) -> Iterator[None]:
    """
    Raise what *translated* makes of an error of the user's hook (signer, verifier,
    transport), but for those that pass as they are.

    A context manager, or the decorator of a hook that is called. The hook's own error is
    the cause, without the frames, which hold bodies and tokens.
    """
    try:
        yield
    except passing:
        raise
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and was_cancelled():
            raise

        raise translated(error) from without_traceback(error)
