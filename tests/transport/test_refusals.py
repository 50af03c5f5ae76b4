"""
What a refusal says.
"""

from __future__ import annotations

import pytest

from umfpay.transport import _refusals as refusals


@pytest.mark.parametrize(
    ("make", "setting", "cost"),
    [
        (lambda s: refusals.forged(s, "x"), "response_signatures", "forge"),
        (lambda s: refusals.forged(s, "x"), "response_verifier", "forge"),
        (refusals.unsigned, "unsigned_responses", "change them"),
        (refusals.stripped, "unsigned_responses", "taken the signature off"),
        (lambda s: refusals.unreadable(s, "x"), "base_url", "nothing could be read"),
        (refusals.redirected, "base_url", "token"),
        (lambda s: refusals.too_large(s, 10), "page_size", "memory"),
    ],
)
def test_every_refusal_names_call_setting_and_cost(call, make, setting, cost):
    """A refusal says what was called, what to set and what that costs, twice."""
    error = make(call(status=200))

    assert "GET /payments/payment" in error.what.en
    assert "GET /payments/payment" in error.what.zh
    assert setting in error.advice.en
    assert cost in error.advice.en
    assert setting in error.advice.zh


def test_identity_is_not_blamed(call):
    """A Content-Encoding that changes nothing is not the reason."""
    state = call(status=200, response_headers=[(b"content-encoding", b"identity")])

    assert "no JSON" in str(refusals.unreadable(state, "no JSON"))
