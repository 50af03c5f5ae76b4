"""
Reconcile the gateway's statements with the merchant's ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._frame_parser import Header
from umfpay.reconciliation._reading import (
    Encoding,
    OnBadRow,
    QuarantinedRow,
    Statement,
    StatementReader,
    read_statement,
    read_transactions,
)
from umfpay.reconciliation._rows import Kind, PaidOut, Transaction
from umfpay.reconciliation._steps import Progress, Step
from umfpay.reconciliation._terms import Rounding
from umfpay.reconciliation._tolerance import Tolerance
from umfpay.reconciliation._totals import RuleChoice, TotalRule, TotalRules


if TYPE_CHECKING:
    from umfpay.reconciliation._ages import OpenLine
    from umfpay.reconciliation._bridge import Bridge, BridgeItem, BridgeLine
    from umfpay.reconciliation._compare import compare
    from umfpay.reconciliation._decisions import Decision
    from umfpay.reconciliation._fees import FeeLine, FeeRule
    from umfpay.reconciliation._ledger import Ledger
    from umfpay.reconciliation._ledger_columns import canonical
    from umfpay.reconciliation._ledger_format import LedgerFormat
    from umfpay.reconciliation._month_payouts import ExchangeLine
    from umfpay.reconciliation._months import Month
    from umfpay.reconciliation._nights import Books, Night
    from umfpay.reconciliation._report import DifferenceRow, Report
    from umfpay.reconciliation._running import reconcile

# What needs the extra "reconcile" is imported when it is used.
_LAZY = {
    "Books": "_nights",
    "Bridge": "_bridge",
    "BridgeItem": "_bridge",
    "BridgeLine": "_bridge",
    "Decision": "_decisions",
    "DifferenceRow": "_report",
    "ExchangeLine": "_month_payouts",
    "FeeLine": "_fees",
    "FeeRule": "_fees",
    "Ledger": "_ledger",
    "LedgerFormat": "_ledger_format",
    "Month": "_months",
    "Night": "_nights",
    "OpenLine": "_ages",
    "Report": "_report",
    "canonical": "_ledger_columns",
    "compare": "_compare",
    "reconcile": "_running",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    from umfpay.reconciliation._extra import load

    return getattr(load(_LAZY[name]), name)


__all__ = [
    "Books",
    "Bridge",
    "BridgeItem",
    "BridgeLine",
    "Decision",
    "Difference",
    "DifferenceRow",
    "Encoding",
    "ExchangeLine",
    "FeeLine",
    "FeeRule",
    "Header",
    "Kind",
    "Ledger",
    "LedgerFormat",
    "Month",
    "Night",
    "OnBadRow",
    "OpenLine",
    "PaidOut",
    "Progress",
    "QuarantinedRow",
    "Report",
    "Rounding",
    "RuleChoice",
    "Statement",
    "StatementReader",
    "Step",
    "Tolerance",
    "TotalRule",
    "TotalRules",
    "Transaction",
    "canonical",
    "compare",
    "read_statement",
    "read_transactions",
    "reconcile",
]


def __dir__() -> list[str]:
    return list(__all__)
