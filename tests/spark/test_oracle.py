"""
Random runs of one to five days on Spark: classes, bridge and verdict are those of the
oracle.

``UMFPAY_ORACLE_RUNS`` is how many runs there are.
"""

from __future__ import annotations

import os
import random

import pytest
from nights import Night
from oracle import Oracle, must_agree

from umfpay.reconciliation.spark import reconcile_spark


RUNS = int(os.environ.get("UMFPAY_ORACLE_RUNS", "20"))

# Others may be busy on the machine.
pytestmark = pytest.mark.timeout(1200)


def answer(spark, night, paths, **options):
    transactions, statements, ledger = paths
    return reconcile_spark(
        spark,
        [*map(str, transactions)],
        [*map(str, statements)],
        ledger=spark.read.csv(str(ledger), header=True, inferSchema=False),
        settle_after=night.settle_after,
        holidays=night.holidays,
        opening=night.given_opening(),
        on_bad_row="quarantine",
        **options,
    )


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_run_is_what_the_oracle_says(spark, seed, tmp_path):
    """
    How sums are rounded is said.
    """
    night = Night(random.Random(seed), tmp_path)
    paths = night.write()
    expected = Oracle(night, *paths)
    report = answer(
        spark,
        night,
        paths,
        rounding=expected.rounding,
        open_items_to=str(tmp_path / "open"),
    )
    open_items = spark.read.parquet(str(tmp_path / "open")).collect()

    must_agree(expected, report, [row["total_cny"] for row in open_items])
