"""
The official SDK of 2017 types exchange_rate inside amounts as an object, the documented
sample of the transactions as a number. The emulator's switch names=old must give the
object, names=new the number.
Kind: a client of another make cannot read an answer.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from datetime import date, datetime, timedelta, timezone

from umfpay import Config, UMFSession
from umfpay.emulator import Emulator, serve
from umfpay.models import Money, NewOrder, NewPayer, NewPayment, NewSubOrder
from umfpay.protocol import Signer


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


async def ask(emulator, config, method, path, body=b"", token=None):
    """One call as a client of another make sends it: the head and the body of the answer."""
    host, port = config.base_url.split("/")[2].split(":")
    lines = [
        f"{method} /cberest/v1{path} HTTP/1.1",
        f"Host: {host}:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body and token:
        lines.append(
            "Signature: " + Signer(emulator.credentials.merchant_key).sign(body)
        )
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return head, answer


async def fetch_token(emulator, config):
    made = emulator.credentials
    body = json.dumps(
        {
            "client_id": made.client_id,
            "client_secret": made.client_secret.reveal(),
            "grant_type": "client_credentials",
        }
    ).encode()
    return await ask(emulator, config, "POST", "/oauth/authorize", body)


async def main():
    day = datetime.now(timezone(timedelta(hours=8))).date()
    async with gateway_in_a_box() as (emulator, config), UMFSession(config) as session:
        made = await session.payments.create(cashier("O1", day))
        emulator.control("POST", f"/payments/{made.id}/pay", {})
        token = json.loads((await fetch_token(emulator, config))[1])["access_token"]
        for names, kind in (("new", (int, float)), ("old", dict)):
            emulator.control("PUT", "/settings", {"names": names})
            _, answer = await ask(
                emulator,
                config,
                "GET",
                f"/payments/transactions?mer_date={day:%Y%m%d}",
                token=token,
            )
            rate = json.loads(answer)["transactions"]["payment_summaries"][0]["amount"][
                "exchange_rate"
            ]
            if not isinstance(rate, kind):
                bad.append(f"names={names}: exchange_rate is {rate!r}")


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
