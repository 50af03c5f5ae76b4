"""
A card payment is made against an emulator with a data folder. The folder holds the
gateway's key, so nothing that this key opens may lie beside it: no card number, no CVV.
Kind: sealed data stored together with the key that opens it.
"""

import asyncio
import contextlib
import os
import pathlib
import re
import signal
import sys
import tempfile
from datetime import date, timedelta

from umfpay import Config, UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.flows import card_payment
from umfpay.models import BankCard, Money, NewOrder, NewSubOrder
from umfpay.protocol import Opener


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


async def main(folder):
    async with (
        gateway_in_a_box(folder) as (emulator, config),
        UMFSession(config) as session,
    ):

        async def code(pending):
            return emulator.control("GET", f"/payments/{pending.payment_id}/sms_code")[
                "sms_code"
            ]

        paid = await card_payment(
            session,
            order("O1"),
            BankCard(**CARD),
            bank_code="CCB",
            verification_code=code,
        )
        if paid.state != "TRADE_SUCCESS":
            bad.append(f"the payment is {paid.state}")
    opener, found = Opener(emulator.credentials.gateway_key), set()
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for text in set(
            re.findall(rb"[A-Za-z0-9+/]{100,}={0,2}", data.replace(rb"\/", b"/"))
        ):
            with contextlib.suppress(Exception):
                clear = opener.open(text.decode()).reveal()
                if clear in (CARD["number"], CARD["cvv2"]):
                    found.add(f"{len(clear)} digits in {path.name}")
        if CARD["number"].encode() in data:
            found.add(f"clear text in {path.name}")
    if found:
        bad.append(f"with the key beside it can be read: {sorted(found)}")


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(pathlib.Path(folder)))

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
