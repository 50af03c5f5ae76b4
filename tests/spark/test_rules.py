"""
Every rule on PySpark, Polars and DuckDB: what is tested of the embedded engines.
"""

from __future__ import annotations

import random

import books
import polars as pl
import pytest

from tests.reconciliation.comparison.test_compare import (
    ENGINES,
    found,
    test_a_refund_needs_a_payment_in_one_of_the_books,
    test_all_rows_of_a_duplicate_are_listed,
    test_each_class_of_a_payment,
    test_only_what_is_tolerated_is_no_difference,
    test_ties_are_halved_upward_without_sign,
    test_what_one_side_lacks,
)
from umfpay.reconciliation import compare


# They ask for the fixture "engine": here it is Spark.
__all__ = [
    "test_a_refund_needs_a_payment_in_one_of_the_books",
    "test_all_rows_of_a_duplicate_are_listed",
    "test_each_class_of_a_payment",
    "test_only_what_is_tolerated_is_no_difference",
    "test_ties_are_halved_upward_without_sign",
    "test_what_one_side_lacks",
]


@pytest.fixture(name="engine")
def _engine(spark, tmp_path):
    def on_spark(transactions, ledger, statement=None, **options):
        given = []

        for number, frame in enumerate((transactions, ledger, statement)):
            if frame is None:
                given.append(None)

                continue

            path = tmp_path / f"{len(list(tmp_path.iterdir()))}-{number}.parquet"
            frame.write_parquet(path)
            given.append(spark.read.parquet(str(path)))

        return pl.from_arrow(compare(*given, **options).toArrow())

    return on_spark


@pytest.mark.parametrize("seed", range(5))
def test_random_books_are_the_same_on_three_engines(engine, seed):
    """
    And are what a naive comparison finds.
    """
    given = books.at_random(random.Random(seed))
    results = [found(one, *given) for one in (engine, *ENGINES)]

    assert [books.naive(*given)] * len(results) == results
