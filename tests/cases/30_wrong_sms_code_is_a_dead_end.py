"""
A customer mistypes the SMS code; the gateway refuses, without a signature as nobody has
seen one. With the right code the same payment must go through, once.
Kind: an everyday slip ends as "money may have moved", and there is no way on.
"""

import asyncio
import contextlib
import os
import signal
import sys
from datetime import date, timedelta

from umfpay import Config, UMFError, UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.flows import begin_card_payment, confirm_card_payment
from umfpay.models import BankCard, Money, NewOrder, NewSubOrder


def late(*_):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(2)
    raise KeyboardInterrupt("it did not end within 100 s")


def fails(kind, error, _):
    print("fails:", kind.__name__, " ".join(str(error).split())[:200], flush=True)
    os._exit(1)


sys.excepthook, bad = fails, []
signal.signal(signal.SIGALRM, late), signal.alarm(100)

PRICE = Money("10.00", "USD")


def order(number, day=None):
    part = NewSubOrder(
        mer_sub_reference_id=f"{number}-1", amount=PRICE, trans_code="02223022"
    )
    return NewOrder(
        mer_reference_id=number,
        mer_date=day or date.today(),
        amount=PRICE,
        expire_time=timedelta(minutes=30),
        sub_orders=[part],
    )


CARD = dict(
    number="6227000000000005",
    valid_date="3012",
    cvv2="123",
    payer_name="张三",
    phone="15210838198",
    citizen_id_type="IDENTITY_CARD",
    citizen_id_number="110101199003070011",
)


@contextlib.asynccontextmanager
async def gateway_in_a_box(data=None):
    emulator = Emulator(data, key_bits=1024)
    made = emulator.credentials
    async with serve(emulator) as server:
        yield (
            emulator,
            Config(
                client_id=made.client_id,
                client_secret=made.client_secret,
                merchant_key=made.merchant_key,
                gateway_certificate=made.gateway_certificate,
                base_url=server.base_url,
                token_store="memory",
            ),
        )


async def main():
    async with gateway_in_a_box() as (emulator, config), UMFSession(config) as session:
        pending = await begin_card_payment(
            session, order("O1"), BankCard(**CARD), bank_code="CCB"
        )
        right = emulator.control("GET", f"/payments/{pending.payment_id}/sms_code")[
            "sms_code"
        ]
        wrong = "000000" if right != "000000" else "111111"
        try:
            await confirm_card_payment(session, pending, wrong)
            bad.append("the wrong code was taken")
        except UMFError as error:
            first = type(error).__name__
        try:
            paid = await confirm_card_payment(session, pending, right)
            if paid.state != "TRADE_SUCCESS":
                bad.append(f"with the right code the payment is {paid.state}")
        except UMFError as error:
            bad.append(
                f"wrong code: {first}; then the right code: {type(error).__name__}"
            )


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
