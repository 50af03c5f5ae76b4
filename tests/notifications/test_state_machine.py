"""
The order of states: the issue's chains, as a partial order.
"""

from __future__ import annotations

from itertools import product

import pytest

from umfpay.models import CustomsState, PaymentState, RefundState
from umfpay.notifications._decision import follows


# States of the old clients that the reference does not have: open ones, it seems.
REFUND_EXTRAS = [
    "MER_PROCESS",
    "REFUND_UNKNOWN",
    "REFUND_WAIT_AUDIT",
    "REFUND_ORIGINAL",
    "REFUND_NOTNEED",
    "REFUND_PAY_NOT_SUCCESS",
]

# Each chain goes up; what is in no chain together contradicts.
CHAINS = {
    "payment": [
        ["WAIT_BUYER_PAY", "TRADE_PENDING", "TRADE_FAIL"],
        ["WAIT_BUYER_PAY", "TRADE_PENDING", "TRADE_CLOSED"],
        ["WAIT_BUYER_PAY", "TRADE_PENDING", "TRADE_SUCCESS", "TRADE_CANCEL"],
        ["WAIT_BUYER_PAY", "TRADE_PENDING", "TRADE_SUCCESS", "TRADE_REVERSE"],
        ["WAIT_BUYER_PAY", "PRE_AUTHORIZATION_TRANSFER", "TRADE_FAIL"],
        ["WAIT_BUYER_PAY", "PRE_AUTHORIZATION_TRANSFER", "TRADE_CLOSED"],
        ["PRE_AUTHORIZATION_TRANSFER", "TRADE_SUCCESS", "TRADE_CANCEL"],
        ["PRE_AUTHORIZATION_TRANSFER", "TRADE_SUCCESS", "TRADE_REVERSE"],
    ],
    "refund": [
        [before, after]
        for before in ["REFUND_PROCESS", *REFUND_EXTRAS]
        for after in ["REFUND_SUCCESS", "REFUND_FAIL", "REFUND_CLOSE"]
    ],
    "customs_declaration": [
        ["ACCEPTED", "SUBMITTED", "SUCCESS"],
        ["ACCEPTED", "SUBMITTED", "FAIL"],
    ],
}


ENUMS = {
    "payment": PaymentState,
    "refund": RefundState,
    "customs_declaration": CustomsState,
}


def states(kind):
    return sorted({state for chain in CHAINS[kind] for state in chain})


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (kind, before, after)
        for kind in CHAINS
        for before, after in product(states(kind), repeat=2)
    ],
)
def test_each_pair_of_states(kind, before, after):
    """
    What comes later in a chain follows; nothing else does.
    """
    is_later = any(
        chain.index(after) > chain.index(before)
        for chain in CHAINS[kind]
        if before in chain and after in chain
    )

    assert is_later is follows(kind, before, after)


@pytest.mark.parametrize(("kind", "enum"), ENUMS.items())
def test_each_state_of_the_models_has_its_place(kind, enum):
    """
    A state that the models know and the order does not would always contradict.
    """
    assert states(kind) == sorted(state.value for state in enum)


@pytest.mark.parametrize(("kind", "enum"), ENUMS.items())
def test_no_open_state_keeps_a_final_one_out(kind, enum):
    """
    What a flow waits for is applied, whichever open state came before.
    """
    for before in enum:
        for after in enum:
            if after.final and not before.final:
                assert follows(kind, before.value, after.value)


@pytest.mark.parametrize("kind", CHAINS)
def test_an_unknown_word_follows_nothing(kind):
    """
    Nobody can say whether it is later. A final state is: it keeps no shop waiting.
    """
    for state in states(kind):
        assert not follows(kind, state, "NEW_WORD")
        assert ENUMS[kind](state).final is follows(kind, "NEW_WORD", state)
