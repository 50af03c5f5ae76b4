"""
The comparison on Spark against SQL that is written by hand for the same books: ``python
-m benchmarks.reconciliation_spark [ROWS]``; CPU seconds of the JVM, in local mode, after
a run of each on a small day.

By hand is what one writes who knows Spark and these very files: no row is refused but by
the total of its file, every value is taken for what it should be, and money is a Long.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from benchmarks._reconciliation_parts import COLUMNS, Found, scored
from benchmarks.reconciliation_day import BRIDGE_ITEMS, Day, must_fit, write_day


# The books in columns. `whole` has a row for each key and is kept: all else is of it.
_VIEWS: Final = {
    "theirs": """
        SELECT f[2] AS order, f[11] AS kind, f[13] AS refund,
            to_date(f[3], 'yyyyMMdd') AS day, f[6] AS currency,
            CAST(CAST(f[7] AS DECIMAL(15,2)) * 100 AS BIGINT) AS total,
            CAST(CAST(f[8] AS DECIMAL(15,2)) * 100 AS BIGINT) AS cny,
            CAST(CAST(f[9] AS DECIMAL(12,4)) * 10000 AS BIGINT) AS rate,
            f[10] = '0' AS done
        FROM (SELECT split(value, ',') AS f FROM transactions)
        WHERE f[0] NOT LIKE 'TRANSDETAIL-%'
    """,
    "paid": """
        SELECT f[12] AS kind, f[1] AS number, f[4] AS paid_currency, f[13] = '0' AS paid_done,
            to_date(f[2], 'yyyyMMdd') AS paid_day,
            CAST(CAST(f[5] AS DECIMAL(15,2)) * 100 AS BIGINT) AS paid_total,
            CAST(CAST(f[6] AS DECIMAL(15,2)) * 100 AS BIGINT) AS paid_cny,
            CAST(CAST(f[7] AS DECIMAL(15,2)) * 100 AS BIGINT) AS paid_fee,
            CAST(CAST(f[8] AS DECIMAL(15,2)) * 100 AS BIGINT) AS paid_exchanged,
            CAST(CAST(f[9] AS DECIMAL(15,2)) * 100 AS BIGINT) AS paid_exchanged_cny,
            CAST(CAST(f[10] AS DECIMAL(12,4)) * 10000 AS BIGINT) AS r
        FROM (SELECT split(value, ',') AS f FROM statement)
        WHERE f[0] NOT LIKE 'TRANSDETAIL-%'
    """,
    "ours": """
        SELECT order_no AS order, CASE kind WHEN 'payment' THEN 'P' ELSE 'T' END AS kind,
            coalesce(refund_no, '') AS refund, CAST(biz_date AS DATE) AS our_day,
            currency AS our_currency,
            CAST(CAST(amount AS DECIMAL(15,2)) * 100 AS BIGINT) AS our_total,
            CAST(CAST(amount_cny AS DECIMAL(15,2)) * 100 AS BIGINT) AS our_cny,
            status IN ('paid', 'refunded') AS our_done,
            CAST(CAST(fee AS DECIMAL(15,2)) * 100 AS BIGINT) AS our_fee
        FROM ledger
    """,
    "placed": """
        SELECT CASE WHEN paid.kind = 'T' THEN coalesce(known.order, '') ELSE number END
                AS order,
            paid.kind, CASE WHEN paid.kind = 'T' THEN number ELSE '' END AS refund,
            paid_currency, paid_done, paid_day, paid_total, paid_cny, paid_fee,
            paid_exchanged, paid_exchanged_cny, r
        FROM paid LEFT JOIN (
            SELECT kind, order, refund FROM ours WHERE kind = 'T'
            UNION SELECT kind, order, refund FROM theirs WHERE kind = 'T'
        ) AS known ON known.kind = paid.kind AND known.refund = paid.number
    """,
    "whole": """
        SELECT *, max(kind = 'P' AND (at_gateway OR in_ledger)) OVER (PARTITION BY order)
            AS has_payment
        FROM (
            SELECT *, true AS at_gateway,
                count(*) OVER (PARTITION BY order, kind, refund) AS rows FROM theirs
        ) FULL JOIN (
            SELECT *, true AS in_ledger,
                count(*) OVER (PARTITION BY order, kind, refund) AS our_rows FROM ours
        ) USING (order, kind, refund)
        FULL JOIN (
            SELECT *, true AS paid_out,
                count(*) OVER (PARTITION BY order, kind, refund) AS paid_rows FROM placed
        ) USING (order, kind, refund)
    """,
}
_CLASSES: Final = """
    SELECT DISTINCT * FROM (
        SELECT CASE
            WHEN greatest(rows, our_rows, paid_rows) > 1 THEN 'duplicate'
            WHEN at_gateway AND in_ledger IS NULL THEN 'missing_in_ledger'
            WHEN in_ledger AND at_gateway IS NULL THEN 'missing_at_gateway'
            WHEN in_ledger AND at_gateway AND kind = 'T' AND NOT coalesce(has_payment, false)
                THEN 'refund_without_payment'
            WHEN our_currency != currency OR paid_currency != currency
                THEN 'currency_differs'
            WHEN (kind = 'P' AND abs(total * rate - cny * 10000) * 2 > greatest(rate, 10000))
                OR our_total != total OR our_cny != cny OR paid_total != total
                OR paid_cny != cny THEN 'amount_differs'
            WHEN our_done != done OR paid_done != done THEN 'state_differs'
            WHEN our_day != day OR paid_day != day THEN 'wrong_day'
            WHEN paid_out AND at_gateway IS NULL THEN 'paid_out_unknown'
            WHEN our_fee != paid_fee THEN 'fee_differs'
            WHEN paid_exchanged_cny
                    != (CASE kind WHEN 'T' THEN -paid_cny ELSE paid_cny END) - paid_fee
                OR 2 * r * abs(paid_exchanged) > 20000 * abs(paid_exchanged_cny) + r
                OR 2 * r * (abs(paid_exchanged) + 1) <= 20000 * abs(paid_exchanged_cny) + r
                THEN 'exchange_differs'
            ELSE 'matched' END AS class, *
        FROM whole
    ) WHERE class != 'matched'
