"""
The merchant's ledger is Alipay's business bill as it is downloaded: GBK, lines that begin
with # before and after the table, a tab behind each number. It must compare clean.
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


BILL = """#支付宝业务明细查询
#账号：[20880000000000000156]
#起始日期：[2017年02月06日 00:00:00]   终止日期：[2017年02月07日 00:00:00]
#-----------------------------------------业务明细列表----------------------------------------
支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,订单金额（元）,商家实收（元）,服务费（元）,备注
2017020621001\t,B1\t,交易\t,book,2017-02-06 10:00:00,2017-02-06 10:00:10,68.00,68.00,-0.10,
2017020621002\t,C1\t,交易\t,book,2017-02-06 10:01:00,2017-02-06 10:01:10,8394.60,8394.60,-12.35,
#-----------------------------------------业务明细列表结束------------------------------------
#交易合计：2笔，商家实收共8462.60元，商家优惠共0.00元
#退款合计：0笔
"""
with tempfile.TemporaryDirectory() as folder:
    gateway = statement(folder, ("B1", "10.00"), ("C1", "1234.50"))
    ledger = pathlib.Path(folder, "bill.csv")
    ledger.write_bytes(BILL.replace("\n", "\r\n").encode("gbk"))
    code, text = umfpay(
        "reconcile",
        "--transactions",
        gateway,
        "--ledger",
        ledger,
        "--encoding",
        "gbk",
        "--map",
        "mer_reference_id=商户订单号",
        "--map",
        "mer_date=创建时间",
        "--map",
        "total_cny=订单金额（元）",
    )
    if code != 0:
        bad.append(f"exit code {code}: {' '.join(text.split())[:150]}")

print("fails: " + "; ".join(bad) if bad else "ok", flush=True)
os._exit(bool(bad))
