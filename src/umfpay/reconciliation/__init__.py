"""
Statements against the merchant's ledger.
"""

from __future__ import annotations

from umfpay.reconciliation._framing import Header
from umfpay.reconciliation._reading import (
    Statement,
    StatementReader,
    read_statement,
    read_transactions,
)
from umfpay.reconciliation._rows import Kind, PaidOut, Transaction
from umfpay.reconciliation._totals import TotalRule, TotalRules


__all__ = [
    "Header",
    "Kind",
    "PaidOut",
    "Statement",
    "StatementReader",
    "TotalRule",
    "TotalRules",
    "Transaction",
    "read_statement",
    "read_transactions",
]
