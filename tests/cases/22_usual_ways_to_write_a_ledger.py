"""
Ledgers come out of spreadsheets, shops and payment platforms: amounts with a thousands
separator or a currency sign, days as 2017/2/6, values behind a backtick, 0 for "no refund",
refunds with a minus, states in Chinese. All of these mean the same and must match.
Kind: false differences and refusals for data that is right.
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
    raise KeyboardInterrupt("it did not end within 26 s")


def fails(kind, error, _):
    print("fails:", kind.__name__, " ".join(str(error).split())[:200], flush=True)
    os._exit(1)


sys.excepthook, bad = fails, []
signal.signal(signal.SIGALRM, late), signal.alarm(26)


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
    rows = ("B1", "10.00"), ("C1", "1234.50"), ("C1", "4.00", "R77")
    names = {
        "mer_reference_id": "no",
        "total": "amount",
        "mer_date": "day",
        "refund_id": "refund",
        "state": "state",
    }
    day = "2017-02-06"
    for name, lines in {
        "plain": (
            f"B1,{day},10.00,,SUCCESS",
            f"C1,{day},1234.50,,SUCCESS",
            f"C1,{day},4.00,R77,SUCCESS",
        ),
        "thousands": (
            f"B1,{day},10.00,,SUCCESS",
            f'C1,{day},"1,234.50",,SUCCESS',
            f"C1,{day},4.00,R77,SUCCESS",
        ),
        "sign": (
            f"B1,{day},¥68.00,,SUCCESS",
            f"C1,{day},¥8394.60,,SUCCESS",
            f"C1,{day},¥27.20,R77,SUCCESS",
        ),
        "slashes": (
            "B1,2017/2/6,10.00,,SUCCESS",
            "C1,2017/2/6,1234.50,,SUCCESS",
            "C1,2017/2/6,4.00,R77,SUCCESS",
        ),
        "backtick": (
            f"`B1,`{day},`10.00,`,`SUCCESS",
            f"`C1,`{day},`1234.50,`,`SUCCESS",
            f"`C1,`{day},`4.00,`R77,`SUCCESS",
        ),
        "refund 0": (
            f"B1,{day},10.00,0,SUCCESS",
            f"C1,{day},1234.50,0,SUCCESS",
            f"C1,{day},4.00,R77,SUCCESS",
        ),
        "minus": (
            f"B1,{day},10.00,,SUCCESS",
            f"C1,{day},1234.50,,SUCCESS",
            f"C1,{day},-4.00,R77,SUCCESS",
        ),
        "Chinese": (
            f"B1,{day},10.00,,交易成功",
            f"C1,{day},1234.50,,支付成功",
            f"C1,{day},4.00,R77,退款成功",
        ),
    }.items():
        if name == "sign":  # yuan are compared with the gateway's yuan
            columns = {
                ("total_cny" if ours == "total" else ours): theirs
                for ours, theirs in names.items()
            }
        else:
            columns = names
        found = compared(
            folder, rows, "\n".join(["no,day,amount,refund,state", *lines, ""]), columns
        )
        if found != {"matched": 3}:
            bad.append(f"{name}: {found}"[:90])

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
