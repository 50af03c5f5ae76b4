"""
Rows that Spark cannot read are set aside for the reasons that one machine gives.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
import statement_files as files

from umfpay import errors
from umfpay.reconciliation import Ledger, reconcile
from umfpay.reconciliation.spark import _quarantine as quarantine
from umfpay.reconciliation.spark import reconcile_spark


pytestmark = pytest.mark.timeout(1200)

PAID = (
    "PAY_1,order-1,20170205,20170206,USD,14.33,100.00,1.00,14.19,99.00,6.9784,20170206"
)
COLUMNS = ("book", "reason", "reason_zh", "order_id", "kind", "refund_id", "data")


def changed(row, index, word):
    fields = row.split(",")
    fields[index] = word

    return ",".join(fields)


def odd_transactions():
    row, back = files.payment(2), files.refund(3)

    return [
        *(changed(row, index, "") for index in (2, 3, 6, 7, 8, 9, 11)),
        *(changed(back, index, "?") for index in (3, 7, 8, 9, 11)),
        changed(row, 13, "7,8"),
        ",".join(back.split(",")[:13]),
        ",".join([*row.split(",")[:10], "20170206", *back.split(",")[10:13]]),
        "nothing",
        ",,,",
    ]


def odd_payouts():
    row, back = f"{PAID},P,0", f"{PAID},T,0"

    return [
        *(changed(row, index, "") for index in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)),
        changed(back, 6, "1.x"),
        f"{row},more,,",
        row.removesuffix(",0"),
        "nothing",
    ]


def written(tmp_path, *, more=()):
    listed, paid, ledger = (
        tmp_path / name for name in ("t.txt", "s.txt", "ledger.csv")
    )
    listed.write_bytes(
        files.file(files.payment(1), *odd_transactions(), *more, total="123.00")
    )
    paid.write_bytes(files.file(f"{PAID},P,0", *odd_payouts(), total="99.00"))
    ledger.write_text(
        "mer_reference_id,refund_id,total_cny\norder-1,,100\norder-2,,100\n"
        "order-3,refund-3,40\n"
    )

    return listed, paid, ledger


def compared(spark, listed, paid, ledger, **options):
    return reconcile_spark(
        spark,
        [str(listed)],
        [str(paid)],
        ledger=spark.read.csv(str(ledger), header=True),
        settle_after=1,
        opening=Decimal(0),
        **options,
    )


def test_reasons_and_keys_are_those_of_one_machine(spark, tmp_path):
    """
    So are the classes of differences, the bridge and the verdict.
    """
    books = written(tmp_path)
    theirs = compared(
        spark,
        *books,
        on_bad_row="quarantine",
        quarantine_to=str(tmp_path / "quarantined"),
    )
    ours = reconcile(
        *books[:2],
        ledger=Ledger.csv(books[2]),
        settle_after=1,
        opening=Decimal(0),
        on_bad_row="quarantine",
    )
    names = ["order_id", "kind", "refund_id", "class", "also", "id"]

    assert sorted(ours.quarantined.select(COLUMNS).rows()) == sorted(
        theirs.quarantined.select(COLUMNS).rows()
    )
    assert ours.quarantined.schema == theirs.quarantined.schema
    assert ours.counts == theirs.counts
    assert ours.frame.select(names).rows() == theirs.frame.select(names).rows()
    assert "quarantined" in ours.frame["class"]
    assert ours.bridge == theirs.bridge
    assert [one["unread"] for one in ours.books["files"]] == [
        one["unread"] for one in theirs.books["files"]
    ]
    assert not theirs.is_clean
    assert any("1 rows of the transactions" in note.en for note in theirs.notes)
    assert "reason" in theirs.write_quarantine(tmp_path / "bad.csv").read_text("utf-8")
    theirs.write_html(tmp_path / "report.html")

    stored = spark.read.parquet(str(tmp_path / "quarantined"))

    assert theirs.quarantined.height == stored.count()


def test_the_driver_gets_the_first_and_counts_all(spark, tmp_path, monkeypatch):
    """
    Bytes that are no text among them.
    """
    monkeypatch.setattr(quarantine, "MAX_ROWS", 2)
    listed, paid, ledger = written(tmp_path)
    data = listed.read_bytes().replace(b"nothing", b"\xb0\xff")
    listed.write_bytes(data)
    report = compared(spark, listed, paid, ledger, on_bad_row="quarantine")
    count = len(odd_transactions()) + len(odd_payouts())

    assert 2 == report.quarantined.height
    assert count == report.counts["quarantined"]
    assert any("encoding" in note.en for note in report.notes)
    assert count == sum(
        int(note.en.split(" ")[0]) for note in report.notes if "cannot be" in note.en
    )


def test_without_a_readable_row_nothing_is_clean(spark, tmp_path):
    """
    A file of which each row is set aside, and one that has none.
    """
    listed, paid, ledger = written(tmp_path)
    listed.write_bytes(files.file("nothing", total="1.00"))
    paid.write_bytes(files.file(total="0.00"))
    ledger.write_text("mer_reference_id,total_cny\n")
    report = compared(spark, listed, paid, ledger, on_bad_row="quarantine")

    assert 1 == report.counts["quarantined"] == report.quarantined.height
    assert not report.is_clean
    assert report.frame.is_empty()
    assert report.quarantined.schema["data"] == pl.Binary

    with pytest.raises(errors.ConfigError, match="raise or quarantine"):
        compared(spark, listed, paid, ledger, on_bad_row="skip")
