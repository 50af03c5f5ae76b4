"""
Rows of the gateway's files that cannot be read: set aside, counted, never forgotten.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
import statement_files as files

from umfpay import errors
from umfpay.reconciliation import TotalRules, read_transactions, reconcile


PAID = (
    "PAY_{0},order-{0},20170205,20170206,USD,14.33,{1},1.00,14.19,99.00,6.9784,20170206,"
    "P,0"
)


def spoilt(row):
    return row.replace("14.33", "?")


@pytest.fixture(name="ledger")
def _ledger(tmp_path):
    ledger = tmp_path / "ledger.csv"
    ledger.write_text(
        "mer_reference_id,total_cny,mer_date\norder-1,100.00,20170205\n"
        "order-2,100.00,20170205\n",
        "utf-8",
    )

    return ledger


def compared(traded, paid, ledger, **options):
    return reconcile(
        files.file(*traded, total="200.00"),
        None if paid is None else files.file(*paid, total="198.00"),
        ledger=ledger,
        on_bad_row="quarantine",
        days=(date(2017, 2, 5), date(2017, 2, 6)),
        without_file=[date(2017, 2, 5)],
        **({"settle_after": 1, "opening": Decimal(0)} if paid is not None else {}),
        **options,
    )


def lines(report):
    return {
        str(line.item): (line.amount, line.rows)
        for line in report.bridge.lines
        if line.amount or line.rows
    }


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("buckets", [1, 3])
def test_a_row_of_the_transactions_is_a_line_of_the_bridge(ledger, engine, buckets):
    """
    What the total has more than could be read. Its key can be read: neither is the
    order missing nor its payout unknown.
    """
    report = compared(
        [files.payment(1), spoilt(files.payment(2))],
        [PAID.format(1, "100.00"), PAID.format(2, "100.00")],
        ledger,
        engine=engine,
        buckets=buckets,
    )

    assert {"matched": 1, "quarantined": 1} == {
        name: count for name, count in report.counts.items() if count
    }
    (row,) = report.rows()
    assert ["missing_at_gateway", "paid_out_unknown"] == [*map(str, row.also)]
    assert (Decimal("100.00"), 1) == lines(report)["quarantined"]
    assert "unknown" not in lines(report)
    assert "closing" not in lines(report)
    assert not report.bridge.line("amounts").amount
    assert ["1 rows of the gateway's files cannot be read"] == [
        one.en for one in report.bridge.missing
    ]
    assert not report.is_clean
    assert [("order-2", "P", "", 3)] == report.quarantined.select(
        "order_id", "kind", "refund_id", "line"
    ).rows()


def test_what_is_not_paid_out_of_it_is_open(ledger):
    """
    Until the file is given again; and a payout whose row has no number is unknown.
    """
    paid = [PAID.format(1, "100.00"), PAID.format(2, "100.00")]
    traded = [files.payment(1), "UMF2,order-2"]
    report = compared(traded, paid, ledger)

    assert (Decimal("100.00"), 1) == lines(report)["quarantined"]
    assert (Decimal("100.00"), 1) == lines(report)["unknown"]
    assert Decimal("-100.00") == lines(report)["closing"][0]
    assert not report.bridge.line("amounts").amount
    assert (1, 1) == (report.counts["quarantined"], report.counts["missing_at_gateway"])


def test_a_row_of_the_statement_was_paid_out(ledger):
    """
    The sum is that of the file's last line, and its order stays open.
    """
    report = compared(
        [files.payment(1), files.payment(2)],
        [PAID.format(1, "100.00"), PAID.format(2, "1OO.00")],
        ledger,
    )

    assert (Decimal("99.00"), 1) == lines(report)["quarantined"]
    assert Decimal("198.00") == lines(report)["paid_out"][0]
    assert ["order-2"] == report.open_items["order_id"].to_list()
    assert not report.bridge.line("amounts").amount


def test_its_money_is_unknown_while_the_rule_is(ledger, tmp_path):
    """
    A total may be with or without refunds; what is remembered of other files decides.
    """
    traded = [files.payment(1), files.refund(1), spoilt(files.payment(2))]
    paid = [PAID.format(1, "100.00"), PAID.format(2, "100.00")]

    assert (None, 1) == lines(compared(traded, paid, ledger))["quarantined"]

    rules = TotalRules(tmp_path / "rules.json")
    known = files.file(files.payment(7), files.refund(7), total="100.00")
    read_transactions(known, total_rule=rules).read()
    before = rules.of("8017")
    report = compared(traded, paid, ledger, total_rule=rules)

    assert (Decimal("100.00"), 1) == lines(report)["quarantined"]
    # Nothing is learned from such files.
    assert before == rules.of("8017")


def test_without_a_statement_it_is_no_clean_day_either(ledger):
    """
    By default it is no day at all; a file that is not whole never is.
    """
    traded = [files.payment(1), files.payment(2)]

    assert compared(traded, None, ledger).is_clean
    assert compared(traded, None, ledger).quarantined is None

    report = compared([*traded, spoilt(files.payment(3))], None, ledger)

    assert (2, 1) == (report.counts["matched"], report.counts["quarantined"])
    assert not report.is_clean
    assert 1 == report.books["files"][0]["unread"]["rows"]

    with pytest.raises(errors.IncompleteStatementError, match="line 3: its amount"):
        reconcile(files.file(traded[0], spoilt(traded[1])), ledger=ledger)

    with pytest.raises(errors.IncompleteStatementError, match="ends in the middle"):
        reconcile(files.file(*traded)[:-30], ledger=ledger, on_bad_row="quarantine")

    with pytest.raises(errors.ConfigError, match="raise or quarantine"):
        reconcile(files.file(*traded), ledger=ledger, on_bad_row="skip")


def test_a_run_that_is_gone_on_with_still_has_them(ledger, tmp_path):
    """
    They are stored before the books count as divided.
    """

    class StoppedError(Exception):
        pass

    def stop(progress):
        if progress.step == "comparing" and progress.done:
            raise StoppedError

    traded = [files.payment(1), spoilt(files.payment(2))]
    options = {"buckets": 2, "work_dir": tmp_path / "w"}

    with pytest.raises(StoppedError):
        compared(traded, None, ledger, **options, on_progress=stop)

    report = compared(traded, None, ledger, **options)

    assert 1 == report.quarantined.height == report.counts["quarantined"]
    assert compared(traded, None, ledger).to_json() == report.to_json()
