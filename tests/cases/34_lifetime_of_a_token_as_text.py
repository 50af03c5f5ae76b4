"""
The gateway writes numbers as JSON numbers in one place and as text in another. A token
answer with "expires_in":"3600" must be usable like one with 3600.
Kind: a harmless spelling makes every call fail.
"""

import asyncio
import contextlib
import os
import re
import signal
import sys

from umfpay import Config, UMFError, UMFSession
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
    for lifetime in (b"3600", b'"3600"'):
        token = b'{"access_token":"T0KEN","expires_in":' + lifetime + b"}"
        settings = await gateway(
            lambda *_: http(
                signed({"payment": {"id": "PAY_AAAA", "state": "TRADE_SUCCESS"}})
            ),
            token=lambda token=token: token,
        )
        async with UMFSession(Config(**settings)) as session:
            try:
                await session.payments.get("PAY_AAAA")
            except UMFError as error:
                bad.append(
                    f"{lifetime.decode()}: {type(error).__name__}: {error}"[:150]
                )


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
