"""
Whoever answers the token call (unsigned) writes escape sequences and line breaks into
ret_code. The error's text goes into logs and terminals: it must be one clean short line.
Kind: log and terminal injection by bytes that nobody verified.
"""

import asyncio
import contextlib
import json
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
    for code in (
        "evil\x1b[2J\n2026-11-28 INFO payment PAY_X is TRADE_SUCCESS",
        "x\x1b]0;TITLE\x07\r\nFAKE LINE " + "A" * 100_000,
    ):
        body = json.dumps({"meta": {"ret_code": code}}).encode()
        settings = await gateway(lambda *_: b"", token=lambda body=body: body)
        async with UMFSession(Config(**settings)) as session:
            try:
                await session.banks.list("DEBIT_CARD")
                bad.append("no error")
            except Exception as error:
                text = str(error)
                if "\x1b" in text or "\x07" in text:
                    bad.append("an escape sequence stands in the error")
                if "\nFAKE" in text or "\n2026-11-28" in text:
                    bad.append("a line of the stranger stands in the error")
                if len(text) > 5_000:
                    bad.append(f"the error has {len(text)} characters")


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
