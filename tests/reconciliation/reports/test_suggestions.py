"""
Suggestions: likely pairs among rows that miss each other, never matches.
"""

from __future__ import annotations

from datetime import timedelta

import books
import polars as pl
import pytest

from umfpay.reconciliation import Report, compare
from umfpay.reconciliation.reports._suggestions import MAX_ROWS


def report_of(theirs, ours):
    frame = compare(books.frame("transactions", theirs), books.frame("ledger", ours))

    return Report(
        frame.filter(pl.col("class") != "matched").sort(*books.KEY),
        counts={},
        totals={},
        switched_off={},
    )


def suggested(theirs, ours):
    """
    Return, by the number of a row, the numbers that it may be and why.
    """
    return {
        row.refund_id or row.order_id: [
            (one.numbers, one.why.en) for one in row.suggestions
        ]
        for row in report_of(theirs, ours).rows()
        if row.suggestions
    }


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("SHOP-0000123", "0123000"),
        ("shop_00012345", "12345"),
        ("A/b-C", "abc"),
    ],
)
def test_a_number_with_a_prefix_or_zeros_is_the_same_number(theirs, ours):
    """
    Separators and capitals are none of it either; other digits are.
    """
    found = suggested([books.transaction(theirs)], [books.booked(ours)])
    is_same = "written in another way" in found[theirs][0][1]

    assert is_same == (theirs != "SHOP-0000123")
    assert (theirs,) == found[ours][0][0]


def test_the_same_amount_and_day_and_a_slip_of_the_pen():
    """
    The number that is alike comes first.
    """
    found = suggested(
        [books.transaction("order-1234567")],
        [books.booked("order-1243567"), books.booked("zz-9")],
    )

    assert ["order-1243567", "zz-9"] == [one[0][0] for one in found["order-1234567"]]
    assert "nearly the same" in found["order-1234567"][0][1]
    assert "the same amount and day" == found["order-1234567"][1][1]


def test_another_amount_on_another_day_is_no_suggestion():
    """
    Nothing speaks for it.
    """
    yesterday = books.DAY - timedelta(1)

    assert {} == suggested(
        [books.transaction("order-1")],
        [
            books.booked("paid-2", total=1, total_cny=7),
            books.booked("paid-3", mer_date=yesterday),
        ],
    )


def test_several_rows_of_the_ledger_may_be_one_payment_and_the_other_way_round():
    """
    If just one choice of them adds up.
    """
    whole = books.transaction("w-1", total_cny=10000)
    parts = [
        books.booked("x-a", total_cny=2500),
        books.booked("y-b", total_cny=7500),
        books.booked("z-c", total_cny=9999),
    ]
    found = suggested([whole], parts)

    assert [(("x-a", "y-b"), "together of the same amount, on the same day")] == found[
        "w-1"
    ]
    assert [("w-1",)] == [one[0] for one in found["x-a"]]
    assert "z-c" not in found

    ambiguous = [*parts, books.booked("u-d", total_cny=1)]

    assert {} == suggested([whole], ambiguous)

    turned = suggested(
        [books.transaction(f"p-{cny}", total_cny=cny) for cny in (4000, 6001)],
        [books.booked("all", total_cny=10001)],
    )

    assert {("p-4000", "p-6001")} == {one[0] for one in turned["all"]}


def test_a_refund_of_the_order_under_another_number():
    """
    Refunds are compared with refunds.
    """
    found = suggested(
        [books.transaction("o-1", "T", "r-77")],
        [books.booked("o-1", "T", "q-5"), books.booked("o-2")],
    )

    assert {"r-77", "q-5"} == {*found}
    assert "a refund of the same order" in found["r-77"][0][1]


def test_nothing_is_counted_by_a_suggestion():
    """
    Both stay missing, under the ids that they have without it.
    """
    report = report_of([books.transaction("o-00001")], [books.booked("o-1-00001")])
    rows = [*report.rows()]

    assert {"missing_in_ledger", "missing_at_gateway"} == {
        row.difference for row in rows
    }
    assert {row.id for row in rows} == {*report.suggestions}


def test_a_whole_book_that_is_missing_has_none():
    """
    It would take long and say nothing.
    """
    ours = books.frame("ledger", [books.booked("x-12345")])
    theirs = pl.concat(
        [books.frame("transactions", [books.transaction()])] * (MAX_ROWS + 1)
    )
    numbers = pl.int_range(theirs.height, eager=True).cast(pl.String)
    frame = compare(theirs.with_columns(order_id=numbers), ours)
    report = Report(frame, counts={}, totals={}, switched_off={})

    assert {} == report.suggestions
