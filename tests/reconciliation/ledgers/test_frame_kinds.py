"""
Frames of pandas and pyarrow compare as those of Polars do; others are refused in words.
"""

from __future__ import annotations

import random
from datetime import date, datetime
from decimal import Decimal

import books
import dask.dataframe
import duckdb
import ibis
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from umfpay.errors import ConfigError
from umfpay.reconciliation import Ledger, canonical, compare


OPTIONS = {"settle_after": books.SETTLE_AFTER, "as_of": books.AS_OF}
NAMES = ("transactions", "ledger", "statement")
COLUMNS = {"mer_reference_id": "no", "total": "amount"}


def of_arrow_types(frame):
    """
    Return a frame of pandas as pyarrow's reader makes it.
    """
    return frame.to_pandas(use_pyarrow_extension_array=True)


def of_objects(frame):
    """
    Return one whose cells are Python's values, None where one is missing.
    """
    return pd.DataFrame(
        {name: pd.Series(frame[name].to_list(), dtype=object) for name in frame.columns}
    )


def of_nullable_types(frame):
    """
    Return one with pandas' own types that know what is missing.
    """
    return of_objects(frame).convert_dtypes()


def with_moments(frame):
    """
    Return one as pandas' readers make it: no days, but moments.
    """
    rows = of_nullable_types(frame)
    days = [name for name, kind in frame.schema.items() if kind == pl.Date]

    return rows.assign(**{name: pd.to_datetime(rows[name]) for name in days})


def of_pyarrow(frame):
    return frame.to_arrow()


WAYS = [of_arrow_types, of_nullable_types, of_objects, with_moments, of_pyarrow]


@pytest.fixture(name="way", params=WAYS, ids=lambda one: one.__name__)
def _way(request):
    return request.param


def rows_of(found):
    """
    Return the rows of a frame of any kind, missing values as None.
    """
    table = found if isinstance(found, pl.DataFrame) else pl.DataFrame(found)

    return sorted(map(repr, table.rows()))


@pytest.mark.parametrize("seed", range(6))
def test_random_books_are_compared_as_on_polars(way, seed):
    """
    Every value of the result is the same; with and without a statement.
    """
    given = books.at_random(random.Random(seed))
    frames = [books.frame(*one) for one in zip(NAMES, given, strict=True)]

    for some, options in ((frames, OPTIONS), (frames[:2], {})):
        found = compare(*map(way, some), **options)

        assert isinstance(found, pa.Table if way is of_pyarrow else pd.DataFrame)
        assert rows_of(compare(*some, **options)) == rows_of(found)


def test_empty_books_are_compared(way):
    """
    A frame of pandas without rows has no types.
    """
    empty = [books.frame(name, []) for name in NAMES]

    assert [] == rows_of(compare(*map(way, empty), **OPTIONS))


def test_a_number_that_is_null_is_an_empty_one(way):
    """
    As on every other engine.
    """
    theirs = books.frame("transactions", [books.transaction("", refund_id=None)])
    ours = books.frame("ledger", [books.booked(None)])

    assert ["matched"] == list(_values(compare(way(theirs), way(ours)), "class"))


def _values(found, name):
    return found[name].to_pylist() if isinstance(found, pa.Table) else found[name]


def test_the_merchants_own_table_in_our_columns(way):
    """
    Text, decimals, empty text and what is missing; the result is compared.
    """
    table = pl.DataFrame(
        {
            "no": [" o-1 ", "o-2", None],
            "amount": [Decimal("14.33"), None, Decimal("-1.005")],
            "refund_id": ["0", None, "r-1"],
            "mer_date": [date(2017, 2, 6), None, date(2017, 2, 7)],
            "state": ["", None, "paid"],
        }
    )
    found = canonical(way(table), COLUMNS)

    assert rows_of(canonical(table, COLUMNS)) == rows_of(found)

    theirs = books.frame("transactions", [books.transaction()])

    assert rows_of(compare(theirs, canonical(table, COLUMNS))) == rows_of(
        compare(way(theirs), found)
    )


@pytest.mark.parametrize(
    "moments",
    [
        pa.array([datetime(2017, 2, 5, 16, 30)], pa.timestamp("us", tz="+05:30")),
        pa.array([datetime(2017, 2, 6, 0, 30)], pa.timestamp("ns")),
    ],
    ids=["with a zone", "without one"],
)
@pytest.mark.parametrize("make", [lambda table: table, lambda table: table.to_pandas()])
def test_a_moment_is_of_its_day_in_china(moments, make):
    """
    Whatever the offset of its zone is.
    """
    table = pa.table({"no": ["A"], "amount": ["1.00"], "mer_date": moments})
    (day,) = _values(canonical(make(table), COLUMNS), "mer_date")

    assert date(2017, 2, 6) == day


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("amount", [14.33, 1.0], "amount holds floats"),
        ("amount", [1433, None], "amount holds floats"),
        ("no", [20170206000001, None], "no holds floats"),
    ],
)
def test_floats_of_pandas_are_no_money_and_no_numbers(column, values, said):
    """
    A column of integers becomes one of floats where a value is missing.
    """
    rows = {"no": ["a", "b"], "amount": ["1.00", "2.00"], column: values}

    with pytest.raises(ConfigError, match=said):
        canonical(pd.DataFrame(rows), COLUMNS)


