"""
Map gateway states and ledger states to common meanings.
"""

from __future__ import annotations

from typing import Any, Final

import narwhals as nw


# Upper case; what is in no row means itself (gateway.md 7, 9.1).
MEANINGS_OF_STATE: Final[dict[str, tuple[str, ...]]] = {
    "done": (
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
    "reversed": ("REVERSE", "REVERSED", "TRADE_REVERSE", "已冲正"),
}


def meanings(frame: Any, state: str, means: str) -> Any:
    """
    Return the words in column *state* of narwhals' lazy *frame*, each with what it
    means in column *means*.
    """
    words = (
        frame.select(state)
        .unique(state)
        .with_columns(_word=nw.col(state).str.strip_chars().str.to_uppercase())
    )
    found = nw.col("_word")

    for name, known in MEANINGS_OF_STATE.items():
        found = (
            nw.when(nw.col("_word").is_in(known)).then(nw.lit(name)).otherwise(found)
        )

    return words.select(state, found.alias(means))


def with_meaning(frame: Any, state: str, means: str) -> Any:
    """
    Return narwhals' lazy *frame* with what the column *state* means, in *means*.
    """
    # A book has few words: each is looked up once, whatever the number of rows.
    return frame.join(meanings(frame, state, means), on=state, how="left")
