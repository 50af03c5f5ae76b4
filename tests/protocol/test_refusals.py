"""
A refusal becomes the error of its cause, in the gateway's words and in ours.
"""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay import errors
from umfpay.errors import APIError
from umfpay.protocol import (
    Envelope,
    Verdict,
    api_error,
    return_codes,
    status_meaning,
)


def _error(code="00060730", words="", *, status=200, verified=True):
    verdict = Verdict.VERIFIED if verified else Verdict.UNSIGNED
    envelope = Envelope(verdict=verdict, ret_code=code, ret_msg=words)

    return api_error(envelope, http_status=status)


@pytest.mark.parametrize(
    "row",
    [row for row in return_codes().values() if row.error is not None],
    ids=lambda row: row.code,
)
def test_each_code_raises_the_error_of_its_cause(row):
    """
    With meaning, advice and retryable of the table, whatever the HTTP status.
    """
    for status in (200, 401, 500):
        error = _error(row.code, "gateway's words", status=status)

        assert row.error is type(error)
        assert row.retryable is error.retryable
        assert row.advice == error.advice
        assert row.meaning.en in error.what.en
        assert row.meaning.zh in error.what.zh
        assert (row.code, "gateway's words", status, True) == (
            error.ret_code,
            error.ret_msg,
            error.http_status,
            error.verified,
        )


@pytest.mark.parametrize(
    ("status", "error", "retryable"),
    [
        (400, errors.InvalidRequestError, False),
        (401, errors.PermissionDeniedError, False),
        (402, errors.UnknownCodeError, False),
        (403, errors.PermissionDeniedError, False),
        (404, errors.InvalidRequestError, False),
        (405, errors.InvalidRequestError, False),
        (406, errors.InvalidRequestError, False),
        (409, errors.PaymentStateError, False),
        (408, errors.GatewayBusyError, True),
        (410, errors.InvalidRequestError, False),
        (413, errors.InvalidRequestError, False),
        (414, errors.InvalidRequestError, False),
        (415, errors.InvalidRequestError, False),
        (418, errors.UnknownCodeError, False),
        (429, errors.RateLimitedError, True),
        (500, errors.GatewayBusyError, True),
        (502, errors.GatewayBusyError, True),
        (503, errors.GatewayBusyError, True),
        (504, errors.GatewayBusyError, True),
        (599, errors.GatewayBusyError, True),
        (200, errors.UnknownCodeError, False),
    ],
)
@pytest.mark.parametrize("code", ["", "0000", "00060761"])
def test_without_a_code_that_refuses_the_status_decides(status, error, retryable, code):
    """
    The documented statuses (gateway.md 8.6), and those of what stands between.
    """
    refusal = _error(code, status=status)

    assert error is type(refusal)
    assert retryable is refusal.retryable
    assert (code or f"HTTP {status}") in refusal.what.en


@pytest.mark.parametrize("status", [200, 429, 500])
def test_a_code_of_no_table_is_reported_as_unknown(status):
    """
    Whatever the status: nobody knows whether to try again.
    """
    error = _error("00999999", "???", status=status)

    assert errors.UnknownCodeError is type(error)
    assert not error.retryable
    assert "Ask UMF" in error.advice.en
    assert "00999999" in str(error)


def test_the_gateways_words_stand_before_the_meaning():
    """
    The editions of the table disagree (gateway.md, trap 29).
    """
    error = _error("00202005", "银行卡号错误", verified=True)

    assert (
        'The gateway refused with 00202005: "银行卡号错误":'
        " order extension update failed."
    ) == error.what.en
    assert "平台拒绝 00202005：“银行卡号错误”：银行卡号错误。" == error.what.zh


def test_a_refusal_that_nobody_signed_says_so():
    """
    In both languages, and as an attribute.
    """
    error = _error(verified=False)

    assert "(not verified)" in error.what.en
    assert "（未验签）" in error.what.zh
    assert not error.verified
    assert "verified" not in str(_error(verified=True))


def test_words_do_nothing_to_a_terminal():
    """
    Escaped in one line and cut; the attribute keeps them all.
    """
    words = "a\x1b[2J\nb\u202e\t" + "c" * 1000
    error = _error("0\x1b" + "9" * 100, words)

    assert error.what.en.isprintable()
    assert len(error.what.en) < 350
    assert words == error.ret_msg


def test_a_refusal_pickles():
    """
    It crosses to another process with its class and facts.
    """
    error = _error("00060768", "no", status=409, verified=False)
    again = pickle.loads(pickle.dumps(error))

    assert type(error) is type(again)
    assert vars(error) == vars(again)
    assert str(error) == str(again)


@given(
    code=st.text(max_size=60), words=st.text(max_size=300), status=st.integers(0, 999)
)
def test_any_refusal_is_an_api_error(code, words, status):
    """
    Whatever the gateway writes.
    """
    error = _error(code, words, status=status, verified=False)

    assert isinstance(error, APIError)
    assert type(error) is not APIError
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(413, "too large"), (414, "too long"), (401, "no valid key"), (418, "reason")],
)
def test_a_bare_status_has_a_meaning(status, meaning):
    """
    A page of a proxy names neither code nor reason.
    """
    found = status_meaning(status)

    assert meaning in found.en
    assert found.zh
    assert found.en in _error("", status=status, verified=False).what.en
