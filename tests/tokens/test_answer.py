"""
What an answer to a token request says.
"""

from __future__ import annotations

import pytest

from umfpay.errors import AuthenticationError, EnvelopeError, TokenError
from umfpay.tokens import fetched_token, refusal_error


def test_the_token_is_taken_out_of_the_members():
    """
    They stay in frames that an error may show.
    """
    members = {"access_token": " T ", "expires_in": 7200}
    fetched = fetched_token(members)

    assert ("T", 7200) == (fetched.token.reveal(), fetched.expires_in)
    assert {"expires_in": 7200} == members


@pytest.mark.parametrize("given", [{}, {"access_token": None}, {"access_token": " "}])
def test_an_answer_without_a_token_is_none(given):
    """
    Blank is no token either.
    """
    with pytest.raises(EnvelopeError, match="access_token"):
        fetched_token(given)


@pytest.mark.parametrize(
    ("status", "code", "cls", "words"),
    [
        (429, "", TokenError, "no token now"),
        (503, "00060711", TokenError, "no token now"),
        (401, "", AuthenticationError, "client_id and client_secret"),
        (200, "00060711", AuthenticationError, "client_id and client_secret"),
        (404, "", TokenError, "at this address"),
    ],
)
def test_a_refusal_says_whether_waiting_or_other_settings_help(
    status, code, cls, words
):
    """
    A server that is busy says nothing of the credentials.
    """
    error = refusal_error(status, code)

    assert cls is type(error)
    assert words in error.what.en
    assert f"HTTP {status}" in error.what.zh
