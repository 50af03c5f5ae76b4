"""
A service with transport=httpx.AsyncHTTPTransport() of 3 connections has 90 of its calls
cancelled (customers who went away). The next call must still work.
Kind: connections are lost with each cancellation, until nothing works.
"""

import asyncio
import contextlib
import os
import signal
import sys

import httpx

from umfpay import Config, UMFError, UMFSession
from umfpay.emulator import Emulator, serve


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


async def main():
    async with gateway_in_a_box() as (_, config):
        transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=3))
        async with UMFSession(config, transport=transport) as session:
            await session.banks.list("DEBIT_CARD")
            for n in range(6):
                calls = [
                    asyncio.create_task(session.banks.list("DEBIT_CARD"))
                    for _ in range(15)
                ]
                await asyncio.sleep((0, 0.001, 0.005)[n % 3])
                for call in calls:
                    call.cancel()
                await asyncio.gather(*calls, return_exceptions=True)
            for _ in range(2):
                try:
                    await session.banks.list("DEBIT_CARD", deadline=6.0)
                except UMFError as error:
                    bad.append(f"afterwards: {type(error).__name__}: {error}"[:120])


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
