"""
What the classes of differences are called.
"""

from __future__ import annotations

from typing import Final

from umfpay.errors import Text
from umfpay.reconciliation._difference import Difference


CLASS_NAMES: Final[dict[Difference, Text]] = {
    Difference.DUPLICATE: Text("Twice in one book", "重复"),
    Difference.QUARANTINED: Text("Could not be read", "无法读取"),
    Difference.MISSING_IN_LEDGER: Text("Not in the ledger", "账本缺少"),
    Difference.MISSING_AT_GATEWAY: Text("Not at the gateway", "网关缺少"),
    Difference.REFUND_WITHOUT_PAYMENT: Text("Refund without payment", "退款无对应支付"),
    Difference.OVER_REFUNDED: Text("Refunded more than paid", "退款超过支付金额"),
    Difference.CURRENCY_DIFFERS: Text("Currency differs", "币种不一致"),
    Difference.AMOUNT_DIFFERS: Text("Amount differs", "金额不一致"),
    Difference.STATE_DIFFERS: Text("State differs", "状态不一致"),
    Difference.WRONG_DAY: Text("Another day", "日期不一致"),
    Difference.NOT_COMPARED: Text("Not compared", "未核对"),
    Difference.PAID_OUT_UNKNOWN: Text("Paid out, number unknown", "结算编号未知"),
    Difference.NOT_PAID_OUT: Text("Not paid out", "逾期未结算"),
    Difference.FEE_DIFFERS: Text("Fee differs", "手续费不一致"),
    Difference.EXCHANGE_DIFFERS: Text("Exchange differs", "结汇金额不一致"),
    Difference.MATCHED: Text("Matched", "一致"),
}
