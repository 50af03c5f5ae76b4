"""
The merchant's ledger is WeChat Pay's trade bill as it is downloaded: a byte order mark, a
backtick before each value, 0 where there is no refund, and two lines of sums at the end.
It must compare clean.
Kind: the commonest ledger of the field cannot be read.
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


def umfpay(*arguments):
    """Run the command line; its exit code and what it printed."""
    script = os.path.join(os.path.dirname(sys.executable), "umfpay")
    done = subprocess.run(
        [script, *map(str, arguments)], capture_output=True, text=True, timeout=24
    )
    return done.returncode, done.stdout + done.stderr


BILL = """\ufeff交易时间,商户号,微信订单号,商户订单号,交易类型,交易状态,货币种类,商户退款单号,退款金额,商品名称,手续费,费率,订单金额
`2017-02-06 10:00:00,`1600000000,`4200000001,`B1,`NATIVE,`SUCCESS,`USD,`0,`0.00,`book,`0.10000,`1.00%,`10.00
`2017-02-06 10:01:00,`1600000000,`4200000002,`C1,`NATIVE,`SUCCESS,`USD,`0,`0.00,`book,`12.35000,`1.00%,`1234.50
总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额
`2,`1244.50,`0.00,`0.00,`12.45000,`1244.50,`0.00
"""
with tempfile.TemporaryDirectory() as folder:
    gateway = statement(folder, ("B1", "10.00"), ("C1", "1234.50"))
    ledger = pathlib.Path(folder, "bill.csv")
    ledger.write_bytes(BILL.replace("\n", "\r\n").encode())
    names = {
        "mer_reference_id": "商户订单号",
        "mer_date": "交易时间",
        "currency": "货币种类",
        "total": "订单金额",
        "state": "交易状态",
        "refund_id": "商户退款单号",
    }
    maps = [part for pair in names.items() for part in ("--map", "=".join(pair))]
    code, text = umfpay(
        "reconcile", "--transactions", gateway, "--ledger", ledger, *maps
    )
    if code != 0:
        bad.append(f"exit code {code}: {' '.join(text.split())[:150]}")

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
