"""
Reasons of differences, in words for people in finance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from umfpay.errors import Text
from umfpay.reconciliation._difference import Difference


if TYPE_CHECKING:
    from umfpay.reconciliation._report import DifferenceRow


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


def reason(row: DifferenceRow) -> Text:
    """
    Return what is different about *row*, the later classes too.
    """
    said = _REASON_OF_CLASS[row.difference](row)
    others = [CLASS_NAMES[name] for name in row.also]

    if not others:
        return said

    return Text(
        f"{said.en} Also: {', '.join(name.en.lower() for name in others)}.",
        f"{said.zh}另外：{'、'.join(name.zh for name in others)}。",
    )


def _duplicate(row: DifferenceRow) -> Text:
    books = {"ledger": "账本", "transactions": "交易明细", "statement": "结算明细"}
    side = row.side or "ledger"

    return Text(
        f"This number is in one book twice; this row is of the {side}.",
        f"该编号在同一账册中重复出现；本行来自{books.get(side, side)}。",
    )


def _missing_in_ledger(row: DifferenceRow) -> Text:
    what = Text("payment", "支付") if row.kind == "P" else Text("refund", "退款")

    return Text(
        f"The gateway has this {what.en} of {_money(row.gateway)}; the ledger has not.",
        f"网关有此{what.zh}（{_money(row.gateway)}），账本没有。",
    )


def _missing_at_gateway(row: DifferenceRow) -> Text:
    what = Text("payment", "支付") if row.kind == "P" else Text("refund", "退款")

    return Text(
        f"The ledger has this {what.en} of {_money(row.ledger)}; the gateway has not.",
        f"账本有此{what.zh}（{_money(row.ledger)}），网关没有。",
    )


def _refund_without_payment(row: DifferenceRow) -> Text:
    return Text(
        f"Both books have the refund {row.refund_id}; neither has its payment.",
        f"两边都有退款 {row.refund_id}，但都没有对应的支付。",
    )


def _over_refunded(row: DifferenceRow) -> Text:
    return Text(
        f"The refunds of order {row.order_id} are together more than its payment;"
        f" {row.refund_id} is {_money(row.gateway or row.ledger)}.",
        f"订单 {row.order_id} 的退款合计超过其支付金额；"
        f"{row.refund_id} 为 {_money(row.gateway or row.ledger)}。",
    )


def _amount_differs(row: DifferenceRow) -> Text:
    said = _pairs("total", "total_cny")(row)

    if said.en != ".":
        return said

    total, cny, rate = (
        _display_value(row.gateway.get(name))
        for name in ("total", "total_cny", "exchange_rate")
    )

    return Text(
        f"The gateway's own amounts do not fit: {total} at {rate} is not {cny} CNY.",
        f"网关自身金额不符：{total} 按汇率 {rate} 不等于 {cny} CNY。",
    )


def _state_differs(row: DifferenceRow) -> Text:
    said = _pairs("state")(row)

    if said.en != ".":
        return said

    return Text(
        f"The gateway's state is {_display_value(row.gateway.get('state'))}: it was not"
        " done.",
        f"网关状态为 {_display_value(row.gateway.get('state'))}：交易未成功。",
    )


def _paid_out_unknown(row: DifferenceRow) -> Text:
    paid = _display_value(row.statement.get("exchanged_cny"))

    return Text(
        f"The statement has {paid} CNY for this number; the transactions do not have it.",
        f"结算明细中该编号为 {paid} CNY，交易明细中没有该编号。",
    )


def _not_paid_out(row: DifferenceRow) -> Text:
    if row.age is None:
        age = Text("", "")
    else:
        age = Text(f" It is {row.age} working days old.", f"已过 {row.age} 个工作日。")

    return Text(
        f"{_money(row.gateway)} were due and are not in the statement.{age.en}",
        f"{_money(row.gateway)} 已到期但未出现在结算明细中。{age.zh}",
    )


def _pairs(*names: str) -> Callable[[DifferenceRow], Text]:
    def say(row: DifferenceRow) -> Text:
        en, zh = [], []

        for name in names:
            ours, theirs = row.ledger.get(name), row.gateway.get(name)
            paid = row.statement.get(name)

            if None not in (ours, theirs) and ours != theirs:
                en.append(
                    f"{name}: ledger {_display_value(ours)}, gateway {_display_value(theirs)}"
                )
                zh.append(
                    f"{name}：账本 {_display_value(ours)}，网关 {_display_value(theirs)}"
                )

            if None not in (paid, theirs) and paid != theirs:
                en.append(
                    f"{name}: statement {_display_value(paid)}, gateway {_display_value(theirs)}"
                )
                zh.append(
                    f"{name}：结算 {_display_value(paid)}，网关 {_display_value(theirs)}"
                )

        return Text(f"{'; '.join(en)}.", f"{'；'.join(zh)}。")

    return say


def _not_compared(row: DifferenceRow) -> Text:
    blank = [name for name, value in row.ledger.items() if value is None]

    return Text(
        f"The ledger's row is blank in {', '.join(blank)}, which was not compared.",
        f"账本该行的 {'、'.join(blank)} 为空，因此未核对。",
    )


def _fee(row: DifferenceRow) -> Text:
    ours = _display_value(row.ledger.get("service_fee"))
    theirs = _display_value(row.statement.get("service_fee"))

    return Text(
        f"service_fee: ledger {ours}, statement {theirs} CNY.",
        f"手续费：账本 {ours}，结算 {theirs} CNY。",
    )


def _exchange(row: DifferenceRow) -> Text:
    statement = row.statement
    rate = _display_value(statement.get("exchange_rate"))
    paid = f"{_display_value(statement.get('exchanged'))} {statement.get('currency')}"
    cny, total, fee = (
        _display_value(statement.get(name))
        for name in ("exchanged_cny", "total_cny", "service_fee")
    )

    return Text(
        f"The statement paid out {cny} CNY ({paid} at {rate}) for {total} CNY less"
        f" {fee} CNY.",
        f"结算支付 {cny} CNY（{paid}，汇率 {rate}），对应 {total} CNY 减手续费 {fee} CNY。",
    )


_REASON_OF_CLASS: Final[dict[Difference, Callable[[Any], Text]]] = {
    Difference.DUPLICATE: _duplicate,
    Difference.MISSING_IN_LEDGER: _missing_in_ledger,
    Difference.MISSING_AT_GATEWAY: _missing_at_gateway,
    Difference.REFUND_WITHOUT_PAYMENT: _refund_without_payment,
    Difference.QUARANTINED: lambda _: Text("It cannot be read.", "无法读取。"),
    Difference.OVER_REFUNDED: _over_refunded,
    Difference.CURRENCY_DIFFERS: _pairs("currency"),
    Difference.AMOUNT_DIFFERS: _amount_differs,
    Difference.STATE_DIFFERS: _state_differs,
    Difference.WRONG_DAY: _pairs("mer_date"),
    Difference.NOT_COMPARED: _not_compared,
    Difference.PAID_OUT_UNKNOWN: _paid_out_unknown,
    Difference.NOT_PAID_OUT: _not_paid_out,
    Difference.FEE_DIFFERS: _fee,
    Difference.EXCHANGE_DIFFERS: _exchange,
    Difference.MATCHED: lambda _: Text("All is the same.", "完全一致。"),
}


def _money(book: Any) -> str:
    if book.get("total") is not None:
        return f"{_display_value(book['total'])} {book.get('currency') or ''}".rstrip()

    return f"{_display_value(book.get('total_cny'))} CNY"


def _display_value(value: Any) -> str:
    return "-" if value is None else str(value)
