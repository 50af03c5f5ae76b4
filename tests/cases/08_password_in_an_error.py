"""
A setting with a password in it is wrong in another respect (a proxy without scheme, a
missing CA file), or a card is given as a dict where an object is wanted. The error must
not show the password or the number, in its text or in its frames.
Kind: secrets in messages, tracebacks and error reports.
"""

import os
import signal
import sys
import traceback

from umfpay import Config
from umfpay.documents import FTPAccount
from umfpay.models import NewPayerInfo
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


def safe(value):
    try:
        return repr(value)
    except Exception:
        return ""


def shown(word, make):
    """Where *word* can be read after make() has failed: in texts and in frames."""
    found, todo = [], []
    try:
        make()
    except Exception as error:
        todo = [error]
    while todo:
        one = todo.pop()
        todo += [x for x in (one.__cause__, one.__context__) if x is not None]
        if word in str(one) + repr(one.args):
            found.append("text of " + type(one).__name__)
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if frame.f_code.co_filename != __file__:
                names = [
                    name
                    for name, value in frame.f_locals.items()
                    if word in safe(value)
                ]
                found += [f"{frame.f_code.co_name}: {name}" for name in names]
    return found


key = PrivateKey.generate(1024)
settings = dict(
    client_id="c",
    client_secret="s",
    merchant_key=key,
    gateway_certificate=key.public,
    base_url="https://gateway.example/",
)
for name, make in {
    "proxy": lambda: Config(**settings, proxy="user:HUNTER2@proxy.example:3128"),
    "ca_file": lambda: FTPAccount(
        host="h", user="u", password="HUNTER2", ca_file="/missing.pem"
    ),
    "card": lambda: NewPayerInfo(bank_card={"number": "HUNTER2", "cvv2": "987"}),
}.items():
    if found := shown("HUNTER2", make):
        bad.append(f"{name}: the secret stands in {found}")

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
