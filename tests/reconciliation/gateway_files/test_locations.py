"""
Where differences stand in the gateway's files, found after the comparison, and in the
ledger.
"""

from __future__ import annotations

import csv
import json
import sqlite3

import polars as pl
import pytest
import statement_files as files
import workbooks
from python_calamine import CalamineWorkbook

from umfpay.reconciliation import Ledger, reconcile
from umfpay.reconciliation._progress import ignore_progress
from umfpay.reconciliation.gateway_files import _locations
from umfpay.reconciliation.nights._night_files import PinnedLedger, write_ledger


def report_of(folder, transactions, *, statements=None, ledger="nobody,1.00\n"):
    (folder / "ledger.csv").write_text(f"mer_reference_id,total\n{ledger}")

    return reconcile(
        transactions,
        statements,
        ledger=Ledger.csv(folder / "ledger.csv"),
        settle_after=None if statements is None else 1,
    )


def places(report):
    return {
        row.refund_id or row.order_id: (row.trade_no, row.listed_at)
        for row in report.rows()
    }


def test_a_difference_has_the_number_the_file_and_the_line(tmp_path):
    """
    Lines are counted as editors count them, blank ones too.
    """
    day = files.file(files.payment(1), files.payment(2), total="200.00")
    begin, one, two, end = day.splitlines(keepends=True)
    (tmp_path / "day.txt").write_bytes(b"".join([begin, one, b"\n", b"\r\n", two, end]))
    found = places(report_of(tmp_path, tmp_path / "day.txt"))
    first, second = (line.decode().split(",") for line in (one, two))

    assert {
        first[2]: (first[0], ("day.txt:2",)),
        second[2]: (second[0], ("day.txt:5",)),
        "nobody": ("", ()),
    } == found


def test_a_row_that_stands_twice_has_both_lines(tmp_path):
    """
    Of two files, and of bytes, which have no name.
    """
    day = files.file(files.payment(1))
    later = files.file(files.payment(1), files.payment(2), total="200.00")
    (tmp_path / "day.txt").write_bytes(day)
    found = places(report_of(tmp_path, [tmp_path / "day.txt", later]))

    assert ("day.txt:2", ":2") == found["order-1"][1]
    assert (":3",) == found["order-2"][1]


def test_refunds_and_files_of_15_columns_in_gb18030(tmp_path):
    """
    With a product of Chinese words and commas; the number of a refund is the last.
    """
    rows = []

    for row in (files.payment(1), files.refund(2)):
        fields = row.split(",")
        rows.append(
            ",".join([*fields[:10], "20170206", *fields[10:12], "书,本", fields[13]])
        )

    (tmp_path / "day.txt").write_bytes(files.file(*rows).decode().encode("gb18030"))
    found = places(report_of(tmp_path, tmp_path / "day.txt"))

    assert ("day.txt:2",) == found["order-1"][1]
    assert ("day.txt:3",) == found["refund-2"][1]


def test_the_id_of_a_row_of_the_statement(tmp_path):
    """
    A refund is found by its own number there.
    """
    (tmp_path / "paid.txt").write_text(
        "PAYDETAIL-START,8017,20170206\n"
        "PAY_1,order-1,20170205,20170206,USD,14.33,100.00,1.00,14.19,99.00,6.9784,"
        "20170206,P,0\n"
        "PAY_9,order-9,20170205,20170206,USD,14.33,100.00,1.00,14.19,99.00,6.9784,"
        "20170206,P,0\n"
        "PAYDETAIL-End,8017,20170206,198.00\n"
    )
    report = report_of(
        tmp_path, files.file(files.payment(1)), statements=tmp_path / "paid.txt"
    )
    found = {row.order_id: (row.object_id, row.paid_out_at) for row in report.rows()}

    assert ("PAY_1", ("paid.txt:2",)) == found["order-1"]
    assert ("", ()) == found["nobody"]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_lines_are_counted_on_where_a_file_is_read_in_several_parts(
    tmp_path, monkeypatch, encoding
):
    """
    Whatever a part ends with, by the engine and by Python.
    """
    rows = [files.payment(number) for number in range(1, 8)]
    fields = rows[5].split(",")
    rows[5] = ",".join([*fields[:10], "20170206", *fields[10:12], "书,本", ""])
    day = files.file(*rows, total="700.00").decode().encode(encoding)
    (tmp_path / "day.txt").write_bytes(day)
    found = {}

    for size in (1, 100, 150, 100_000):
        monkeypatch.setattr(_locations, "_BYTES_AT_ONCE", size)
        found[size] = places(report_of(tmp_path, tmp_path / "day.txt"))

    expected = {f"order-{number}": (f"day.txt:{number + 1}",) for number in range(1, 8)}

    for one in found.values():
        assert expected | {"nobody": ()} == {key: at for key, (_, at) in one.items()}


def test_a_row_that_was_set_aside_because_it_is_too_short_is_no_place(tmp_path):
    """
    It has the number of an order, and nothing behind it.
    """
    day = files.file(files.payment(1), files.payment(2), total="200.00")
    begin, one, two, end = day.splitlines(keepends=True)
    short = b",".join(one.split(b",")[:5]) + b"\n"
    (tmp_path / "day.txt").write_bytes(b"".join([begin, short, two, end]))
    (tmp_path / "ledger.csv").write_text("mer_reference_id,total\norder-1,1.00\n")
    report = reconcile(
        tmp_path / "day.txt",
        ledger=Ledger.csv(tmp_path / "ledger.csv"),
        on_bad_row="quarantine",
    )

    assert ("day.txt:3",) == places(report)["order-2"][1]
    assert () == places(report)["order-1"][1]


