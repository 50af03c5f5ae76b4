"""
Map gateway states and ledger states to common meanings.
"""

from __future__ import annotations

from typing import Any, Final


DONE: Final = "done"
REVERSED: Final = "reversed"

# Upper case; what is in no row means itself (gateway.md 7.1, 7.2).
MEANINGS_OF_STATE: Final[dict[str, tuple[str, ...]]] = {
    DONE: (
        "SUCCESS",
        "SUCCEEDED",
        "SUCCESSFUL",
        "PAID",
        "REFUNDED",
        "PARTIALLY_REFUNDED",
        "DONE",
        "COMPLETED",
        "COMPLETE",
        "SETTLED",
        "REFUND",
        "TRADE_SUCCESS",
        "TRADE_FINISHED",
        "REFUND_SUCCESS",
        "成功",
        "已支付",
        "已付款",
        "已收款",
        "已完成",
        "已退款",
        "交易成功",
        "交易完成",
        "支付成功",
        "付款成功",
        "退款成功",
        "转入退款",
    ),
    "pending": (
        "PENDING",
        "PROCESSING",
        "TRADE_PENDING",
        "REFUND_PROCESS",
        "处理中",
        "支付中",
        "退款中",
        "退款处理中",
    ),
    "waiting": (
        "WAITING",
        "WAIT",
        "UNPAID",
        "NOTPAY",
        "WAIT_BUYER_PAY",
        "待支付",
        "待付款",
        "未支付",
        "未付款",
        "等待买家付款",
    ),
    "failed": (
        "FAIL",
        "FAILED",
        "DECLINED",
        "DENIED",
        "PAYERROR",
        "TRADE_FAIL",
        "REFUND_FAIL",
        "失败",
        "支付失败",
        "交易失败",
        "退款失败",
    ),
    "closed": (
        "CLOSE",
        "CLOSED",
        "EXPIRED",
        "TRADE_CLOSED",
        "REFUND_CLOSE",
        "已关闭",
        "交易关闭",
        "退款关闭",
    ),
    "cancelled": (
        "CANCEL",
        "CANCELLED",
        "CANCELED",
        "VOID",
        "VOIDED",
        "TRADE_CANCEL",
        "已撤销",
        "已取消",
        "交易取消",
    ),
    "authorised": (
        "AUTHORISED",
        "AUTHORIZED",
        "PRE_AUTHORIZATION_TRANSFER",
        "预授权",
    ),
    REVERSED: ("REVERSE", "REVERSED", "REVOKED", "TRADE_REVERSE", "已冲正"),
}
# Nothing was paid, or not yet: the gateway may have no row of it.
UNPAID: Final = frozenset(
    {"pending", "waiting", "failed", "closed", "cancelled", "authorised"}
)
# Of the gateway's files alone (gateway.md 7.10): elsewhere its digits mean others.
MEANINGS_OF_DIGITS: Final[dict[str, tuple[str, ...]]] = {
    DONE: ("0",),
    "pending": ("3",),
    "authorised": ("4",),
    "waiting": ("-99",),
    "failed": ("1",),
    REVERSED: ("-1",),
}


def meaning_of(word: str) -> str:
    """
    Return what a state of the gateway's files means.
    """
    plain = word.strip().upper()

    for table in (MEANINGS_OF_DIGITS, MEANINGS_OF_STATE):
        for meaning, known in table.items():
            if plain in known:
                return meaning

    return plain


def meaning_in_ledger(word: str) -> str:
    """
    Return what *word* means in a ledger, whose bare digits mean nothing of themselves.
    """
    plain = word.strip().upper()

    for meaning, known in MEANINGS_OF_STATE.items():
        if plain in known:
            return meaning

    return plain


def meanings(frame: Any, state: str, means: str, *, of_gateway: bool = False) -> Any:
    """
    Return the words in column *state* of narwhals' lazy *frame*, each with what it
    means in column *means*; nothing where it is blank.

    Args:
        of_gateway: They are of the gateway's files.
    """
    words = frame.select(state).unique(state)

    return words.select(state, _meaning(state, of_gateway=of_gateway).alias(means))


def _meaning(state: str, *, of_gateway: bool) -> Any:
    import narwhals as nw

    word = nw.col(state).str.strip_chars().str.to_uppercase()
    found: Any = nw.when(word != "").then(word)
    tables = [MEANINGS_OF_STATE, *([MEANINGS_OF_DIGITS] if of_gateway else [])]

    for table in tables:
        for name, known in table.items():
            found = nw.when(word.is_in(known)).then(nw.lit(name)).otherwise(found)

    return found


def with_meaning(
    frame: Any, state: str, means: str, *, of_gateway: bool = False
) -> Any:
    """
    Return narwhals' lazy *frame* with what the column *state* means, in *means*.
    """
    if frame.implementation.is_spark_like():
        # What is joined is shuffled there.
        found = _meaning(state, of_gateway=of_gateway)

        return frame.with_columns(found.alias(means))

    # A book has few words: each is looked up once, whatever the number of rows.
    return frame.join(
        meanings(frame, state, means, of_gateway=of_gateway), on=state, how="left"
    )
