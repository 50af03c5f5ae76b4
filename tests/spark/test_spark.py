"""
A large day on PySpark: nox session ``spark``; it needs Java 17.
"""

from __future__ import annotations

import os
from datetime import date
from decimal import Decimal

import books
import pytest

from benchmarks._reconciliation_parts import COLUMNS
from benchmarks.reconciliation_day import write_day
from umfpay import errors
from umfpay.reconciliation import (
    Difference,
    canonical,
    compare,
    read_statement,
    read_transactions,
    reconcile,
)


# "the identical classes on 1,000,000 rows"; fewer to look quickly.
ROWS = int(os.environ.get("UMFPAY_SPARK_ROWS", "1000000"))


def test_ties_of_money_in_text(spark):
    """
    A third decimal is rounded half up by its digits.
    """
    table = spark.createDataFrame(
        [("a", "1.005"), ("b", "-1.005"), ("c", "2.344999"), ("d", "")],
        "mer_reference_id string, total string",
    )

    assert [101, -101, 234, None] == [
        row["total"] for row in canonical(table).orderBy("order_id").collect()
    ]


def test_a_time_with_an_offset_is_of_the_day_in_china(spark):
    """
    As text; moments need a session in China's zone, where they have their day.
    """
    table = spark.createDataFrame(
        [
            ("a", "1", "2017-02-05T16:30:00Z"),
            ("b", "1", "2017-02-06T01:00:00+14:00"),
            ("c", "1", "2017-02-06"),
            ("d", "1", None),
        ],
        "mer_reference_id string, total string, mer_date string",
    )

    def days(given):
        return [
            row["mer_date"] for row in canonical(given).orderBy("order_id").collect()
        ]

    assert [date(2017, 2, 6), date(2017, 2, 5), date(2017, 2, 6), None] == days(table)

    moments = table.limit(1).withColumn("mer_date", table["mer_date"].cast("timestamp"))

    if spark.conf.get("spark.sql.session.timeZone") != "Asia/Shanghai":
        with pytest.raises(errors.ConfigError, match=r"session\.timeZone"):
            canonical(moments)


def test_a_large_day_has_the_identical_classes(spark, tmp_path):
    """
    Statement files through Parquet, the ledger by Spark's own reader.
    """
    day = write_day(
        tmp_path / "day", rows=ROWS, per_class=50, seed=9, day=date(2017, 2, 6)
    )
    transactions = tmp_path / "transactions.parquet"
    statement = tmp_path / "statement.parquet"
    read_transactions(day.transactions).write_parquet(transactions)
    read_statement(day.statement).write_parquet(statement)
    ledger = canonical(
        spark.read.csv(str(day.ledger), header=True, inferSchema=False), COLUMNS
    )
    found = compare(
        spark.read.parquet(str(transactions)),
        ledger,
        spark.read.parquet(str(statement)),
        settle_after=1,
        as_of=date(2017, 2, 6),
    )
    wrong = (
        found.filter(found["class"] != str(Difference.MATCHED))
        .select(*books.KEY, "class", "also", "side")
        .toPandas()
    )
    ours = reconcile(
        day.transactions,
        day.statement,
        ledger=day.ledger,
        columns=COLUMNS,
        settle_after=1,
        opening=Decimal(0),
    )
    columns = [*books.KEY, "class", "also", "side"]

    assert ours.frame.select(columns).sort(columns).rows() == sorted(
        wrong[columns].itertuples(index=False, name=None)
    )
    assert ours.counts["matched"] == found.filter(found["class"] == "matched").count()
