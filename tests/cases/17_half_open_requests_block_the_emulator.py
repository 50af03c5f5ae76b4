"""
1,100 clients connect to the emulator and send half a request each. Another client must
still be served, within 20 s.
Kind: connections of strangers are kept without limit and without a time-out.
"""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request


def late(*_):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(2)
    raise KeyboardInterrupt("it did not end within 100 s")


def fails(kind, error, _):
    print("fails:", kind.__name__, " ".join(str(error).split())[:200], flush=True)
    os._exit(1)


sys.excepthook, bad = fails, []
signal.signal(signal.SIGALRM, late), signal.alarm(100)


def few():
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))


resource.setrlimit(
    resource.RLIMIT_NOFILE,
    (2048, max(2048, resource.getrlimit(resource.RLIMIT_NOFILE)[1])),
)
program = """
import asyncio
from umfpay.emulator import Emulator, serve
async def main():
    async with serve(Emulator(key_bits=1024)) as server:
        print(server.origin, flush=True)
        await asyncio.sleep(27)
asyncio.run(main())
"""
with tempfile.TemporaryFile() as noise:
    emulator = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=noise,
        text=True,
        preexec_fn=few,
    )
    links = []
    try:
        origin = emulator.stdout.readline().strip()
        port = int(origin.rpartition(":")[2])
        for _ in range(1_100):
            link = socket.socket()
            link.settimeout(0.5)
            with contextlib.suppress(OSError):
                link.connect(("127.0.0.1", port))
                link.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
            links.append(link)
        begin, served = time.monotonic(), False
        while not served and time.monotonic() - begin < 18:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(origin + "/_emulator/settings", timeout=3).read()
                served = True
        if not served:
            bad.append("nobody else was served")
    finally:
        emulator.kill()
        emulator.wait()

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
