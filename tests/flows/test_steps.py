"""
Steps are told as they happen, to whoever listens.
"""

from __future__ import annotations

import asyncio

import pytest

from tests import orders
from umfpay import flows
from umfpay.errors import ConfigError, NotFinishedError
from umfpay.flows._deadline import Deadline
from umfpay.flows._steps import check_listener, report_step


async def _report(listener, name, what=None, *, seconds=10.0, **options):
    now = asyncio.get_running_loop().time()
    await report_step(listener, name, what, deadline=Deadline(now + seconds), **options)


async def test_nobody_need_listen():
    """
    Nothing happens then.
    """
    assert await _report(None, "created") is None


async def test_a_plain_function_hears_name_and_object():
    """
    In the order of the steps.
    """
    heard = []
    await _report(heard.append, "created", 1)
    await _report(heard.append, "final")

    assert [flows.Step(name="created", object=1), flows.Step(name="final")] == heard


async def test_a_coroutine_is_awaited():
    """
    The flow goes on when it has ended.
    """
    heard = []

    async def hear(step):
        heard.append(step.name)

    await _report(hear, "created")

    assert ["created"] == heard


async def test_what_the_listener_raises_goes_on():
    """
    It ends the flow.
    """

    def broken(_step):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await _report(broken, "created")


@pytest.mark.parametrize("moved", [True, False])
async def test_a_listener_that_hangs_is_left_at_the_deadline(moved, elapsed):
    """
    What it was told of is in the error, and whether money may have moved.
    """

    async def hang(_step):
        await asyncio.sleep(60)

    with pytest.raises(NotFinishedError, match="executed") as caught:
        await _report(hang, "executed", 1, seconds=1.2, money_may_have_moved=moved)

    assert 1.2 == elapsed()
    assert 1 == caught.value.last
    assert moved is caught.value.money_may_have_moved


async def test_what_came_in_the_last_moment_is_still_heard():
    """
    A listener that writes it down has a second for it.
    """
    heard = []

    async def slow(step):
        await asyncio.sleep(0.99)
        heard.append(step.name)

    await _report(slow, "final", seconds=-1)

    assert ["final"] == heard


async def test_a_timeout_of_the_listeners_own_goes_on():
    """
    It is none of the flow's.
    """

    async def late(_step):
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await _report(late, "created")


def test_a_listener_is_a_function_or_nobody():
    """
    A flow finds out before anything is sent.
    """
    check_listener(None)
    check_listener(print)

    with pytest.raises(ConfigError, match="on_step"):
        check_listener([])


@pytest.mark.parametrize(
    "begin",
    [
        lambda session, **more: flows.qr_payment(
            session,
            orders.order(),
            method="ALIPAY_SCAN",
            name="张三",
            citizen_id_number=orders.ID_NUMBER,
            show=print,
            **more,
        ),
        lambda session, **more: flows.bank_payment(
            session,
            orders.order(),
            bank_code="CCB",
            enterprise=None,
            enterprise_id="EQ_A",
            open_page=print,
            **more,
        ),
        lambda session, **more: flows.declare_customs(session, "PAY_A", [1], **more),
        lambda session, **more: flows.register_enterprise(session, None, **more),
        lambda session, **more: flows.wait_enabled(session, "EQ_A", **more),
    ],
    ids=["qr", "bank", "customs", "register", "enabled"],
)
async def test_no_flow_begins_without_a_listener_that_can_listen(session, box, begin):
    """
    Nothing is sent, not even a question.
    """
    with pytest.raises(ConfigError, match="on_step"):
        await begin(session, on_step=[])

    assert [] == await box.sent("")
