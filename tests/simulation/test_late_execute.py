"""
A first execute that arrives late: one code is sent once, one order is charged once.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from tests import virtual_clock
from tests.simulation.orders import PHONE, new_card, new_payment
from tests.simulation.plan import GOOD, POOR
from tests.simulation.schedule import config, credentials
from umfpay import UMFSession
from umfpay.emulator import Clock, Emulator
from umfpay.errors import CardError, UMFError, WrongCodeError
from umfpay.flows import (
    PendingCardPayment,
    begin_card_payment,
    confirm_card_payment,
    resend_code,
)
from umfpay.models import PaymentMethod
from umfpay.testing import emulator_transport


class _Holding:
    """
    A middle box: it refuses the first execute by itself, and sends it on late.
    """

    def __init__(self, app, *, seconds, code, copies):
        self._app = app
        self._seconds = seconds
        self._copies = copies
        self._answer = json.dumps({"meta": {"ret_code": code, "ret_msg": "no"}})
        self._late = []
        self.codes = Counter()

    async def __call__(self, scope, receive, send):
        message = await receive()

        async def replay():
            return message

        if not scope["path"].endswith("/execute"):
            await self._app(scope, replay, send)

            return

        card = json.loads(message["body"])["payer"]["payer_info"]["bank_card"]
        self.codes[card["verify_code"]] += 1

        if self._late:
            await self._app(scope, replay, send)

            return

        for copy in range(self._copies):
            pause = self._seconds * (copy + 1)
            self._late.append(asyncio.create_task(self._send_on(scope, replay, pause)))

        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._answer.encode()})

    async def _send_on(self, scope, replay, pause):
        async def nobody(_message):
            pass

        await asyncio.sleep(pause)
        await self._app({**scope, "extensions": {}}, replay, nobody)

    async def settle(self):
        await asyncio.gather(*self._late)


async def _acknowledge(_url, _body, _headers):
    return 200, b'{"meta":{"ret_code":"0000"}}'


async def _shop(seconds, *, code="00200005", copies=1, card=GOOD, resend=True):
    """
    Return what the customer saw, how often each code left, and the gateway's books.
    """
    emulator = Emulator(
        credentials=credentials(),
        clock=Clock(wall=virtual_clock.now),
        post=_acknowledge,
        tick=None,
    )
    box = _Holding(emulator, seconds=seconds, code=code, copies=copies)
    seen = []

    async with UMFSession(config(), transport=emulator_transport(box)) as session:
        pending = await begin_card_payment(
            session,
            new_payment("late", 10).order,
            new_card(card),
            bank_code="CCB",
            payment_method=PaymentMethod.CREDIT_CARD,
            phone=PHONE,
        )

        while pending.attempts_left:
            sms = emulator.control("GET", f"/payments/{pending.payment_id}/sms_code")

            try:
                payment = await confirm_card_payment(
                    session, pending, sms["sms_code"], deadline=120
                )
            except WrongCodeError as error:
                seen.append("wrong code")
                pending = PendingCardPayment.from_json(error.last.to_json())

                if resend:
                    await asyncio.sleep(61)

                    try:
                        await resend_code(session, pending)
                    except UMFError:
                        # It is paid meanwhile.
                        seen.append("no other code")
                elif len(seen) == 3:
                    break
                else:
                    await asyncio.sleep(10)
            except CardError:
                seen.append("card refused")

                break
            else:
                seen.append(payment.state)

                break

    await box.settle()
    paid = [
        one
        for one in emulator.control("GET", "/payments")["payments"]
        if one["state"] == "TRADE_SUCCESS"
    ]
    answers = [
        one["ret_code"]
        for one in emulator.control("GET", "/requests")["requests"]
        if one["path"].endswith("/execute")
    ]
    await emulator.aclose()

    return seen, box.codes, paid, answers


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("seconds", [0.0, 1.0, 4.9, 5.1, 20.0, 61.5, 66.0, 300.0])
def test_a_first_execute_that_arrives_late_charges_once(seconds, copies):
    """
    Within the two queries, after them, before and after the customer's next code.
    """
    seen, codes, paid, answers = virtual_clock.run(
        lambda: _shop(seconds, copies=copies)
    )

    assert "TRADE_SUCCESS" == seen[-1]
    assert 1 == len(paid)
    assert 1 == answers.count("0000")
    assert {1} == set(codes.values())


@pytest.mark.parametrize("seconds", [0.0, 4.9, 5.1, 12.0, 300.0])
def test_a_code_that_was_refused_is_not_sent_again(seconds):
    """
    However often the customer types it; what is paid all the same is told.
    """
    seen, codes, paid, _ = virtual_clock.run(lambda: _shop(seconds, resend=False))

    assert [1] == list(codes.values())
    assert 1 == len(paid)
    assert (seen[-1] == "TRADE_SUCCESS") == (seconds < 20)


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_a_low_balance_is_not_believed_before_the_payment_was_asked_twice(seconds):
    """
    The refusal was somebody else's; the execute arrived within five seconds.
    """
    seen, codes, paid, _ = virtual_clock.run(lambda: _shop(seconds, code="00060730"))

    assert ["TRADE_SUCCESS"] == seen
    assert 1 == len(paid)
    assert {1} == set(codes.values())


def test_a_low_balance_is_reported_when_the_payment_still_waits():
    """
    The gateway says so itself, too, when the request arrives.
    """
    seen, _, paid, answers = virtual_clock.run(
        lambda: _shop(1.0, code="00060730", card=POOR)
    )

    assert ["card refused"] == seen
    assert [] == paid
    assert ["00060730"] == answers
