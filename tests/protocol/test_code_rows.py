"""
The rows are read as printed: seven columns each.
"""

from __future__ import annotations

from umfpay.protocol._code_rows import ROWS


def test_each_row_has_its_seven_columns():
    """
    Nothing is missing, and the retry column has two words.
    """
    rows = [line.split(" | ") for line in ROWS.strip().splitlines()]

    assert {7} == {len(row) for row in rows}
    assert all(part and part == part.strip() for row in rows for part in row)
    assert {"again", "not again"} == {row[4] for row in rows}


def test_a_code_is_digits():
    """
    Four for success, else eight.
    """
    codes = [line.partition(" ")[0] for line in ROWS.strip().splitlines()]

    assert all(code.isdecimal() for code in codes)
    assert {4, 8} == {len(code) for code in codes}
