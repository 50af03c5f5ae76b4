"""
The table of return codes: complete, in two languages, and what each one calls for.
"""

from __future__ import annotations

import re

import pytest

from umfpay import errors
from umfpay.errors import APIError
from umfpay.protocol import RETURN_CODES, Actor, Cause, CodeMeaning, find_code


# In the order of gateway.md 8.1 and 8.2: what the reference prints, what the verify
# call adds, what client code knows.
_LIST = """
0000 00060999
00060700 00060710 00060711 00060720 00060721 00060722 00060723 00060724 00060730
00060740 00060750 00060751 00060760 00060761 00060762 00060763 00060764 00060765
00060766 00060767 00060768 00060769 00060770 00060022 00060076 00060101 00060100
00060105 00060114 00060310 00060314 00060315 00281017 00200005 00202012 00202013
00202014 00202015 00202016 00202000 00202001 00202002 00202003 00202005 00202006
00202007 00202008 00202009 00202010 00202011 00200086 00290502
00200025 00200026 00080706 00060875 00080707 00200027 00060869
00280703 00060861
00160079 00160080 00160104 00240632 00290501
"""
CODES = tuple(_LIST.split())


def test_the_table_holds_each_code_and_no_other():
    """
    68 codes; 00202004 does not exist.
    """
    assert sorted(CODES) == sorted(RETURN_CODES)
    assert 68 == len(CODES) == len(RETURN_CODES)


@pytest.mark.parametrize("code", CODES)
def test_each_code_is_explained_in_both_languages(code):
    """
    What it means and what to do.
    """
    row = RETURN_CODES[code]

    assert code == row.code
    assert row is find_code(code)

    for text in (row.meaning, row.advice):
        assert re.search(r"[a-z]", text.en)
        assert not re.search(r"[\u4e00-\u9fff]", text.en)
        assert re.search(r"[\u4e00-\u9fff]", text.zh)

    assert row.advice.en.endswith(".")
    assert row.advice.zh.endswith("。")


def test_what_accepts_raises_nothing_and_all_else_does():
    """
    A payment in process and a refund being paid out are answers, not refusals.
    """
    accepted = {"0000", "00060761", "00060861"}

    assert accepted == {
        code
        for code, row in RETURN_CODES.items()
        if row.outcome is CodeMeaning.ACCEPTED
    }
    assert accepted == {code for code, row in RETURN_CODES.items() if row.error is None}
    assert all(
        issubclass(row.error, APIError) and row.error is not APIError
        for row in RETURN_CODES.values()
        if row.error is not None
    )


def test_after_busy_nobody_knows():
    """
    It is the one code after which the call may have worked all the same.
    """
    assert ["00060999"] == [
        code for code, row in RETURN_CODES.items() if row.outcome is CodeMeaning.UNKNOWN
    ]
    assert RETURN_CODES["00060999"].retryable
    assert "Query" in RETURN_CODES["00060999"].advice.en


def test_only_what_passes_by_itself_is_retryable():
    """
    A wrong card stays wrong.
    """
    assert {
        *("00060999", "00202000", "00200086", "00080706", "00280703", "00240632")
    } == {code for code, row in RETURN_CODES.items() if row.retryable}


@pytest.mark.parametrize(
    ("code", "actor", "cause", "error"),
    [
        ("00060710", Actor.MERCHANT, Cause.SIGNATURE, errors.RequestSignatureError),
        ("00060730", Actor.CUSTOMER, Cause.CARD, errors.CardError),
        ("00060711", Actor.UMF, Cause.PERMISSION, errors.PermissionDeniedError),
        ("00060760", Actor.MERCHANT, Cause.STATE, errors.PaymentStateError),
        ("00060768", Actor.MERCHANT, Cause.REFUND, errors.RefundRefusedError),
        ("00200005", Actor.CUSTOMER, Cause.SMS_CODE, errors.VerificationCodeError),
        ("00202012", Actor.MERCHANT, Cause.CUSTOMS, errors.CustomsRefusedError),
        ("00281017", Actor.MERCHANT, Cause.EXCHANGE, errors.ExchangeError),
        ("00290502", Actor.CUSTOMER, Cause.IDENTITY, errors.IdentityError),
        ("00240632", Actor.MERCHANT, Cause.RATE_LIMIT, errors.RateLimitedError),
        ("00060999", Actor.UMF, Cause.BUSY, errors.GatewayBusyError),
        ("00060700", Actor.MERCHANT, Cause.REQUEST, errors.InvalidRequestError),
        ("00280703", Actor.NOBODY, Cause.TOKEN, errors.PermissionDeniedError),
    ],
)
def test_a_code_names_who_must_act(code, actor, cause, error):
    """
    One of each cause.
    """
    row = RETURN_CODES[code]

    assert (actor, cause, error) == (row.actor, row.cause, row.error)


def test_where_the_editions_disagree_both_stand():
    """
    English says one thing, Chinese another (gateway.md 8.2).
    """
    for code, en, zh in (
        ("00202002", "must be an integer", "身份证号不存在"),
        ("00202005", "extension update failed", "银行卡号错误"),
        ("00202009", "refund amount wrong", "身份证号错误"),
        ("00202010", "differs from original", "请求中的订单金额不一致"),
    ):
        row = RETURN_CODES[code]

        assert en in row.meaning.en
        assert zh in row.meaning.zh
        assert "editions" in row.advice.en


@pytest.mark.parametrize("code", ["", "0", "00202004", "99999999", " 0000", "60700"])
def test_a_code_of_no_table_is_not_explained(code):
    """
    Nothing is guessed.
    """
    assert find_code(code) is None


def test_the_table_cannot_be_changed():
    """
    It is shared by all.
    """
    with pytest.raises(TypeError):
        RETURN_CODES["0000"] = None


def test_the_causes_are_all_in_use():
    """
    No word without a row.
    """
    assert set(Cause) == {row.cause for row in RETURN_CODES.values()}
