"""
A shop creates a payment of 10.00 USD; a verified answer names another total, currency,
order number or day (an old answer, replayed). It must be refused, the right one taken.
Kind: the answer is not compared with what was asked for.
"""

import asyncio
import contextlib
import os
import re
import signal
import sys
from datetime import date, timedelta

from umfpay import Config, UMFError, UMFSession
from umfpay.models import Money, NewOrder, NewPayer, NewPayment, NewSubOrder
from umfpay.protocol import PrivateKey, Signer, sign_envelope


def late(*_):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(2)
    raise KeyboardInterrupt("it did not end within 100 s")


def fails(kind, error, _):
    print("fails:", kind.__name__, " ".join(str(error).split())[:200], flush=True)
    os._exit(1)


sys.excepthook, bad = fails, []
signal.signal(signal.SIGALRM, late), signal.alarm(100)

GATEWAY, MERCHANT = PrivateKey.generate(1024), PrivateKey.generate(1024)
TOKEN = b'{"access_token":"T0KEN","expires_in":3600}'


def signed(members):
    whole = {"meta": {"ret_code": "0000", "ret_msg": "Success"}, **members}
    return sign_envelope(whole, signer=Signer(GATEWAY), place="meta")[0]


def http(body, *more):
    head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *more, "", ""]
    return "\r\n".join(head).encode() + body


async def gateway(answer, writers=None, token=lambda: TOKEN):
    """A gateway on loopback; answer(head, body) makes the bytes. Returns the settings for it."""

    async def serve(reader, writer):
        writers is None or writers.append(writer)
        with contextlib.suppress(OSError, EOFError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: (\d+)", head.lower())
                body = await reader.readexactly(int(length[1])) if length else b""
                writer.write(
                    http(token()) if b"/oauth/" in head else answer(head, body)
                )

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return dict(
        client_id="c",
        client_secret="s",
        merchant_key=MERCHANT,
        token_store="memory",
        gateway_certificate=GATEWAY.public,
        deadline=8.0,
        timeout=4.0,
        base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/",
    )


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


async def main():
    told = {}

    def answer(head, body):
        right = {
            "mer_reference_id": "O1",
            "mer_date": f"{date.today():%Y%m%d}",
            "amount": {"total": "10.00", "currency": "USD"},
        }
        payment = {"id": "PAY_AAAA", "state": "WAIT_BUYER_PAY", "order": right | told}
        return http(signed({"payment": payment}))

    settings = await gateway(answer)
    async with UMFSession(Config(**settings)) as session:
        for name, told in {
            "nothing": {},
            "total": {"amount": {"total": "1.00", "currency": "USD"}},
            "currency": {"amount": {"total": "10.00", "currency": "EUR"}},
            "number": {"mer_reference_id": "O2"},
            "day": {"mer_date": "20200101"},
        }.items():
            try:
                await session.payments.create(cashier("O1"))
                taken = True
            except UMFError:
                taken = False
            if taken != (name == "nothing"):
                bad.append(f"with another {name}: {'accepted' if taken else 'refused'}")


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
