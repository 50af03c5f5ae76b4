"""
A night job opens the shop's inbox without a handler while a notification comes. When the
shop opens the same inbox with its handler, the handler must get that event.
Kind: an event counts as applied though nobody applied it.
"""

import asyncio
import inspect
import os
import pathlib
import signal
import sys
import tempfile
from datetime import date

from umfpay import UMFError
from umfpay.models import Money
from umfpay.notifications import NotificationInbox, NotificationReceiver
from umfpay.protocol import PrivateKey, Signer, dump_json


def late(*_):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(2)
    raise KeyboardInterrupt("it did not end within 100 s")


def fails(kind, error, _):
    print("fails:", kind.__name__, " ".join(str(error).split())[:200], flush=True)
    os._exit(1)


sys.excepthook, bad = fails, []
signal.signal(signal.SIGALRM, late), signal.alarm(100)


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
    key, seen, place = PrivateKey.generate(1024), [], pathlib.Path(folder, "i.db")
    event = notice(key, "payment", "PAY_GMYTANRRGEZDGMBUGUYDAMBQGAYDAMJS", "O1")

    async def comes(inbox):
        can = "payment_id" in inspect.signature(inbox.expect).parameters
        bound = {"payment_id": "PAY_GMYTANRRGEZDGMBUGUYDAMBQGAYDAMJS"} if can else {}
        await inbox.expect("O1", amount=Money("10.00", "USD"), **bound)
        await inbox.receive(*event)
        await asyncio.sleep(2)

    try:
        async with NotificationInbox(
            place, NotificationReceiver(key.public)
        ) as night_job:
            await comes(night_job)
    except UMFError as error:
        print(
            "refused:", type(error).__name__
        )  # then nothing was acknowledged: it comes again
    shop = NotificationInbox(place, NotificationReceiver(key.public))

    @shop.handler
    async def paid(event, transaction):
        seen.append(event.state)

    async with shop:
        await comes(shop)
    if seen != ["TRADE_SUCCESS"]:
        bad.append(f"the shop's handler got {seen}")


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
