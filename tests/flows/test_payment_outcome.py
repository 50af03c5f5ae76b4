"""
Ends become results: every final state, every refusal, every unclear outcome.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import orders, virtual_clock
from umfpay.errors import (
    APIError,
    CardError,
    GatewayBusyError,
    Intent,
    NotFinishedError,
    OutcomeUnknownError,
    PaymentExpiredError,
    PaymentFailedError,
    PaymentStateError,
    TransportError,
)
from umfpay.flows import begin_card_payment
from umfpay.flows._options import FlowOptions
from umfpay.flows._payment_outcome import (
    paid_or_raise,
    reconcile_refusal,
    resolve_or_raise,
    resolve_payment,
    wait_until_paid,
)
from umfpay.models import Payment, PaymentState
from umfpay.resources import KnownOrder
from umfpay.sensitive import Private


def _payment(state, payment_id="PAY_A"):
    return Payment(id=payment_id, state=state and PaymentState(state))


def _unknown_outcome_error(payment_id, cause=None, at=None):
    error = OutcomeUnknownError(
        "unclear",
        "不明",
        intent=Intent(
            call="payments.execute",
            at=at or virtual_clock.moment(),
            payment_id=payment_id,
        ),
        reason="lost",
        money_may_have_moved=True,
    )
    error.__cause__ = cause

    return error


def _refusal(kind, code="00060762", status=200):
    return kind("no", "否", ret_code=code, http_status=status, verified=True)


def test_a_paid_payment_is_the_result():
    """
    Nothing else is.
    """
    payment = _payment("TRADE_SUCCESS")

    assert payment is paid_or_raise(payment)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("TRADE_FAIL", PaymentFailedError),
        ("TRADE_CANCEL", PaymentFailedError),
        ("TRADE_REVERSE", PaymentFailedError),
        ("TRADE_CLOSED", PaymentExpiredError),
        ("WAIT_BUYER_PAY", PaymentExpiredError),
    ],
)
def test_every_other_end_is_an_error_with_the_payment(state, kind):
    """
    No money moved by it, and the cause is kept.
    """
    payment, cause = _payment(state), ValueError()

    with pytest.raises(kind) as caught:
        paid_or_raise(payment, cause=cause)

    assert payment is caught.value.last
    assert cause is caught.value.__cause__
    assert not caught.value.money_may_have_moved


@pytest.fixture(name="waiting")
async def _waiting(session):
    return await session.payments.create(orders.card_payment())


async def _wait(session, payment, steps, *, seconds=5.0, arrivals=None, **options):
    flow = FlowOptions.of(
        session, deadline=seconds, on_step=steps.hear, arrivals=arrivals
    )

    return await wait_until_paid(flow, payment, ordered=KnownOrder(), **options)


async def test_a_final_state_that_is_not_proven_is_asked_for(session, waiting, steps):
    """
    The answer to a create may claim a success: nobody has paid.
    """
    claimed = _payment("TRADE_SUCCESS", waiting.id)

    with pytest.raises(NotFinishedError) as caught:
        await _wait(session, claimed, steps, seconds=1.5)

    assert "WAIT_BUYER_PAY" == caught.value.last.state
    assert caught.value.money_may_have_moved
    assert ["waiting"] == steps


async def test_a_proven_state_is_not_asked_for_again(session, box, waiting, steps):
    """
    It came from a query or a notification.
    """
    claimed = _payment("TRADE_SUCCESS", waiting.id)

    assert claimed is await _wait(session, claimed, steps, proven=True)
    assert ["final"] == steps
    assert [] == await box.sent(waiting.id)


async def test_a_claim_is_nothing_while_the_gateway_cannot_be_asked(
    session, box, waiting, steps
):
    """
    The error does not repeat the claim.
    """
    await box.fault("drop_before", method="GET", path=waiting.id, times=0)

    with pytest.raises(NotFinishedError) as caught:
        await _wait(session, _payment("TRADE_SUCCESS", waiting.id), steps, seconds=1.5)

    assert (waiting.id, None) == (caught.value.last.id, caught.value.last.state)
    assert caught.value.money_may_have_moved


async def test_waiting_ends_when_somebody_pays(session, box, waiting, shop, steps):
    """
    The error states end it as well, and all are told as final.
    """
    await box.move(waiting.id, "fail")

    with pytest.raises(PaymentFailedError):
        await _wait(session, waiting, steps, arrivals=shop)

    assert ["waiting", "final"] == steps


async def test_a_refusal_that_is_not_about_the_state_stays_what_it_is(
    session, box, waiting
):
    """
    The payment is not asked for.
    """
    refusal = _refusal(CardError, "00060730")

    with pytest.raises(CardError) as caught:
        await reconcile_refusal(
            FlowOptions.of(session, deadline=5), waiting, refusal, ordered=KnownOrder()
        )

    assert refusal is caught.value
    assert [] == await box.sent(waiting.id)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("00060762", PaymentExpiredError),
        ("00060751", PaymentExpiredError),
        # "Order closed": it may have been paid with another payment.
        ("00060763", PaymentStateError),
        ("00060764", PaymentStateError),
    ],
)
async def test_a_refusal_for_the_state_is_explained_by_its_code(
    session, waiting, code, kind
):
    """
    Where the state itself says nothing.
    """
    with pytest.raises(kind):
        await reconcile_refusal(
            FlowOptions.of(session, deadline=5),
            waiting,
            _refusal(PaymentStateError, code),
            ordered=KnownOrder(),
        )


async def test_a_refusal_for_the_state_is_explained_by_the_state(session, box, waiting):
    """
    It failed meanwhile: the refusal is the cause.
    """
    await box.move(waiting.id, "fail")
    refusal = _refusal(PaymentStateError, "00060763")

    with pytest.raises(PaymentFailedError) as caught:
        await reconcile_refusal(
            FlowOptions.of(session, deadline=5), waiting, refusal, ordered=KnownOrder()
        )

    assert refusal is caught.value.__cause__


async def test_a_refusal_that_cannot_be_trusted_is_asked_about_once(
    session, box, waiting
):
    """
    It does not become clearer by asking again.
    """
    unknown = _unknown_outcome_error(waiting.id, _refusal(CardError, "00060730"))

    with pytest.raises(OutcomeUnknownError) as caught:
        await resolve_or_raise(
            FlowOptions.of(session, deadline=5),
            unknown,
        )

    assert unknown is caught.value
    assert 1 == len(await box.sent(waiting.id))


@pytest.mark.parametrize(
    "cause",
    [
        TransportError("cut", "断", request_sent=True),
        _refusal(GatewayBusyError, "00060999"),
        _refusal(APIError, "", 502),
    ],
)
async def test_a_gateway_that_may_be_at_work_is_asked_until_it_knows(
    session, box, waiting, cause
):
    """
    It was paid between two questions.
    """
    await box.fault("drop_before", method="GET", path=waiting.id, times=3)
    await box.move(waiting.id, "pay")
    payment = await resolve_payment(
        FlowOptions.of(session, deadline=10),
        _unknown_outcome_error(waiting.id, cause),
        ordered=KnownOrder(),
    )

    assert PaymentState.TRADE_SUCCESS == payment.state


async def test_asking_ends_at_the_deadline(session, box, waiting, elapsed):
    """
    The next question would come after it; the error is the one that was asked about.
    """
    unknown = _unknown_outcome_error(waiting.id)

    with pytest.raises(OutcomeUnknownError) as caught:
        await resolve_or_raise(
            FlowOptions.of(session, deadline=45),
            unknown,
        )

    assert 31 == elapsed()
    assert unknown is caught.value
    assert 6 == len(await box.sent(waiting.id))


@pytest.mark.parametrize(
    ("verb", "kind"),
    [("fail", PaymentFailedError), ("close", PaymentExpiredError)],
)
async def test_an_execute_that_was_not_carried_out_is_the_end_of_the_payment(
    session, box, waiting, verb, kind
):
    """
    The unclear outcome is the cause.
    """
    await box.move(waiting.id, verb)
    unknown = _unknown_outcome_error(waiting.id)

    with pytest.raises(kind) as caught:
        await resolve_payment(
            FlowOptions.of(session, deadline=5),
            unknown,
            ordered=KnownOrder(),
        )

    assert unknown is caught.value.__cause__


async def test_an_order_that_can_no_longer_be_paid_was_not(session, waiting):
    """
    Its time is over on our clock.
    """
    with pytest.raises(PaymentExpiredError):
        await resolve_payment(
            FlowOptions.of(session, deadline=5),
            _unknown_outcome_error(
                waiting.id, at=virtual_clock.moment() - timedelta(hours=1)
            ),
            ordered=KnownOrder(),
            expires_at=virtual_clock.moment() - timedelta(hours=1),
        )


@pytest.mark.parametrize("code", ["00060762", "00060763"])
async def test_a_refusal_while_another_execute_is_under_way_is_no_end(
    session, box, order, card, code
):
    """
    The payment is waited for: its money may still move.
    """
    await box.settings(execute="pending", settle_after=30)
    pending = await begin_card_payment(session, order, card(), bank_code="CCB")
    payer = pending.payer(session, Private(await box.code(pending)))
    payment = await session.payments.execute(pending.payment_id, payer)
    refusal = _refusal(PaymentStateError, code)
    found = await reconcile_refusal(
        FlowOptions.of(session, deadline=5), payment, refusal, ordered=KnownOrder()
    )

    assert "TRADE_PENDING" == found.state


async def test_a_refusal_is_no_end_while_the_gateway_cannot_be_asked(
    session, box, waiting
):
    """
    It speaks for its own call alone.
    """
    await box.fault("drop_before", method="GET", path=waiting.id, times=0)
    refusal = _refusal(PaymentStateError, "00060762")

    with pytest.raises(PaymentStateError):
        await reconcile_refusal(
            FlowOptions.of(session, deadline=1), waiting, refusal, ordered=KnownOrder()
        )
