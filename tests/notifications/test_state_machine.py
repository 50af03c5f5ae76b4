"""
The order of states: the issue's chains, as a partial order.
"""

from __future__ import annotations

from itertools import product

import pytest

from umfpay.models import CustomsState, PaymentState, RefundState
from umfpay.notifications._state_machine import Transition, transition


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


def expected(kind, before, after):
    if before == after:
        return Transition.SAME

    for chain in CHAINS[kind]:
        if before in chain and after in chain:
            higher = chain.index(after) > chain.index(before)

            return Transition.FORWARD if higher else Transition.BACK

    return Transition.CONTRADICTION


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
    Forward along a chain, back along it, the same, or a contradiction.
    """
    assert transition(kind, before, after) is expected(kind, before, after)


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
                assert transition(kind, before.value, after.value) is Transition.FORWARD


@pytest.mark.parametrize("kind", CHAINS)
def test_the_first_state_is_a_step_forward(kind):
    """
    Whatever comes first is taken, also a word that nobody knows.
    """
    for state in [*states(kind), "NEW_WORD"]:
        assert transition(kind, None, state) is Transition.FORWARD


@pytest.mark.parametrize("kind", CHAINS)
def test_an_unknown_word_contradicts_what_is_known(kind):
    """
    Nobody can say whether it is later. A final state is: it keeps no shop waiting.
    """
    for state in states(kind):
        assert transition(kind, state, "NEW_WORD") is Transition.CONTRADICTION
        is_final = ENUMS[kind](state).final
        after = Transition.FORWARD if is_final else Transition.CONTRADICTION
        assert transition(kind, "NEW_WORD", state) is after

    assert transition(kind, "NEW_WORD", "NEW_WORD") is Transition.SAME
