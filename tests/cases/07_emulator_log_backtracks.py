"""
Any client posts 45 KB to the emulator: a member that looks like base64 and then blanks.
The emulator must answer at once, and others meanwhile.
Kind: a regular expression of quadratic time over bytes of a stranger.
"""

import asyncio
import json
import os
import signal
import sys
import time

import httpx

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


async def main():
    async with (
        serve(Emulator(key_bits=1024)) as server,
        httpx.AsyncClient(timeout=25) as client,
    ):
        value = "A" * 160 + " " * 45_000 + "!"
        body = json.dumps({"payer": {"payer_info": {"bank_card": {"number": value}}}})
        begin = time.process_time()
        answer = await client.post(server.base_url + "payments/payment", content=body)
        spent = time.process_time() - begin
        if spent > 1.5:
            bad.append(
                f"{spent:.1f} s of CPU for one request (HTTP {answer.status_code})"
            )


asyncio.run(main())

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
