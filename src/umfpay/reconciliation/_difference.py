"""
`Difference`: the classes of differences, their names, and what to do about each.

They stand in the order in which they are reported.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final

from umfpay.errors import Text


_ID_CHARACTERS: Final = 16


class Difference(StrEnum):
    """
    The class of a key: the first of these that applies; later ones are in ``also``.

    `MATCHED` is none. Of a `DUPLICATE` all rows are listed. `QUARANTINED` are rows that
    could not be read. `NOT_COMPARED` is a row of the ledger that is blank where a column
    of it should hold something. `PAID_OUT_UNKNOWN` is in the statement and not in the
    transactions, of a day that was asked for; `NOT_PAID_OUT` is in the transactions, and
    overdue in the statement.
    """

    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    MISSING_IN_LEDGER = "missing_in_ledger"
    MISSING_AT_GATEWAY = "missing_at_gateway"
    REFUND_WITHOUT_PAYMENT = "refund_without_payment"
    OVER_REFUNDED = "over_refunded"
    CURRENCY_DIFFERS = "currency_differs"
    AMOUNT_DIFFERS = "amount_differs"
    STATE_DIFFERS = "state_differs"
    WRONG_DAY = "wrong_day"
    NOT_COMPARED = "not_compared"
    PAID_OUT_UNKNOWN = "paid_out_unknown"
    NOT_PAID_OUT = "not_paid_out"
    FEE_DIFFERS = "fee_differs"
    EXCHANGE_DIFFERS = "exchange_differs"
    MATCHED = "matched"

    @property
    def label(self) -> Text:
        """
        What people call it.
        """
        return _LABELS[self]

    @property
    def advice(self) -> Text:
        """
        What to do about it.
        """
        return _ADVICE[self]


def difference_id(order_id: str, kind: str, refund_id: str, name: str) -> str:
    """
    Return the id of a difference: the same for the same key and class in every night.

    The begin of a SHA-256 of the four in UTF-8 with U+001F between them, which every
    engine can compute.
    """
    text = f"{name}\x1f{kind}\x1f{order_id}\x1f{refund_id}"

    return hashlib.sha256(text.encode()).hexdigest()[:_ID_CHARACTERS]


_LABELS: Final[dict[Difference, Text]] = {
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

_ADVICE: Final[dict[Difference, Text]] = {
    Difference.DUPLICATE: Text(
        "Find out which of the rows is the real one. Twice in the ledger: was the"
        " customer delivered to twice? Twice at the gateway: was money taken twice?"
        " Then refund one.",
        "请确认哪一行有效。账本重复：是否重复发货？网关重复：是否重复扣款？如是请退款。",
    ),
    Difference.QUARANTINED: Text(
        "Look at the line in its file. Fetch the file again; if it is the same, ask UMF.",
        "请查看文件中的该行，重新下载文件；若内容相同，请联系联动优势。",
    ),
    Difference.MISSING_IN_LEDGER: Text(
        "Money moved that the ledger does not know. Query it (umfpay query --from); book"
        " it, or refund it if nobody ordered it.",
        "资金已发生变动而账本没有记录。请查询（umfpay query --from）后补记；"
        "若无对应订单，请退款。",
    ),
    Difference.MISSING_AT_GATEWAY: Text(
        "Query it (umfpay query --from). Paid, it comes in the file of a later day;"
        " not paid, take it out of the ledger and deliver nothing.",
        "请查询（umfpay query --from）。若已支付，会出现在以后日期的文件中；"
        "若未支付，请从账本中更正，不要发货。",
    ),
    Difference.REFUND_WITHOUT_PAYMENT: Text(
        "Compare with a ledger that has the payment, too: it may be of an earlier day.",
        "请使用包含原支付的账本重新核对：原支付可能属于更早的日期。",
    ),
    Difference.OVER_REFUNDED: Text(
        "Stop refunds of this order, and find out who asked for each of them. Ask UMF"
        " whether the money left.",
        "请停止该订单的退款，逐笔核实由谁发起，并向联动优势确认资金是否已退出。",
    ),
    Difference.CURRENCY_DIFFERS: Text(
        "See in which currency the order was made: the gateway's is what was charged.",
        "请核实下单币种：以网关为准，即实际扣款币种。",
    ),
    Difference.AMOUNT_DIFFERS: Text(
        "The gateway's amount is what was charged. See whether the price changed after"
        " the order was made; correct the ledger, or refund what is too much.",
        "网关金额即实际扣款金额。请核实下单后价格是否变动；更正账本，或退还多收部分。",
    ),
    Difference.STATE_DIFFERS: Text(
        "Query it (umfpay query --from): the signed answer of now decides.",
        "请查询（umfpay query --from）：以当前带签名的应答为准。",
    ),
    Difference.WRONG_DAY: Text(
        "See in which zone the ledger writes its day: the gateway's is mer_date, the"
        " merchant's own. If all rows are a day off, it is the setting.",
        "请核实账本日期所用时区：网关为商户日期 mer_date。若所有行均差一天，则是设置问题。",
    ),
    Difference.NOT_COMPARED: Text(
        "Fill in what is blank in the ledger and compare again.",
        "请补全账本中的空白内容后重新核对。",
    ),
    Difference.PAID_OUT_UNKNOWN: Text(
        "Ask UMF what was paid out or deducted under this number. Perhaps the file of"
        " the day on which it was traded was not given.",
        "请向联动优势核实该编号的结算或扣款；也可能缺少交易当日的文件。",
    ),
    Difference.NOT_PAID_OUT: Text(
        "Ask UMF for the money, with the number and the day. If a holiday lay between,"
        " name it (--holiday).",
        "请凭编号和日期向联动优势催结；若期间有节假日，请指定（--holiday）。",
    ),
    Difference.FEE_DIFFERS: Text(
        "Compare with the contract: rate, least fee, rounding. Correct what the ledger"
        " expects, or ask UMF for the difference.",
        "请对照合同核实费率、最低手续费和舍入；更正账本，或向联动优势追回差额。",
    ),
    Difference.EXCHANGE_DIFFERS: Text(
        "Ask UMF how the sum was made: amount less fee, at the rate that the statement"
        " itself names, is another one.",
        "请向联动优势核实结汇金额：按结算明细自身的汇率计算，金额减手续费与之不符。",
    ),
    Difference.MATCHED: Text("Nothing.", "无需处理。"),
}
