"""
The objects that answers hold: what they are called there, and in messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from umfpay.models import (
    Bank,
    CustomsDeclaration,
    EnterpriseQualification,
    ExchangeRate,
    Link,
    Payment,
    Received,
    ReconciliationsPage,
    Refund,
    StandaloneDeclaration,
    TransactionsPage,
)


@attrs.frozen
class _AnswerObject:
    """
    What is known of a class of objects.

    Args:
        noun: What messages call it; two classes of one noun may stand for each other.
        names: Of the member that holds it, or several, apart by blanks; today's first.
        prefix: That its ids begin with; needed by `read_object()`, else empty.
    """

    noun: str
    names: str
    prefix: str = ""


# A new object is its class in `umfpay.models` and a line here (gateway.md 5).
_OBJECTS: Final[dict[type[Received], _AnswerObject]] = {
    Payment: _AnswerObject("payment", "payment", "PAY_"),
    Refund: _AnswerObject("refund", "refund refunds", "REFUND_"),
    CustomsDeclaration: _AnswerObject(
        "customs",
        "customs_declaration customs_declarations customsDeclarations"
        " customsDeclaration",
        "CUST_",
    ),
    StandaloneDeclaration: _AnswerObject(
        "customs", "customes_declaration_only customs_declaration_only"
    ),
    EnterpriseQualification: _AnswerObject(
        "enterprise",
        "enterprise_qualification external_enterprise EnterpriseQualification"
        " enterprise_qualifications",
        "EQ_",
    ),
    TransactionsPage: _AnswerObject("transactions", "transactions"),
    ReconciliationsPage: _AnswerObject(
        "reconciliations", "reconciliations reconciliation"
    ),
    Bank: _AnswerObject("banks", "banks bank"),
    ExchangeRate: _AnswerObject(
        "rate", "exchangeRates exchange_rates exchangeRate exchange_rate rate"
    ),
    # It stands among the links, under no name of its own (gateway.md 5.14).
    Link: _AnswerObject("a WeChat page", ""),
}
NAMES: Final = {cls: one.names.split() for cls, one in _OBJECTS.items()}
# An id is read from a link by its prefix only: without one it may be another's.
PREFIXES: Final = {cls: one.prefix for cls, one in _OBJECTS.items() if one.prefix}
_NOUNS: Final = {
    name: _OBJECTS[cls].noun for cls, names in NAMES.items() for name in names
}


def noun_of(cls: type[Received]) -> str:
    """
    Return what messages call an object of *cls*.
    """
    return _OBJECTS[cls].noun


def nouns_in(members: Mapping[str, Any]) -> set[str]:
    """
    Return what an answer is about, by the names of its *members*.
    """
    return {_NOUNS[name.strip()] for name in members if name.strip() in _NOUNS}
