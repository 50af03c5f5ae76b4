"""
A shop executes a payment over a kept-alive connection on which the other side had put
an answer that nobody asked for. The call must reach the gateway and get its own answer.
Kind: bytes that came before a request are taken for its answer (response poisoning).
"""

import asyncio
import contextlib
import os
import re
import signal
import sys

from umfpay import Config, UMFSession
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


async def main():
    executed, writers = [], []

    def answer(head, body):
        if b"/execute" in head:
            executed.append(body)
        state = "TRADE_SUCCESS" if executed else "WAIT_BUYER_PAY"
        return http(signed({"payment": {"id": "PAY_AAAA", "state": state}}))

    settings = await gateway(answer, writers)
    async with UMFSession(Config(**settings)) as session:
        await session.payments.get("PAY_AAAA")
        old = {"meta": {"ret_code": "00060022", "ret_msg": "refused"}}
        writers[-1].write(http(signed(old)))
        await asyncio.sleep(0.2)
        try:
            got = await session.request(
                "POST", "/payments/payment/PAY_AAAA/execute", {"x": 1}
            )
            if got["payment"]["state"] != "TRADE_SUCCESS":
                bad.append(f"the answer was {got['payment']}")
        except Exception as error:
            bad.append(
                f"the old refusal was taken for the answer: {type(error).__name__}"
            )
        await asyncio.sleep(0.2)
        if len(executed) != 1:
            bad.append(f"the gateway executed {len(executed)} times")


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
