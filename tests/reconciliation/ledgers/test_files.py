"""
Moments whose zone is an offset, and columns that can hold none of our values.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from umfpay.errors import ConfigError, StatementError
from umfpay.reconciliation import Ledger


COLUMNS = {"mer_reference_id": "no", "total": "amount", "mer_date": "day"}
MOMENT = datetime(2017, 2, 5, 16, 30, tzinfo=UTC)


def books(zone, unit="us"):
    return pa.table(
        {
            "no": ["A"],
            "amount": ["1.00"],
            "day": pa.array([MOMENT], pa.timestamp(unit, tz=zone)),
        }
    )


def days(ledger):
    return [day for rows in ledger.batches() for day in rows.get_column("mer_date")]


@pytest.mark.parametrize("zone", ["+05:30", "+08:00", "-0930", "America/New_York"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_moment_in_parquet_is_of_its_day_in_china_whatever_its_offset(
    tmp_path, zone, unit
):
    """
    A Parquet column of moments may have an offset for a zone.
    """
    pq.write_table(books(zone, unit), tmp_path / "ledger.parquet")
    ledger = Ledger.parquet(tmp_path / "ledger.parquet", columns=COLUMNS)

    assert [date(2017, 2, 6)] == days(ledger)


@pytest.mark.parametrize("zone", ["+05:30", "+08:00", "-09:30", "Asia/Kolkata"])
def test_a_moment_in_a_frame_is_of_its_day_in_china_whatever_its_offset(zone):
    """
    So may one of a frame that is not of polars.
    """
    assert [date(2017, 2, 6)] == days(Ledger.frame(books(zone), columns=COLUMNS))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("day", [time(16, 30)]),
        ("day", [timedelta(days=1)]),
        ("amount", [["1.00"]]),
        ("amount", pl.Series([1.5], dtype=pl.Object)),
        ("no", [date(2017, 2, 5)]),
    ],
)
def test_a_column_of_a_type_that_holds_no_such_value_is_refused(column, values):
    """
    It is named with its type, in our words and not those of an engine.
    """
    rows = {"no": ["A"], "amount": ["1.00"], "day": ["2017-02-05"]} | {column: values}
    ledger = Ledger.frame(pl.DataFrame(rows), columns=COLUMNS)

    with pytest.raises(ConfigError, match=f"={column} is of the type"):
        list(ledger.batches())


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_a_ledger_in_another_encoding_says_how_to_save_it(tmp_path, encoding):
    """
    Where one is named; UMF, who never saw it, is not to be asked about it.
    """
    file = tmp_path / "ledger.csv"
    file.write_text("no,amount,day\n张三,1.00,2017-02-05\n", encoding=encoding)

    with pytest.raises(StatementError, match=r"no text in utf-8\..*Save it as UTF-8"):
        Ledger.csv(file, columns=COLUMNS, encoding="utf-8")

    assert 1 == sum(map(len, Ledger.csv(file, columns=COLUMNS).batches()))


def test_a_lone_carriage_return_is_no_quotation_mark(tmp_path):
    """
    The refusal names what stands in the file.
    """
    file = tmp_path / "ledger.csv"
    file.write_bytes(b"no,amount,day\rA,1.00,2017-02-05\rB,2.00,2017-02-05\r")

    with pytest.raises(StatementError, match="a carriage return stands where"):
        Ledger.csv(file, columns=COLUMNS)


def test_a_bad_value_of_a_ledger_sends_nobody_to_umf(tmp_path):
    """
    What is to be corrected is the merchant's own book.
    """
    file = tmp_path / "ledger.csv"
    file.write_text("no,amount,day\nA,much,2017-02-05\n")
    ledger = Ledger.csv(file, columns=COLUMNS)

    with pytest.raises(StatementError, match="Correct your ledger") as caught:
        list(ledger.batches())

    assert "UMF" not in str(caught.value)
