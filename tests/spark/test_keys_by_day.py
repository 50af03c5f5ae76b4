"""
Order numbers that repeat over days, and what was open before, on Spark.
"""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from nights import BY_DAY, UniqueNumbers, opening_frame
from oracle import bridge, found

from umfpay import errors
from umfpay.reconciliation.spark import reconcile_spark


pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("seed", [5, 11])
def test_the_report_is_that_of_one_machine(spark, seed, tmp_path):
    """
    What was open is given as a frame of Spark.
    """
    night = UniqueNumbers(random.Random(seed), tmp_path)
    night.repeat_numbers()
    ours = night.answer(BY_DAY, engine="polars", buckets=1)
    opening = night.opening

    if opening == "rows":
        path = tmp_path / "opening.parquet"
        opening_frame(night.opening_rows).write_parquet(path)
        opening = (Decimal("0.00"), spark.read.parquet(str(path)))

    theirs = reconcile_spark(
        spark,
        sorted(map(str, tmp_path.glob("t-*.txt"))),
        sorted(map(str, tmp_path.glob("s-*.txt"))),
        ledger=spark.read.csv(str(tmp_path / "ledger.csv"), header=True),
        settle_after=night.settle_after,
        holidays=night.holidays,
        opening=opening,
        rounding=ours.bridge.rounding,
        key="order+day",
    )

    assert any("@2017-02" in order for order, *_ in found(theirs))
    assert ours.counts == theirs.counts
    assert found(ours) == found(theirs)
    assert bridge(ours) == bridge(theirs)


def test_what_cannot_be_meant_is_refused(spark):
    """
    Before anything is read.
    """
    frame = spark.createDataFrame([("a",)], "order_id string")

    for options, words in (
        ({"key": "day"}, r"order or order\+day"),
        ({"opening": frame}, "the frame lacks kind"),
        ({"opening": ("1", frame)}, "opening"),
        ({"opening": 1.0}, "opening"),
    ):
        with pytest.raises(errors.ConfigError, match=words):
            reconcile_spark(spark, ["day.txt"], ledger=frame, **options)
