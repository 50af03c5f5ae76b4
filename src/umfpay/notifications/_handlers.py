"""
Checks of event handlers when they are registered.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

from umfpay.errors import ConfigError


def check_callback(name: str, callback: Any, *, arguments: int) -> None:
    """
    Refuse what cannot be awaited with so many positional arguments.

    Args:
        name: What the message calls it.

    Raises:
        ConfigError: It is no coroutine function, or takes other arguments.
    """
    if not _is_async(callback):
        raise ConfigError(
            f"{name}: a coroutine function (async def) is needed.",
            f"{name}：必须是协程函数（async def）。",
        )

    try:
        signature = inspect.signature(callback)
    except (TypeError, ValueError):
        # Some that are written in C tell none.
        return

    try:
        signature.bind(*(None,) * arguments)
    except TypeError:
        raise ConfigError(
            f"{name}: it must take {arguments} positional arguments, its signature"
            f" is {signature}.",
            f"{name}：必须接受 {arguments} 个位置参数，当前签名为 {signature}。",
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
