"""
Random runs of one to five days: classes, bridge and verdict are those of the oracle.

``UMFPAY_ORACLE_RUNS`` is how many runs there are; 300 (`nox -s oracle`) take some minutes.
"""

from __future__ import annotations

import os
import random

import pytest
from nights import Night
from oracle import Oracle, must_agree

from umfpay.reconciliation import Ledger, reconcile


RUNS = int(os.environ.get("UMFPAY_ORACLE_RUNS", "30"))


def answer(night, paths, engine, buckets):
    transactions, statements, ledger = paths
    return reconcile(
        transactions,
        statements,
        ledger=Ledger.csv(ledger),
        engine=engine,
        buckets=buckets,
        settle_after=night.settle_after,
        holidays=night.holidays,
        opening=night.given_opening(),
        on_bad_row="quarantine",
    )


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_run_is_what_the_oracle_says(seed, tmp_path):
    """
    On both engines, in one bucket and in several.
    """
    night = Night(random.Random(seed), tmp_path)
    paths = night.write()
    expected = Oracle(night, *paths)

    for engine, buckets in (("polars", 1 + seed % 3), ("duckdb", 1 + seed % 2)):
        report = answer(night, paths, engine, buckets)

        must_agree(expected, report, report.open_items["total_cny"])
        assert str(report.bridge.rounding) == expected.rounding
