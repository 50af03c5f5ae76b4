"""
What every flow takes: a deadline for all its calls, and a listener for its steps.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import re
from collections.abc import Mapping
from functools import partial

import attrs
import pytest

from tests import orders
from umfpay import Private, Secret, flows, models
from umfpay.errors import ConfigError, NotFinishedError, UMFError


FLOWS = {
    name: flow
    for name, flow in vars(flows).items()
    if name in flows.__all__ and inspect.iscoroutinefunction(flow)
}


# What holds data of an order or a customer.
CLASSES = {
    "Mapping": Mapping,
    "PendingCardPayment": flows.PendingCardPayment,
    "Private": Private,
    "Secret": Secret,
    **{name: cls for name, cls in vars(models).items() if attrs.has(cls)},
}


def _classes_named(flow):
    """
    Return the classes with data in the signature of *flow*, by argument.
    """
    named = {}

    for parameter in inspect.signature(flow).parameters.values():
        kind = parameter.annotation
        # What a function of the shop is given is no argument.
        words = [] if kind.startswith("Callable") else re.findall(r"\w+", kind)
        words = words[:1] if "Mapping" in words else words

        if classes := {CLASSES[word] for word in words if word in CLASSES}:
            named[parameter.name] = classes

    return named


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_with_data_of_a_customer_keeps_it_out_of_tracebacks(name):
    """
    `withholds()` decorates it, and names each argument that is an object: else a dict
    that was given in its place would stand in a traceback.
    """
    flow = FLOWS[name]
    needed = _classes_named(flow)
    withheld = getattr(flow, "__withheld__", None)

    if not needed:
        assert withheld is None

        return

    assert withheld is not None, (
        f"decorate {name}() with withholds() of umfpay.sensitive: it takes"
        f" {', '.join(needed)}"
    )

    for argument, classes in needed.items():
        # Text is hidden by the flow itself.
        objects = classes - {Private, Secret}

        assert objects <= {*withheld.get(argument, ())}, (
            f"withholds() of {name}() must name the classes of {argument}"
        )


async def _register(session, on_step=None, **options):
    """
    Run a flow of one call and one step, ``registered``.
    """
    return await flows.register_enterprise(
        session, orders.company(), wait=False, on_step=on_step, **options
    )


async def _refund(session, *, paid, on_step, **options):
    """
    Run a flow whose step ``created`` comes when money may have moved.
    """
    return await flows.refund(
        session,
        paid,
        mer_reference_id="refund-1",
        mer_date=orders.DAY,
        on_step=on_step,
        **options,
    )


@pytest.mark.parametrize(
    "seconds", [0, -1, math.inf, math.nan, 1e12, 10**400, True, "5", None]
)
async def test_a_deadline_is_seconds_above_zero_and_at_most_ten_years(
    session, box, seconds
):
    """
    Anything else is a mistake of the caller's; nothing is sent.
    """
    with pytest.raises(ConfigError, match="deadline"):
        await _register(session, deadline=seconds)

    assert [] == box.requests("")


@pytest.mark.parametrize(("seconds", "ends"), [(60, 10), (5, 5)])
async def test_a_call_gets_the_sessions_deadline_or_what_is_left(
    open_session, box, elapsed, seconds, ends
):
    """
    Whichever is shorter.
    """
    session = await open_session(deadline=10, timeout=30)
    box.fault("delay", path="/enterprise_qualification", seconds=60, times=0)

    with pytest.raises(UMFError):
        await _register(session, deadline=seconds)

    assert ends == elapsed()


async def test_a_question_gets_an_instant_when_nothing_is_left(
    session, box, order, card, elapsed
):
    """
    The listener had its second, and the deadline passed meanwhile: money may have moved.
    """
    begun = await flows.begin_card_payment(session, order, card())

    async def slow(step):
        if step.name == "executed":
            box.fault("delay", method="GET", seconds=5, times=0)
            await asyncio.sleep(0.9)

    with pytest.raises(NotFinishedError) as caught:
        await flows.confirm_card_payment(
            session, begun, await box.code(begun), on_step=slow, deadline=0.5
        )

    assert 0.901 == elapsed()
    assert caught.value.money_may_have_moved


async def test_a_write_that_is_too_late_is_not_sent(session, box, order, card):
    """
    An instant is enough for it to leave.
    """

    async def slow(_step):
        await asyncio.sleep(0.9)

    with pytest.raises(NotFinishedError, match="was not sent") as caught:
        await flows.begin_card_payment(
            session, order, card(), on_step=slow, deadline=0.5
        )

    assert order.mer_reference_id == caught.value.last.mer_reference_id
    assert not caught.value.money_may_have_moved
    assert [] == box.requests("/verify")


async def test_nobody_need_listen(session):
    """
    Nothing happens then.
    """
    assert (await _register(session)).id


async def test_a_plain_function_hears_name_and_object(session, paid):
    """
    In the order of the steps.
    """
    heard = []
    done = await _refund(session, paid=paid, on_step=heard.append)

    assert ["created", "waiting", "final"] == [step.name for step in heard]
    assert flows.Step(name="final", object=done) == heard[-1]


async def test_a_coroutine_is_awaited(session, steps):
    """
    The flow goes on when it has ended.
    """
    await _register(session, steps.hear)

    assert ["registered"] == steps


async def test_what_the_listener_raises_goes_on(session):
    """
    It ends the flow.
    """

    def broken(_step):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await _register(session, broken)


@pytest.mark.parametrize(("step", "moved"), [("created", True), ("registered", False)])
async def test_a_listener_that_hangs_is_left_at_the_deadline(
    session, paid, elapsed, step, moved
):
    """
    What it was told of is in the error, and whether money may have moved.
    """
    run = _register if step == "registered" else partial(_refund, paid=paid)
    before = elapsed()

    async def hang(_step):
        await asyncio.sleep(60)

    with pytest.raises(NotFinishedError, match=step) as caught:
        await run(session, on_step=hang, deadline=1.2)

    assert 1.2 == round(elapsed() - before, 3)
    assert caught.value.last.id
    assert moved is caught.value.money_may_have_moved


async def test_what_came_in_the_last_moment_is_still_heard(session):
    """
    A listener that writes it down has a second for it.
    """
    heard = []

    async def slow(step):
        await asyncio.sleep(0.99)
        heard.append(step.name)

    await _register(session, slow, deadline=0.1)

    assert ["registered"] == heard


async def test_a_timeout_of_the_listeners_own_goes_on(session):
    """
    It is none of the flow's.
    """

    async def late(_step):
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await _register(session, late)


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

    assert [] == box.requests("")
