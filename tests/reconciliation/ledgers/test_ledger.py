"""
The merchant's book: from anywhere it becomes the same rows, or an error with a place.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import duckdb
import polars as pl
import pytest

from tests import tracebacks
from umfpay import errors
from umfpay.reconciliation import Ledger, canonical
from umfpay.reconciliation.ledgers._sql import _text


COLUMNS = {
    "mer_reference_id": "order_no",
    "mer_date": "biz_date",
    "kind": "sort",
    "refund_id": "refund_no",
    "currency": "cur",
    "total": "amount",
    "total_cny": "cny",
    "state": "status",
    "service_fee": "fee",
}
TEXT = """order_no,biz_date,sort,refund_no,cur,amount,cny,status,fee,note
o-1,2017-02-05,payment,,usd,14.33,100.00,paid,1.00,"a, b"
o-1,20170206,退款,r-1,USD,5.735,40,success,,
 o-2 ,2017/02/05,P,,EUR,-0.005,0.1,,0.01,书
"""
ROWS = [
    ("o-1", "P", "", date(2017, 2, 5), "USD", 1433, 10000, "paid", 100),
    ("o-1", "T", "r-1", date(2017, 2, 6), "USD", 574, 4000, "success", None),
    ("o-2", "P", "", date(2017, 2, 5), "EUR", -1, 10, None, 1),
]


def csv(folder, text=TEXT, *, encoding="utf-8", **options):
    path = folder / "orders.csv"
    path.write_bytes(text.encode(encoding))

    return Ledger.csv(
        path, columns=options.pop("columns", COLUMNS), encoding=encoding, **options
    )


def rows(ledger):
    return [row for frame in ledger.batches() for row in frame.rows()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_csv_file_in_any_encoding(tmp_path, encoding):
    """
    Excel writes a mark or GB18030.
    """
    ledger = csv(tmp_path, encoding=encoding)

    assert ROWS == rows(ledger)
    assert ROWS == rows(ledger)  # again, from the start
    assert {
        "mer_date",
        "currency",
        "total",
        "total_cny",
        "state",
        "service_fee",
    } == ledger.available


def test_all_sources_agree(tmp_path):
    """
    Parquet with decimals, a database, a frame, and a relation of DuckDB.
    """
    table = pl.read_csv(TEXT.encode(), infer_schema=False)
    table.write_parquet(tmp_path / "orders.parquet")
    connection = sqlite3.connect(tmp_path / "shop.sqlite3")
    names = ", ".join(table.columns)
    connection.execute(f"CREATE TABLE orders ({names})")
    connection.executemany(
        f"INSERT INTO orders VALUES ({', '.join('?' * table.width)})", table.rows()
    )
    connection.commit()
    connection.close()
    url = f"sqlite:///{tmp_path}/shop.sqlite3"

    assert ROWS == rows(Ledger.open(tmp_path / "orders.parquet", COLUMNS))
    assert ROWS == rows(Ledger.sql(url, "SELECT * FROM orders", columns=COLUMNS))
    assert ROWS == rows(
        Ledger.sql(url, "SELECT * FROM orders", columns=COLUMNS, batch_rows=1)
    )
    assert ROWS == rows(Ledger.frame(table, columns=COLUMNS))
    assert ROWS == rows(Ledger.frame(table.lazy(), columns=COLUMNS))

    with duckdb.connect() as duck:
        relation = duck.from_arrow(table.to_arrow())

        assert ROWS == canonical(relation, COLUMNS).fetchall()


@pytest.mark.parametrize(
    ("amounts", "hundredths"),
    [
        (pl.Series([Decimal("1.005"), Decimal("-1.005")]), [101, -101]),
        (pl.Series([Decimal("1.0049"), None]), [100, None]),
        (pl.Series([7, -7]), [700, -700]),
        (pl.Series(["999999999999999.994", "+0.0"]), [99999999999999999, 0]),
    ],
)
def test_money_is_rounded_half_up_by_its_digits(amounts, hundredths):
    """
    Away from zero, the same on each engine.
    """
    table = pl.DataFrame({"mer_reference_id": ["a", "b"], "total": amounts})

    assert hundredths == [row[3] for row in rows(Ledger.frame(table))]

    with duckdb.connect() as duck:
        relation = duck.from_arrow(table.to_arrow())

        assert hundredths == [row[3] for row in canonical(relation).fetchall()]


@pytest.mark.parametrize(
    "amount", ["1,000", "1e5", "$", "5 CNY", "0x10", ".5", "5.", "1" * 16, "1.2.3"]
)
def test_what_is_no_amount_is_never_guessed(amount):
    """
    It is named by column, row and value, if that is no long number; other engines fail,
    too.
    """
    table = pl.DataFrame({"mer_reference_id": ["a", "b"], "total": ["1.00", amount]})

    with pytest.raises(errors.StatementError, match="total holds in row 2") as caught:
        rows(Ledger.frame(table))

    shown = "***" if len(amount) > 10 else amount
    assert f"'{shown}'" in str(caught.value)

    with duckdb.connect() as duck, pytest.raises(duckdb.Error):
        canonical(duck.from_arrow(table.to_arrow())).fetchall()


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("mer_date", "2017-02-30", "mer_date holds in row 2 no date"),
        ("mer_date", "05.02.2017", "mer_date holds in row 2 no date"),
        ("kind", "X", "kind holds in row 2 no P or T"),
        ("mer_reference_id", " ", "mer_reference_id holds in row 2 no order number"),
        ("mer_reference_id", None, "mer_reference_id holds in row 2 no order number"),
    ],
)
def test_other_values_are_checked_by_row(column, value, words):
    """
    The second row is the one.
    """
    table = pl.DataFrame(
        {
            "mer_reference_id": ["a", "b"],
            "total": ["1", "2"],
            "mer_date": ["2017-02-05 10:00:00", "20170205"],
            "kind": ["p", ""],
        }
    ).with_columns(pl.Series(column, [{"kind": "p"}.get(column, "20170205"), value]))

    with pytest.raises(errors.StatementError, match=words):
        rows(Ledger.frame(table))


def test_floats_are_no_money(tmp_path):
    """
    From a frame and from a database.
    """
    table = pl.DataFrame({"mer_reference_id": ["a"], "total": [1.5]})

    with pytest.raises(errors.ConfigError, match="total=total holds floats"):
        rows(Ledger.frame(table))

    with sqlite3.connect(tmp_path / "shop.sqlite3") as connection:
        connection.execute("CREATE TABLE orders (mer_reference_id, total)")
        connection.execute("INSERT INTO orders VALUES ('a', 1.5)")

    connection.close()
    ledger = Ledger.sql(f"sqlite:///{tmp_path}/shop.sqlite3", "SELECT * FROM orders")

    with pytest.raises(errors.ConfigError, match="holds floats"):
        rows(ledger)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"order": "order_no"}, "order: ours are mer_reference_id"),
        ({"total": "sum"}, "total=sum: the ledger has order_no, biz_date"),
        ({"total": "amount"}, "mer_reference_id is needed; the ledger has"),
        ({"mer_reference_id": "order_no"}, "total or total_cny is needed"),
    ],
)
def test_columns_that_are_not_there_are_named_with_those_that_are(
    tmp_path, columns, words
):
    """
    At once, not in the night.
    """
    with pytest.raises(errors.ConfigError, match=words):
        csv(tmp_path, columns=columns)


def test_what_cannot_be_read_is_named(tmp_path):
    """
    A missing file, bytes of another encoding, a database that is none, no such table.
    """
    with pytest.raises(errors.StatementError, match=r"missing\.csv cannot be read"):
        Ledger.csv(tmp_path / "missing.csv")

    (tmp_path / "odd.csv").write_bytes("订单".encode("gb18030") + b",total\n")

    with pytest.raises(errors.UMFError):
        rows(Ledger.csv(tmp_path / "odd.csv", columns={"mer_reference_id": "订单"}))

    with pytest.raises(errors.ConfigError, match="there is no klingon"):
        Ledger.csv(tmp_path / "odd.csv", encoding="klingon")

    with pytest.raises(errors.ConfigError, match="no database is reached") as caught:
        Ledger.sql("nosuch://me:c0ffee@host/db", "SELECT 1")

    assert "c0ffee" not in str(caught.value)

    with pytest.raises(errors.StatementError, match="No such file"):
        Ledger.parquet(tmp_path / "missing.parquet")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT * FROM books", "no such table: books"),
        ("SELECT number, price FROM orders", "no such column: price"),
        ("SELEC 1", "syntax error"),
        ("DELETE FROM orders", "a SELECT of your books"),
    ],
)
def test_a_query_that_fails_is_reported_in_the_words_of_sqlite(tmp_path, query, words):
    """
    Which hold no address; what a query changes is never committed.
    """
    file = tmp_path / "shop.sqlite3"

    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE orders (number TEXT)")
        connection.execute("INSERT INTO orders VALUES ('one')")

    with pytest.raises(errors.StatementError, match=words):
        Ledger.sql(f"sqlite:///{file}", query)

    with closing(sqlite3.connect(file)) as connection:
        assert [("one",)] == connection.execute("SELECT * FROM orders").fetchall()


def test_a_database_file_that_is_not_there_is_not_made(tmp_path):
    """
    A name that was mistyped leaves no empty database behind.
    """
    with pytest.raises(errors.StatementError, match="No such file"):
        Ledger.sql(f"sqlite:///{tmp_path}/shop.sqlite3", "SELECT * FROM orders")

    assert [] == [*tmp_path.iterdir()]


def test_a_name_with_brackets_is_that_file(tmp_path):
    """
    And no pattern; a folder is no file.
    """
    (tmp_path / "led1.csv").write_text("mer_reference_id,total\na,1.00\n")
    path = tmp_path / "led[1].csv"
    path.write_text("mer_reference_id,total\na,2.00\n")

    assert [200] == [row[3] for row in rows(Ledger.csv(path))]

    for name in ("led*.csv", "."):
        with pytest.raises(errors.StatementError, match="cannot be read"):
            Ledger.csv(tmp_path / name)

    table = pl.read_csv(path, infer_schema=False, glob=False)
    table.write_parquet(tmp_path / "led[1].parquet")
    table.with_columns(total=pl.lit("9")).write_parquet(tmp_path / "led1.parquet")

    assert [200] == [row[3] for row in rows(Ledger.open(tmp_path / "led[1].parquet"))]


@pytest.mark.parametrize(
    "amounts",
    [
        pl.Series([1, 10**17]),
        pl.Series([1, 2**63 + 5], dtype=pl.UInt64),
        pl.Series([Decimal(1), Decimal(10**16)]),
        pl.Series([1, -(2**63)]),
    ],
)
def test_numbers_that_are_too_large_are_refused(amounts):
    """
    In place of another amount.
    """
    table = pl.DataFrame({"mer_reference_id": ["a", "b"], "total": amounts})

    with pytest.raises(errors.StatementError, match="total holds in row 2 no amount"):
        rows(Ledger.frame(table))


def test_decimals_of_many_places_are_rounded():
    """
    By their digits, however many.
    """
    amounts = pl.Series([Decimal("1.005")]).cast(pl.Decimal(38, 20))
    table = pl.DataFrame({"mer_reference_id": ["a"], "total": amounts})

    assert [101] == [row[3] for row in rows(Ledger.frame(table))]


def test_days_that_are_numbers_are_days_or_refused():
    """
    Without their value.
    """
    table = {"mer_reference_id": ["a", "b"], "total": ["1", "1"]}
    good = pl.DataFrame({**table, "mer_date": [20170205, 20170206]})

    assert date(2017, 2, 6) in rows(Ledger.frame(good))[1]

    bad = pl.DataFrame({**table, "mer_date": [20170205, 20170299]})

    with pytest.raises(
        errors.StatementError, match="mer_date holds in row 2"
    ) as caught:
        rows(Ledger.frame(bad))

    assert "20170299" not in str(caught.value)


def test_days_of_weeks_are_refused_whatever_stands_beside_them():
    """
    ISO knows them; a ledger does not.
    """
    for others in ([], ["2017-02-06T10:11:12+08:00"]):
        days = ["2017-W06-1", *others]
        table = {"mer_reference_id": [*map(str, days)], "total": ["1"] * len(days)}

        with pytest.raises(errors.StatementError, match="row 1"):
            rows(Ledger.frame(pl.DataFrame({**table, "mer_date": days})))


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ("2017-02-05T16:30:00Z", 6),
        ("2017-02-05T15:59:59.999Z", 5),
        ("2017-02-06T07:30:00+08:00", 6),
        ("2017-02-05T23:30:00-08:00", 6),
        ("20170206T010000+1400", 5),
        ("2017/02/05 16:30+00", 6),
        ("2017-02-06T16:30:00", 6),
        ("2017-02-06 23:59", 6),
    ],
)
def test_a_time_with_an_offset_is_of_the_day_in_china(given, days):
    """
    On each engine; a time without one stays as it is.
    """
    table = pl.DataFrame(
        {"mer_reference_id": ["a", "b"], "total": ["1", "1"], "mer_date": [given, ""]}
    )

    assert [date(2017, 2, days), None] == [row[3] for row in rows(Ledger.frame(table))]

    with duckdb.connect() as duck:
        relation = duck.from_arrow(table.to_arrow())

        assert date(2017, 2, days) == canonical(relation).fetchall()[0][3]


@pytest.mark.parametrize(
    "given", ["2017-02-05T16:30+8", "2017-02-05T25:00Z", "2017-02-05T10:00+15:00"]
)
def test_an_offset_that_cannot_be_read_is_refused(given):
    """
    On each engine.
    """
    table = pl.DataFrame(
        {"mer_reference_id": ["a"], "total": ["1"], "mer_date": [given]}
    )

    with pytest.raises(errors.StatementError, match="mer_date holds in row 1 no date"):
        rows(Ledger.frame(table))

    with duckdb.connect() as duck, pytest.raises(duckdb.Error):
        canonical(duck.from_arrow(table.to_arrow())).fetchall()


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_moments_of_any_zone_are_of_the_day_in_china(tmp_path, zone):
    """
    From a frame, from Parquet, and from a connection of any zone.
    """
    moment = datetime(2017, 2, 5, 16, 30, tzinfo=UTC)
    day = pl.Series([moment], dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    table = pl.DataFrame({"mer_reference_id": ["a"], "total": ["1"], "mer_date": day})
    table.write_parquet(tmp_path / "orders.parquet")

    assert date(2017, 2, 6) == rows(Ledger.frame(table))[0][3]
    assert date(2017, 2, 6) == rows(Ledger.open(tmp_path / "orders.parquet"))[0][3]
    assert "2017-02-06" == _text(moment.astimezone(timezone(timedelta(hours=-5))))

    with duckdb.connect() as duck:
        duck.execute(f"SET TimeZone = '{zone}'")
        relation = duck.from_arrow(table.to_arrow())

        assert date(2017, 2, 6) == canonical(relation).fetchall()[0][3]


@pytest.mark.parametrize(
    "name",
    [
        "商户定单号",
        "payment_metadata[order_id]",
        "订单金额（元）",
        "Order number / 订单号",
        "¶©µ¥ºÅ",
    ],
)
def test_names_of_columns_are_shown_in_any_language(name):
    """
    Also where their bytes were read in the wrong encoding.
    """
    table = pl.DataFrame({name: ["a"], "\x1b[2J\x8a": ["1.00"]})

    with pytest.raises(errors.ConfigError) as caught:
        Ledger.frame(table, columns={"total": "\x07x"})

    assert f"{name}, \\x1b[2J\\x8a." in str(caught.value)
    assert "total=\\x07x" in str(caught.value)


def test_rows_of_parquet_that_do_not_come_are_missed(tmp_path, monkeypatch):
    """
    The file itself tells how many it has.
    """
    table = pl.DataFrame({"mer_reference_id": ["a", "b"], "total": ["1", "2"]})
    table.write_parquet(tmp_path / "orders.parquet")
    ledger = Ledger.open(tmp_path / "orders.parquet")
    whole = pl.LazyFrame.collect_batches
    monkeypatch.setattr(
        pl.LazyFrame, "collect_batches", lambda frame, **_: whole(frame.head(1))
    )

    with pytest.raises(errors.StatementError, match="1 of its 2 rows came"):
        rows(ledger)


def test_values_in_place_of_names_are_not_shown(tmp_path):
    """
    A file without its line of names.
    """
    path = tmp_path / "orders.csv"
    path.write_text("order-1,15210838198,P,100.00\n")

    with pytest.raises(errors.ConfigError) as caught:
        Ledger.csv(path)

    assert "15210838198" not in str(caught.value)
    assert "***" in str(caught.value)


def test_their_columns_may_have_any_name():
    """
    Also those that a program would choose.
    """
    table = pl.DataFrame({"_word": ["a"], "_refund": ["7.00"], "_kind": ["foo"]})
    columns = {"mer_reference_id": "_word", "total": "_refund", "state": "_kind"}

    assert [("a", "P", "", 700, "foo")] == rows(Ledger.frame(table, columns=columns))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoding": "rot13"}, "encoding"),
        ({"encoding": "base64"}, "encoding"),
        ({"delimiter": ";;"}, "delimiter"),
        ({"delimiter": ""}, "delimiter"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(tmp_path, options, words):
    """
    In our words.
    """
    with pytest.raises(errors.ConfigError, match=words):
        Ledger.csv(tmp_path / "orders.csv", **options)

    with pytest.raises(errors.ConfigError, match="narwhals"):
        Ledger.frame([1, 2])


@pytest.mark.parametrize("encoding", ["utf-16", "undefined"])
def test_a_file_of_another_encoding_cannot_be_read(tmp_path, encoding):
    """
    Whichever error its decoder raises.
    """
    path = tmp_path / "orders.csv"
    path.write_bytes(b"mer_reference_id,total\na,1.00\n1")

    with pytest.raises(errors.StatementError, match="cannot be read"):
        rows(Ledger.csv(path, encoding=encoding))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql+psycopg://me:{}@host/db", "the driver psycopg of this database"),
        ("postgresql+psycopg2://me:{}@host/db", "the driver psycopg2 of this database"),
        ("mysql://me:{}@host/db", "pip install mysqlclient"),
        ("nosuch://me:{}@host/db", "no database is reached"),
        ("me:{}@host/db", "no database is reached"),
        ("sqlite:///file:/nowhere/a?mode=ro&key={}&uri=true", "unable to open"),
        (b"sqlite:///{}", "an address as text"),
    ],
)
def test_an_address_that_does_not_work_is_not_shown(url, words, monkeypatch):
    """
    A missing driver is named with its cure; no frame holds the password.
    """
    for module in ("psycopg", "psycopg2", "MySQLdb"):
        monkeypatch.setitem(sys.modules, module, None)

    password = "c0ffee-canary"
    url = url.format(password) if isinstance(url, str) else password.encode()

    with pytest.raises(errors.UMFError) as caught:
        Ledger.sql(url, "SELECT * FROM orders")

    assert words in str(caught.value)
    tracebacks.assert_silent(tracebacks.everything(caught.value), [password])


def test_a_server_that_is_away_is_named_without_its_user():
    """
    Neither user nor password stand in the error.
    """
    with pytest.raises(errors.StatementError) as caught:
        rows(
            Ledger.sql("postgresql+psycopg://canary:canary@127.0.0.1:1/db", "SELECT 1")
        )

    assert "postgresql+psycopg://127.0.0.1:1/db" in str(caught.value)
    tracebacks.assert_silent(tracebacks.everything(caught.value), ["canary"])


def test_the_last_moment_of_all_has_a_day():
    """
    Databases keep it for "never"; no zone has a later one.
    """
    assert "9999-12-31" == _text(datetime.max.replace(tzinfo=UTC))
