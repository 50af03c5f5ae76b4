"""
Callbacks of the shop: what is cancelled inside of one does not end its caller.
"""

from __future__ import annotations

import asyncio

import pytest

from umfpay._callbacks import call, call_until


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


async def test_a_callback_may_be_plain_or_awaited():
    """
    Whatever it returns is the result.
    """

    async def awaited(value):
        return value

    assert 1 == await call_until(None, awaited, 1)
    assert 2 == await call_until(None, abs, -2)


async def test_a_callback_that_is_late_ends_with_the_callers_error():
    """
    Its moment had come before it began; the time-out is the cause.
    """

    async def hang():
        await asyncio.Event().wait()

    with pytest.raises(KeyError) as caught:
        await call_until(0.0, hang, late=lambda: KeyError("late"))

    assert isinstance(caught.value.__cause__, TimeoutError)


async def test_a_time_out_of_the_callbacks_own_is_not_the_callers():
    """
    It comes out as it was raised.
    """

    async def impatient():
        raise TimeoutError("mine")

    at = asyncio.get_running_loop().time() + 60

    with pytest.raises(TimeoutError, match="mine"):
        await call_until(at, impatient, late=KeyError)