@pytest.mark.parametrize("name", ["total", "total_cny", "service_fee", "order_id"])
def test_floats_are_not_compared(name):
    """
    Neither in pandas, nor in Polars, DuckDB and pyarrow.
    """
    theirs = books.frame("transactions", [books.transaction()])
    ours = books.frame("ledger", [books.booked()])
    ours = ours.with_columns(pl.lit(0.5).alias(name))

    with duckdb.connect() as connection:
        for make in (
            of_arrow_types,
            of_pyarrow,
            lambda frame: frame,
            lambda frame: connection.from_arrow(frame.to_arrow()),
        ):
            with pytest.raises(ConfigError, match=f"ledger: {name} holds floats"):
                compare(make(theirs), make(ours))


def test_a_column_of_values_of_several_types_is_refused():
    """
    It says so before anything is compared.
    """
    rows = pd.DataFrame({"no": ["a", "b"], "amount": ["1.00", 2]})

    with pytest.raises(ConfigError, match=r"column amount holds what Arrow.*one type"):
        canonical(rows, COLUMNS)

    # Of a column that nothing compares nothing is read.
    rows = rows.assign(amount=["1.00", "2.00"], other=["1.00", 2])

    assert [100, 200] == [*canonical(rows, COLUMNS)["total"]]

    names = ["no", "amount", "amount"]

    for twice in (
        pd.DataFrame([["a", "1.00", "2.00"]], columns=names),
        pa.table([["a"], ["1.00"], ["2.00"]], names=names),
    ):
        with pytest.raises(ConfigError, match="several columns of one name: amount"):
            canonical(twice, COLUMNS)

    theirs = books.frame("transactions", [books.transaction()])
    ours = books.frame("ledger", [books.booked()]).with_columns(total=pl.lit("much"))

    with pytest.raises(ConfigError, match="total is of the type String, not Int64"):
        compare(of_pyarrow(theirs), of_pyarrow(ours))


def test_labels_that_are_numbers_are_names_of_a_ledger():
    """
    As pandas gives them to a file without names.
    """
    rows = pd.DataFrame([["a", "1.00"], ["b", "2.00"]])
    ledger = Ledger.frame(rows, columns={"mer_reference_id": "0", "total": "1"})

    assert [100, 200] == [
        total for found in ledger.batches() for total in found["total"]
    ]


def of_dask(frame):
    return dask.dataframe.from_pandas(of_arrow_types(frame), npartitions=1)


def of_ibis(frame):
    return ibis.memtable(frame.to_arrow())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (of_dask, r"a frame of Dask is not compared.*\.compute\(\).*\.to_parquet\(\)"),
        (of_ibis, r"a frame of Ibis is not compared.*\.to_polars\(\)"),
    ],
)
def test_a_frame_of_another_engine_is_refused_in_words(make, said):
    """
    Before any work, whichever book it is, and says what to give.
    """
    theirs = books.frame("transactions", [books.transaction()])
    ours = books.frame("ledger", [books.booked()])

    with pytest.raises(ConfigError, match=f"transactions: {said}"):
        compare(make(theirs), make(ours))

    with pytest.raises(ConfigError, match=f"ledger: {said}") as caught:
        compare(theirs, make(ours))

    assert "不支持" in str(caught.value)

    with pytest.raises(ConfigError, match=f"ledger: {said}"):
        canonical(make(ours))


def test_what_is_given_instead_is_compared():
    """
    As the refusal says it.
    """
    theirs = books.frame("transactions", [books.transaction()])
    ours = books.frame("ledger", [books.booked()])
    expected = rows_of(compare(theirs, ours))

    assert expected == rows_of(
        compare(of_dask(theirs).compute(), of_dask(ours).compute())
    )
    assert expected == rows_of(
        compare(of_ibis(theirs).to_polars(), of_ibis(ours).to_polars())
    )
    assert expected == rows_of(
        compare(of_ibis(theirs).to_pyarrow(), of_ibis(ours).to_pyarrow())
    )


def test_frames_of_several_engines_are_refused_in_words():
    """
    Each book is named with its engine.
    """
    theirs = books.frame("transactions", [books.transaction()])
    ours = books.frame("ledger", [books.booked()])

    with pytest.raises(
        ConfigError, match=r"transactions of Polars, ledger of pandas.*from_pandas"
    ):
        compare(theirs, of_arrow_types(ours))
