"""
An order number begins with a full-width sign, which spreadsheets in East Asian locales
read as the begin of a formula. In the CSV of differences it must be escaped like "=".
Kind: formula injection into a report that a person opens.
"""

import csv
import os
import pathlib
import signal
import sys
import tempfile
from datetime import date
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
    numbers = ["=1+1", "＝1+1", "＋1", "－1", "＠SUM(1)"]
    ledger = pathlib.Path(folder, "ledger.csv")
    rows = "".join(f"{number},2017-02-06,5.00\n" for number in ["A1", *numbers])
    ledger.write_text("mer_reference_id,mer_date,total\n" + rows)
    day = date(2017, 2, 6)
    report = reconcile(
        [statement(folder, ("A1", "5.00"))], ledger=Ledger.open(ledger), days=(day, day)
    )
    to = pathlib.Path(folder, "r.csv")
    report.write_csv(to)
    with to.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    if not any("SUM(1)" in cell for cell in cells):
        bad.append("the rows are not in the report")
    raw = sorted({cell for cell in cells if cell[:1] in ("=", "＝", "＋", "－", "＠")})
    if raw:
        bad.append(f"not escaped: {raw}")

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
