"""
What Spark does for a comparison: each book is shuffled once, and no row goes through
Python.
"""

from __future__ import annotations

import books
import pytest

from umfpay.reconciliation import compare


@pytest.fixture(name="plan")
def _plan(spark, tmp_path):
    given = []

    for name, row in (
        ("transactions", books.transaction()),
        ("ledger", books.booked()),
        ("statement", books.paid_out()),
    ):
        path = tmp_path / f"{name}.parquet"
        books.frame(name, [row]).write_parquet(path)
        given.append(spark.read.parquet(str(path)))

    found = compare(*given, settle_after=books.SETTLE_AFTER, as_of=books.AS_OF)
    # Nothing is small enough to be sent to everybody.
    spark.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")

    yield found._jdf.queryExecution().executedPlan().toString()

    spark.conf.unset("spark.sql.autoBroadcastJoinThreshold")


def test_books_are_grouped_and_not_joined(plan):
    """
    Only the refunds of the statement, which have no order, are joined.
    """
    assert 1 == plan.count("SortMergeJoin")
    assert "Cartesian" not in plan
    assert "BroadcastNestedLoop" not in plan
    assert "BatchEvalPython" not in plan
    assert "ArrowEvalPython" not in plan
    # The stream of all books; the statement and the numbers of refunds; these once each.
    assert plan.count("Exchange hashpartitioning(order_id") == 1
    assert plan.count("Exchange") <= 4
    # A second time only the numbers of refunds are read.
    assert plan.count("FileScan parquet") == 5
