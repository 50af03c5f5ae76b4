"""
Return codes (gateway.md 8.1, 8.2): what a code means, and what became of the call.

The table says it in English and Chinese, with advice, and which codes may mean "done
already".

Its rows stand in ``return_codes.csv`` beside this module. They are read when the first
code is looked up; a session does that when it opens. Where the two editions of the
reference disagree, both meanings stand as printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

import attrs

from umfpay import errors
from umfpay.errors import APIError, Text


class Cause(StrEnum):
    """
    Why the gateway says it.
    """

    BUSY = "busy"
    CARD = "card"
    CUSTOMS = "customs"
    EXCHANGE = "exchange"
    IDENTITY = "identity"
    PERMISSION = "permission"
    RATE_LIMIT = "rate_limit"
    REFUND = "refund"
    REQUEST = "request"
    SIGNATURE = "signature"
    SMS_CODE = "sms_code"
    STATE = "state"
    SUCCESS = "success"
    TOKEN = "token"  # noqa: S105 (a cause)


class Actor(StrEnum):
    """
    Who must act.
    """

    CUSTOMER = "customer"
    MERCHANT = "merchant"
    NOBODY = "nobody"
    UMF = "umf"


class CodeMeaning(StrEnum):
    """
    What became of a call that was answered with the code.
    """

    ACCEPTED = "accepted"
    NOT_EXECUTED = "not_executed"
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class ReturnCode:
    """
    One row of the table (gateway.md 8.1, 8.2).

    Attributes:
        code: Eight digits; four for success.
        meaning: As the two editions print it; they differ in a few rows.
        cause: Why the gateway says it.
        actor: Who must act.
        retryable: Whether the same call can succeed later without a change.
        outcome: What became of a call that was answered with it.
        advice: What to do.
        error: What is raised; None where the gateway accepted the call.
    """

    code: str
    meaning: Text
    cause: Cause
    actor: Actor
    retryable: bool
    outcome: CodeMeaning
    advice: Text
    error: type[APIError] | None


_ERROR_OF_CAUSE: Final[Mapping[Cause, type[APIError]]] = {
    Cause.BUSY: errors.GatewayBusyError,
    Cause.CARD: errors.CardError,
    Cause.CUSTOMS: errors.CustomsRefusedError,
    Cause.EXCHANGE: errors.ExchangeError,
    Cause.IDENTITY: errors.IdentityError,
    Cause.PERMISSION: errors.PermissionDeniedError,
    Cause.RATE_LIMIT: errors.RateLimitedError,
    Cause.REFUND: errors.RefundRefusedError,
    Cause.REQUEST: errors.InvalidRequestError,
    Cause.SIGNATURE: errors.RequestSignatureError,
    Cause.SMS_CODE: errors.VerificationCodeError,
    Cause.STATE: errors.PaymentStateError,
    # The transport renews the token; this is for who asks without one.
    Cause.TOKEN: errors.PermissionDeniedError,
}


@cache
def return_codes() -> Mapping[str, ReturnCode]:
    """
    Return the whole table, by code; it cannot be changed.
    """
    # To import these takes longer than to read the table.
    import csv
    from importlib import resources

    file = resources.files("umfpay.protocol") / "return_codes.csv"
    rows = csv.DictReader(file.read_text("utf-8").splitlines())

    return MappingProxyType({row["code"]: _return_code(row) for row in rows})


def find_code(code: str) -> ReturnCode | None:
    """
    Return the row of *code*, None if no table explains it.

    Args:
        code: A ``ret_code`` or ``error_code`` as the gateway writes it.
    """
    return return_codes().get(code)


def _return_code(row: Mapping[str, str]) -> ReturnCode:
    cause, outcome = Cause(row["cause"]), CodeMeaning(row["outcome"])
    error = _ERROR_OF_CAUSE.get(cause)

    # A row that says nothing of its own has the advice of its error.
    if row["advice"] or error is None:
        advice = Text(row["advice"], row["advice_zh"])
    else:
        advice = error.default_advice

    return ReturnCode(
        code=row["code"],
        meaning=Text(row["meaning"], row["meaning_zh"]),
        cause=cause,
        actor=Actor(row["actor"]),
        retryable=row["retryable"] == "yes",
        outcome=outcome,
        advice=advice,
        error=None if outcome is CodeMeaning.ACCEPTED else error,
    )


class Operation(StrEnum):
    """
    What a write asks for.
    """

    EXECUTE = "execute"
    REFUND = "refund"
    CREATE = "create"
    CUSTOMS = "customs"
    VERIFY = "verify"
    ENTERPRISE = "enterprise"
    OTHER = "other"


class DecidedBy(StrEnum):
    """
    What tells whether the call was carried out after all.

    Attributes:
        QUERY: The payment: paid or pending = it was, final and unpaid = it was not,
            waiting = it was not if the request left once.
        TRANSACTIONS: The day's lists, by elimination.
        NOBODY: Nothing that can be asked for.
    """

    QUERY = "query"
    TRANSACTIONS = "transactions"
    NOBODY = "nobody"


# How far a query may lag behind what was done (gateway.md, trap 24).
DATA_LAG_SECONDS: Final = 10.0

# Whatever repeats requests on their way (a proxy, a load balancer) gets the answer to the
# first copy, and we get the refusal of the second one: with these return codes, or HTTP
# statuses.
_DONE_ALREADY: Final[Mapping[tuple[Operation, DecidedBy], str]] = {
    (Operation.EXECUTE, DecidedBy.QUERY): """
        00060763 00060762 00060751 00060750 00060765 00060764 00060723 00060724
        00060730 00060769 00200005 00240632 409 429
    """,
    (Operation.REFUND, DecidedBy.TRANSACTIONS): """
        00060766 00060768 00060769 00060770 00060762 00060763 00060764 00060730
        00202009 00202010 00240632 409
    """,
    (Operation.REFUND, DecidedBy.NOBODY): "00060767",
    (Operation.CREATE, DecidedBy.NOBODY): """
        00060740 00060763 00202005 00202006 00202007 00202008 409
    """,
    (Operation.CUSTOMS, DecidedBy.NOBODY): "00202013",
    (Operation.VERIFY, DecidedBy.NOBODY): "00080706 00080707 00200086",
    (Operation.ENTERPRISE, DecidedBy.NOBODY): "00060100 00060101",
}
_DECISIONS: Final[Mapping[tuple[Operation, str], DecidedBy]] = {
    (operation, code): decided_by
    for (operation, decided_by), codes in _DONE_ALREADY.items()
    for code in codes.split()
}

# Servers drop what stands behind the word: a suffix, a space, a slash. The last
# segment decides but for money, which is looked for anywhere.
_PATH_PATTERNS: Final = (
    (Operation.EXECUTE, re.compile(r"/execute\b", re.IGNORECASE)),
    (Operation.REFUND, re.compile(r"/refund\b", re.IGNORECASE)),
    (Operation.VERIFY, re.compile(r"/verify\b", re.IGNORECASE)),
    (
        Operation.CUSTOMS,
        re.compile(r"/(apply_to_custom|declare_again\b)", re.IGNORECASE),
    ),
    (Operation.ENTERPRISE, re.compile(r"/enterprise_qualification\b", re.IGNORECASE)),
    (Operation.CREATE, re.compile(r"/payment/*\s*$", re.IGNORECASE)),
)
# A proxy may decode a path, and the gateway once more.
_MAX_DECODINGS: Final = 3


def operation_of(path: str) -> Operation:
    """
    Return what a POST to *path* asks for, however it is written.

    Args:
        path: The path of a URL, or its template.
    """
    for _ in range(_MAX_DECODINGS):
        path = unquote(path)

    for operation, pattern in _PATH_PATTERNS:
        if pattern.search(path):
            return operation

    return Operation.OTHER


def done_already(
    operation: Operation, codes: Iterable[str], *, http_status: int
) -> DecidedBy | None:
    """
    Return what decides about a call that was refused so; None if the refusal does.

    Args:
        operation: What the call asks for.
        codes: All return codes of the answer.
        http_status: Of the answer.
    """
    for code in (*codes, str(http_status)):
        found = _DECISIONS.get((operation, code))

        if found is not None:
            return found

    return None
