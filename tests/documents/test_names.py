"""
The name rule: order number, date, four digits, .zip.
"""

from __future__ import annotations

from datetime import date

import pytest

from umfpay.documents import papers_name
from umfpay.errors import DocumentError


@pytest.mark.parametrize("day", ["20261123", date(2026, 11, 23)])
def test_the_parts_stand_without_a_mark_between_them(day):
    """
    As the document prints it, with the first and the last number.
    """
    assert "B2B_7.a-202611230000.zip" == papers_name("B2B_7.a-", day, sequence=0)
    assert "ref-7202611230001.zip" == papers_name("ref-7", day, sequence=1)
    assert "ref-7202611239999.zip" == papers_name("ref-7", day, sequence=9999)


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "../7",
        "a/b",
        "a\\b",
        ".hidden",
        "-rf",
        "a b",
        "a\r\nDELE x",
        "订单",
        "x" * 201,
    ],
)
def test_an_order_number_that_is_unsafe_in_a_name_is_refused(reference):
    """
    It could leave the folder, or end the FTP command.
    """
    with pytest.raises(DocumentError, match="unsafe in a file name"):
        papers_name(reference, "20261123", sequence=1)


@pytest.mark.parametrize(
    "day", ["", "2026112", "20261399", "20260230", "2026-11-2", "٢٠٢٦١١٢٣"]
)
def test_a_date_that_is_none_is_refused(day):
    """
    It is YYYYMMDD of a day that exists.
    """
    with pytest.raises(DocumentError, match="no date"):
        papers_name("ref-7", day, sequence=1)


@pytest.mark.parametrize("sequence", [-1, 10000, True])
def test_there_are_four_digits(sequence):
    """
    The name has room for no more.
    """
    with pytest.raises(DocumentError, match="0000 to 9999"):
        papers_name("ref-7", "20261123", sequence=sequence)
