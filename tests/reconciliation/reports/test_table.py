"""
The differences as a table: typed, each night once, in every database.
"""

from __future__ import annotations

import sqlite3
import traceback
from contextlib import closing
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
import sqlalchemy as sa
from night_shop import MONDAY, TUESDAY, Shop

from benchmarks._reconciliation_parts import COLUMNS
from benchmarks.reconciliation_day import write_day
from tests.servers.databases import PASSWORD
from umfpay import errors
from umfpay.reconciliation import Ledger, reconcile


NIGHT = date(2017, 2, 6)
SECRET = "canary-9f2b"


@pytest.fixture(name="report", scope="module")
def _report(tmp_path_factory):
    day = write_day(
        tmp_path_factory.mktemp("day"), rows=400, per_class=1, seed=3, day=NIGHT
    )

    return reconcile(
        day.transactions,
        day.statement,
        ledger=Ledger.csv(day.ledger, columns=COLUMNS),
        settle_after=1,
        opening=Decimal(0),
    )


def rows_of(url, order="id, position", name="umf_differences"):
    """
    Return the rows as the database has them, with the types that it says.
    """
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    table = sa.Table(name, sa.MetaData(), autoload_with=engine)

    with engine.connect() as connection:
        rows = connection.execute(table.select().order_by(sa.text(order)))

        return [row._asdict() for row in rows]


def test_each_night_stands_once_in_the_table(report, url):
    """
    Written again it is the same; other nights stay.
    """
    count = report.write_table(url)
    first = rows_of(url)

    assert count == len(first) == report.frame.height
    assert {("8017", NIGHT)} == {(str(row["merchant"]), row["night"]) for row in first}
    assert sorted(report.frame["id"]) == [row["id"] for row in first]
    assert len({(row["id"], row["position"]) for row in first}) == count

    assert count == report.write_table(url)
    assert first == rows_of(url)

    report.write_table(url, night=date(2017, 2, 7))

    assert 2 * count == len(rows_of(url))
    assert first == [row for row in rows_of(url) if row["night"] == NIGHT]


def test_each_value_is_exact_and_of_its_type(report, url):
    """
    Money and rates are decimals, days are days; what no book has is null.
    """
    report.write_table(url)
    found = {(row["id"], row["position"]): row for row in rows_of(url)}
    expected = report.frame.with_columns(position=pl.int_range(pl.len()).over("id"))
    rows = [*report.rows()]

    for row, position in zip(rows, expected["position"], strict=True):
        stored = found[row.id, position]

        assert (row.order_id, row.refund_id, str(row.difference)) == (
            stored["order_id"],
            stored["refund_id"],
            stored["class"],
        )
        assert (row.reason.en, row.reason.zh) == (
            stored["reason"],
            stored["reason_zh"],
        )
        assert row.age == stored["age"]

        for book in ("ledger", "gateway", "statement"):
            for name, value in getattr(row, book).items():
                known = stored[f"{book}_{name}"]

                if isinstance(value, Decimal):
                    known = Decimal(known)

                assert value == known, (book, name)

    assert all(row["ledger_refunded"] is None for row in found.values())


def test_what_is_open_is_a_table_too(url, tmp_path):
    """
    After each night what was not paid out by then.
    """
    shop = Shop(tmp_path)
    shop.writes(MONDAY, [shop.sells(1, MONDAY), shop.sells(2, MONDAY)])
    shop.night(MONDAY).report.write_table(url)
    shop.writes(TUESDAY, [shop.sells(3, TUESDAY)], [shop.paid(1, MONDAY)])
    night = shop.night(TUESDAY)

    for _ in "12":
        assert 0 == night.report.write_table(url)

    found = rows_of(url, "night, position", "umf_open_items")

    assert [
        (MONDAY, "order-1", MONDAY),
        (MONDAY, "order-2", MONDAY),
        (TUESDAY, "order-2", MONDAY),
        (TUESDAY, "order-3", TUESDAY),
    ] == [(row["night"], row["order_id"], row["listed_on"]) for row in found]
    assert {(Decimal("14.33"), Decimal("100.00"), Decimal("6.9784"))} == {
        tuple(Decimal(row[name]) for name in ("total", "total_cny", "exchange_rate"))
        for row in found
    }
    assert [] == rows_of(url)


