"""
Return codes that may mean "done already" (idempotency), for each call.

Whatever repeats requests on their way (a proxy, a load balancer) gets the answer to the
first copy, and we get the refusal of the second one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote


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

# call | return codes, or HTTP statuses | what decides
DONE_ROWS: Final = """
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


def _rows() -> Iterable[tuple[tuple[Operation, str], DecidedBy]]:
    for line in DONE_ROWS.strip().splitlines():
        operation, codes, decided_by = line.split(" | ")

        for code in codes.split():
            yield (Operation(operation), code), DecidedBy(decided_by)


_DECISION_TABLE: Final[Mapping[tuple[Operation, str], DecidedBy]] = MappingProxyType(
    dict(_rows())
)

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
        codes: All return codes of the answer.
        http_status: Of the answer.
    """
    for code in (*codes, str(http_status)):
        found = _DECISION_TABLE.get((operation, code))

        if found is not None:
            return found

    return None
