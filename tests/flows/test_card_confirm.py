"""
The second half of a card payment: executed at most once, whatever goes wrong.
"""

from __future__ import annotations

import asyncio

import pytest

from tests import tracebacks
from umfpay.errors import (
    CardError,
    ConfigError,
    NotFinishedError,
    OutcomeUnknownError,
    PaymentExpiredError,
    TransportError,
    VerificationCodeError,
)
from umfpay.flows import (
    PendingCardPayment,
    begin_card_payment,
    confirm_card_payment,
)
from umfpay.models import Payment, PaymentState


POOR = "6227000000000730"
FAILS = "6227000000000750"


@pytest.fixture(name="begun")
async def _begun(session, order, card):
    return await begin_card_payment(session, order, card(), bank_code="CCB")


async def test_another_process_confirms_what_was_begun(begun, box, open_session, steps):
    """
    JSON is all that goes over; the sealed data are forgotten once they were used.
    """
    code = await box.code(begun)
    resumed = PendingCardPayment.from_json(begun.to_json())
    payment = await confirm_card_payment(
        await open_session(), resumed, code, on_step=steps.hear
    )

    assert PaymentState.TRADE_SUCCESS == payment.state
    assert ["executing", "executed", "final"] == steps
    assert resumed.forgotten


async def test_a_second_confirmation_returns_the_payment_and_executes_nothing(
    session, begun, box
):
    """
    Neither in this process nor in one that holds an old copy.
    """
    code = await box.code(begun)
    copy = PendingCardPayment.from_json(begun.to_json())
    first = await confirm_card_payment(session, begun, code)
    second = await confirm_card_payment(session, begun, code)
    third = await confirm_card_payment(session, copy, code)

    assert first.id == second.id == third.id
    assert 1 == len(box.requests("/execute"))
    assert copy.forgotten


async def test_two_confirmations_at_once_execute_once(session, begun, box):
    """
    A double click: the second is told that the first is under way, or paid.
    """
    box.fault("delay", method="POST", path="/execute", seconds=0.5)
    code = await box.code(begun)
    ends = await asyncio.gather(
        *(confirm_card_payment(session, begun, code) for _ in range(2)),
        return_exceptions=True,
    )

    assert {OutcomeUnknownError, Payment} == {type(one) for one in ends}
    assert 1 == len(box.requests("/execute"))


async def test_an_execute_that_was_carried_out_unseen_is_found(session, begun, box):
    """
    The connection broke after the money had moved.
    """
    box.fault("drop_after", method="POST", path="/execute")
    payment = await confirm_card_payment(session, begun, await box.code(begun))

    assert PaymentState.TRADE_SUCCESS == payment.state
    assert 1 == len(box.requests("/execute"))


async def test_an_execute_that_got_lost_stays_unknown(session, begun, box, elapsed):
    """
    The payment still waits: the request may be on its way. A customer waits, too: the
    gateway is asked for half a minute, after 0, 1, 3, 7 and 15 seconds.
    """
    box.fault("drop_before", method="POST", path="/execute")
    code = await box.code(begun)

    with pytest.raises(OutcomeUnknownError) as caught:
        await confirm_card_payment(session, begun, code, deadline=45)

    assert 15 == elapsed()
    assert caught.value.money_may_have_moved
    assert isinstance(caught.value.__cause__, TransportError)
    assert not begun.forgotten


async def test_an_execute_that_got_lost_is_settled_when_the_order_has_expired(
    session, begun, box, elapsed
):
    """
    Nobody can pay it any more.
    """
    code = await box.code(begun)
    box.fault("drop_before", method="POST", path="/execute")
    confirming = asyncio.create_task(confirm_card_payment(session, begun, code))
    await asyncio.sleep(0.5)
    box.advance(3600)

    with pytest.raises(PaymentExpiredError) as caught:
        await confirming

    assert 1 == elapsed()
    assert isinstance(caught.value.__cause__, OutcomeUnknownError)
    assert begun.forgotten


