"""
A refused execute is asked for where its code may mean "done already", however often it left.
"""

from __future__ import annotations

import json

import httpx
import pytest

from tests import orders
from umfpay import Config, UMFSession
from umfpay.errors import OutcomeUnknownError, PaymentStateError
from umfpay.protocol import PrivateKey, Signer, sign_envelope
from umfpay.resources import _payment_evidence


GATEWAY, MERCHANT = PrivateKey.generate(1024), PrivateKey.generate(1024)
SIGNER = Signer(GATEWAY)


def signed(code="0000", **members):
    envelope = {"meta": {"ret_code": code, "ret_msg": ""}, **members}

    return 200, sign_envelope(envelope, signer=SIGNER, place="meta")[0]


def unsigned(code, status=200):
    return status, json.dumps({"meta": {"ret_code": code, "ret_msg": ""}}).encode()


TOKEN_REFUSED_CODE = unsigned("00280703", 401)


@pytest.fixture(autouse=True)
def _short_lag(monkeypatch):
    """
    How long a query may lag behind is a test of its own, in virtual time.
    """
    monkeypatch.setattr(_payment_evidence, "DATA_LAG_SECONDS", 0.01)


async def execute(answers, state):
    """
    Execute a payment that is in *state*, refused by *answers* in turn.
    """
    refusals = iter(answers)

    def answer(request):
        if "/oauth/" in request.url.path:
            return httpx.Response(200, json={"access_token": "T", "expires_in": 3600})

        if request.method == "GET":
            status, body = signed(payment={"id": "PAY_AAAA", "state": state})
        else:
            status, body = next(refusals)

        return httpx.Response(status, content=body)

    config = Config(
        client_id="c",
        client_secret="s",
        merchant_key=MERCHANT,
        gateway_certificate=GATEWAY.public,
        base_url="http://127.0.0.1:9/",
        token_store="memory",
    )

    async with UMFSession(config, transport=httpx.MockTransport(answer)) as session:
        return await session.payments.execute("PAY_AAAA", orders.card("123456"))


REFUSED = {
    "signed": [signed("00060763")],
    "unsigned": [unsigned("00060763")],
    "conflict": [(409, b"<html>")],
    "signed, second copy": [TOKEN_REFUSED_CODE, signed("00060763")],
    "unsigned, second copy": [TOKEN_REFUSED_CODE, unsigned("00060763")],
}


@pytest.mark.parametrize("state", ["TRADE_SUCCESS", "TRADE_PENDING"])
@pytest.mark.parametrize("refused", list(REFUSED))
async def test_a_payment_that_is_paid_is_the_answer(refused, state):
    """
    Whoever signed the refusal: a signed query outweighs it.
    """
    payment = await execute(REFUSED[refused], state)

    assert state == payment.state


@pytest.mark.parametrize(
    ("refused", "state", "error"),
    [
        ("signed", "WAIT_BUYER_PAY", PaymentStateError),
        ("signed", "TRADE_CLOSED", PaymentStateError),
        ("signed, second copy", "TRADE_CLOSED", PaymentStateError),
        # The first copy may still be on its way.
        ("signed, second copy", "WAIT_BUYER_PAY", OutcomeUnknownError),
        ("unsigned, second copy", "WAIT_BUYER_PAY", OutcomeUnknownError),
        # Nobody signed that it was refused.
        ("unsigned", "WAIT_BUYER_PAY", OutcomeUnknownError),
        ("conflict", "WAIT_BUYER_PAY", OutcomeUnknownError),
    ],
)
async def test_a_payment_that_waits_proves_something_only_after_one_copy(
    refused, state, error
):
    """
    What stays unclear says nothing in its intent that resolve() would take for proof.
    """
    with pytest.raises(error) as caught:
        await execute(REFUSED[refused], state)

    unclear = isinstance(caught.value, OutcomeUnknownError)

    assert unclear is caught.value.money_may_have_moved
    assert not unclear or "refused_with" not in caught.value.intent.details
