"""
A column is mapped that the ledger does not have: a slip of one letter. The message must
name a column that is there, so that the user sees his slip; also for column names as
shops and platforms export them, with blanks, brackets or Chinese.
Kind: an error that cannot be acted upon.
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


with tempfile.TemporaryDirectory() as folder:
    for there, slip in {
        "order_number": "order_nunber",
        "商户订单号": "商户定单号",
        "payment_metadata[order_id]": "payment_metadata[order]",
        "订单金额（元）": "订单金额(元)",
        "Order number / 订单号": "Order number/订单号",
    }.items():
        text = f"{there},day,amount\nB1,2017-02-06,10.00\n"
        columns = {"mer_reference_id": slip, "total": "amount"}
        try:
            ledger = pathlib.Path(folder, "ledger.csv")
            ledger.write_text(text)
            reconcile(
                [statement(folder, ("B1", "10.00"))],
                ledger=Ledger.open(ledger, columns=columns),
            )
            bad.append(f"{slip}: accepted")
        except UMFError as error:
            if there not in str(error):
                bad.append(f"{there} is not named: {error}"[:120])

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
