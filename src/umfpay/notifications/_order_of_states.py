"""
Which state may follow which: notifications come twice, late and out of order.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Move(StrEnum):
    """
    What a state means after another.
    """

    FORWARD = "forward"
    SAME = "same"
    BACK = "back"
    CONTRADICTION = "contradiction"


# From each state, those that may come at any time after it (protocol notes 10).
_LATER: Final[dict[str, dict[str, frozenset[str]]]] = {
    "payment": {
        "WAIT_BUYER_PAY": frozenset(
            {
                "TRADE_PENDING",
                "TRADE_FAIL",
                "TRADE_CLOSED",
                "TRADE_SUCCESS",
                "TRADE_CANCEL",
                "TRADE_REVERSE",
            }
        ),
        "TRADE_PENDING": frozenset(
            {
                "TRADE_FAIL",
                "TRADE_CLOSED",
                "TRADE_SUCCESS",
                "TRADE_CANCEL",
                "TRADE_REVERSE",
            }
        ),
        "TRADE_SUCCESS": frozenset({"TRADE_CANCEL", "TRADE_REVERSE"}),
    },
    "refund": {
        "REFUND_PROCESS": frozenset({"REFUND_SUCCESS", "REFUND_FAIL", "REFUND_CLOSE"})
    },
    "customs_declaration": {
        "ACCEPTED": frozenset({"SUBMITTED", "SUCCESS", "FAIL"}),
        "SUBMITTED": frozenset({"SUCCESS", "FAIL"}),
    },
}


def move(kind: str, before: str | None, after: str) -> Move:
    """
    Say what *after* means for an object that is in state *before*.

    Args:
        before: None if nothing is known of it.
    """
    if before is None:
        return Move.FORWARD

    if before == after:
        return Move.SAME

    later = _LATER[kind]

    if after in later.get(before, frozenset()):
        return Move.FORWARD

    if before in later.get(after, frozenset()):
        return Move.BACK

    return Move.CONTRADICTION
