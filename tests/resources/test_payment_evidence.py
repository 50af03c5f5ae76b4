"""
The query after a refusal that may mean "done already", in virtual time.
"""

from __future__ import annotations

import asyncio

import pytest

from tests import virtual_clock
from umfpay import errors
from umfpay.models import Payment, PaymentState
from umfpay.protocol import DATA_LAG_SECONDS, DecidedBy
from umfpay.resources import payment_query, query_after_refusal
from umfpay.transport import Call, CallEnd, CallVerdict, Effect


CALL = Call(
    name="payments.execute",
    method="POST",
    path="/payments/payment/{payment_id}/execute",
    effect=Effect.MONEY,
    read=dict,
    query_after_refusal=payment_query("PAY_A"),
)


def refusal(cls, *, verified=True):
    return cls(
        "no",
        "不",
        ret_code="00060763",
        ret_msg="order closed",
        http_status=200,
        verified=verified,
    )


def decided(*states, error, left=60.0, sent_twice=False):
    """
    Return how the call ended, the payment's state, and when it was asked for.
    """
    call_verdict = CallVerdict(
        ending=CallEnd.UNCLEAR,
        error=error,
        decided_by=DecidedBy.QUERY,
        sent_twice=sent_twice,
    )
    answers, asked = iter(states), []

    async def ask(query):
        assert CALL.query_after_refusal is query
        asked.append(asyncio.get_running_loop().time())
        state = next(answers)

        if state is None:
            raise errors.TransportError("gone", "断", request_sent=False)

        return Payment(id="PAY_A", state=PaymentState(state))

    async def main():
        deadline = asyncio.get_running_loop().time() + left

        return await query_after_refusal(CALL, call_verdict, ask, deadline=deadline)

    found, payment = virtual_clock.run(main)
    start = asked[0] if asked else 0.0

    return (
        found.ending,
        None if payment is None else payment.state,
        [round(at - start, 3) for at in asked],
    )


def test_a_payment_that_waits_is_asked_again_when_it_can_no_longer_be_behind():
    """
    "Order closed" and "waits" contradict each other: the first copy may have paid.
    """
    error = refusal(errors.PaymentStateError)
    found = decided("WAIT_BUYER_PAY", "TRADE_SUCCESS", error=error)

    assert (CallEnd.GOOD, "TRADE_SUCCESS", [0.0, DATA_LAG_SECONDS]) == found


def test_a_payment_that_still_waits_then_was_not_executed():
    """
    Nothing lags that long.
    """
    error = refusal(errors.PaymentStateError)
    found = decided("WAIT_BUYER_PAY", "WAIT_BUYER_PAY", error=error)

    assert (CallEnd.FAILED, None, [0.0, DATA_LAG_SECONDS]) == found


@pytest.mark.parametrize(
    ("states", "left"),
    [(["WAIT_BUYER_PAY"], DATA_LAG_SECONDS), (["WAIT_BUYER_PAY", None], 60.0)],
    ids=["no time", "no answer"],
)
def test_a_payment_that_cannot_be_asked_again_stays_unclear(states, left):
    """
    The first answer alone proves nothing.
    """
    error = refusal(errors.PaymentStateError)

    assert CallEnd.UNCLEAR is decided(*states, error=error, left=left)[0]


@pytest.mark.parametrize(
    ("cls", "verified", "sent_twice", "ending"),
    [
        # A wrong code or a low balance goes with a payment that waits.
        (errors.VerificationCodeError, True, False, CallEnd.FAILED),
        (errors.CardError, True, False, CallEnd.FAILED),
        # Nothing that the payment says would make these clear.
        (errors.PaymentStateError, False, False, CallEnd.UNCLEAR),
        (errors.PaymentStateError, True, True, CallEnd.UNCLEAR),
    ],
)
def test_what_contradicts_nothing_is_asked_once(cls, verified, sent_twice, ending):
    """
    Nobody waits for what cannot change the answer.
    """
    error = refusal(cls, verified=verified)
    found = decided("WAIT_BUYER_PAY", error=error, sent_twice=sent_twice)

    assert (ending, None, [0.0]) == found


def test_a_final_state_needs_no_second_question():
    """
    It does not change.
    """
    error = refusal(errors.PaymentStateError)

    assert (CallEnd.FAILED, None, [0.0]) == decided("TRADE_CLOSED", error=error)
    assert (CallEnd.GOOD, "TRADE_SUCCESS", [0.0]) == decided(
        "TRADE_SUCCESS", error=error
    )
