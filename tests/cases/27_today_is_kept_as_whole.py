"""
A night job pulls the transactions of today; then another customer pays; the job pulls
today again. The second pull must give a file with both payments, or none for a day that
is not over.
Kind: a book that still grows is kept for ever as complete.
"""

import asyncio
import contextlib
import os
import pathlib
import signal
import sys
import tempfile
from datetime import date, datetime, timedelta, timezone

from umfpay import Config, UMFError, UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.models import Money, NewOrder, NewPayer, NewPayment, NewSubOrder
from umfpay.reconciliation import read_transactions


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


async def main(folder):
    today = datetime.now(timezone(timedelta(hours=8))).date()
    async with gateway_in_a_box() as (emulator, config), UMFSession(config) as session:
        for number in ("FIRST-1", "SECOND-2"):
            made = await session.payments.create(cashier(number, today))
            emulator.control("POST", f"/payments/{made.id}/pay", {})
            with contextlib.suppress(
                UMFError
            ):  # to refuse a day that is not over is good
                async for _ in session.statements.pull(
                    today,
                    today,
                    folder,
                    prove=lambda path: read_transactions(path).prove(),
                ):
                    pass
    for path in folder.glob(f"[!.]*{today:%Y%m%d}*"):
        text = path.read_text()
        if not ("FIRST-1" in text and "SECOND-2" in text):
            bad.append(
                f"after the second pull {path.name} lacks a payment: {text!r}"[:250]
            )


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(pathlib.Path(folder, "books")))

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
