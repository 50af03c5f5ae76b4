"""
The benchmark on Spark: both sides do the same work.
"""

from __future__ import annotations

from datetime import date

import pytest

from benchmarks import reconciliation_spark as benchmark
from benchmarks.reconciliation_day import write_day


@pytest.mark.timeout(1200)
def test_both_find_each_difference_and_one_bridge(spark, tmp_path):
    """
    With no false alarm; and the JVM used its processor.
    """
    day = write_day(tmp_path, rows=1_000, per_class=3, seed=4, day=date(2017, 2, 6))
    ours, hand = (
        benchmark.measured(spark, day, run)
        for run in (benchmark.ours, benchmark.by_hand)
    )

    for found in (ours, hand):
        assert found["injected"] == found["found"] == 33
        assert 0 == found["false"]
        assert found["cpu"] > 0

    assert ours["bridge"] == hand["bridge"]
