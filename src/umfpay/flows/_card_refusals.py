"""
Refusals of an execute: what the payment's state says, and who may try again.

A refusal that nobody signed proves little, and one for a wrong code may mean that a
first copy used the code up: the payment itself decides. Data lag by 5 to 10 seconds
(gateway.md, trap 24), so one answer that it waits is not enough.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

import attrs

from umfpay._session import UMFSession
from umfpay.errors import (
    APIError,
    CardError,
    IdentityError,
    Intent,
    OutcomeUnknownError,
    PaymentStateError,
    RateLimitedError,
    Text,
    VerificationCodeError,
    WrongCodeError,
)
from umfpay.flows._deadline import Deadline
from umfpay.flows._payment_outcome import query_payment
from umfpay.flows._pending import PendingCardPayment
from umfpay.models import Payment, PaymentState
from umfpay.protocol import DATA_LAG_SECONDS
from umfpay.resources import KnownOrder


# "SMS code not found" (gateway.md 8.2).
WRONG_SMS_CODE: Final = "00200005"
QUERY_PAUSE_SECONDS: Final = 5.0
# What a customer meets every day; whatever else nobody signed stays unclear.
_CUSTOMER_ERRORS: Final = (
    CardError,
    IdentityError,
    PaymentStateError,
    RateLimitedError,
    VerificationCodeError,
)


def refusal_of(unknown: OutcomeUnknownError) -> APIError | None:
    """
    Return the refusal that made the end unclear, if the payment's state can explain it.

    It was read whole: an answer that was cut off has no code, and neither has the page
    of whatever stands between. If two copies left, only a wrong code is explained: no
    other code is sent unless the payment waits.
    """
    cause = unknown.__cause__

    if not isinstance(cause, _CUSTOMER_ERRORS) or not cause.ret_code:
        return None

    if "copies" in unknown.intent.details and cause.ret_code != WRONG_SMS_CODE:
        return None

    return cause if cause.http_status < HTTPStatus.INTERNAL_SERVER_ERROR else None


async def query_twice(
    session: UMFSession,
    payment: Payment,
    deadline: Deadline,
    ordered: KnownOrder,
    *,
    refusal: APIError | None = None,
) -> Payment:
    """
    Return the payment: as waiting only if two queries say so, five seconds apart.

    Its state is None if the gateway cannot be asked, or not twice before *deadline*.

    Args:
        refusal: One for the payment's state contradicts that it waits: the second query
            then comes when the first can no longer be behind.
    """
    pause = (
        DATA_LAG_SECONDS
        if isinstance(refusal, PaymentStateError)
        else QUERY_PAUSE_SECONDS
    )
    payment = await query_payment(session, payment, deadline, ordered)

    if payment.state != PaymentState.WAIT_BUYER_PAY:
        return payment

    if deadline.seconds_left <= pause:
        return attrs.evolve(payment, state=None)

    await asyncio.sleep(pause)

    return await query_payment(session, payment, deadline, ordered)


def wrong_code_error(
    pending: PendingCardPayment, refusal: APIError, *, waits: bool
) -> WrongCodeError:
    """
    Return the error for a code that was sent and refused.

    Args:
        waits: Whether the payment still waits, as two queries say.
    """
    return WrongCodeError(
        f"{pending.payment_id}: the SMS code is wrong.",
        f"{pending.payment_id}：短信验证码错误。",
        ret_code=refusal.ret_code,
        ret_msg=refusal.ret_msg,
        http_status=refusal.http_status,
        verified=refusal.verified,
        attempts_left=pending.attempts_left,
        last=pending,
        advice=_advice(pending.attempts_left),
        money_may_have_moved=not waits or pending.is_open,
    )


def code_sent_before_error(pending: PendingCardPayment) -> WrongCodeError:
    """
    Return the error for a code that was sent before: it is not sent again.
    """
    return WrongCodeError(
        f"{pending.payment_id}: this SMS code was used before; it was not sent again.",
        f"{pending.payment_id}：该验证码此前已提交过，未再次提交。",
        ret_code=WRONG_SMS_CODE,
        attempts_left=pending.attempts_left,
        last=pending,
        advice=_advice(pending.attempts_left),
        money_may_have_moved=pending.is_open,
    )


def no_attempt_left_error(pending: PendingCardPayment) -> WrongCodeError:
    """
    Return the error for a code that comes after too many wrong ones: it is not sent.
    """
    return WrongCodeError(
        f"{pending.payment_id}: {len(pending.attempts)} SMS codes were used; this"
        " one was not sent.",
        f"{pending.payment_id}：已提交过 {len(pending.attempts)} 个验证码，"
        "本次未提交。",
        ret_code=WRONG_SMS_CODE,
        attempts_left=0,
        last=pending,
        advice=_advice(0),
        money_may_have_moved=pending.is_open,
    )


def _advice(left: int) -> Text:
    if left == 0:
        return Text(
            "No more codes are taken. Wait until this payment has ended, at the latest"
            " when the order expires; then the customer may pay with a new one.",
            "不再接受验证码。请等待该笔支付结束（最迟至订单过期），"
            "之后客户可重新下单支付。",
        )

    times = "once" if left == 1 else f"{left} times"

    return Text(
        f"The customer may try again, {times}: give confirm_card_payment() another code"
        " with the same pending payment, or call resend_code() first. Begin no other"
        " payment for this order meanwhile.",
        f"客户还可重试 {left} 次：请用同一待确认支付再次调用 confirm_card_payment()，"
        "或先调用 resend_code() 重新获取验证码。在此期间请勿为该订单另行发起支付。",
    )


def earlier_attempt_open_error(pending: PendingCardPayment) -> OutcomeUnknownError:
    """
    Return the error where nothing was sent now, and something was before.
    """
    return _unknown_outcome_error(
        pending,
        Text(
            f"{pending.payment_id}: nothing was sent now; an SMS code was sent earlier,"
            " and whether that paid is not known for certain.",
            f"{pending.payment_id}：本次未提交；此前已提交过验证码，尚不能确定是否已支付。",
        ),
        Text(
            "Give confirm_card_payment() the same pending payment again, or wait for the"
            " notification. Begin no other payment for this order meanwhile.",
            "请用同一待确认支付再次调用 confirm_card_payment()，或等待通知。"
            "在此期间请勿为该订单另行发起支付。",
        ),
    )


def still_unknown_error(pending: PendingCardPayment) -> OutcomeUnknownError:
    """
    Return the error for an earlier execute that nobody knows the outcome of.
    """
    return _unknown_outcome_error(
        pending,
        Text(
            f"{pending.payment_id}: the outcome of an earlier execute is not known.",
            f"{pending.payment_id}：此前一次支付请求的结果尚不明确。",
        ),
        Text(
            "The payment's final state decides: wait for the notification or query it,"
            " and begin no other payment for this order before. If the customer has"
            " another SMS code, allow_repeat=True uses it: an order is paid only once.",
            "以该笔支付的最终状态为准：请等待通知或查询，在此之前请勿为该订单另行发起"
            "支付；若客户有新的验证码，可用 allow_repeat=True 再次提交："
            "同一订单只会支付一次。",
        ),
    )


def _unknown_outcome_error(
    pending: PendingCardPayment, what: Text, advice: Text
) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        *what,
        intent=Intent(
            call="payments.execute",
            at=pending.execute_sent_at or pending.attempts[-1].sent_at,
            payment_id=pending.payment_id,
            mer_reference_id=pending.mer_reference_id,
        ),
        reason="an earlier execute was sent",
        money_may_have_moved=True,
        advice=advice,
    )
