"""
The packages of the extra ``reconcile``: imported when they are used, missed in words.
"""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from types import ModuleType

from umfpay.errors import needs_extra


def needs_reconcile_extra() -> AbstractContextManager[None]:
    """
    Name the extra where an import inside fails.
    """
    return needs_extra("reconcile", by="umfpay.reconciliation")


def load(module: str) -> ModuleType:
    """
    Return a *module* of this package that needs one of them.

    Raises:
        MissingExtraError: One is missing.
    """
    with needs_reconcile_extra():
        return importlib.import_module(f"umfpay.reconciliation.{module}")


def must_have_polars() -> None:
    """
    Refuse to work without polars.

    Raises:
        MissingExtraError: It is missing.
    """
    with needs_reconcile_extra():
        importlib.import_module("polars")
