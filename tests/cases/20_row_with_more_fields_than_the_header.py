"""
An amount with a decimal comma stands unquoted in a CSV ledger: 10,50. The gateway says
10.00. The row has more fields than the header: it may not be read as 10 and matched.
Kind: a misread amount is called equal.
"""

import os
import pathlib
import signal
import sys
import tempfile
from decimal import ROUND_HALF_UP, Decimal

from umfpay import UMFError
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


def compared(folder, rows, text, columns, encoding="utf-8"):
    """What the comparison of a statement with a CSV ledger tells: its counts, or its error."""
    ledger = pathlib.Path(folder, "ledger.csv")
    ledger.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    try:
        report = reconcile(
            [statement(folder, *rows)], ledger=Ledger.open(ledger, columns=columns)
        )
    except UMFError as error:
        return f"{type(error).__name__}: {error}"[:160]
    return {name: n for name, n in report.counts.items() if n}


with tempfile.TemporaryDirectory() as folder:
    rows = ("B1", "10.00"), ("C1", "1234.50")
    columns = {"mer_reference_id": "order_no", "total": "amount"}
    for text, good in {
        "order_no,amount,note\nB1,10.00,first\nC1,1234.50,second\n": True,
        "order_no,amount,note\nB1,10,50,first\nC1,1234.50,second\n": False,
        "order_no,amount\nB1,10,50\nC1,1234.50\n": False,
    }.items():
        found = compared(folder, rows, text, columns)
        if (found == {"matched": 2}) != good:
            bad.append(f"{text!r}: {found}")

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
