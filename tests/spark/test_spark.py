"""
A large day on PySpark: nox session ``spark``; it needs Java 17.
"""

from __future__ import annotations

import os
from datetime import date
from decimal import Decimal

import pytest
import statement_files as files

from benchmarks._reconciliation_parts import COLUMNS
from benchmarks.reconciliation_day import write_day
from umfpay import errors
from umfpay.reconciliation import TotalRule, canonical, reconcile
from umfpay.reconciliation import read_transactions as pl_read
from umfpay.reconciliation.gateway_files._locations import PLACE_COLUMNS
from umfpay.reconciliation.spark import read_transactions, reconcile_spark


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


def test_a_large_day_has_the_same_report(spark, tmp_path):
    """
    Files and ledger read by Spark: counts, totals, each difference and the bridge are
    those of one machine.
    """
    day = write_day(
        tmp_path / "day", rows=ROWS, per_class=50, seed=9, day=date(2017, 2, 6)
    )
    options = {"settle_after": 1, "opening": Decimal(0)}
    theirs = reconcile_spark(
        spark,
        [str(day.transactions)],
        [str(day.statement)],
        ledger=spark.read.csv(str(day.ledger), header=True, inferSchema=False),
        columns=COLUMNS,
        differences_to=str(tmp_path / "differences"),
        **options,
    )
    ours = reconcile(
        day.transactions, day.statement, ledger=day.ledger, columns=COLUMNS, **options
    )
    columns = [name for name in theirs.frame.columns if name not in PLACE_COLUMNS]

    assert ours.counts == theirs.counts
    assert ours.totals == theirs.totals
    assert ours.frame.select(columns).rows() == theirs.frame.select(columns).rows()
    assert ours.bridge.to_json() == theirs.bridge.to_json()
    assert [
        {
            name: file[name]
            for name in ("book", "merchant", "day", "total", "total_rules")
        }
        for file in ours.books["files"]
    ] == [
        {
            name: file[name]
            for name in ("book", "merchant", "day", "total", "total_rules")
        }
        for file in theirs.books["files"]
    ]
    assert ours.books["rows"]["statement"] == theirs.books["rows"]["statement"]

    written = spark.read.parquet(str(tmp_path / "differences"))

    assert theirs.frame.height == written.count()
    assert {"day", "class"} <= {*written.columns}


def observed(spark, path, **options):
    """
    Read a file, do something with its rows, and prove it.
    """
    book = read_transactions(spark, [str(path)], **options)
    rows = book.frame.orderBy("order_id", "kind").collect()

    return book.prove(), rows


def test_rows_are_what_one_machine_reads(spark, tmp_path):
    """
    Of 15 columns, with commas in a product, no foreign amount in CNY, blank lines,
    carriage returns and a ^Z.
    """
    plain, odd = files.payment(1), files.payment(2).split(",")
    dated = [*odd[:10], "20170206", *odd[10:12], "a book, two pens", ""]
    cny = files.payment(3).split(",")
    cny[6:10] = ["cny", "", ".50", ""]
    refund = files.refund(4, "1.5").split(",")
    rows = [plain, "", ",".join(dated), ",".join(cny), ",".join(refund)]
    data = files.file(*rows, total="199.00", end="\r\n") + b"\x1a"
    path = tmp_path / "odd.txt"
    path.write_bytes(data)
    rules, found = observed(spark, path)
    (expected,) = pl_read(path).frames(
        columns=[name for name in found[0].__fields__ if name != "listed_on"]
    )
    ours = expected.sort("order_id", "kind").rows()

    assert [{TotalRule.NET}] == rules
    assert ours == [tuple(row)[:-1] for row in found]
    assert {date(2017, 2, 6)} == {row["listed_on"] for row in found}


def test_a_file_in_gb18030_is_read_when_it_is_said(spark, tmp_path):
    """
    As UTF-8 its rows cannot be read, and that is seen; Spark has to be allowed to know
    the encoding.
    """
    row = files.payment(1).split(",")
    row[2], row[12] = "订单-1", "书"
    path = tmp_path / "gb.txt"
    path.write_bytes(files.file(",".join(row)).decode().encode("gb18030"))

    with pytest.raises(errors.ConfigError, match="javaCharsets=true"):
        observed(spark, path, encoding="gb18030")

    spark.conf.set("spark.sql.legacy.javaCharsets", "true")

    try:
        _, found = observed(spark, path, encoding="gb18030")
    finally:
        spark.conf.unset("spark.sql.legacy.javaCharsets")

    assert ["订单-1"] == [row["order_id"] for row in found]

    with pytest.raises(errors.IncompleteStatementError, match="1 of its rows cannot"):
        observed(spark, path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        # No sum shows what stands behind the end.
        (lambda data: data + files.payment(9, "0.00").encode() + b"\n", "ends without"),
        (lambda data: data[:-5], "middle of a line"),
        (lambda data: data.replace(b"100.00", b"100.01", 1), "fits none"),
        (lambda data: data.replace(b"14.33", b"14.3x", 1), "cannot be read"),
        (lambda data: data.replace(b"20170205", b"20170230", 1), "cannot be read"),
        (lambda data: b"\n".join(data.split(b"\n")[1:]), "no first line"),
        (
            lambda data: data.replace(
                b"\n", b"\nTRANSDETAIL-End,8017,20170206,200.00\n", 1
            ),
            "more than once",
        ),
    ],
)
def test_a_file_that_is_not_whole_is_refused(spark, tmp_path, damage, words):
    """
    By both ends, which the driver reads, or by the sums.
    """
    path = tmp_path / "day.txt"
    path.write_bytes(damage(files.file(*map(files.payment, (1, 2)), total="200.00")))

    with pytest.raises(errors.IncompleteStatementError, match=words):
        observed(spark, path)


def test_what_cannot_be_meant_is_refused(spark, tmp_path):
    """
    Before anything runs.
    """
    with pytest.raises(errors.ConfigError, match="no such file"):
        read_transactions(spark, [str(tmp_path / "missing.txt")])

    with pytest.raises(errors.ConfigError, match="A file is needed"):
        read_transactions(spark, [])

    with pytest.raises(errors.ConfigError, match="utf-8 or gb18030"):
        read_transactions(spark, ["day.txt"], encoding="latin-1")
