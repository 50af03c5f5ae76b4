"""
Config names a proxy, and the session is given transport= as well, which does not use it.
That must be refused, or told by a warning, or the proxy be used; never dropped silently.
Kind: a setting of the network's safety is ignored without a word.
"""

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
import warnings

import httpx

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

heard = logging.Handler(logging.WARNING)  # what umfpay logs at WARNING and above
lines = []
heard.emit = lambda record: lines.append(record.getMessage())
logging.getLogger("umfpay").addHandler(heard)

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
    met = []

    async def proxy(reader, writer):
        met.append(await reader.read(64))
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    settings = await gateway(
        lambda *_: http(
            signed({"payment": {"id": "PAY_AAAA", "state": "TRADE_SUCCESS"}})
        )
    )
    told = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            config = Config(**settings, proxy=address)
            async with UMFSession(
                config, transport=httpx.AsyncHTTPTransport()
            ) as session:
                await session.payments.get("PAY_AAAA")
        except (UMFError, TypeError, ValueError) as error:
            told.append(error)
        told += [one for one in warned if "proxy" in str(one.message)]
    if not (told or met or any("proxy" in line for line in lines)):
        bad.append("the call went past the proxy, and nobody was told")


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
