"""
Order numbers that repeat over days: keyed with their day where the ledger says so.
"""

from __future__ import annotations

import os
import random
from decimal import Decimal

import pytest
import statement_files as files
from nights import BY_DAY, UniqueNumbers

from umfpay import errors
from umfpay.cli import ExitCode, run
from umfpay.reconciliation import Ledger, LedgerFormat, reconcile


RUNS = int(os.environ.get("UMFPAY_ORACLE_RUNS", "30")) // 3


@pytest.mark.parametrize("seed", range(RUNS))
def test_it_is_the_same_as_with_numbers_that_do_not_repeat(seed, tmp_path):
    """
    Each class, what is open, and the bridge.
    """
    night = UniqueNumbers(random.Random(seed), tmp_path)
    options = {"engine": ("polars", "duckdb")[seed % 2], "buckets": 1 + seed % 3}
    unique = night.answer(LedgerFormat(), **options)
    old = night.repeat_numbers()
    repeated = night.answer(BY_DAY, **options)

    assert unique.counts == repeated.counts
    assert unique.bridge == repeated.bridge
    assert sorted(
        (row.order_id, row.kind, row.refund_id, row.difference, row.also, row.side)
        for row in unique.rows()
    ) == sorted(
        (
            old.get(row.order_id, row.order_id),
            row.kind,
            row.refund_id,
            row.difference,
            row.also,
            row.side,
        )
        for row in repeated.rows()
    )
    assert sorted(unique.open_items["order_id"]) == sorted(
        map(old.get, repeated.open_items["order_id"])
    )


def two_days():
    """
    Return files of two days with the same number in both.
    """
    return [
        files.file(
            files.payment(1, amount).replace("20170205", day), total=amount, day=day
        )
        for day, amount in (("20170206", "100.00"), ("20170207", "100.00"))
    ]


def test_each_day_has_its_own_order_of_a_number(tmp_path):
    """
    Without the key both are a duplicate; a difference is of its day, and stands where
    it stands.
    """
    ledger = tmp_path / "ledger.csv"
    ledger.write_text(
        "mer_reference_id,mer_date,total_cny\n"
        "order-1,2017-02-06,100.00\norder-1,2017-02-07,99.00\n"
    )
    paths = [tmp_path / "6.txt", tmp_path / "7.txt"]

    for path, data in zip(paths, two_days(), strict=True):
        path.write_bytes(data)

    assert 1 == reconcile(paths, ledger=ledger).counts["duplicate"]

    report = reconcile(paths, ledger=Ledger.csv(ledger, written=BY_DAY))
    (row,) = report.rows()

    assert ("order-1@2017-02-07", "amount_differs") == (row.order_id, row.difference)
    assert 1 == report.counts["matched"]
    assert ["7.txt:2"] == report.frame["listed_at"].to_list()

    ledger.write_text("mer_reference_id,total_cny\norder-1,100.00\n")

    with pytest.raises(errors.ConfigError, match="needs mer_date"):
        Ledger.csv(ledger, written=BY_DAY)


def test_a_row_that_cannot_be_read_has_its_day(tmp_path):
    """
    Its order is known all the same.
    """
    ledger = tmp_path / "ledger.csv"
    ledger.write_text(
        "mer_reference_id,mer_date,total_cny\norder-1,2017-02-07,100.00\n"
    )
    data = two_days()[1].replace(b"14.33", b"?")
    report = reconcile(
        data, ledger=Ledger.csv(ledger, written=BY_DAY), on_bad_row="quarantine"
    )

    assert ["quarantined"] == report.frame["class"].to_list()
    assert Decimal("100.00") == Decimal(report.books["files"][0]["unread"]["amount"])


def test_the_shell_knows_it(tmp_path):
    """
    As an option, and in a TOML file.
    """
    ledger, preset = tmp_path / "ledger.csv", tmp_path / "ours.toml"
    ledger.write_text(
        "mer_reference_id,mer_date,total_cny\n"
        "order-1,2017-02-06,100.00\norder-1,2017-02-07,100.00\n"
    )
    preset.write_text('key = "order+day"\n')
    given = ["reconcile", f"--ledger={ledger}"]

    for day, data in zip((6, 7), two_days(), strict=True):
        (tmp_path / f"{day}.txt").write_bytes(data)
        given.append(f"--transactions={tmp_path}/{day}.txt")

    assert ExitCode.NO == run(given)
    assert ExitCode.OK == run([*given, "--key=order+day"])
    assert ExitCode.OK == run([*given, f"--preset={preset}"])