async def test_an_execute_that_could_not_be_sent_can_be_tried_again(
    session, begun, box
):
    """
    The token was refused before anything was done.
    """
    code = await box.code(begun)
    session.payments.execute, execute = _refuse, session.payments.execute

    with pytest.raises(TransportError):
        await confirm_card_payment(session, begun, code)

    session.payments.execute = execute
    payment = await confirm_card_payment(session, begun, code)

    assert PaymentState.TRADE_SUCCESS == payment.state


async def _refuse(*_args, **_options):

    raise TransportError("no network", "无网络", request_sent=False)


@pytest.mark.parametrize("refusals", ["signed", "unsigned"])
async def test_an_order_that_expired_is_said_to_have_expired(
    session, begun, box, refusals
):
    """
    At the latest by its state, which is asked for.
    """
    box.settings(refusals=refusals)
    code = await box.code(begun)
    box.advance(31 * 60)

    with pytest.raises(PaymentExpiredError) as caught:
        await confirm_card_payment(session, begun, code)

    assert "TRADE_CLOSED" == caught.value.last.state
    assert begun.forgotten


async def test_a_card_without_balance_is_refused_and_forgotten(
    session, box, order, card
):
    """
    The same card will not do again.
    """
    box.settings(refusals="signed")
    begun = await begin_card_payment(session, order, card(POOR), bank_code="CCB")

    with pytest.raises(CardError):
        await confirm_card_payment(session, begun, await box.code(begun))

    assert begun.forgotten
    assert begun.execute_sent_at is None


async def test_a_deadline_in_the_middle_says_that_money_may_move(
    session, begun, box, elapsed
):
    """
    The payment is under way.
    """
    box.settings(execute="pending", settle_after=60)

    with pytest.raises(NotFinishedError) as caught:
        await confirm_card_payment(session, begun, await box.code(begun), deadline=45)

    assert 45 == elapsed()
    assert "TRADE_PENDING" == caught.value.last.state
    assert caught.value.money_may_have_moved
    assert begun.forgotten


@pytest.mark.parametrize("pending", [None, "{}"])
async def test_only_a_pending_payment_is_confirmed(session, pending):
    """
    Its JSON is not yet one.
    """
    with pytest.raises(ConfigError, match="PendingCardPayment"):
        await confirm_card_payment(session, pending, "123456")


async def test_a_listener_that_is_none_is_refused_before_the_execute(
    session, begun, box
):
    """
    The card is kept: nothing was sent.
    """
    with pytest.raises(ConfigError, match="on_step"):
        await confirm_card_payment(session, begun, "123456", on_step=[])

    assert [] == box.requests("/execute")
    assert not begun.forgotten


@pytest.mark.parametrize("code", ["", "  "])
async def test_an_empty_code_is_not_sent(session, begun, box, code):
    """
    The customer pressed the button too early.
    """
    with pytest.raises(ConfigError):
        await confirm_card_payment(session, begun, code)

    assert [] == box.requests("/execute")


async def test_a_gateway_that_is_busy_leaves_the_outcome_open(session, begun, box):
    """
    Its answer is asked about until the payment tells.
    """
    box.fault("error_after", method="POST", path="/execute", status=503)
    payment = await confirm_card_payment(session, begun, await box.code(begun))

    assert PaymentState.TRADE_SUCCESS == payment.state


async def test_a_cancelled_confirmation_leaves_its_mark(session, begun, box):
    """
    Another confirmation does not execute: it asks.
    """
    box.fault("delay", method="POST", path="/execute", seconds=5)
    task = asyncio.create_task(
        confirm_card_payment(session, begun, await box.code(begun))
    )

    while not box.requests("/execute"):
        await asyncio.sleep(0.01)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    assert begun.execute_sent_at is not None


async def test_a_traceback_shows_neither_code_nor_card(session, begun, box):
    """
    Not even one that shows the locals of every frame.
    """
    box.settings(refusals="signed")

    with pytest.raises(VerificationCodeError) as caught:
        await confirm_card_payment(session, begun, "secret-code")

    shown = tracebacks.everything(caught.value)

    assert "secret-code" not in shown
    assert "6227000000000005" not in shown


