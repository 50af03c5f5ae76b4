"""
Steps are told as they happen, to whoever listens.
"""

from __future__ import annotations

import pytest

from umfpay.flows import Step
from umfpay.flows._steps import tell


async def test_nobody_need_listen():
    """
    Nothing happens then.
    """
    assert await tell(None, "created") is None


async def test_a_plain_function_hears_name_and_object():
    """
    In the order of the steps.
    """
    heard = []
    await tell(heard.append, "created", 1)
    await tell(heard.append, "final")

    assert [Step(name="created", object=1), Step(name="final")] == heard


async def test_a_coroutine_is_awaited():
    """
    The flow goes on when it has ended.
    """
    heard = []

    async def hear(step):
        heard.append(step.name)

    await tell(hear, "created")

    assert ["created"] == heard


async def test_what_the_listener_raises_goes_on():
    """
    It ends the flow.
    """

    def broken(_step):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await tell(broken, "created")
