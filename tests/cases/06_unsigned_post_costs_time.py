"""
Anybody can post to a notify_url. A megabyte of small arrays without a signature must be
refused about as cheaply as one with a wrong signature, not held against the event loop.
Kind: denial of service: work is done on bytes before it is known who sent them.
"""

import os
import signal
import sys
import time

from umfpay import UMFError
from umfpay.notifications import NotificationReceiver
from umfpay.protocol import PrivateKey


def late(*_):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(2)
    raise KeyboardInterrupt("it did not end within 100 s")


def fails(kind, error, _):
    print("fails:", kind.__name__, " ".join(str(error).split())[:200], flush=True)
    os._exit(1)


sys.excepthook, bad = fails, []
signal.signal(signal.SIGALRM, late), signal.alarm(100)

receiver = NotificationReceiver(PrivateKey.generate(1024).public)
body = b'{"a":[' + b"[]," * 340_000 + b"1]}"


def cost(headers):
    least = 99.0
    for _ in range(3):
        begin = time.process_time()
        try:
            receiver.read(body, headers)
            bad.append(f"{headers}: accepted")
        except UMFError:
            least = min(least, time.process_time() - begin)
    return least


wrong = cost({"Signature": "A" * 172})
for name, headers in {"no signature": {}, "an empty one": {"Signature": ""}}.items():
    if cost(headers) > 0.02 + 5 * wrong:
        bad.append(
            f"{name}: {cost(headers):.3f} s of CPU, with a wrong signature {wrong:.3f} s"
        )

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
