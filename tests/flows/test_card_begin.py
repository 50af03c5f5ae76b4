"""
The first half of a card payment, and its SMS codes.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import attrs
import pytest

from umfpay.errors import (
    CodeTooSoonError,
    ConfigError,
    GatewayBusyError,
    OutcomeUnknownError,
    PendingExpiredError,
    TransportError,
    VerificationCodeError,
)
from umfpay.flows import (
    PendingCardPayment,
    begin_card_payment,
    confirm_card_payment,
    resend_code,
)
from umfpay.models import PayerAgreement, PaymentState


@pytest.fixture(name="begun")
async def _begun(session, order, card):
    return await begin_card_payment(session, order, card(), bank_code="CCB")


@pytest.mark.parametrize(
    ("change", "method"),
    [
        ({"number": None}, None),
        ({}, "WECHAT_SCAN"),
    ],
)
async def test_an_unfit_card_is_refused_before_anything_is_sent(
    session, box, order, card, change, method
):
    """
    No payment is created for it.
    """
    with pytest.raises(ConfigError):
        await begin_card_payment(session, order, card(**change), payment_method=method)

    assert [] == box.payments()


@pytest.mark.parametrize("given", ["6227000000000005", None])
async def test_something_that_is_no_card_is_refused(session, order, given):
    """
    Neither is an agreement without a payment method.
    """
    with pytest.raises(ConfigError):
        await begin_card_payment(session, order, given, payment_method="CREDIT_CARD")

    with pytest.raises(ConfigError):
        await begin_card_payment(
            session,
            order,
            PayerAgreement(usr_busi_agreement_id="B", usr_pay_agreement_id="P"),
        )


async def _refuse(*_args, **_options):

    raise TransportError("no network", "无网络", request_sent=False)


async def test_a_second_code_within_a_minute_is_refused_by_us(
    session, begun, box, open_session
):
    """
    Nothing is sent, in another process neither.
    """
    await asyncio.sleep(59)

    for pending in (begun, PendingCardPayment.from_json(begun.to_json())):
        with pytest.raises(CodeTooSoonError, match="wait"):
            await resend_code(await open_session(), pending)

    assert 1 == len(box.requests("/verify"))


async def test_a_second_code_is_sent_after_a_minute(session, begun, box, steps):
    """
    The first one is of no use any more.
    """
    first = await box.code(begun)
    await asyncio.sleep(61)
    await resend_code(session, begun, on_step=steps.hear)
    payment = await confirm_card_payment(session, begun, await box.code(begun))

    assert ["code_sent"] == steps
    assert 2 == len(box.requests("/verify"))
    assert PaymentState.TRADE_SUCCESS == payment.state
    assert first.isdigit()


async def test_a_gateway_that_finds_it_too_soon_is_believed(session, begun):
    """
    Its clock is not ours.
    """
    begun.code_sent_at -= timedelta(seconds=61)

    with pytest.raises(CodeTooSoonError) as caught:
        await resend_code(session, begun)

    assert isinstance(caught.value.__cause__, VerificationCodeError)


async def test_too_many_codes_are_refused_by_the_gateway(session, begun):
    """
    That is another error: waiting does not help.
    """
    for _ in range(4):
        await asyncio.sleep(61)
        await resend_code(session, begun)

    await asyncio.sleep(61)

    with pytest.raises(VerificationCodeError) as caught:
        await resend_code(session, begun)

    assert "00080707" == caught.value.ret_code


async def test_a_code_that_may_have_been_sent_counts(session, begun, box):
    """
    The answer got lost.
    """
    await asyncio.sleep(61)
    box.fault("drop_after", method="POST", path="/verify", times=0)

    with pytest.raises(TransportError):
        await resend_code(session, begun)

    with pytest.raises(CodeTooSoonError):
        await resend_code(session, begun)


async def test_a_pending_that_expired_is_not_executed(session, begun, box):
    """
    It forgets its data; what was paid is still found.
    """
    code = await box.code(begun)
    await asyncio.sleep(15 * 60)

    with pytest.raises(PendingExpiredError, match="expired"):
        await confirm_card_payment(session, begun, code)

    with pytest.raises(PendingExpiredError, match="forgotten"):
        await resend_code(session, begun)

    assert [] == box.requests("/execute")


async def test_a_create_whose_end_is_unclear_is_raised_as_it_is(
    session, box, order, card
):
    """
    Nobody can have paid, and the same order can be begun again.
    """
    box.fault("drop_after", method="POST", path="/payments/payment$")

    with pytest.raises(OutcomeUnknownError) as caught:
        await begin_card_payment(session, order, card(), bank_code="CCB")

    again = await begin_card_payment(session, order, card(), bank_code="CCB")

    assert not caught.value.money_may_have_moved
    assert order.mer_reference_id == again.mer_reference_id


async def test_a_session_of_another_merchant_is_refused(session, begun, open_session):
    """
    So is one of another gateway.
    """
    for change in ({"client_id": "other"}, {"base_url": "http://127.0.0.1:9/x"}):
        with pytest.raises(ConfigError, match="another merchant"):
            await confirm_card_payment(await open_session(**change), begun, "123456")

    begun.merchant = attrs.evolve(begun.merchant, gateway_key="0" * 16)

    with pytest.raises(ConfigError, match="another merchant"):
        await resend_code(session, begun)


async def test_a_code_that_was_never_sent_does_not_count(session, begun):
    """
    There was no network.
    """
    begun.code_sent_at = None
    session.payments.verify = _refuse

    with pytest.raises(TransportError):
        await resend_code(session, begun)

    assert begun.code_sent_at is None


@pytest.mark.parametrize(
    "options",
    [
        {"phone": 15210838198},
        {"keep_for": timedelta(0)},
        {"keep_for": timedelta.max},
        {"keep_for": 900},
        {"deadline": 1e12},
        {"on_step": []},
    ],
)
async def test_a_wrong_argument_is_refused_before_anything_is_sent(
    session, box, order, card, options
):
    """
    It is named, not shown.
    """
    with pytest.raises(ConfigError) as caught:
        await begin_card_payment(session, order, card(), **options)

    assert "1521" not in str(caught.value)
    assert [] == box.payments()


async def test_an_order_that_outlives_the_calendar_is_refused_before_it_is_sent(
    session, box, order, card
):
    """
    Nobody could say when it expires.
    """
    endless = attrs.evolve(order, expire_time=timedelta(days=4_000_000))

    with pytest.raises(ConfigError, match="expire_time"):
        await begin_card_payment(session, endless, card())

    assert [] == box.payments()


@pytest.mark.parametrize("pending", [None, "{}"])
async def test_a_code_is_sent_again_for_a_pending_payment_only(session, pending):
    """
    Its JSON is not yet one.
    """
    with pytest.raises(ConfigError, match="PendingCardPayment"):
        await resend_code(session, pending)


async def test_two_tasks_have_one_code_sent(session, box, begun):
    """
    The second is too soon, although the first has no answer yet.
    """
    await asyncio.sleep(61)
    ends = await asyncio.gather(
        resend_code(session, begun), resend_code(session, begun), return_exceptions=True
    )

    assert [CodeTooSoonError] == [type(one) for one in ends if one is not None]
    assert 2 == len(box.requests("/verify"))


async def test_a_server_that_failed_may_have_sent_the_code(session, box, begun):
    """
    Another one within the minute is refused by us.
    """
    await asyncio.sleep(61)
    box.fault("error_after", method="POST", path="/verify", status=502)

    with pytest.raises(TransportError) as caught:
        await resend_code(session, begun)

    assert caught.value.request_sent
    assert isinstance(caught.value.__cause__, GatewayBusyError)

    with pytest.raises(CodeTooSoonError):
        await resend_code(session, begun)
