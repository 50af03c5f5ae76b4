"""
Tables of the reference: transaction codes and banks (gateway.md 8.3, 8.5).

Their rows stand in ``trans_codes.csv`` and ``banks.csv`` beside this module.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Final


def _rows(name: str) -> Iterator[dict[str, str]]:
    table = resources.files("umfpay.models").joinpath(name)

    return csv.DictReader(table.read_text(encoding="utf-8").splitlines())


# The hotel rows are printed shifted against the same suffixes elsewhere; as printed.
TRANS_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {row["code"]: row["meaning"] for row in _rows("trans_codes.csv")}
)
# Editions disagree on HSB: show the name that the bank list of the gateway gives.
CREDIT_BANKS: Final[Mapping[str, str]] = MappingProxyType(
    {row["code"]: row["name"] for row in _rows("banks.csv")}
)
DEBIT_BANKS: Final[Mapping[str, str]] = MappingProxyType(
    {row["code"]: row["name"] for row in _rows("banks.csv") if row["debit"] == "yes"}
)
