"""
Whole columns are read as their values are read one by one, or not at all.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from umfpay.reconciliation._values import (
    RowError,
    UnusualError,
    plain_days,
    rate_units,
    read_amount,
    read_columns,
    read_day,
    read_rate,
    replace_words,
)


def whole(values, holds, *, needed=False):
    """
    Return *values* read as a column, None where they are unusual.
    """
    raw = pl.DataFrame({"c": values}, schema={"c": pl.String})

    try:
        return read_columns(raw, {"c": (holds, needed)}).get_column("c").to_list()
    except UnusualError:
        return None


def one_by_one(values, read):
    try:
        return [read(value, "") for value in values]
    except RowError:
        return None


READERS = {
    "amount": lambda *given: int(read_amount(*given) * 100),
    "rate": lambda *given: rate_units(read_rate(*given)),
    "day": read_day,
}
WRITTEN = {
    "amount": st.from_regex(
        r"-?[0-9]{0,16}(\.[0-9]{0,3}0{0,3})?|\+?[0-9.e-]{1,6}|", fullmatch=True
    ),
    "rate": st.from_regex(
        r"[0-9]{0,10}(\.[0-9]{0,9}0{0,2})?|[0-9.e+-]{1,6}|", fullmatch=True
    ),
    "day": st.from_regex(
        r"20[0-9]{2}-?[01][0-9]-?[0-3][0-9]|[0-9-]{0,9}", fullmatch=True
    ),
}


@pytest.mark.parametrize("holds", READERS)
def test_a_column_is_its_values(holds):
    """
    Never another value, never one that is refused alone.
    """

    @given(st.lists(WRITTEN[holds], min_size=1, max_size=12))
    def check(values):
        found = whole(values, holds)

        assert found is None or one_by_one(values, READERS[holds]) == found

    check()


@pytest.mark.parametrize(
    ("holds", "values", "expected"),
    [
        ("amount", ["14.33", "-0.50", "0.05"], [1433, -50, 5]),
        ("amount", ["14.3", "5", "-7.1"], [1430, 500, -710]),
        ("amount", [".50", "-.5", "3.1000"], [50, -50, 310]),
        ("rate", ["6.9784", "6.97845678"], [697840000, 697845678]),
        ("day", ["20170206", "2017-02-07"], [date(2017, 2, 6), date(2017, 2, 7)]),
        ("kind", ["P", "T"], ["P", "T"]),
        ("currency", ["usd", "USD"], ["USD", "USD"]),
        ("text", ["", "a"], ["", "a"]),
    ],
)
def test_what_is_usual_is_read_at_once(holds, values, expected):
    """
    Or everything would be as slow as row by row.
    """
    assert expected == whole(values, holds)


@pytest.mark.parametrize(
    ("holds", "value"),
    [
        ("amount", "1e2"),
        ("amount", "+1.00"),
        ("amount", "."),
        ("amount", "1.005"),
        ("amount", "1234567890123456.00"),
        ("rate", "-1"),
        ("rate", "6.123456789"),
        ("day", "20170230"),
        ("kind", "X"),
        ("currency", ""),
        ("text", ""),
    ],
)
def test_what_is_unusual_is_left_to_the_other_reader(holds, value):
    """
    Whatever else stands in the column.
    """
    good = {"amount": "1.00", "rate": "1", "day": "20170206", "kind": "P"}
    values = [good.get(holds, "a"), value]

    assert whole(values, holds, needed=True) is None


@pytest.mark.parametrize("count", [1, 8, 9, 40])
def test_few_words_and_many_are_replaced_alike(count):
    """
    By conditions or by a table; null stays null.
    """
    words = pl.Series("c", [*map(str, range(count)), None])
    known = pl.Series([*range(count), None], dtype=pl.Int64)
    frame = pl.concat([words, words.reverse()]).to_frame()

    assert [*known, *known.reverse()] == frame.select(
        replace_words(pl.col("c"), words, known)
    ).to_series().to_list()


def test_days_of_many_spellings_are_left_to_others():
    """
    And so are more days than a ledger has.
    """
    assert plain_days(pl.Series(["2017/02/06"])) is None
    assert plain_days(pl.Series([str(number) for number in range(1_001)])) is None
    assert [date(2017, 2, 6), None] == plain_days(
        pl.Series(["2017-02-06", None])
    ).to_list()


def test_hundredths_are_exact_to_the_last_digit():
    """
    No float comes near them.
    """
    values = ["999999999999999.99", "-999999999999999.99", "0.29", "1.10"]

    assert [int(Decimal(value) * 100) for value in values] == whole(values, "amount")
