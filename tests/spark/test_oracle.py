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
from oracle import Oracle
from test_oracle import bridge, found, opening_frame

from umfpay.reconciliation.spark import reconcile_spark


RUNS = int(os.environ.get("UMFPAY_ORACLE_RUNS", "20"))

# Others may be busy on the machine.
pytestmark = pytest.mark.timeout(1200)


def answer(spark, night, paths, **options):
    transactions, statements, ledger = paths
    opening = night.opening

    if opening == "rows":
        opening = opening_frame(night.opening_rows)

    return reconcile_spark(
        spark,
        [*map(str, transactions)],
        [*map(str, statements)],
        ledger=spark.read.csv(str(ledger), header=True, inferSchema=False),
        settle_after=night.settle_after,
        holidays=night.holidays,
        opening=opening,
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
    wrong = {key: one for key, one in expected.classes.items() if one != ["matched"]}
    report = answer(
        spark,
        night,
        paths,
        rounding=expected.rounding,
        open_items_to=str(tmp_path / "open"),
    )
    open_items = spark.read.parquet(str(tmp_path / "open")).collect()

    assert wrong == found(report)
    assert len(expected.classes) - len(wrong) == report.counts["matched"]
    assert len(expected.bad + expected.bad_paid) == report.counts["quarantined"]
    assert expected.bridge == bridge(report)
    assert expected.is_clean == report.is_clean
    assert sorted(row["total_cny"] * 100 for row in expected.open) == sorted(
        row["total_cny"] for row in open_items
    )

    for row in report.rows():
        if row.age is not None:
            assert expected.age(row.gateway["listed_on"]) == row.age
