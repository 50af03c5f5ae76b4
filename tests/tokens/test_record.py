from __future__ import annotations

import copy
import json
import math
import pickle
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umfpay.errors import TokenError
from umfpay.sensitive import Secret
from umfpay.tokens import FetchedToken, TokenRecord
from umfpay.tokens._record import margin


CANARY = "c0ffee" * 10

records = st.builds(
    TokenRecord,
    generation=st.integers(1, 2**62),
    token=st.text(
        st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1
    ).map(Secret),
    requested_at=st.floats(0, 1e11),
    not_after=st.floats(0, 1e11),
    fetched_by=st.text(max_size=20),
    refused=st.booleans(),
)


@given(records)
def test_a_record_survives_json(record):
    """
    What is written can be read again.
    """
    new_copy = TokenRecord.from_json(json.loads(json.dumps(record.to_json())))

    assert record == new_copy


@given(records)
def test_no_record_lives_longer_than_a_day(record):
    """
    Whatever a store holds, a token is renewed within 24 hours.
    """
    assert 0 <= record.fresh_for < 86_400


@pytest.mark.parametrize(
    ("lifetime", "expected"), [(3600.0, 60.0), (600.0, 60.0), (100.0, 10.0), (1.0, 0.1)]
)
def test_renewal_comes_before_the_end(lifetime, expected):
    """
    The margin is 60 seconds or a tenth, whichever is shorter.
    """
    assert expected == pytest.approx(margin(lifetime))


def test_the_due_time_counts_from_the_request(make_record):
    """
    An hour from the request, less a minute.
    """
    record = make_record(requested_at=1000.0, not_after=4600.0)

    assert 4540.0 == record.due_at


_WELL_FORMED = {
    "generation": 1,
    "token": "t",
    "requested_at": 1.0,
    "not_after": 2.0,
    "fetched_by": "",
    "refused": False,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("generation", 0),
        ("generation", -1),
        ("generation", True),
        ("generation", 1.0),
        ("generation", "1"),
        ("generation", 2**63),
        ("token", ""),
        ("token", None),
        ("token", 5),
        ("token", "two words"),
        ("token", "new\r\nline"),
        ("token", "x" * 5000),
        ("requested_at", math.nan),
        ("requested_at", True),
        ("not_after", math.inf),
        ("not_after", "soon"),
        ("not_after", None),
        ("not_after", 10**400),
        ("fetched_by", 1),
        ("refused", 1),
        ("lifetime_known", 1),
        ("more", 1),
    ],
)
def test_a_damaged_record_is_none(name, value):
    """
    Members of the wrong kind make no record and no exception.
    """
    assert TokenRecord.from_json(_WELL_FORMED) is not None
    assert TokenRecord.from_json({**_WELL_FORMED, name: value}) is None


@pytest.mark.parametrize("members", [None, [], "text", 5, {}])
def test_what_is_no_object_is_no_record(members):
    """
    Anything may stand in a file.
    """
    assert TokenRecord.from_json(members) is None


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


def test_no_token_is_shown(make_record):
    """
    Neither repr nor pickle nor copy gives a token away.
    """
    shown = [
        make_record(token=CANARY),
        FetchedToken(token=Secret(CANARY), expires_in=60),
    ]

    for one in shown:
        assert CANARY not in f"{one!r} {one}"

        for store in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError) as caught:
                store(one)

            assert CANARY not in str(caught.value)
