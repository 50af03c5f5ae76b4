"""
A ledger's last column, which nobody maps, holds inch marks: 5" disk. All rows between two
such rows must still be read (one of them is missing at the gateway), or the file refused.
Kind: rows of the ledger vanish without a word, and the comparison is clean.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from decimal import ROUND_HALF_UP, Decimal


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


def umfpay(*arguments):
    """Run the command line; its exit code and what it printed."""
    script = os.path.join(os.path.dirname(sys.executable), "umfpay")
    done = subprocess.run(
        [script, *map(str, arguments)], capture_output=True, text=True, timeout=90
    )
    return done.returncode, done.stdout + done.stderr


with tempfile.TemporaryDirectory() as folder:
    gateway = statement(folder, ("B1", "10.00"), ("C1", "1234.50"))
    ledger = pathlib.Path(folder, "ledger.csv")
    for engine in ("polars", "duckdb"):
        for first, second, wanted in (
            ("disk", "lamp", (1,)),
            ('5" disk', '6" lamp', (1, 2)),
        ):
            ledger.write_text(
                f"order_no,day,amount,note\nB1,2017-02-06,10.00,{first}\n"
                f"LOST,2017-02-06,99.00,{second}\nC1,2017-02-06,1234.50,b\n"
            )
            code, text = umfpay(
                "reconcile",
                "--transactions",
                gateway,
                "--ledger",
                ledger,
                "--engine",
                engine,
                "--map",
                "mer_reference_id=order_no",
                "--map",
                "mer_date=day",
                "--map",
                "total=amount",
                "--from",
                "2017-02-06",
                "--to",
                "2017-02-06",
            )
            if code not in wanted:
                bad.append(
                    f"{engine}, notes {first!r} and {second!r}: exit code {code}"
                )

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
