"""
Reconcile the gateway's statements with the merchant's ledger.

Its rooms, from below: `gateway_files` reads what UMF gives, and proves it whole; `ledgers`
reads the merchant's own book, from wherever it is; `comparison` joins both by key, and
gives each key its class; `bridge` adds up what was traded and what was paid out; `reports`
says what was found, in every form; `runs` does all of it from files on one machine
(`reconcile`), `spark` on many (`reconcile_spark`), and `nights` does it night by night
(`Books`), and adds up the months.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from umfpay.reconciliation._difference import Difference
from umfpay.reconciliation._options import Rounding, Tolerance
from umfpay.reconciliation._progress import Progress, Step
from umfpay.reconciliation.gateway_files._frame_parser import Header
from umfpay.reconciliation.gateway_files._reading import (
    Encoding,
    OnBadRow,
    QuarantinedRow,
    Statement,
    StatementReader,
    read_statement,
    read_transactions,
)
from umfpay.reconciliation.gateway_files._rows import Kind, PaidOut, Transaction
from umfpay.reconciliation.gateway_files._totals import (
    RuleChoice,
    TotalRule,
    TotalRules,
)


if TYPE_CHECKING:
    from umfpay.reconciliation.bridge._bridge import Bridge, BridgeItem, BridgeLine
    from umfpay.reconciliation.comparison._compare import compare
    from umfpay.reconciliation.ledgers._columns import canonical
    from umfpay.reconciliation.ledgers._format import LedgerFormat
    from umfpay.reconciliation.ledgers._ledger import Ledger
    from umfpay.reconciliation.nights._ages import OpenLine
    from umfpay.reconciliation.nights._books import Books
    from umfpay.reconciliation.nights._decisions import Decision
    from umfpay.reconciliation.nights._months import Month
    from umfpay.reconciliation.nights._night import Night
    from umfpay.reconciliation.nights._payouts import (
        ExchangeLine,
        FeeLine,
        FeeRule,
    )
    from umfpay.reconciliation.reports._difference_row import DifferenceRow
    from umfpay.reconciliation.reports._report import Report
    from umfpay.reconciliation.runs._reconcile import reconcile

# What needs the extra "reconcile" is imported when it is used.
_LAZY = {
    "Books": "nights._books",
    "Bridge": "bridge._bridge",
    "BridgeItem": "bridge._bridge",
    "BridgeLine": "bridge._bridge",
    "Decision": "nights._decisions",
    "DifferenceRow": "reports._difference_row",
    "ExchangeLine": "nights._payouts",
    "FeeLine": "nights._payouts",
    "FeeRule": "nights._payouts",
    "Ledger": "ledgers._ledger",
    "LedgerFormat": "ledgers._format",
    "Month": "nights._months",
    "Night": "nights._night",
    "OpenLine": "nights._ages",
    "Report": "reports._report",
    "canonical": "ledgers._columns",
    "compare": "comparison._compare",
    "reconcile": "runs._reconcile",
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
