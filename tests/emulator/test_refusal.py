"""
A refusal of the gateway.
"""

from __future__ import annotations

from umfpay.emulator._messages import Refusal


def test_it_has_the_words_of_the_table():
    """
    The detail is for the log; without a row in the table it is all there is.
    """
    known, bare, new = (
        Refusal("00060760", "why"),
        Refusal("00060760"),
        Refusal("9", "x"),
    )

    assert ("payment does not exist", "why") == (known.message, known.detail)
    assert "payment does not exist" == bare.detail
    assert ("x", "x") == (new.message, new.detail)
    assert 200 == known.status
