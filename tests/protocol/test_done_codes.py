"""
Codes that may mean "done already": read as printed, and found for the call they are of.
"""

from __future__ import annotations

import pytest

from umfpay.protocol import (
    RETURN_CODES,
    DecidedBy,
    Operation,
    done_already,
    operation_of,
)
from umfpay.protocol._done_codes import DONE_ROWS


def _rows():
    for line in DONE_ROWS.strip().splitlines():
        operation, codes, decided_by = line.split(" | ")

        for code in codes.split():
            yield operation, code, decided_by


ROWS = list(_rows())


@pytest.mark.parametrize(("operation", "code", "decided_by"), ROWS)
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
    pairs = [(operation, code) for operation, code, _ in ROWS]

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
