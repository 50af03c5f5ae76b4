"""
What an answer to a token request says.
"""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umfpay.errors import AuthenticationError, EnvelopeError, TokenError
from umfpay.sensitive import Secret
from umfpay.tokens import FetchedToken, fetched_token, refusal_error


CANARY = "c0ffee" * 10


def test_the_token_is_taken_out_of_the_members():
    """
    They stay in frames that an error may show.
    """
    members = {"access_token": " T ", "expires_in": 7200}
    fetched = fetched_token(members)

    assert ("T", 7200) == (fetched.token.reveal(), fetched.expires_in)
    assert {"expires_in": 7200} == members


@pytest.mark.parametrize("members", [{}, {"access_token": None}, {"access_token": " "}])
def test_an_answer_without_a_token_is_none(members):
    """
    Blank is no token either.
    """
    with pytest.raises(EnvelopeError, match="access_token"):
        fetched_token(members)


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


# The token that it gives.


@settings(max_examples=200)
@given(
    st.one_of(
        st.floats(max_value=0.99),
        st.floats(min_value=3.2e7),
        st.sampled_from([math.nan, math.inf, -math.inf, 1e308, True, False, None]),
        st.sampled_from(["0", "", "NaN", [], {}, b"3600", 10**400, -(10**400)]),
        st.sampled_from(["-5", "1e3", "0x10", "٣٦٠٠", "99999999999999", "3600 s"]),
        st.sampled_from(
            [Decimal("NaN"), Decimal("sNaN"), Decimal("1E+999999"), Decimal("-1")]
        ),
        # Digits with a point among them, or none, may be a number.
        st.text().filter(lambda text: text.strip().strip("0123456789.")),
    )
)
def test_a_token_without_a_usable_lifetime_counts_as_living_five_minutes(value):
    """
    It has ended the token before it, so it is not thrown away.
    """
    fetched = FetchedToken(token=Secret("token"), expires_in=value)

    assert (300.0, False) == (fetched.expires_in, fetched.lifetime_known)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3600, 3600.0),
        ("3600", 3600.0),
        (" 3600 ", 3600.0),
        ("7199.5", 7199.5),
        ("864000", 86_400.0),
        (1, 1.0),
        (7199.5, 7199.5),
        (Decimal("3600"), 3600.0),
        (86_400, 86_400.0),
        (864_000, 86_400.0),
        (366 * 86_400, 86_400.0),
    ],
)
def test_a_sensible_lifetime_is_capped_at_a_day(value, expected):
    """
    A token that lives for days is renewed after one.
    """
    fetched = FetchedToken(token=Secret(CANARY), expires_in=value)

    assert expected == fetched.expires_in
    assert float is type(fetched.expires_in)
    assert fetched.lifetime_known


@pytest.mark.parametrize(
    "token", [None, "", CANARY, 5, Secret(""), Secret("a b"), Secret("a\r\nB: c")]
)
def test_a_token_that_fits_no_header_is_refused(token):
    """
    A missing token and one that could smuggle a header never reach a call.
    """
    with pytest.raises(TokenError, match="access_token") as caught:
        FetchedToken(token=token, expires_in=3600)

    assert CANARY not in str(caught.value)
