"""
The emulator holds payments of many days. A page of the transactions of a day that has none
must not become slower with the number of payments of other days.
Kind: the work of a query grows with everything that was ever stored.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from datetime import date, timedelta

from umfpay import Config, UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.models import Money, NewOrder, NewPayer, NewPayment, NewSubOrder


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


def cashier(number, day=None):
    payer = NewPayer(payment_method="NOT_APPLICABLE", interface_type="SERVER_TO_WEB")
    return NewPayment(payer=payer, order=order(number, day))


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


async def cost(session):
    least = 99.0
    for _ in range(5):
        begin = time.process_time()
        page = await session.statements.transactions_page(date(2020, 1, 1))
        least = min(least, time.process_time() - begin)
    return least


async def main():
    async with gateway_in_a_box() as (emulator, config), UMFSession(config) as session:
        begin = time.monotonic()
        await session.payments.create(cashier("A0"))
        few, made = await cost(session), 1
        while made < 1_200 and time.monotonic() - begin < 16:
            await asyncio.gather(
                *(session.payments.create(cashier(f"A{made + n}")) for n in range(10))
            )
            made += 10
        many = await cost(session)
        if many > 3 * few + 0.002:
            bad.append(
                f"{few * 1e3:.1f} ms of CPU with 1 payment, {many * 1e3:.1f} ms with {made}"
            )


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
