"""
What Recovery knows of the other refunds of a payment.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from umfpay.journal import JournalOutcome, JournalState
from umfpay.journal._outcome_queries import _known_refunds


ENTRY = SimpleNamespace(known_refunds=("REFUND_0",))


def _refund(state, outcome, object_id):
    return SimpleNamespace(
        call="refunds.create", state=state, outcome=outcome, object_id=object_id
    )


@pytest.mark.parametrize(
    ("other", "known"),
    [
        ((JournalState.ENDED, JournalOutcome.EXECUTED, "REFUND_1"), True),
        ((JournalState.ENDED, JournalOutcome.REFUSED, None), True),
        ((JournalState.ENDED, JournalOutcome.EXECUTED, None), False),
        ((JournalState.UNKNOWN, None, "REFUND_1"), False),
        # Its intent was given back, whatever became of it.
        ((JournalState.ENDED, JournalOutcome.FORGOTTEN, None), False),
        ((JournalState.ENDED, JournalOutcome.FORGOTTEN, "REFUND_1"), True),
    ],
)
def test_all_other_refunds_are_known_only_if_each_that_may_be_there_has_an_id(
    other, known
):
    """
    Else none of them is "not executed" by elimination.
    """
    ids = _known_refunds(ENTRY, [_refund(*other)])

    assert known is (ids is not None)
    assert ids is None or ids == ["REFUND_0", *([other[2]] if other[2] else [])]