def booked(ledger, **options):
    report = reconcile(files.file(files.payment(1)), ledger=ledger, **options)

    return {row.refund_id or row.order_id: row.booked_at for row in report.rows()}


@pytest.mark.parametrize("quote", ["", '"'], ids=["plain", "quoted"])
@pytest.mark.parametrize("options", [{}, {"engine": "duckdb"}, {"buckets": 5}])
def test_a_difference_has_the_line_of_the_ledger(tmp_path, quote, options):
    """
    As editors count: titles, blank lines, and values of several lines.
    """
    path = tmp_path / "orders.csv"
    note = f"{quote}two\nlines{quote}" if quote else "one"
    path.write_text(
        f"Orders of the day\n\nmer_reference_id,total,note\n\na,1.00,{note}\n\n"
        "b,2.00,-\r\na,3.00,-\nc,4.00,-"
    )
    more = 1 if quote else 0

    assert {
        "order-1": (),
        "a": ("orders.csv:5", f"orders.csv:{8 + more}"),
        "b": (f"orders.csv:{7 + more}",),
        "c": (f"orders.csv:{9 + more}",),
    } == booked(Ledger.csv(path), **options)


def test_lines_go_on_where_a_ledger_is_read_in_several_parts(tmp_path, monkeypatch):
    """
    Of blocks, and of rows one by one.
    """
    rows = [f'o-{number},"{number}.00"' for number in range(10, 40)]
    rows[7] = 'o-17,"17.00","two\nlines"'
    names = "mer_reference_id,total,note\n"
    path = tmp_path / "orders.csv"
    path.write_text(names + "".join(f"{row}\n" for row in rows))
    lines = {f"o-{10 + index}": 2 + index + (index > 7) for index in range(30)}

    for block, batch in ((1, 1), (40, 3), (10_000, 4), (10_000, 100)):
        monkeypatch.setattr(
            "umfpay.reconciliation.ledgers._csv._BLOCK_CHARACTERS", block
        )
        monkeypatch.setattr("umfpay.reconciliation.ledgers._csv._BATCH_ROWS", batch)
        found = pl.concat(Ledger.csv(path).placed_batches())

        assert lines == dict(found.select("order_id", "line").rows())


def test_a_row_of_a_sheet_has_the_number_that_is_shown_beside_it(tmp_path):
    """
    Rows above it that are empty count, too.
    """
    path = tmp_path / "orders.xlsx"
    workbooks.write(
        path, (), ("Orders",), ("mer_reference_id", "total"), ("a", 1), (), ("b", 2)
    )
    shown = CalamineWorkbook.from_path(path).get_sheet_by_index(0)

    assert {"order-1": (), "a": ("orders.xlsx:4",), "b": ("orders.xlsx:6",)} == booked(
        Ledger.open(path)
    )
    assert "b" == shown.to_python(skip_empty_area=False)[5][0]


def test_rows_of_no_file_have_their_numbers_and_those_of_a_database_none(tmp_path):
    """
    Its rows come in any order.
    """
    rows = pl.DataFrame({"mer_reference_id": ["a", "b"], "total": ["1", "2"]})
    rows.write_parquet(tmp_path / "orders.parquet")

    with sqlite3.connect(tmp_path / "shop.sqlite3") as shop:
        shop.execute(
            "CREATE TABLE orders AS SELECT 'a' AS mer_reference_id, 1 AS total"
        )

    shop.close()
    address = f"sqlite:///{tmp_path}/shop.sqlite3"

    assert (":2",) == booked(Ledger.frame(rows))["b"]
    assert ("orders.parquet:2",) == booked(Ledger.open(tmp_path / "orders.parquet"))[
        "b"
    ]
    assert () == booked(Ledger.sql(address, "SELECT * FROM orders"))["a"]


def test_what_is_kept_of_a_ledger_keeps_its_lines(tmp_path):
    """
    A night that is made again names the file that was read.
    """
    path = tmp_path / "orders.csv"
    path.write_text("mer_reference_id,total\n\na,1.00\n")
    ledger = Ledger.csv(path)
    write_ledger(ledger, tmp_path / "kept.parquet", ignore_progress)
    kept = PinnedLedger(tmp_path / "kept.parquet", ledger.notes())

    assert ledger.available == kept.available
    assert ("orders.csv:3",) == booked(kept)["a"]
    assert [frame.rows() for frame in ledger.batches()] == [
        frame.rows() for frame in kept.batches()
    ]


def test_every_form_of_a_report_names_the_line_of_the_ledger(tmp_path):
    """
    For people beside those of the gateway, for programs as a list.
    """
    report = report_of(tmp_path, files.file(files.payment(1)))
    report.write(tmp_path / "a.json")
    report.write(tmp_path / "a.csv", language="en")
    report.write(tmp_path / "a.xlsx", language="en")
    report.write(tmp_path / "a.html", language="en")
    loaded = json.loads((tmp_path / "a.json").read_text())["differences"]

    with (tmp_path / "a.csv").open(encoding="utf-8-sig") as file:
        written = [*csv.DictReader(file)]

    sheet = CalamineWorkbook.from_path(tmp_path / "a.xlsx").get_sheet_by_name(
        "Differences"
    )
    names, *rows = sheet.to_python()
    page = (tmp_path / "a.html").read_text()

    assert {"nobody": ["ledger.csv:2"], "order-1": []} == {
        one["order_id"]: one["booked_at"] for one in loaded
    }
    assert {"nobody": "ledger.csv:2", "order-1": ""} == {
        one["order_id"]: one["booked_at"] for one in written
    }
    assert ["", "ledger.csv:2"] == sorted(
        row[names.index("in ledger")] for row in rows if row[1]
    )
    assert (
        '<span class="value soft">Ledger</span><span class="value">ledger.csv:2</span>'
        in page
    )
