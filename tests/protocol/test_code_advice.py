"""
Advice for each cause, and for the codes that it does not fit.
"""

from __future__ import annotations

from umfpay.protocol import RETURN_CODES, Cause
from umfpay.protocol._code_advice import ADVICE_OF_CAUSE, ADVICE_OF_CODE


def test_each_cause_has_advice():
    """
    No code is left without.
    """
    assert set(Cause) == set(ADVICE_OF_CAUSE)


def test_advice_for_a_code_is_of_a_code_and_says_more():
    """
    It exists in the table, and differs from the advice of its cause.
    """
    assert set(ADVICE_OF_CODE) <= set(RETURN_CODES)

    for code, advice in ADVICE_OF_CODE.items():
        assert advice != ADVICE_OF_CAUSE[RETURN_CODES[code].cause]
        assert advice == RETURN_CODES[code].advice
