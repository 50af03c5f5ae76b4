"""
A shop awaits qr_payment(arrivals=inbox); the notification arrives at once, its handler
takes 2.5 s to write the order. When the flow returns TRADE_SUCCESS, that must be written.
Kind: the page says "paid" while the shop's own books do not say so yet.
"""

import asyncio
import contextlib
import inspect
import os
import pathlib
import signal
import sys
import tempfile
from datetime import date, timedelta

from umfpay import Config, UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.flows import qr_payment
from umfpay.models import Money, NewOrder, NewSubOrder
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
        key, done = emulator.credentials.gateway_key, []
        place = pathlib.Path(folder, "i.db")
        inbox = NotificationInbox(
            place, NotificationReceiver.from_config(config), gateway=session
        )

        @inbox.handler
        async def paid(event, transaction):
            await asyncio.sleep(2.5)
            done.append(event.state)

        async def show(code):
            can = "payment_id" in inspect.signature(inbox.expect).parameters
            await inbox.expect(
                "O1", amount=PRICE, **({"payment_id": code.payment_id} if can else {})
            )
            emulator.control("POST", f"/payments/{code.payment_id}/pay", {})
            await inbox.receive(*notice(key, "payment", code.payment_id, "O1"))

        async with inbox:
            payment = await qr_payment(
                session,
                order("O1"),
                method="ALIPAY_SCAN",
                name="张三",
                citizen_id_number="110101199003070011",
                show=show,
                arrivals=inbox,
                deadline=20,
            )
            if payment.state != "TRADE_SUCCESS" or done != ["TRADE_SUCCESS"]:
                bad.append(
                    f"the flow returned {payment.state}, the handler had done {done}"
                )


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
