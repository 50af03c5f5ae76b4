"""
The packages of the extra ``reconcile``: imported when they are used, missed in words.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from umfpay.errors import ConfigError, Text


def load(module: str) -> ModuleType:
    """
    Return a *module* of this package that needs one of them.

    Raises:
        ConfigError: One is missing.
    """
    try:
        return importlib.import_module(f"umfpay.reconciliation.{module}")
    except ModuleNotFoundError as error:
        raise missing(error) from error


def must_have_polars() -> None:
    """
    Refuse to work without polars.

    Raises:
        ConfigError: It is missing.
    """
    try:
        importlib.import_module("polars")
    except ModuleNotFoundError as error:
        raise missing(error) from error


def missing(error: ModuleNotFoundError) -> ConfigError:
    """
    Return what to raise when a package of the extra is not there.
    """
    return ConfigError(
        Text(
            f"{error.name} is missing: reconciliation needs it.",
            f"缺少 {error.name}：对账需要它。",
        ),
        advice=Text(
            'Install it: pip install "umfpay[reconcile]".',
            '请安装：pip install "umfpay[reconcile]"。',
        ),
    )
