"""
The columns of a workbook: what they are called, and how wide they are.
"""

from __future__ import annotations

from typing import Final

from umfpay.errors import Text
from umfpay.reconciliation._formatting import (
    BOOKS,
    SIDE_NAMES,
)


_COLUMN_NAMES: Final = {
    "class": Text("class", "类别"),
    "order_id": Text("order", "订单号"),
    "kind": Text("kind", "类型"),
    "refund_id": Text("refund", "退款号"),
    "age": Text("working days", "工作日"),
    "mer_date": Text("date", "日期"),
    "listed_on": Text("listed on", "列于"),
    "currency": Text("currency", "币种"),
    "total": Text("total", "金额"),
    "total_cny": Text("CNY", "人民币"),
    "exchange_rate": Text("rate", "汇率"),
    "state": Text("state", "状态"),
    "service_fee": Text("fee", "手续费"),
    "exchanged": Text("paid out", "结算"),
    "exchanged_cny": Text("paid out CNY", "结算人民币"),
    "refunded": Text("refunds of the order", "该订单退款合计"),
    "refunded_cny": Text("refunds of the order CNY", "该订单退款合计人民币"),
    "trade_no": Text("UMF's number", "流水号"),
    "object_id": Text("gateway's id", "网关编号"),
    "id": Text("difference", "差异编号"),
    "booked_at": Text("in ledger", "账本位置"),
    "listed_at": Text("in transactions", "交易明细位置"),
    "paid_out_at": Text("in statement", "结算明细位置"),
    "number": Text("number", "编号"),
    "reason": Text("why", "原因"),
    "suggestion": Text("perhaps", "可能是"),
    "advice": Text("what to do", "处理办法"),
}
WIDTHS: Final = {"reason": 60, "suggestion": 40, "advice": 60, "order_id": 24}
LISTED_COLUMNS: Final = (
    "number",
    "order_id",
    "refund_id",
    "kind",
    "mer_date",
    "listed_on",
    "currency",
    "total",
    "total_cny",
    "exchanged",
    "exchanged_cny",
    "service_fee",
    "exchange_rate",
    "state",
)


def column_name(column: str) -> Text:
    """
    Return what a *column* of a frame is called, with the book it is of.
    """
    book, _, name = column.partition("_")

    if book not in BOOKS:
        return _COLUMN_NAMES.get(column, Text(column, column))

    member = _COLUMN_NAMES.get(name, Text(name, name))
    whose = SIDE_NAMES[book]

    return Text(f"{whose.en}: {member.en}", f"{whose.zh}：{member.zh}")
