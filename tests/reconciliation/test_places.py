"""
Where differences stand in the gateway's files, found after the comparison.
"""

from __future__ import annotations

import pytest
import statement_files as files

from umfpay.reconciliation import Ledger, _places, reconcile


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
        monkeypatch.setattr(_places, "_BYTES_AT_ONCE", size)
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
