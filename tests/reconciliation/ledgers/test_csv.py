"""
A CSV ledger: each row of the file is read, whatever stands in it, or it is refused.
"""

from __future__ import annotations

import csv
import io
import random

import pytest

from umfpay import errors
from umfpay.reconciliation import Ledger
from umfpay.reconciliation.ledgers import _csv


NAMES = "mer_reference_id,total,note"


def orders(folder, text, *, encoding="utf-8", **options):
    path = folder / "orders.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    ledger = Ledger.csv(path, encoding=encoding, **options)

    return [
        row[:1] + row[3:4] for frame in ledger.batches() for row in frame.iter_rows()
    ]


@pytest.fixture(name="small_blocks", params=[20, 8 * 1024 * 1024])
def _small_blocks(request, monkeypatch):
    monkeypatch.setattr(_csv, "_BLOCK_CHARACTERS", request.param)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "lines",
    [
        ("B1,10.00,a", "B2,99.00,b", "B3,5.00,c"),
        ('B1,10.00,5" disk', 'B2,99.00,6" lamp', "B3,5.00,c"),
        ('B1,10.00,a"', 'B2,99.00,"b"', 'B3,5.00,c"d"'),
        ('"B1","10.00","a, ""b"""', '"B2","99.00",""', '"B3","5.00","c"'),
        ('B1,10.00,"two\nlines"', 'B2,99.00,"\n\n"', "B3,5.00,c"),
        ("B1,10.00,a\0b", "B2,99.00,\0", "B3,5.00,c"),
        ("B1,10.00", "B2,99.00,b", "B3,5.00"),
        ("", "B1,10.00,a", "", "B2,99.00,b", "B3,5.00,c", ""),
        ("B1,10.00,\u2028", "B2,99.00,\x0b\x0c\x85", "B3,5.00,\ufeff"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_each_row_is_read_whatever_is_in_its_last_column(tmp_path, lines, end, last):
    """
    Quotation marks, line ends, NUL, short rows, empty lines, a last line without end.
    """
    text = end.join([NAMES, *lines]) + end * last

    assert [("B1", 1000), ("B2", 9900), ("B3", 500)] == orders(tmp_path, text)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
def test_other_encodings_are_read_as_they_are(tmp_path, encoding):
    """
    Without a copy.
    """
    text = f"{NAMES}\nB1,10.00,书\nB2,99.00,“5 寸”\n"

    assert [("B1", 1000), ("B2", 9900)] == orders(tmp_path, text, encoding=encoding)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("lines", "row"),
    [
        # A decimal comma, whatever else is in the row.
        (("B1,10,50,a", "B2,99.00,b"), 1),
        (("B1,10.00,a", "B2,99,00,"), 2),
        (("B1,10.00,a", 'B2,99,00,"b"'), 2),
        # Lone quotation marks: whole rows are text of a note, or are they?
        (('B1,10.00,"', "B2,99.00,b", 'B3,5.00,"'), 1),
        (('B1,"disk,10.00\nB2,99.00,b\nB3,disk",5.00', "B4,1.00,x"), 1),
        (("B0,1.00,x", 'B1,10.00,"', "short", "B2,99.00,b", 'B3,5.00,"'), 2),
        (('B1,10.00,"disk', 'B2,99.00,"lamp'), 1),
        (("B1,10.00,a", 'B2,99.00,"lamp', "B3,5.00,c"), 2),
        (('B1,10.00,"a"b', "B2,99.00,b"), 1),
        ((r'B1,10.00,"5\" disk"', "B2,99.00,b"), 1),
        # An end of line of another machine within a row.
        (("B1,10.00,a\rB2,99.00,b", "B3,5.00,c"), 1),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_its_row(tmp_path, lines, row):
    """
    In place of one of them; no value is told.
    """
    text = "\n".join([NAMES, *lines, ""])

    with pytest.raises(errors.StatementError, match=f"row {row}: ") as caught:
        orders(tmp_path, text)

    assert "Parquet" in str(caught.value)
    assert "99.00" not in str(caught.value)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_what_a_writer_of_csv_has_written_is_read_back(tmp_path, delimiter, quoting):
    """
    Whatever a cell holds, as long as it does not look like rows.
    """
    rng = random.Random(7)
    pieces = ["a", '"', delimiter, "书", " ", "\\", "'", ""]
    rows = [
        (
            f"o-{number}",
            number,
            "".join(rng.choices(pieces, k=4)) + rng.choice(["", "\n", "\r\n\n"]),
        )
        for number in range(30)
    ]
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting)
    writer.writerow(["a name\nof two lines", *NAMES.split(",")])
    writer.writerows(["x", *row] for row in rows)

    assert [(name, total * 100) for name, total, _ in rows] == orders(
        tmp_path, file.getvalue(), delimiter=delimiter
    )


def test_rows_are_counted_across_blocks_of_both_kinds(tmp_path, monkeypatch):
    """
    The row of an error is that of the file.
    """
    monkeypatch.setattr(_csv, "_BLOCK_CHARACTERS", 30)
    monkeypatch.setattr(_csv, "_BATCH_ROWS", 2)
    lines = [
        f'B{number},1.00,5" disk' if number % 3 else f"B{number},1.00,a"
        for number in range(40)
    ]

    assert 40 == len(orders(tmp_path, "\n".join([NAMES, *lines])))

    lines[36] = "B36,1,00,a"

    with pytest.raises(errors.StatementError, match="row 37: it has 4 fields"):
        orders(tmp_path, "\n".join([NAMES, *lines]))

    lines[36] = "B36,one,a"

    with pytest.raises(errors.StatementError, match="total holds in row 37"):
        orders(tmp_path, "\n".join([NAMES, *lines]))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no line of names"),
        (b"\n\n", "no line of names"),
        (b'mer_reference_id,"total\n', "a quotation mark stands where none can"),
        (b"mer_reference_id,total\nB1,1.00\n\xff,2.00\n", "no text in utf-8"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, data, words):
    """
    Also where only its end is none.
    """
    with pytest.raises(errors.StatementError, match=words):
        orders(tmp_path, data)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_is_found_out(tmp_path, delimiter):
    """
    Who names a wrong one gets words on how to name it, in place of a column that is
    missing.
    """
    text = f"{NAMES}\nB1,10.00,a\n".replace(",", delimiter)

    assert [("B1", 1000)] == orders(tmp_path, text)

    with pytest.raises(errors.StatementError, match="first line") as caught:
        orders(tmp_path, text, delimiter=",")

    assert "--delimiter" in str(caught.value)


def test_a_name_that_stands_twice_is_nobodys(tmp_path):
    """
    Unless it is not needed.
    """
    with pytest.raises(errors.ConfigError, match="several columns"):
        orders(tmp_path, "mer_reference_id,total,total\nB1,1.00,2.00\n")

    assert [("B1", 100)] == orders(
        tmp_path, "mer_reference_id,total,note,note\nB1,1.00,a,b\n"
    )


def test_a_delimiter_that_has_another_meaning_is_refused(tmp_path):
    """
    A quotation mark, a line end.
    """
    for delimiter in ('"', "\n", "\r"):
        with pytest.raises(errors.ConfigError, match="delimiter"):
            orders(tmp_path, NAMES, delimiter=delimiter)


def test_a_row_that_lacks_a_field_is_not_made_good_by_one_that_has_too_many(tmp_path):
    chance = random.Random(3)

    for _ in range(300):
        rows = [
            ",".join([f"o-{line}", "1.50", *chance.choices(["", "x"], k=fields - 2)])
            for line in range(chance.randrange(1, 6))
            for fields in chance.choices([4, 3, 2, 5, 6], [20, 1, 1, 1, 1])
        ]
        text = "\n".join([f"{NAMES},more", *rows, ""])

        if any(row.count(",") > NAMES.count(",") + 1 for row in rows):
            with pytest.raises(errors.StatementError, match="fields"):
                orders(tmp_path, text)
        else:
            assert [(row.partition(",")[0], 150) for row in rows] == orders(
                tmp_path, text
            )
