"""
Every row of a ledger is read, or the ledger is refused: counted by Python's own csv module.
"""

from __future__ import annotations

import csv
import io
import os
import random

import pytest
import statement_files as files

from umfpay import errors
from umfpay.reconciliation import Ledger, read_transactions


NOTES = [
    "",
    "a",
    "a,b",
    '5" disk',
    "two\nlines",
    "two\r\nlines",
    "\x00",
    "x\x1ay",
    " ",
    "é",
    "张",
    "\u2028",
    "=1",
]
RUNS = 5 * int(os.environ.get("UMFPAY_ORACLE_RUNS", "30"))


def written(chance):
    """
    Return the text of a ledger as some program may have written it.
    """
    out = io.StringIO()
    end = chance.choice(["\n", "\r\n"])
    writer = csv.writer(out, lineterminator=end)
    writer.writerow(["mer_reference_id", "total_cny", "note"])

    for number in range(chance.choice([0, 1, 2, 5, 30])):
        writer.writerow([f"o-{number}", "1.00", chance.choice(NOTES)])

    text = out.getvalue()

    if chance.random() < 0.3:
        text = text.rstrip("\r\n")

    if chance.random() < 0.2:
        text = text.replace('""', '"')

    if chance.random() < 0.2:
        lines = text.split(end)
        odd = chance.choice(["", "  ", "o-x", "o-x,1.00", ",,", "o-x,2.00,a,b"])
        lines.insert(chance.randint(1, len(lines)), odd)
        text = end.join(lines)

    return text


def counted(text):
    """
    Count its rows, of which blank lines are none.
    """
    _, *rows = csv.reader(io.StringIO(text, newline=""))

    return sum(any(field.strip() for field in row) for row in rows)


def test_rows_read_are_the_rows_of_the_file(tmp_path):
    """
    In each encoding, whatever stands in a field and wherever the last line ends.
    """
    chance = random.Random(1)
    ledger = tmp_path / "ledger.csv"
    agreed = 0

    for _ in range(RUNS):
        text = written(chance)
        encoding = chance.choice(["utf-8", "utf-8-sig", "utf-16", "gb18030"])
        ledger.write_bytes(text.encode(encoding))

        try:
            rows = sum(frame.height for frame in Ledger.csv(ledger).batches())
        except errors.StatementError:
            continue

        assert counted(text) == rows, (encoding, text)

        agreed += 1

    assert agreed > RUNS / 2


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
@pytest.mark.parametrize("size", [1, 300_000, 600_000])
def test_letters_that_come_late_show_the_encoding(tmp_path, encoding, size):
    """
    Behind hundreds of kilobytes of ASCII, too.
    """
    ledger = tmp_path / "ledger.csv"
    lines = [f"o-{number},1.00,{'x' * 80}" for number in range(size // 90)]
    lines += ["o-last,1.00,张三的订单已付款"] * 20
    ledger.write_bytes(
        "\n".join(["mer_reference_id,total_cny,state", *lines, ""]).encode(encoding)
    )
    found = Ledger.csv(ledger)
    *_, last = found.batches()

    assert "张三的订单已付款" == last["state"][-1]
    assert (encoding == "gb18030") == any("gb" in note.en for note in found.notes())


def test_letters_that_come_late_in_the_gateways_files(tmp_path):
    """
    Their product is read as what it is.
    """
    rows = [files.payment(number) for number in range(4_000)]
    rows.append(files.payment(4_000).replace("P1", "张三的书"))
    data = files.file(*rows, total="400100.00").decode().encode("gb18030")

    assert len(data) > 256 * 1024
    assert "张三的书" == read_transactions(data).read().rows[-1].product_id
    *_, last = read_transactions(data).frames(columns=("product_id",))
    assert "张三的书" == last["product_id"][-1]
