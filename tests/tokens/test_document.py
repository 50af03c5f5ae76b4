from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay.sensitive import Secret
from umfpay.tokens import TokenRecord
from umfpay.tokens._document import dump, parse


def _record(token: str = "abc") -> TokenRecord:
    return TokenRecord(
        generation=3, token=Secret(token), requested_at=10.0, not_after=20.0
    )


@given(st.dictionaries(st.text(min_size=1), st.just(_record()), max_size=3))
def test_a_document_survives(records):
    """
    What is written can be read again.
    """
    assert records == parse(dump(records))


@given(st.integers(0, 400))
def test_a_document_that_was_cut_off_holds_nothing(length):
    """
    A write that a power cut stopped costs a token, not a service.
    """
    whole = dump({"key": _record()})
    cut = whole[: min(length, len(whole) - 1)]

    assert {} == parse(cut)


@pytest.mark.parametrize("data", [b"", b"\n", b"\0" * 4096])
def test_an_empty_document_holds_nothing(data):
    """
    So do the zeros that some file systems leave.
    """
    assert {} == parse(data)


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
    assert parse(data) is None


@given(st.binary(max_size=200))
def test_no_bytes_crash_it(data):
    """
    Any bytes are records, nothing, or not ours.
    """
    result = parse(data)

    assert result is None or result == {}


def test_a_document_is_plain_json():
    """
    People can read it: one object with a header.
    """
    document = json.loads(dump({"key": _record()}))

    assert "tokens" == document["umfpay"]
    assert 1 == document["version"]
    assert ["key"] == list(document["tokens"])