"""
# Of a key that stands twice `whole` has each pair of its rows: those are counted apart.
_BRIDGE: Final = """
    SELECT sum(CASE WHEN done AND kind = 'P' THEN cny / n END),
        -sum(CASE WHEN done AND kind = 'T' THEN cny / n END),
        -sum(paid_fee / m),
        sum((paid_exchanged_cny + paid_fee - sign * paid_cny) / m),
        sum(paid_exchanged_cny / m),
        sum(CASE WHEN at_gateway IS NULL THEN sign * paid_cny / m END),
        -sum(CASE WHEN done AND paid_out IS NULL THEN sign * cny / n END),
        sum(sign * cny / n)
    FROM (
        SELECT *, CASE kind WHEN 'T' THEN -1 ELSE 1 END AS sign,
            coalesce(our_rows, 1) * coalesce(paid_rows, 1) AS n,
            coalesce(our_rows, 1) * coalesce(rows, 1) AS m
        FROM whole
    )
"""
_WARM_ROWS: Final = 20_000


def ours(spark: Any, day: Day) -> tuple[Found, dict[str, int]]:
    """
    Reconcile the day with us; return the keys of each class and the bridge in CNY.
    """
    from umfpay.reconciliation.spark import reconcile_spark

    report = reconcile_spark(
        spark,
        [str(day.transactions)],
        [str(day.statement)],
        ledger=spark.read.csv(str(day.ledger), header=True, inferSchema=False),
        columns=COLUMNS,
        settle_after=1,
        opening=Decimal(0),
    )
    found: Found = defaultdict(set)

    for row in report.frame.select("class", "order_id", "kind", "refund_id").rows():
        found[row[0]].add(row[1:])

    assert report.bridge is not None

    return found, {
        str(line.item): int((line.amount or 0) * 100) for line in report.bridge.lines
    }


def by_hand(spark: Any, day: Day) -> tuple[Found, dict[str, int]]:
    """
    Do the same with SQL; of each difference all columns come, as with us.
    """
    spark.read.text(str(day.transactions)).createOrReplaceTempView("transactions")
    spark.read.text(str(day.statement)).createOrReplaceTempView("statement")
    spark.read.csv(str(day.ledger), header=True).createOrReplaceTempView("ledger")

    for name, query in _VIEWS.items():
        spark.sql(query).createOrReplaceTempView(name)

    spark.sql("CACHE LAZY TABLE whole")

    try:
        *lines, total = spark.sql(_BRIDGE).first()
        must_fit(day.transactions, total)
        found: Found = defaultdict(set)
        rows = spark.sql(_CLASSES).toArrow()

        for name, *key in zip(
            *(rows[name].to_pylist() for name in ("class", "order", "kind", "refund")),
            strict=True,
        ):
            found[name].add((key[0], key[1], key[2]))
    finally:
        spark.sql("UNCACHE TABLE whole")

    return found, {
        item: round(amount or 0)
        for item, amount in zip(BRIDGE_ITEMS, lines, strict=True)
    }


def session() -> Any:
    """
    Return Spark in local mode, on two cores.
    """
    from pyspark.sql import SparkSession

    return (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "6g")
        .config("spark.sql.shuffle.partitions", "8")
        .getOrCreate()
    )


def cpu_of_jvm(spark: Any) -> float:
    """
    Return the CPU seconds that the JVM has used so far, its compilers included.
    """
    pid = spark._jvm.java.lang.ProcessHandle.current().pid()
    words = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    ticks = int(words[11]) + int(words[12])

    return ticks / os.sysconf("SC_CLK_TCK")


def measured(
    spark: Any, day: Day, run: Callable[[Any, Day], tuple[Found, dict[str, int]]]
) -> dict[str, Any]:
    """
    Run once; return the CPU seconds, and what was found.
    """
    before = cpu_of_jvm(spark)
    found, bridge = run(spark, day)

    return {
        "cpu": cpu_of_jvm(spark) - before,
        **scored(found, day.expected),
        "bridge": {item: bridge.get(item, 0) for item in BRIDGE_ITEMS},
    }


def main(rows: int = 2_000_000, runs: int = 3) -> None:
    """
    Print what each took, and their ratio.
    """
    spark = session()

    with tempfile.TemporaryDirectory() as folder:
        small, large = (
            write_day(
                Path(folder) / str(size),
                rows=size,
                per_class=50,
                seed=9,
                day=date(2017, 2, 6),
            )
            for size in (_WARM_ROWS, rows)
        )

        for _ in range(2):
            for run in (ours, by_hand):
                measured(spark, small, run)

        for _ in range(runs):
            mine, hand = (measured(spark, large, run) for run in (ours, by_hand))
            print(mine)
            print(hand)
            print(f"ratio {mine['cpu'] / hand['cpu']:.2f}", flush=True)

    spark.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
