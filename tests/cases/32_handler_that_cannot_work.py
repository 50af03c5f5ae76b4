"""
A handler is registered that is no coroutine function, or takes one argument where two are
given. It must be refused when it is registered or when the inbox opens, or be made to
work; it may not fail again and again while notifications are acknowledged.
Kind: a slip of the programmer is found only when money is waiting.
"""

import asyncio
import contextlib
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


async def applied(handler, place):
    """How often the handler ran; "refused" if it was."""
    key = PrivateKey.generate(1024)
    inbox = NotificationInbox(place, NotificationReceiver(key.public))
    try:
        inbox.handler(handler)
        await inbox.__aenter__()
    except (UMFError, TypeError, ValueError):
        return "refused"
    async with contextlib.aclosing(inbox):
        can = "payment_id" in inspect.signature(inbox.expect).parameters
        bound = {"payment_id": "PAY_GMYTANRRGEZDGMBUGUYDAMBQGAYDAMJS"} if can else {}
        await inbox.expect("O1", amount=Money("10.00", "USD"), **bound)
        await inbox.receive(
            *notice(key, "payment", "PAY_GMYTANRRGEZDGMBUGUYDAMBQGAYDAMJS", "O1")
        )
        await asyncio.sleep(3)
        return len(runs)


def plain(event, transaction):
    runs.append(event)


async def one_argument(event):
    runs.append(event)


with tempfile.TemporaryDirectory() as folder:
    for handler in (plain, one_argument):
        runs = []
        found = asyncio.run(applied(handler, pathlib.Path(folder, handler.__name__)))
        if found not in ("refused", 1):
            bad.append(
                f"{handler.__name__}: accepted, and it ran {found} times for one event"
            )

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
