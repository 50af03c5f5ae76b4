"""
UMF's official SDK of late 2017 looks for the answer's header "Signature" with exactly this
spelling, and dies without it. The emulator must write it so, as the real gateway does.
Kind: a client of another make cannot use the emulator.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys

from umfpay import Config
from umfpay.emulator import Emulator, serve
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
    async with gateway_in_a_box() as (emulator, config):
        _, answer = await fetch_token(emulator, config)
        token = json.loads(answer)["access_token"]
        head, answer = await ask(
            emulator, config, "GET", "/bank?type=DEBIT_CARD", token=token
        )
        if b"0000" not in answer:
            bad.append(f"the call failed: {answer[:100]}")
        names = [line.partition(b":")[0].decode() for line in head.split(b"\r\n")[1:]]
        if "Signature" not in names:
            bad.append(f"the headers are {names}")


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