async def test_a_listener_that_hangs_after_the_execute_loses_nothing(
    session, begun, box, elapsed
):
    """
    At the deadline the error holds the payment, and the card is forgotten.
    """

    async def hang(step):
        if step.name == "executed":
            await asyncio.sleep(60)

    code = await box.code(begun)

    with pytest.raises(NotFinishedError) as caught:
        await confirm_card_payment(session, begun, code, on_step=hang, deadline=2)

    assert 2 == elapsed()
    assert begun.payment_id == caught.value.last.id
    assert caught.value.money_may_have_moved
    assert begun.forgotten


async def test_a_listener_that_hangs_at_the_end_loses_nothing(
    session, begun, box, elapsed
):
    """
    The error holds the paid payment.
    """

    async def hang(step):
        if step.name == "final":
            await asyncio.sleep(60)

    code = await box.code(begun)

    with pytest.raises(NotFinishedError) as caught:
        await confirm_card_payment(session, begun, code, on_step=hang, deadline=2)

    assert 2 == elapsed()
    assert "TRADE_SUCCESS" == caught.value.last.state
    assert caught.value.money_may_have_moved


async def test_what_is_stored_before_the_execute_knows_of_it_after_a_crash(
    session, begun, box, open_session
):
    """
    The step comes before the request; whoever reads the text later sends nothing.
    """
    stored = []

    async def store(step):
        if step.name == "executing":
            stored.append((step.object.to_json(), box.requests("/execute")))

    box.fault("drop_before", method="POST", path="/execute")
    code = await box.code(begun)

    with pytest.raises(OutcomeUnknownError):
        await confirm_card_payment(session, begun, code, on_step=store, deadline=2)

    ((text, code_sent_before_error),) = stored
    resumed = PendingCardPayment.from_json(text)

    with pytest.raises(OutcomeUnknownError):
        await confirm_card_payment(await open_session(), resumed, code)

    assert [] == code_sent_before_error
    assert begun.execute_sent_at == resumed.execute_sent_at
    assert 1 == len(box.requests("/execute"))


async def test_of_two_copies_a_store_that_compares_and_sets_lets_one_execute(
    session, begun, box
):
    """
    Both have asked, both have the code; the second one raises before it sends.
    """
    text = begun.to_json()
    stored = {"text": text}

    class TakenError(Exception):
        pass

    async def store(step):
        if step.name == "executing":
            await asyncio.sleep(0.05)

            if stored["text"] != text:
                raise TakenError

            stored["text"] = step.object.to_json()

    code = await box.code(begun)
    ends = await asyncio.gather(
        *(
            confirm_card_payment(
                session, PendingCardPayment.from_json(text), code, on_step=store
            )
            for _ in range(2)
        ),
        return_exceptions=True,
    )

    assert {TakenError, Payment} == {type(one) for one in ends}
    assert 1 == len(box.requests("/execute"))


@pytest.mark.parametrize("end", ["raises", "hangs", "cancelled", "blocks"])
async def test_a_listener_that_ends_the_flow_before_the_execute_leaves_no_mark(
    session, begun, box, end
):
    """
    Nothing was sent, and it can be confirmed.
    """
    reached = asyncio.Event()

    async def hear(step):
        if step.name == "executing":
            reached.set()

            if end == "raises":
                raise ZeroDivisionError

            if end == "blocks":
                asyncio.get_running_loop().block(1.6)  # past the deadline
            else:
                await asyncio.sleep(60)

    code = await box.code(begun)
    task = asyncio.create_task(
        confirm_card_payment(session, begun, code, on_step=hear, deadline=1.5)
    )
    await reached.wait()

    if end == "cancelled":
        task.cancel()

    (error,) = await asyncio.gather(task, return_exceptions=True)
    sent = box.requests("/execute")

    if end in ("hangs", "blocks"):
        assert isinstance(error, NotFinishedError)
        assert not error.money_may_have_moved

    assert isinstance(error, BaseException)
    assert [] == sent
    assert begun.execute_sent_at is None
    assert not begun.forgotten


@pytest.mark.parametrize("code", [837465, b"837465", ["837465"]])
async def test_a_code_that_is_no_text_is_in_no_traceback(session, begun, code):
    """
    It is a code all the same.
    """
    with pytest.raises(ConfigError, match="code") as caught:
        await confirm_card_payment(session, begun, code)

    assert "837465" not in tracebacks.everything(caught.value)
