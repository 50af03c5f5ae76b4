"""
The state machine of payments, refunds and declarations: which state follows which.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Transition(StrEnum):
    """
    What a state means after another.
    """

    FORWARD = "forward"
    SAME = "same"
    BACK = "back"
    CONTRADICTION = "contradiction"


_PAID_STATES: Final = frozenset({"TRADE_SUCCESS", "TRADE_CANCEL", "TRADE_REVERSE"})
_FINAL_STATES: Final = _PAID_STATES | {"TRADE_FAIL", "TRADE_CLOSED"}
_OPEN_STATES: Final = frozenset({"TRADE_PENDING", "PRE_AUTHORIZATION_TRANSFER"})
_FINAL_REFUND_STATES: Final = frozenset(
    {"REFUND_SUCCESS", "REFUND_FAIL", "REFUND_CLOSE"}
)
# The reference has the first one only; which of the others follows which, nobody says.
_OPEN_REFUND_STATES: Final = (
    "REFUND_PROCESS",
    "MER_PROCESS",
    "REFUND_UNKNOWN",
    "REFUND_WAIT_AUDIT",
    "REFUND_ORIGINAL",
    "REFUND_NOTNEED",
    "REFUND_PAY_NOT_SUCCESS",
)

# From each state, those that may come at any time after it (gateway.md 7.1-7.3).
_SUCCESSORS: Final[dict[str, dict[str, frozenset[str]]]] = {
    "payment": {
        "WAIT_BUYER_PAY": _OPEN_STATES | _FINAL_STATES,
        **dict.fromkeys(_OPEN_STATES, _FINAL_STATES),
        "TRADE_SUCCESS": _PAID_STATES - {"TRADE_SUCCESS"},
    },
    "refund": dict.fromkeys(_OPEN_REFUND_STATES, _FINAL_REFUND_STATES),
    "customs_declaration": {
        "ACCEPTED": frozenset({"SUBMITTED", "SUCCESS", "FAIL"}),
        "SUBMITTED": frozenset({"SUCCESS", "FAIL"}),
    },
}
_FINAL_STATES_OF_KIND: Final = {
    "payment": _FINAL_STATES,
    "refund": _FINAL_REFUND_STATES,
    "customs_declaration": frozenset({"SUCCESS", "FAIL"}),
}


def transition(kind: str, before: str | None, after: str) -> Transition:
    """
    Say what *after* means for an object that is in state *before*.

    Args:
        before: None if nothing is known of it.
    """
    if before is None:
        return Transition.FORWARD

    if before == after:
        return Transition.SAME

    later = _SUCCESSORS[kind]

    # A word that nobody knows was no end, as far as anybody knows.
    if before not in later and before not in _FINAL_STATES_OF_KIND[kind]:
        later = {before: _FINAL_STATES_OF_KIND[kind]}

    if after in later.get(before, frozenset()):
        return Transition.FORWARD

    if before in later.get(after, frozenset()):
        return Transition.BACK

    return Transition.CONTRADICTION
