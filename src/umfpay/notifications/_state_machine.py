"""
The state machine of payments, refunds and declarations: which state follows which.
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


_PAID: Final = frozenset({"TRADE_SUCCESS", "TRADE_CANCEL", "TRADE_REVERSE"})
_ENDED: Final = _PAID | {"TRADE_FAIL", "TRADE_CLOSED"}
_OPEN: Final = frozenset({"TRADE_PENDING", "PRE_AUTHORIZATION_TRANSFER"})
_REFUND_ENDED: Final = frozenset({"REFUND_SUCCESS", "REFUND_FAIL", "REFUND_CLOSE"})
# The reference has the first one only; which of the others follows which, nobody says.
_REFUND_OPEN: Final = (
    "REFUND_PROCESS",
    "MER_PROCESS",
    "REFUND_UNKNOWN",
    "REFUND_WAIT_AUDIT",
    "REFUND_ORIGINAL",
    "REFUND_NOTNEED",
    "REFUND_PAY_NOT_SUCCESS",
)

# From each state, those that may come at any time after it (gateway.md 7.1-7.3).
_LATER: Final[dict[str, dict[str, frozenset[str]]]] = {
    "payment": {
        "WAIT_BUYER_PAY": _OPEN | _ENDED,
        **dict.fromkeys(_OPEN, _ENDED),
        "TRADE_SUCCESS": _PAID - {"TRADE_SUCCESS"},
    },
    "refund": dict.fromkeys(_REFUND_OPEN, _REFUND_ENDED),
    "customs_declaration": {
        "ACCEPTED": frozenset({"SUBMITTED", "SUCCESS", "FAIL"}),
        "SUBMITTED": frozenset({"SUCCESS", "FAIL"}),
    },
}
_FINAL: Final = {
    "payment": _ENDED,
    "refund": _REFUND_ENDED,
    "customs_declaration": frozenset({"SUCCESS", "FAIL"}),
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

    # A word that nobody knows was no end, as far as anybody knows.
    if before not in later and before not in _FINAL[kind]:
        later = {before: _FINAL[kind]}

    if after in later.get(before, frozenset()):
        return Move.FORWARD

    if before in later.get(after, frozenset()):
        return Move.BACK

    return Move.CONTRADICTION
