"""
Reconcile on Spark, where one machine ends.

    from umfpay.reconciliation.spark import reconcile_spark

    report = reconcile_spark(
        spark,
        ["s3a://books/transactions-20170206.txt"],
        ["s3a://books/reconciliation-20170206.txt"],
        ledger=spark.table("shop.orders"),
        columns={"mer_reference_id": "order_no", "total": "amount"},
        settle_after=1,
        opening=Decimal(0),
    )

Rows are parsed, grouped and compared on the executors; to the driver come the two ends
of each file, the sums, and the differences.
"""

from __future__ import annotations

from umfpay.reconciliation.spark._files import SparkStatement
from umfpay.reconciliation.spark._reconcile import (
    read_statement,
    read_transactions,
    reconcile_spark,
)


__all__ = ["SparkStatement", "read_statement", "read_transactions", "reconcile_spark"]
