"""
Rows of frames in a workbook: read again by packages that have nothing to do with ours.
"""

from __future__ import annotations

import io
from datetime import date

import openpyxl
import polars as pl
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from umfpay.reconciliation.reports._xlsx_sheets import FrameSheet


NUMBER_FORMATS = {
    "money": "#,##0.00",
    "rate": "0.0000####",
    "day": "yyyy-mm-dd",
    "count": "#,##0",
    "text": "@",
}


def workbook(rows, *, behind="the end"):
    """
    Return a workbook of a head, *rows*, and a cell behind them.
    """
    file = io.BytesIO()

    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        formats = {
            name: book.add_format({"num_format": number})
            for name, number in NUMBER_FORMATS.items()
        }
        sheet = book.add_worksheet("rows", FrameSheet)

        for column, name in enumerate(rows.columns):
            sheet.write_string(0, column, name)

        sheet.place(rows, 1, formats)
        sheet.write_string(rows.height + 1, 0, behind)

    file.seek(0)

    return file


def cells(rows):
    sheet = openpyxl.load_workbook(workbook(rows)).active

    return [[one.value for one in row] for row in sheet.iter_rows(min_row=2)][:-1]


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=20,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.none() | TEXTS, min_size=1, max_size=8))
def test_every_text_is_the_text_that_was_given(texts):
    """
    Of control characters, signs of XML, and what looks like an escape of them, too.
    """
    rows = pl.DataFrame({"order_id": texts}, schema={"order_id": pl.String})
    sheet = CalamineWorkbook.from_filelike(workbook(rows)).get_sheet_by_index(0)
    found = [row[0] for row in sheet.to_python()[1:-1]]

    assert [one or "" for one in texts] == found


def test_a_number_is_a_number_a_day_a_day_and_nothing_is_an_empty_cell():
    rows = pl.DataFrame(
        {
            "class": ["a", None],
            "gateway_total": [-12_345, None],
            "gateway_exchange_rate": [691_930_000, None],
            "ledger_mer_date": [date(2017, 2, 6), None],
            "age": [1234, None],
        }
    )

    assert [
        ["a", -123.45, 6.9193, 6, 1234],
        [None] * 5,
    ] == [
        [one.day if hasattr(one, "day") else one for one in row] for row in cells(rows)
    ]


def test_each_cell_has_the_format_of_its_column():
    rows = pl.DataFrame(
        {"order_id": ["=1+1"], "total": [1], "exchange_rate": [1], "age": [3]}
    )
    sheet = openpyxl.load_workbook(workbook(rows)).active

    assert ["@", "#,##0.00", "0.0000####", "#,##0"] == [
        one.number_format for one in sheet[2]
    ]
    assert ["s", "n", "n", "n"] == [one.data_type for one in sheet[2]]


def test_an_amount_of_more_than_fifteen_digits_is_text():
    rows = pl.DataFrame({"total": [10**15 - 1, 10**15, -(10**15)]})

    assert [[9999999999999.99], ["10000000000000.00"], ["-10000000000000.00"]] == cells(
        rows
    )


def test_a_text_is_cut_where_a_cell_ends():
    rows = pl.DataFrame({"reason": ["x" * 40_000, "\x07" + "y" * 40_000]})
    found = [row[0] for row in cells(rows)]

    assert [32_767, 32_767] == [len(one.replace("_x0007_", "!")) for one in found]


def test_what_is_written_by_cell_stands_before_and_behind_the_rows():
    rows = pl.DataFrame({"order_id": [f"o-{number}" for number in range(12_000)]})
    sheet = openpyxl.load_workbook(workbook(rows), read_only=True).active
    found = [row[0].value for row in sheet.iter_rows()]

    assert ["order_id", *rows["order_id"], "the end"] == found


def test_a_frame_without_rows_leaves_the_sheet_as_it_is():
    rows = pl.DataFrame(schema={"order_id": pl.String})
    sheet = openpyxl.load_workbook(workbook(rows)).active

    assert [["order_id"], ["the end"]] == [[c.value for c in row] for row in sheet]


def test_a_day_that_excel_does_not_have_is_text():
    rows = pl.DataFrame({"mer_date": [date(1, 1, 1), date(1900, 2, 28), None]})

    assert [["0001-01-01"], ["1900-02-28"], [None]] == cells(rows)
