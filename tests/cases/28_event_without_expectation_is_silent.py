"""
A shop has a handler but never tells the inbox what was ordered. A verified notification
comes and is held back. Somebody must be told: a warning in the log, or a list to look at.
Kind: a paid order that nobody ever hears of.
"""

import asyncio
import logging
import os
import pathlib
import signal
import sys
import tempfile
from datetime import date

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

heard = logging.Handler(logging.WARNING)  # what umfpay logs at WARNING and above
lines = []
heard.emit = lambda record: lines.append(record.getMessage())
logging.getLogger("umfpay").addHandler(heard)


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


async def listed(inbox):
    """Whatever public list of the inbox holds something."""
    for name in ("conflicts", "held", "waiting", "pending", "unexpected", "holding"):
        if callable(getattr(inbox, name, None)) and await getattr(inbox, name)():
            return True
    return False


async def main(folder):
    key, seen = PrivateKey.generate(1024), []
    inbox = NotificationInbox(
        pathlib.Path(folder, "i.db"), NotificationReceiver(key.public)
    )

    @inbox.handler
    async def paid(event, transaction):
        seen.append(event.mer_reference_id)

    async with inbox:
        await inbox.receive(
            *notice(key, "payment", "PAY_GMYTANRRGEZDGMBUGUYDAMBQGAYDAMJS", "O1")
        )
        for _ in range(50):
            if seen:
                return bad.append("applied, though nobody had told that it was due")
            if lines or await listed(inbox):
                return None
            await asyncio.sleep(0.2)
    bad.append("held for 10 s: nothing in the log, nothing in a list")


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
