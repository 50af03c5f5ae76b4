"""
Callbacks of the shop: what is cancelled inside of one does not end its caller.
"""

from __future__ import annotations

import asyncio

import pytest

from umfpay._callbacks import call


async def test_what_a_callback_awaits_may_be_cancelled():
    """
    It is an error of the callback, not the end of the task that called it.
    """

    async def callback():
        asyncio.get_running_loop().call_soon(inner.cancel)
        await inner

    inner = asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="cancelled from inside"):
        await call(callback)


async def test_whoever_cancels_the_caller_ends_the_callback():
    """
    As with any other coroutine.
    """
    task = asyncio.ensure_future(call(asyncio.sleep, 60))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
