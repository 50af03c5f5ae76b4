"""
The seam of the token.
"""

from __future__ import annotations

import pickle

import pytest

from umfpay.sensitive import Secret
from umfpay.transport import BearerToken


def test_a_bearer_token_hides_its_token():
    """A token never shows in a log and never reaches a pickle."""
    bearer = BearerToken(generation=3, token=Secret("abcdef"))

    assert "abcdef" not in repr(bearer)

    with pytest.raises(TypeError):
        pickle.dumps(bearer)
