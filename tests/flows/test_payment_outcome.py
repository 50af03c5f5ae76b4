"""
Ends become results: every final state, every refusal, every unclear outcome.
"""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from tests import virtual_clock
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
from umfpay.flows import begin_card_payment, checkout, confirm_card_payment
from umfpay.models import Payment, PaymentState


@pytest.fixture(name="begun")
async def _begun(session, order, card):
    return await begin_card_payment(session, order, card(), bank_code="CCB")


@pytest.fixture(name="confirm")
def _confirm(session, box, begun, monkeypatch):
    """
    Confirm a payment whose execute ends with *error*, after *meanwhile* has happened.
    """

    async def confirm(error=None, meanwhile=None, **options):
        async def execute(payment_id, payer, **more):
            if meanwhile is not None:
                await meanwhile(payment_id, payer)

            raise error

        if error is not None:
            monkeypatch.setattr(session.payments, "execute", execute)

        code = await box.code(begun)

        return await confirm_card_payment(session, begun, code, **options)

    return confirm


@pytest.fixture(name="asked")
def _asked(box, begun):
    """
    Return how often the payment was asked for.
    """

    async def asked():
        sent = box.requests(begun.payment_id)

        return len([one for one in sent if one["method"] == "GET"])

    return asked


def _unknown_outcome_error(begun, cause=None, at=None):
    error = OutcomeUnknownError(
        "unclear",
        "不明",
        intent=Intent(
            call="payments.execute",
            at=at or virtual_clock.moment(),
            payment_id=begun.payment_id,
        ),
        reason="lost",
        money_may_have_moved=True,
    )
    error.__cause__ = cause

    return error


def _refusal(kind, code="00060762", status=200):
    return kind("no", "否", ret_code=code, http_status=status, verified=True)


def _says(payment_id, state):
    """
    Return a gateway that says *state* whenever it is asked.
    """
    payment = Payment(id=payment_id, state=PaymentState(state))

    async def get(_payment_id, **_options):
        return payment

    return get, payment


async def test_a_paid_payment_is_the_result(session, begun, confirm):
    """
    Nothing else is.
    """
    session.payments.get, payment = _says(begun.payment_id, "TRADE_SUCCESS")

    assert payment is await confirm()


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("TRADE_FAIL", PaymentFailedError),
        ("TRADE_CANCEL", PaymentFailedError),
        ("TRADE_REVERSE", PaymentFailedError),
        ("TRADE_CLOSED", PaymentExpiredError),
    ],
)
async def test_every_other_end_is_an_error_with_the_payment(
    session, begun, confirm, state, kind
):
    """
    No money moved by it.
    """
    session.payments.get, payment = _says(begun.payment_id, state)

    with pytest.raises(kind) as caught:
        await confirm()

    assert payment is caught.value.last
    assert not caught.value.money_may_have_moved


@pytest.fixture(name="claimed")
def _claimed(session, order, steps, monkeypatch):
    """
    Wait on the cashier page for a payment that the answer to its create calls paid.
    """
    create = session.payments.create

    async def claim(new, **options):
        return attrs.evolve(
            await create(new, **options), state=PaymentState.TRADE_SUCCESS
        )

    async def claimed(**options):
        monkeypatch.setattr(session.payments, "create", claim)

        return await checkout(
            session,
            order,
            ret_url="http://127.0.0.1:9/back",
            on_step=steps.hear,
            **{"open_page": lambda url: None, **options},
        )

    return claimed


async def test_a_final_state_that_is_not_proven_is_asked_for(claimed, steps):
    """
    The answer to a create may claim a success: nobody has paid.
    """
    with pytest.raises(NotFinishedError) as caught:
        await claimed(deadline=1.5)

    assert "WAIT_BUYER_PAY" == caught.value.last.state
    assert caught.value.money_may_have_moved
    assert ["created", "opened", "waiting"] == steps


async def test_a_proven_state_is_not_asked_for_again(box, begun, confirm, asked, steps):
    """
    It came from a query or a notification.
    """
    box.pay(begun.payment_id)
    payment = await confirm(on_step=steps.hear)

    assert "TRADE_SUCCESS" == payment.state
    assert ["final"] == steps
    assert 1 == await asked()


async def test_a_claim_is_nothing_while_the_gateway_cannot_be_asked(box, claimed):
    """
    The error does not repeat the claim.
    """
    box.fault("drop_before", method="GET", times=0)

    with pytest.raises(NotFinishedError) as caught:
        await claimed(deadline=1.5)

    assert caught.value.last.id
    assert caught.value.last.state is None
    assert caught.value.money_may_have_moved


