"""
A card payment of 10.00 USD runs to its end; the last query is answered, verified, with
another order's number and amount under this id. The flow must not return it as paid.
Kind: the result of a flow is not compared with the order it was made for.
"""

import asyncio
import contextlib
import os
import re
import signal
import sys
from datetime import date, timedelta

from umfpay import Config, UMFError, UMFSession
from umfpay.flows import card_payment
from umfpay.models import BankCard, Money, NewOrder, NewSubOrder
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


CARD = dict(
    number="6227000000000005",
    valid_date="3012",
    cvv2="123",
    payer_name="张三",
    phone="15210838198",
    citizen_id_type="IDENTITY_CARD",
    citizen_id_number="110101199003070011",
)


async def code(pending):
    return "123456"


async def main():
    wrong = False

    def answer(head, body):
        if b"/verify" in head:
            return http(
                signed(
                    {
                        "links": [
                            {
                                "ref": "self",
                                "method": "POST",
                                "href": "http://127.0.0.1/payments/payment/PAY_AAAA",
                            }
                        ]
                    }
                )
            )
        right = {
            "mer_reference_id": "O1",
            "mer_date": f"{date.today():%Y%m%d}",
            "amount": {"total": "10.00", "currency": "USD"},
        }
        if head.startswith(b"GET") and wrong:
            right |= {
                "mer_reference_id": "O2",
                "amount": {"total": "1.00", "currency": "EUR"},
            }
        paid = b"/execute" in head or head.startswith(b"GET")
        state = "TRADE_SUCCESS" if paid else "WAIT_BUYER_PAY"
        return http(
            signed({"payment": {"id": "PAY_AAAA", "state": state, "order": right}})
        )

    settings = await gateway(answer)
    async with UMFSession(Config(**settings)) as session:
        for wrong in (False, True):
            try:
                await card_payment(
                    session,
                    order("O1"),
                    BankCard(**CARD),
                    bank_code="CCB",
                    verification_code=code,
                    deadline=4,
                )
                returned = True
            except UMFError:
                returned = False
            if returned == wrong:
                bad.append(
                    "another order was returned as paid"
                    if wrong
                    else "the right one was refused"
                )


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
