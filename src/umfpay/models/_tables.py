"""
Tables of the reference: transaction codes and banks (gateway.md 8.3, 8.5).

Their rows stand in ``trans_codes.csv`` and ``banks.csv`` beside this module. They are
read when a table is first used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final

from umfpay.sensitive import shows_itself_half_made


@shows_itself_half_made
class _Table(Mapping[str, str]):
    """
    One column of a file, by code; it cannot be changed.

    Args:
        file: The name of the file.
        column: The column to look up; rows without it are left out.
        where: A column that says ``yes`` in the rows to keep; None keeps all.
    """

    def __init__(self, file: str, column: str, *, where: str | None = None) -> None:
        self._file = file
        self._column = column
        self._where = where

    @cached_property
    def _texts(self) -> dict[str, str]:
        # To import these takes longer than to read the table.
        import csv
        from importlib import resources

        file = resources.files("umfpay.models") / self._file
        rows = csv.DictReader(file.read_text("utf-8").splitlines())

        return {
            row["code"]: row[self._column]
            for row in rows
            if row[self._column] and (self._where is None or row[self._where] == "yes")
        }

    def __getitem__(self, code: str) -> str:
        return self._texts[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return repr(self._texts)


# The hotel rows are printed shifted against the same suffixes elsewhere; as printed.
TRANS_CODES: Final[Mapping[str, str]] = _Table("trans_codes.csv", "meaning")
# Editions disagree on HSB: show the name that the bank list of the gateway gives.
CREDIT_BANKS: Final[Mapping[str, str]] = _Table("banks.csv", "name")
DEBIT_BANKS: Final[Mapping[str, str]] = _Table("banks.csv", "name", where="debit")
# The reference prints English names only: these are the banks' own, where known.
BANK_NAMES_ZH: Final[Mapping[str, str]] = _Table("banks.csv", "name_zh")
