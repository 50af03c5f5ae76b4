"""
A shop's test is a plain function that calls the fixture umf_emulator over HTTP, as tests
with a synchronous client do. The emulator must answer.
Kind: a server that runs only while the test's own loop runs.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile


def late(*_):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(2)
    raise KeyboardInterrupt("it did not end within 100 s")


def fails(kind, error, _):
    print("fails:", kind.__name__, " ".join(str(error).split())[:200], flush=True)
    os._exit(1)


sys.excepthook, bad = fails, []
signal.signal(signal.SIGALRM, late), signal.alarm(100)

TEST = """
import httpx

def test_sync(umf_emulator):
    answer = httpx.get(umf_emulator.origin + "/_emulator/payments", timeout=30)
    assert answer.status_code == 200 and answer.json()["payments"] == []
"""
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "conftest.py").write_text(
        'pytest_plugins = ["umfpay.testing"]\n'
    )
    pathlib.Path(folder, "test_shop.py").write_text(TEST)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--tb=line",
            folder,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
    )
    if done.returncode:
        text = [line for line in done.stdout.splitlines() if line.strip()]
        bad.append(" | ".join(text[-3:])[-300:])

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
