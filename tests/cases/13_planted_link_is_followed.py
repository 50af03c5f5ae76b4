"""
Reports are written into a folder where another user can write too. He plants a symbolic
link under the name of the temporary file. The link's target must stay as it was.
Kind: a predictable temporary name that is opened through a link.
"""

import contextlib
import os
import pathlib
import signal
import sys
import tempfile
from decimal import ROUND_HALF_UP, Decimal

from umfpay.reconciliation import Ledger, reconcile


def late(*_):
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(2)
    raise KeyboardInterrupt("it did not end within 100 s")


def fails(kind, error, _):
    print("fails:", kind.__name__, " ".join(str(error).split())[:200], flush=True)
    os._exit(1)


sys.excepthook, bad = fails, []
signal.signal(signal.SIGALRM, late), signal.alarm(100)


def statement(folder, *rows):
    """A transactions file of 6 February 2017 with (order number, total, refund number or none)."""
    lines, total = ["TRANSDETAIL-START,8017,20170206"], Decimal(0)
    for n, (number, usd, *refund) in enumerate(rows):
        cny = (Decimal(usd) * Decimal("6.8")).quantize(Decimal("0.01"), ROUND_HALF_UP)
        total += -cny if refund else cny
        lines.append(
            f"{201702060001 + n},13800000001,{number},20170206,20170206,100000,USD,{usd},{cny},6.8000,0,"
            + (f"T,book,{refund[0]}" if refund else "P,book,")
        )
    path = pathlib.Path(folder, "t.txt")
    path.write_text("\n".join([*lines, f"TRANSDETAIL-End,8017,20170206,{total}", ""]))
    return path


with tempfile.TemporaryDirectory() as folder:
    ledger = pathlib.Path(folder, "ledger.csv")
    ledger.write_text("mer_reference_id,total\nA1,10.00\n")
    report = reconcile([statement(folder, ("A1", "12.00"))], ledger=Ledger.open(ledger))
    shared = pathlib.Path(folder, "shared")
    shared.mkdir()
    for name, write in {"r.csv": report.write_csv, "r.html": report.write_html}.items():
        victim = pathlib.Path(folder, "victim-" + name)
        victim.write_text("PRECIOUS")
        (shared / f".{name}.part").symlink_to(victim)
        with contextlib.suppress(Exception):  # to refuse is good, too
            write(shared / name)
        if victim.read_text() != "PRECIOUS":
            bad.append(f"{name}: what the link pointed to was overwritten")
        if (shared / name).is_symlink():
            bad.append(f"{name}: the report is a link")

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
