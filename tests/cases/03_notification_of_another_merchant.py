"""
The gateway signs for all its merchants with one key. Another merchant's own payment has
my order number and my amount, and its notification is sent to my notify_url. It must not
be applied to my order, somebody must be told, and my own payment is applied once.
Kind: forged identity of a payment; goods go out for money that another one received.
"""

import asyncio
import contextlib
import inspect
import logging
import os
import pathlib
import signal
import sys
import tempfile
from datetime import date, timedelta

from umfpay import Config, UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.models import Money, NewOrder, NewPayer, NewPayment, NewSubOrder
from umfpay.notifications import NotificationInbox, NotificationReceiver
from umfpay.protocol import Signer, dump_json


def late(*_):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(2)
    raise KeyboardInterrupt("it did not end within 100 s")


def fails(kind, error, _):
    print("fails:", kind.__name__, " ".join(str(error).split())[:200], flush=True)
    os._exit(1)


sys.excepthook, bad = fails, []
signal.signal(signal.SIGALRM, late), signal.alarm(100)

heard = logging.Handler(logging.WARNING)  # what umfpay logs at WARNING and above
lines = []
heard.emit = lambda record: lines.append(record.getMessage())
logging.getLogger("umfpay").addHandler(heard)

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


def notice(key, kind, object_id, number, *, total="10.00", currency="USD", **more):
    """A notification, signed: its body and headers."""
    amount = {"total": total, "currency": currency}
    told = {
        "mer_reference_id": number,
        "mer_date": f"{date.today():%Y%m%d}",
        "amount": amount,
    }
    state = "REFUND_SUCCESS" if kind == "refund" else "TRADE_SUCCESS"
    body = dump_json({kind: {"id": object_id, "state": state, "order": told, **more}})
    return body, {"Signature": Signer(key).sign(body)}


async def main(folder):
    async with gateway_in_a_box() as (emulator, config), UMFSession(config) as session:
        key, seen = emulator.credentials.gateway_key, []
        place = pathlib.Path(folder, "i.db")
        inbox = NotificationInbox(
            place, NotificationReceiver.from_config(config), gateway=session
        )

        @inbox.handler
        async def paid(event, transaction):
            seen.append(event.object_id)

        async with inbox:
            mine = (await session.payments.create(cashier("ORDER-1"))).id
            can = "payment_id" in inspect.signature(inbox.expect).parameters
            await inbox.expect(
                "ORDER-1", amount=PRICE, **({"payment_id": mine} if can else {})
            )
            with contextlib.suppress(Exception):
                await inbox.receive(
                    *notice(
                        key,
                        "payment",
                        "PAY_GMYTANRRGEZDGMBUGUYDAMBQGAYDAMJS",
                        "ORDER-1",
                    )
                )
            for _ in range(16):  # longer only while nobody is told
                await asyncio.sleep(0.5)
                if seen or ((lines or await inbox.conflicts()) and _ >= 6):
                    break
            if seen:
                bad.append("the handler got another merchant's payment")
            if not (lines or await inbox.conflicts()):
                bad.append("nobody was told")
            emulator.control("POST", f"/payments/{mine}/pay", {})
            await inbox.receive(*notice(key, "payment", mine, "ORDER-1"))
            await asyncio.sleep(4)
            if seen.count(mine) != 1:
                bad.append(f"the own payment was applied {seen.count(mine)} times")


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
