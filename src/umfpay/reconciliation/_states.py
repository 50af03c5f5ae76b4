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
        "0",
        "SUCCESS",
        "SUCCEEDED",
        "PAID",
        "REFUNDED",
        "DONE",
        "TRADE_SUCCESS",
        "REFUND_SUCCESS",
        "成功",
        "已支付",
        "已退款",
        "交易成功",
        "支付成功",
        "退款成功",
    ),
    "pending": (
        "PENDING",
        "PROCESSING",
        "TRADE_PENDING",
        "REFUND_PROCESS",
        "处理中",
    ),
    "waiting": ("WAIT", "UNPAID", "WAIT_BUYER_PAY", "待支付", "未支付"),
    "failed": ("FAIL", "FAILED", "TRADE_FAIL", "REFUND_FAIL", "失败"),
    "closed": ("CLOSE", "CLOSED", "TRADE_CLOSED", "REFUND_CLOSE", "已关闭"),
    "cancelled": ("CANCEL", "CANCELLED", "CANCELED", "TRADE_CANCEL", "已撤销"),
    REVERSED: ("REVERSE", "REVERSED", "TRADE_REVERSE", "已冲正"),
}
# Of the gateway's files alone (gateway.md 7.10): elsewhere its digits mean others.
MEANINGS_OF_DIGITS: Final[dict[str, tuple[str, ...]]] = {
    DONE: ("0",),
    "pending": ("3",),
    "authorised": ("4", "PRE_AUTHORIZATION_TRANSFER"),
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


def meanings(frame: Any, state: str, means: str, *, of_gateway: bool = False) -> Any:
    """
    Return the words in column *state* of narwhals' lazy *frame*, each with what it
    means in column *means*; nothing where it is blank.

    Args:
        of_gateway: They are of the gateway's files.
    """
    import narwhals as nw

    words = (
        frame.select(state)
        .unique(state)
        .with_columns(_word=nw.col(state).str.strip_chars().str.to_uppercase())
    )
    found: Any = nw.when(nw.col("_word") != "").then(nw.col("_word"))
    tables = [MEANINGS_OF_STATE, *([MEANINGS_OF_DIGITS] if of_gateway else [])]

    for table in tables:
        for name, known in table.items():
            found = (
                nw.when(nw.col("_word").is_in(known))
                .then(nw.lit(name))
                .otherwise(found)
            )

    return words.select(state, found.alias(means))


def with_meaning(
    frame: Any, state: str, means: str, *, of_gateway: bool = False
) -> Any:
    """
    Return narwhals' lazy *frame* with what the column *state* means, in *means*.
    """
    # A book has few words: each is looked up once, whatever the number of rows.
    return frame.join(
        meanings(frame, state, means, of_gateway=of_gateway), on=state, how="left"
    )
