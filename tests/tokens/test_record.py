from __future__ import annotations

import copy
import json
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay.sensitive import Secret
from umfpay.tokens import FetchedToken, TokenRecord
from umfpay.tokens._record import dump_records, margin, parse_records


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


# Several as a file.


def _sample(token: str = "abc") -> TokenRecord:
    return TokenRecord(
        generation=3, token=Secret(token), requested_at=10.0, not_after=20.0
    )


@given(st.dictionaries(st.text(min_size=1), st.just(_sample()), max_size=3))
def test_a_document_survives(records):
    """
    What is written can be read again.
    """
    assert records == parse_records(dump_records(records))


@given(st.integers(0, 400))
def test_a_document_that_was_cut_off_holds_nothing(length):
    """
    A write that a power cut stopped costs a token, not a service.
    """
    whole = dump_records({"key": _sample()})
    cut = whole[: min(length, len(whole) - 1)]

    assert {} == parse_records(cut)


@pytest.mark.parametrize("data", [b"", b"\n", b"\0" * 4096])
def test_an_empty_document_holds_nothing(data):
    """
    So do the zeros that some file systems leave.
    """
    assert {} == parse_records(data)


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"{}",
        b"[]",
        b"null",
        b'{"access_token": "abc"}',
        b'{"umfpay": "tokens", "version": 2, "tokens": {}}',
        b'{"umfpay": "tokens", "version": 1, "tokens": []}',
        b'{"umfpay": "tokens", "version": 1}',
        b'{"umfpay": "tokens", "version": 1, "tokens": {"k": {}}}',
        b'{"umfpay": "tokens", "version": 1, "tokens": {"k": null}}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_what_is_not_ours_is_distinguished(data):
    """
    A document of something else is None, never an exception.
    """
    assert parse_records(data) is None


@given(st.binary(max_size=200))
def test_no_bytes_crash_it(data):
    """
    Any bytes are records, nothing, or not ours.
    """
    result = parse_records(data)

    assert result is None or result == {}


def test_a_document_is_plain_json():
    """
    People can read it: one object with a header.
    """
    document = json.loads(dump_records({"key": _sample()}))

    assert "tokens" == document["umfpay"]
    assert 1 == document["version"]
    assert ["key"] == list(document["tokens"])