async def test_waiting_ends_when_somebody_pays(session, box, order, shop, steps):
    """
    The error states end it as well, and all are told as final.
    """

    async def open_page(_url):
        payments = box.payments()
        box.fail(payments[-1]["id"])

    with pytest.raises(PaymentFailedError):
        await checkout(
            session,
            order,
            open_page=open_page,
            ret_url="http://127.0.0.1:9/back",
            notify_url=shop.url,
            arrivals=shop,
            on_step=steps.hear,
        )

    assert ["created", "opened", "waiting", "final"] == steps


async def test_a_refusal_that_is_not_about_the_state_stays_what_it_is(confirm, asked):
    """
    The payment is asked for before the execute, and not again.
    """
    refusal = _refusal(CardError, "00060730")

    with pytest.raises(CardError) as caught:
        await confirm(refusal)

    assert refusal is caught.value
    assert 1 == await asked()


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
async def test_a_refusal_for_the_state_is_explained_by_its_code(confirm, code, kind):
    """
    Where the state itself says nothing.
    """
    with pytest.raises(kind):
        await confirm(_refusal(PaymentStateError, code))


async def test_a_refusal_for_the_state_is_explained_by_the_state(box, confirm):
    """
    It failed meanwhile: the refusal is the cause.
    """
    refusal = _refusal(PaymentStateError, "00060763")

    async def fail(payment_id, _payer):
        box.fail(payment_id)

    with pytest.raises(PaymentFailedError) as caught:
        await confirm(refusal, fail)

    assert refusal is caught.value.__cause__


async def test_a_refusal_that_cannot_be_trusted_is_asked_about_once(
    begun, confirm, asked
):
    """
    It does not become clearer by asking again.
    """
    unknown = _unknown_outcome_error(begun, _refusal(APIError, "00061234"))

    with pytest.raises(OutcomeUnknownError) as caught:
        await confirm(unknown)

    assert unknown is caught.value
    assert 2 == await asked()


@pytest.mark.parametrize(
    "cause",
    [
        TransportError("cut", "断", request_sent=True),
        _refusal(GatewayBusyError, "00060999"),
        _refusal(APIError, "", 502),
    ],
)
async def test_a_gateway_that_may_be_at_work_is_asked_until_it_knows(
    box, begun, confirm, cause
):
    """
    It was paid between two questions.
    """

    async def pay_unseen(payment_id, _payer):
        box.fault("drop_before", method="GET", path=payment_id, times=3)
        box.pay(payment_id)

    payment = await confirm(_unknown_outcome_error(begun, cause), pay_unseen)

    assert PaymentState.TRADE_SUCCESS == payment.state


async def test_asking_ends_while_the_customer_still_waits(
    begun, confirm, asked, elapsed
):
    """
    The next question would come after half a minute; the error is the execute's own.
    """
    unknown = _unknown_outcome_error(begun)

    with pytest.raises(OutcomeUnknownError) as caught:
        await confirm(unknown)

    assert 15 == elapsed()
    assert unknown is caught.value
    assert 1 + 5 == await asked()


@pytest.mark.parametrize(
    ("verb", "kind"),
    [("fail", PaymentFailedError), ("close", PaymentExpiredError)],
)
async def test_an_execute_that_was_not_carried_out_is_the_end_of_the_payment(
    box, begun, confirm, verb, kind
):
    """
    The unclear outcome is the cause.
    """
    unknown = _unknown_outcome_error(begun)

    async def end(payment_id, _payer):
        getattr(box, verb)(payment_id)

    with pytest.raises(kind) as caught:
        await confirm(unknown, end)

    assert unknown is caught.value.__cause__


async def test_an_order_that_can_no_longer_be_paid_was_not(begun, confirm):
    """
    Its time is over on our clock; the unclear outcome is the cause.
    """
    past = virtual_clock.moment() - timedelta(hours=1)
    begun.order_expires_at = past
    unknown = _unknown_outcome_error(begun, at=past)

    with pytest.raises(PaymentExpiredError) as caught:
        await confirm(unknown)

    assert "WAIT_BUYER_PAY" == caught.value.last.state
    assert unknown is caught.value.__cause__
    assert not caught.value.money_may_have_moved


@pytest.mark.parametrize("code", ["00060762", "00060763"])
async def test_a_refusal_while_another_execute_is_under_way_is_no_end(
    session, box, confirm, steps, code
):
    """
    The payment is waited for: its money may still move.
    """
    box.settings(execute="pending", settle_after=30)
    execute = session.payments.execute
    payment = await confirm(
        _refusal(PaymentStateError, code), execute, on_step=steps.hear
    )

    assert "TRADE_SUCCESS" == payment.state
    assert ["executing", "executed", "waiting", "final"] == steps


async def test_a_refusal_is_no_end_while_the_gateway_cannot_be_asked(box, confirm):
    """
    It speaks for its own call alone.
    """

    async def cut(payment_id, _payer):
        box.fault("drop_before", method="GET", path=payment_id, times=0)

    with pytest.raises(PaymentStateError):
        await confirm(_refusal(PaymentStateError, "00060762"), cut)
