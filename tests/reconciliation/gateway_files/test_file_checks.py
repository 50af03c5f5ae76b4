"""
The files of a comparison are those that were asked for, and as they were pulled.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from decimal import Decimal

import pytest
import statement_files as files
from books import booked, frame, transaction

from umfpay import errors
from umfpay.reconciliation import compare, reconcile


@pytest.fixture(name="ledger")
def _ledger(tmp_path):
    ledger = tmp_path / "ledger.csv"
    ledger.write_text("mer_reference_id,total_cny,mer_date\n", "utf-8")

    return ledger


def empty(day):
    return files.file(total="0.00", day=f"201702{day:02}")


def test_each_day_that_was_asked_for_has_its_file(ledger):
    """
    A day without one is named, and the night is not clean; what the gateway has no
    file of is said.
    """
    given = [empty(6), empty(8)]
    report = reconcile(given, ledger=ledger)

    assert ["There is no file of transactions of 2017-02-07."] == [
        one.en for one in report.missing
    ]
    assert report.missing[0] in report.notes
    assert not report.is_clean
    assert reconcile(given, ledger=ledger, without_file=[date(2017, 2, 7)]).is_clean

    month = (date(2017, 2, 1), date(2017, 2, 28))
    (said,) = reconcile(given, ledger=ledger, days=month).missing

    assert said.en.endswith("2017-02-11, 2017-02-12 and 16 more days.")
    assert said.zh.endswith("等 26 天。")


def test_a_wrong_day_is_never_clean(ledger):
    """
    A file of yesterday in the place of today's.
    """
    today = (date(2017, 2, 7), date(2017, 2, 7))

    assert not reconcile(empty(6), ledger=ledger, days=today).is_clean
    assert reconcile(empty(7), ledger=ledger, days=today).is_clean


def test_files_of_another_merchant_or_kind_are_refused(ledger):
    """
    By their first lines.
    """
    with pytest.raises(errors.ConfigError, match="is of merchant 8017, not of 8018"):
        reconcile(empty(6), ledger=ledger, merchant="8018")

    assert reconcile(empty(6), ledger=ledger, merchant="8017").is_clean

    other = empty(6).replace(b"TRANSDETAIL", b"TRADEDETAIL")

    with pytest.raises(errors.ConfigError, match="begins with TRADEDETAIL-START"):
        reconcile(other, ledger=ledger)


def pulled(folder, **contents):
    folder.mkdir(exist_ok=True)
    paths = {name: folder / f"{name}-20170206.txt" for name in contents}

    for name, path in paths.items():
        path.write_bytes(contents[name])

    known = {
        path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in paths.values()
    }
    (folder / ".umfpay-pull.json").write_text(json.dumps({"files": known}))

    return [*paths.values()]


def test_a_file_that_changed_since_it_was_pulled_is_named(ledger, tmp_path):
    """
    However right it looks.
    """
    (path,) = pulled(tmp_path / "books", transactions=empty(6))

    assert reconcile(path, ledger=ledger).is_clean

    path.write_bytes(files.file(files.payment(1)))
    ledger.write_text("mer_reference_id,total_cny\norder-1,100.00\n")
    report = reconcile(path, ledger=ledger)

    assert 1 == report.counts["matched"]
    assert ["transactions-20170206.txt has changed since it was pulled."] == [
        one.en for one in report.missing
    ]
    assert not report.is_clean

    (path.parent / ".umfpay-pull.json").write_text("{")

    with pytest.raises(errors.ConfigError, match="as they were pulled is not known"):
        reconcile(path, ledger=ledger)


def test_a_file_of_the_other_book_is_refused(ledger, tmp_path):
    """
    An empty one looks the same.
    """
    traded, paid = pulled(
        tmp_path / "books", transactions=empty(6), reconciliation=empty(6) + b"\n"
    )
    options = {"ledger": ledger, "settle_after": 1, "opening": Decimal(0)}

    assert reconcile(traded, paid, **options).is_clean

    with pytest.raises(errors.ConfigError, match="was pulled as a file of the kind"):
        reconcile(paid, traded, **options)


WORDS = {
    "UNPAID": 0,
    "已关闭": 0,
    "待付款": 0,
    "failed": 0,
    "cancelled": 0,
    "处理中": 0,
    # Of these the gateway must have a row, and what nobody knows is asked for.
    "paid": 1,
    "reversed": 1,
    "on its way": 1,
    "": 1,
}


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize(("word", "missing"), WORDS.items())
def test_an_order_that_nobody_paid_is_not_missing_at_the_gateway(
    tmp_path, engine, word, missing
):
    """
    And is counted in a note. What the gateway has is compared all the same.
    """
    ledger = tmp_path / "ledger.csv"
    ledger.write_text(
        f"mer_reference_id,total_cny,state\norder-1,100.00,paid\norder-9,1.00,{word}\n",
        "utf-8",
    )
    one = files.file(files.payment(1))
    report = reconcile(one, ledger=ledger, engine=engine)

    assert missing == report.counts["missing_at_gateway"]
    assert bool(missing) != report.is_clean
    assert bool(missing) != any(
        note.en.startswith("1 rows of the ledger were not paid")
        for note in report.notes
    )
    both = files.file(
        files.payment(1), files.payment(9, "1.00").replace("14.33", "0.14"), total="101"
    )
    report = reconcile(both, ledger=ledger, engine=engine)

    expected = {"paid": "matched", "": "not_compared"}.get(word, "state_differs")

    assert report.counts[expected]
    assert not report.counts["missing_in_ledger"]


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_an_order_that_nobody_paid_and_umf_paid_out_is_found(tmp_path, engine):
    """
    The ledger's row and that of the statement are one difference.
    """
    ledger = tmp_path / "ledger.csv"
    ledger.write_text(
        "mer_reference_id,total_cny,state\norder-9,100.00,unpaid\n", "utf-8"
    )
    paid = files.file(
        "PAY_9,order-9,20170206,20170206,USD,14.33,100.00,1.00,14.19,99.00,6.9784,"
        "20170206,P,0",
        total="99.00",
    )
    report = reconcile(
        empty(6),
        paid,
        ledger=ledger,
        settle_after=1,
        opening=Decimal(0),
        engine=engine,
    )
    (row,) = report.rows()

    assert "missing_at_gateway" == row.difference
    assert ("paid_out_unknown",) == row.also


def test_frames_know_it_too():
    """
    `compare()` drops what nobody paid.
    """
    rows = compare(
        frame("transactions", [transaction()]),
        frame("ledger", [booked(), booked("o-2", state="待支付")]),
    )

    assert ["o-1"] == rows["order_id"].to_list()
