"""
An aiohttp shop opens the inbox in on_startup; the next step of the start fails (its
database is down). The process must end with that error, so that somebody restarts it.
Kind: a process that neither serves nor ends.
"""

import os
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

SHOP = """
import sys
from aiohttp import web
from umfpay.notifications import NotificationInbox, NotificationReceiver
from umfpay.notifications.aiohttp import notification_routes
from umfpay.protocol import PrivateKey

inbox = NotificationInbox(sys.argv[1], NotificationReceiver(PrivateKey.generate(1024).public))

async def open_inbox(app):
    await inbox.__aenter__()

async def open_database(app):
    raise ConnectionError("no database")

async def close_inbox(app):
    await inbox.aclose()

app = web.Application()
app.add_routes(notification_routes(inbox))
app.on_startup.extend([open_inbox, open_database])
app.on_cleanup.append(close_inbox)
web.run_app(app, host="127.0.0.1", port=0, print=None)
"""
with tempfile.TemporaryDirectory() as folder:
    shop = subprocess.Popen(
        [sys.executable, "-c", SHOP, folder + "/i.db"], stderr=subprocess.DEVNULL
    )
    try:
        if shop.wait(timeout=60) == 0:
            bad.append("it ended as if all were well")
    except subprocess.TimeoutExpired:
        bad.append("it still runs after 12 s")
    finally:
        shop.kill()
        shop.wait()

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
