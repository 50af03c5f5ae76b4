"""
The table of return codes: complete, in two languages, what each one calls for, and which
may mean "done already".
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from umfpay import errors, protocol
from umfpay.errors import APIError
from umfpay.protocol import (
    Actor,
    Cause,
    CodeMeaning,
    DecidedBy,
    Operation,
    done_already,
    find_code,
    operation_of,
    return_codes,
)


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
RETURN_CODES = return_codes()

# call | return codes, or HTTP statuses | what decides
_DONE_ALREADY = """
execute | 00060763 00060762 00060751 00060750 00060765 00060764 | query
execute | 00060723 00060724 00060730 00060769 | query
execute | 00200005 00240632 409 429 | query
refund | 00060766 00060768 00060769 00060770 00060762 00060763 | transactions
refund | 00060764 00060730 00202009 00202010 00240632 409 | transactions
refund | 00060767 | nobody
create | 00060740 00060763 00202005 00202006 00202007 00202008 409 | nobody
customs | 00202013 | nobody
verify | 00080706 00080707 00200086 | nobody
enterprise | 00060100 00060101 | nobody
"""


def _done_already():
    for line in _DONE_ALREADY.strip().splitlines():
        operation, codes, decided_by = line.split(" | ")

        for code in codes.split():
            yield operation, code, decided_by


DONE_ALREADY = list(_done_already())


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


def _rows_as_printed():
    file = Path(protocol.__file__).with_name("return_codes.csv")

    return list(csv.DictReader(file.read_text("utf-8").splitlines(), strict=True))


def test_each_row_has_its_nine_columns():
    """
    Nothing is missing but advice, in both languages or in none; retrying has two words.
    """
    for row in _rows_as_printed():
        *said, advice, advice_zh = row.values()

        assert 9 == len(row)
        assert all(part and part == part.strip() for part in said)
        assert bool(advice) is bool(advice_zh)
        assert row["retryable"] in ("yes", "no")


def test_advice_of_a_row_differs_from_the_advice_of_its_error():
    """
    That is what a row without advice has, and it is written once.
    """
    for printed in _rows_as_printed():
        row = RETURN_CODES[printed["code"]]

        if row.error is not None:
            default = row.error.default_advice

            assert bool(printed["advice"]) is (row.advice != default)


def test_a_code_is_digits():
    """
    Four for success, else eight.
    """
    assert all(code.isdecimal() for code in RETURN_CODES)
    assert {4, 8} == {len(code) for code in RETURN_CODES}


@pytest.mark.parametrize("kind", [Actor, Cause, CodeMeaning])
def test_a_word_of_the_table_is_lower_case_text(kind):
    """
    It stands in logs and in configuration as it is.
    """
    assert [str(word) for word in kind] == [word.name.lower() for word in kind]


def test_a_row_is_frozen():
    """
    One table for the whole process.
    """
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        find_code("0000").retryable = True


def test_importing_the_room_reads_no_table():
    """
    Whoever looks up no code does not wait for it.
    """
    code = "import sys, umfpay.protocol as room; print(room.return_codes.cache_info())"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "currsize=0" in result.stdout


@pytest.mark.parametrize(("operation", "code", "decided_by"), DONE_ALREADY)
def test_each_row_is_found_and_each_code_is_known(operation, code, decided_by):
    """
    A code is one of the table of return codes, or an HTTP status.
    """
    status = len(code) == 3
    found = done_already(
        Operation(operation),
        () if status else ("00060700", code),
        http_status=int(code) if status else 200,
    )

    assert DecidedBy(decided_by) is found
    assert status or code in RETURN_CODES


def test_no_other_code_means_done_already():
    """
    Every other code, for every call, is proof.
    """
    found = {
        (str(operation), code)
        for operation in Operation
        for code in (*RETURN_CODES, *map(str, range(400, 600)))
        if done_already(
            operation, [code], http_status=int(code) if len(code) == 3 else 200
        )
    }

    assert {(operation, code) for operation, code, _ in DONE_ALREADY} == found


@pytest.mark.parametrize("operation", Operation)
def test_what_depends_on_the_request_alone_is_in_no_row(operation):
    """
    Nor is the code of a dead token, or success.
    """
    codes = ("00060700", "00060710", "00280703", "0000")

    assert done_already(operation, codes, http_status=200) is None


def test_a_code_means_done_for_its_own_call_only():
    """
    A closed order says nothing about a declaration.
    """
    assert done_already(Operation.CUSTOMS, ["00060763"], http_status=409) is None


def test_no_code_is_listed_twice_for_one_call():
    """
    The second would silently win.
    """
    pairs = [(operation, code) for operation, code, _ in DONE_ALREADY]

    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/payments/payment", "create"),
        ("/payments/payment/", "create"),
        ("/payments/payment/{payment_id}", "other"),
        ("/payments/payment/PAY_A/execute", "execute"),
        ("/payments//payment/PAY_A/EXECUTE/", "execute"),
        ("/payments/payment/PAY_A/%2565xecute", "execute"),
        ("request POST /payments/payment/PAY_A/refund", "refund"),
        ("/payments/payment/PAY_A/refunds", "other"),
        ("/payments/payment/PAY_A/verify", "verify"),
        ("/payments/payment/PAY_A/apply_to_customs", "customs"),
        ("/apply_to_customes_only", "customs"),
        ("/declare_again", "customs"),
        ("/enterprise_qualification", "enterprise"),
        ("/payments/payment/PAY_A/update_express_info", "other"),
    ],
)
def test_a_path_tells_what_a_post_asks_for(path, operation):
    """
    However a server may read it.
    """
    assert operation == operation_of(path)