def test_great_amounts_lose_no_digit(report, url):
    """
    Also where SQLite would make a float of them.
    """
    most = 9_007_199_254_740_993_99
    report = type(report)(
        report.frame.head(1).with_columns(
            gateway_total=pl.lit(most), gateway_exchange_rate=pl.lit(12_345_678_901)
        ),
        counts={},
        totals={},
        switched_off={},
        books=report.books,
    )
    report.write_table(url)
    (row,) = rows_of(url)

    assert Decimal("9007199254740993.99") == Decimal(row["gateway_total"])
    assert Decimal("123.45678901") == Decimal(row["gateway_exchange_rate"])


def test_a_table_of_something_else_is_refused(report, url):
    """
    With its name and what it lacks; nothing is written to it.
    """
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)

    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE thesis (id INTEGER)"))

    with pytest.raises(errors.ConfigError, match="thesis is there and lacks age"):
        report.write_table(url, table="thesis")

    with engine.begin() as connection:
        assert 0 == connection.execute(sa.text("SELECT count(*) FROM thesis")).scalar()

    for wrong in ("", "a-b", "a; DROP TABLE thesis", "9a", "a" * 64):
        with pytest.raises(errors.ConfigError, match="is no name of letters"):
            report.write_table(url, table=wrong)


def test_what_is_half_written_is_not_there(report, url, monkeypatch):
    """
    The night stays as it was.
    """
    report.write_table(url)
    before = rows_of(url)

    with monkeypatch.context() as patch:
        patch.setattr("umfpay.reconciliation.reports._table._BATCH_ROWS", 5)
        calls = iter(range(3))

        def fail(*given):
            if next(calls) == 1:
                raise KeyboardInterrupt

            return reasons(*given)

        from umfpay.reconciliation.reports._table import reasons

        patch.setattr("umfpay.reconciliation.reports._table.reasons", fail)

        with pytest.raises(KeyboardInterrupt):
            report.write_table(url)

    assert before == rows_of(url)


def test_a_file_of_sqlite_is_its_owners_alone(report, tmp_path):
    """
    One that is there keeps its mode, and its other tables.
    """
    new, shared = tmp_path / "new.sqlite3", tmp_path / "shared.sqlite3"

    with closing(sqlite3.connect(shared)) as connection, connection:
        connection.execute("CREATE TABLE orders (id)")

    shared.chmod(0o664)

    for file in (new, shared):
        report.write_table(f"sqlite:///{file}")

    assert [0o600, 0o664] == [one.stat().st_mode & 0o777 for one in (new, shared)]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql+psycopg://me:{}@127.0.0.1:1/db", "cannot be used: Operational"),
        ("mysql+pymysql://me:{}@127.0.0.1:1/db", "cannot be used: Operational"),
        ("postgresql+asyncpg://me:{}@host/db", "asyncpg is a driver of asyncio only"),
        ("oracle+nothing://me:{}@host/db", "no database is reached by this address"),
        ("mysql://me:{}@host/db", "is not installed"),
        ("{}", "no database is reached by this address"),
        ("sqlite:////missing/folder/{}", "cannot be used: FileNotFoundError"),
    ],
)
def test_no_password_is_shown(report, url, words):
    """
    Neither in the words nor in the traceback; the cure is named.
    """
    given = url.format(SECRET)

    with pytest.raises(errors.ConfigError, match=words) as caught:
        report.write_table(given)

    error = caught.value
    shown = "".join(
        traceback.TracebackException.from_exception(error, capture_locals=True).format()
    )
    # The frames of this test have the address, too.
    shown = shown.partition("in write_table")[2]

    assert shown
    assert error.__context__ is None

    if "missing" not in given:
        assert SECRET not in shown
        assert PASSWORD not in shown
