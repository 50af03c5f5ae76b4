"""
Random runs of one to five days: classes, bridge and verdict are those of the oracle.

``UMFPAY_ORACLE_RUNS`` is how many runs there are; 300 (`nox -s oracle`) take some minutes.
"""

from __future__ import annotations

import os
import random

import polars as pl
import pytest
from nights import Night
from oracle import Oracle

from umfpay.reconciliation import Ledger, reconcile
from umfpay.reconciliation._books import Book, schema_of


RUNS = int(os.environ.get("UMFPAY_ORACLE_RUNS", "30"))


def answer(night, paths, engine, buckets):
    transactions, statements, ledger = paths
    opening = night.opening

    if opening == "rows":
        opening = opening_frame(night.opening_rows)

    return reconcile(
        transactions,
        statements,
        ledger=Ledger.csv(ledger),
        engine=engine,
        buckets=buckets,
        settle_after=night.settle_after,
        holidays=night.holidays,
        opening=opening,
        on_bad_row="quarantine",
    )


def opening_frame(rows):
    units = {"total": 100, "total_cny": 100, "exchange_rate": 10**8}

    return pl.DataFrame(
        [
            {name: int(value * units[name]) if name in units else value}
            | {
                key: int(one * units[key]) if key in units else one
                for key, one in row.items()
            }
            for row in rows
            for name, value in [("order_id", row["order_id"])]
        ],
        schema={
            name: kind
            for name, kind in schema_of(Book.TRANSACTIONS).items()
            if name != "opening"
        },
    )


def found(report):
    return {
        (row.order_id, row.kind, row.refund_id): [
            str(row.difference),
            *map(str, row.also),
        ]
        for row in report.rows()
    }


def bridge(report):
    lines = {None: report.bridge.lines, **report.bridge.currencies}

    return {
        currency: {str(line.item): line.amount for line in one}
        for currency, one in lines.items()
    }


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_run_is_what_the_oracle_says(seed, tmp_path):
    """
    On both engines, in one bucket and in several.
    """
    night = Night(random.Random(seed), tmp_path)
    paths = night.write()
    expected = Oracle(night, *paths)
    wrong = {key: one for key, one in expected.classes.items() if one != ["matched"]}

    for engine, buckets in (("polars", 1 + seed % 3), ("duckdb", 1 + seed % 2)):
        report = answer(night, paths, engine, buckets)

        assert wrong == found(report)
        assert len(expected.classes) - len(wrong) == report.counts["matched"]
        assert len(expected.bad + expected.bad_paid) == report.counts["quarantined"]
        assert expected.bridge == bridge(report)
        assert expected.is_clean == report.is_clean
        assert str(report.bridge.rounding) == expected.rounding
        assert sorted(row["total_cny"] * 100 for row in expected.open) == sorted(
            report.open_items["total_cny"]
        )

        for row in report.rows():
            if row.age is not None:
                assert expected.age(row.gateway["listed_on"]) == row.age
