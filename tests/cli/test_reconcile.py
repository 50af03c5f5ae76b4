"""
`umfpay reconcile`: files in, a page out, and the exit code is the answer.
"""

from __future__ import annotations

import io
import json
import sqlite3
import sys
from contextlib import closing
from datetime import date

import pytest
import statement_files as files
from night_shop import MONDAY, TUESDAY, Shop

from benchmarks._reconciliation_parts import COLUMNS
from benchmarks.reconciliation_day import write_day
from umfpay.cli import ExitCode, run


@pytest.fixture(name="day", scope="module")
def _day(tmp_path_factory):
    return write_day(
        tmp_path_factory.mktemp("day"),
        rows=400,
        per_class=1,
        seed=3,
        day=date(2017, 2, 6),
    )


@pytest.fixture(name="arguments")
def _arguments(day):
    pairs = [f"--map={ours}={theirs}" for ours, theirs in COLUMNS.items()]

    return [
        "reconcile",
        f"--transactions={day.transactions}",
        f"--statement={day.statement}",
        f"--ledger={day.ledger}",
        "--settle-after=1",
        "--opening=0",
        *pairs,
    ]


def test_differences_are_counted_and_written(arguments, tmp_path, capsys):
    """
    Exit 1; JSON has counts as integers and money as text.
    """
    files = [
        f"--report={tmp_path / 'r.html'}",
        f"--report={tmp_path / 'r.csv'}",
        f"--report={tmp_path / 'r.parquet'}",
        f"--report={tmp_path / 'r.json'}",
    ]

    assert ExitCode.NO == run([*arguments, *files, "--json", "--language=en"])

    printed = json.loads(capsys.readouterr().out)

    assert 1 == printed["counts"]["amount_differs"]
    assert printed["counts"]["matched"] > 400
    assert {"r.html", "r.csv", "r.parquet", "r.json"} == {
        one.name for one in tmp_path.iterdir()
    }
    assert "Reconciliation" in (tmp_path / "r.html").read_text("utf-8")


def test_differences_become_a_table(arguments, tmp_path, capsys):
    """
    Each night once, however often it is compared; an address that leads nowhere is said.
    """
    file = tmp_path / "reports.sqlite3"

    for _ in "12":
        assert ExitCode.NO == run([*arguments, f"--table=sqlite:///{file}"])

    with closing(sqlite3.connect(file)) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM umf_differences WHERE class = 'amount_differs'"
            " AND night = '2017-02-06' AND merchant = '8017'"
        ).fetchone()

    assert 1 == count
    capsys.readouterr()
    assert ExitCode.ERROR == run([*arguments, "--table=nowhere"])
    assert "no database is reached by this address" in capsys.readouterr().err


def test_what_is_all_matched_exits_with_0(day, arguments, tmp_path, capsys):
    """
    And prints a table for people.
    """
    empty = tmp_path / "empty.txt"
    empty.write_text(
        "TRANSDETAIL-START,8017,20170206\nTRANSDETAIL-End,8017,20170206,0\n"
    )
    ledger = tmp_path / "ledger.csv"
    ledger.write_text("mer_reference_id,total\n")

    assert ExitCode.OK == run(
        ["reconcile", f"--transactions={empty}", f"--ledger={ledger}"]
    )

    printed = capsys.readouterr().out

    assert "matched" in printed
    # What cannot be looked for is not told as none.
    assert "the ledger has no currency | 账本缺少 currency" in printed


def test_a_database_and_its_query(day, tmp_path, capsys):
    """
    Only together.
    """
    database = f"sqlite:///{tmp_path}/shop.sqlite3"
    connection = sqlite3.connect(tmp_path / "shop.sqlite3")
    connection.execute("CREATE TABLE orders (mer_reference_id, total)")
    connection.commit()
    connection.close()
    given = ["reconcile", f"--transactions={day.transactions}"]

    assert ExitCode.NO == run(
        [*given, f"--ledger={database}", "--query=SELECT * FROM orders", "--json"]
    )
    assert json.loads(capsys.readouterr().out)["counts"]["missing_in_ledger"] > 400
    assert ExitCode.ERROR == run([*given, f"--ledger={database}"])
    assert "--query" in capsys.readouterr().err
    assert ExitCode.ERROR == run([*given, f"--ledger={day.ledger}", "--query=SELECT 1"])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--map=total"], "NAME=VALUE"),
        (["--map=total=amount", "--map=total=fee"], "twice"),
        (["--map=sum=amount"], "ours are"),
        (["--tolerance=total=much"], "an amount is needed"),
        (["--tolerance=tips=1"], "can be tolerated"),
        (["--tolerance=total=-1"], "from 0 to"),
        (["--from=2017-02-01"], "belong together"),
        (["--report=report.docx"], "its ending is none of .html"),
        (["--report=missing/report.html"], "its folder is not there"),
        (["--ledger=missing.csv"], "missing.csv"),
        (["--transactions=missing.txt"], "missing.txt"),
    ],
)
def test_wrong_use_is_reported_in_a_line(day, arguments, capsys, more, words):
    """
    Exit 2, never a difference.
    """
    given = arguments[:-9] if more[0].startswith("--map=total=") else arguments

    assert ExitCode.ERROR == run([*given, *more])
    assert words in capsys.readouterr().err


def test_a_file_that_is_cut_is_an_error(day, arguments, tmp_path, capsys):
    """
    Not a list of differences.
    """
    cut = tmp_path / "cut.txt"
    cut.write_bytes(day.transactions.read_bytes()[:-9])

    assert ExitCode.ERROR == run([*arguments, f"--transactions={cut}"])
    assert "not whole" in capsys.readouterr().err


def test_days_and_tolerance_are_taken(arguments, tmp_path, capsys):
    """
    A cent is tolerated, and so is not found.
    """
    assert ExitCode.NO == run(
        [
            *arguments,
            "--from=2017-02-06",
            "--to=20170206",
            "--tolerance=total_cny=0.01",
            "--tolerance=service_fee=0.01",
            "--engine=duckdb",
            f"--work-dir={tmp_path / 'w'}",
            "--json",
        ]
    )

    counts = json.loads(capsys.readouterr().out)["counts"]

    assert 0 == counts["amount_differs"] == counts["fee_differs"]
    assert 1 == counts["exchange_differs"]


# A night of one payment, and the words that a column of the ledger must hold.
WORDS = {
    "mer_reference_id": "order-1",
    "total": "14.33",
    "total_cny": "100.00",
    "currency": "USD",
    "state": "success",
    "mer_date": "2017-02-05",
    "service_fee": "1.00",
}
# What is printed where a column is not mapped.
UNMAPPED = {
    "total": "total is not compared: the ledger has no such column",
    "total_cny": "total_cny is not compared: the ledger has no such column",
    "currency": "the ledger has no currency",
    "state": "the ledger has no state",
    "mer_date": "the ledger has no mer_date",
    "service_fee": "the ledger has no service_fee",
}


def night(folder, words, *, engine, with_statement=True):
    (folder / "day.txt").write_bytes(files.file(files.payment(1)))
    (folder / "paid.txt").write_text(
        "PAYDETAIL-START,8017,20170206\n"
        "id-1,order-1,20170205,20170206,USD,14.33,100.00,1.00,14.19,99.00,6.9784,"
        "20170206,P,0\n"
        "PAYDETAIL-End,8017,20170206,99.00\n"
    )
    (folder / "ledger.csv").write_text(
        f"{','.join(words)}\n{','.join(words.values())}\n"
    )
    given = [f"--transactions={folder}/day.txt", f"--ledger={folder}/ledger.csv"]

    if with_statement:
        given += [f"--statement={folder}/paid.txt", "--settle-after=1", "--opening=0"]

    return run(["reconcile", *given, f"--engine={engine}"])


@pytest.mark.parametrize(
    ("engine", "with_statement"), [("polars", True), ("duckdb", False)]
)
@pytest.mark.parametrize("column", UNMAPPED)
def test_what_a_clean_night_is(tmp_path, capsys, column, engine, with_statement):
    """
    A column that is not mapped is printed as not compared and may be clean; one that is
    mapped and blank in a row is exit 1.
    """
    options = {"engine": engine, "with_statement": with_statement}

    assert ExitCode.OK == night(tmp_path, WORDS, **options)
    assert UNMAPPED[column] not in capsys.readouterr().out
    assert ExitCode.NO == night(tmp_path, {**WORDS, column: " "}, **options)

    counts = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines())

    assert ("1", "0") == (counts["not_compared"], counts["matched"])

    less = {name: word for name, word in WORDS.items() if name != column}

    assert ExitCode.OK == night(tmp_path, less, **options)
    assert UNMAPPED[column] in capsys.readouterr().out


def test_no_amount_is_no_clean_night(tmp_path, capsys):
    """
    Blank in all rows: nothing matched. Not mapped at all: exit 2.
    """
    blank = {**WORDS, "total": "", "total_cny": ""}

    assert ExitCode.NO == night(tmp_path, blank, engine="polars")

    counts = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines())

    assert ("1", "0") == (counts["not_compared"], counts["matched"])

    del blank["total"], blank["total_cny"]

    assert ExitCode.ERROR == night(tmp_path, blank, engine="polars")
    assert "total or total_cny is needed" in capsys.readouterr().err


def test_a_ledger_that_was_cut_off_is_noticed(tmp_path, capsys):
    """
    Its last row has an order and no amount.
    """
    day, ledger = tmp_path / "day.txt", tmp_path / "ledger.csv"
    day.write_bytes(files.file(files.payment(1), files.payment(2), total="200.00"))
    ledger.write_text("mer_reference_id,total_cny\norder-1,100.00\norder-2")
    given = ["reconcile", f"--transactions={day}", f"--ledger={ledger}"]
    report = tmp_path / "r.csv"

    assert ExitCode.NO == run([*given, "--json", f"--report={report}"])

    printed = json.loads(capsys.readouterr().out)

    assert (1, 1) == (printed["counts"]["matched"], printed["counts"]["not_compared"])
    assert "blank in total_cny" in report.read_text()


def test_rows_that_cannot_be_read_are_set_aside(tmp_path, capsys):
    """
    Into a file, counted by reason; the rest is compared, and the exit code is 1.
    """
    day, ledger, bad = (tmp_path / name for name in ("t.txt", "l.csv", "bad.csv"))
    rows = [files.payment(n) for n in (1, 2, 3)]
    rows[1] = rows[1].replace("100.00", "1OO")
    rows[2] = "陈" + rows[2].rpartition(",P,")[0]
    text = files.file(*rows, total="300.00").decode()
    day.write_bytes(text.encode("gb18030"))
    ledger.write_text("mer_reference_id,total_cny\norder-1,100.00\norder-2,100.00\n")
    given = ["reconcile", f"--transactions={day}", f"--ledger={ledger}"]
    lenient = [*given, "--lenient", f"--quarantine={bad}"]

    assert ExitCode.ERROR == run(given)
    assert "line 3: its amount in CNY cannot be read" in capsys.readouterr().err
    assert ExitCode.ERROR == run([*given, "--lenient"])
    assert "belong together" in capsys.readouterr().err
    assert ExitCode.NO == run([*lenient, "--gateway-encoding=gb18030"])

    printed = capsys.readouterr().out
    counts = dict(line.split()[:2] for line in printed.splitlines()[:16])

    assert ("1", "2", "0") == (
        counts["matched"],
        counts["quarantined"],
        counts["missing_at_gateway"],
    )
    assert (
        "1 rows of the transactions t.txt cannot be read: its amount in CNY cannot be"
        " read (line 3)." in printed
    )

    head, amount, cut = bad.read_text("utf-8").splitlines()

    assert "book,file,day,line,reason,reason_zh,data" == head
    assert amount.startswith("transactions,t.txt,2017-02-06,3,its amount in CNY")
    assert "UMF000002,15210838198,order-2" in amount
    assert cut.endswith('6.9784,0"')
    assert 0o600 == bad.stat().st_mode & 0o777


@pytest.mark.parametrize("option", ["--report", "--open-items"])
@pytest.mark.parametrize("place", ["", "missing/folder/r"])
def test_where_nothing_can_be_written_nothing_is_compared(
    arguments, tmp_path, capsys, option, place
):
    """
    Exit 2 at once; what was to be gone on with is not used up.
    """
    given = [*arguments, f"--work-dir={tmp_path / 'w'}", f"{option}={place}"]

    assert ExitCode.ERROR == run(given)
    assert "its folder is not there" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_the_rule_of_the_totals_is_named_or_remembered(tmp_path, capsys):
    """
    A file that fits another rule than those before exits with 2.
    """
    day, ledger, rules = (
        tmp_path / name for name in ("day.txt", "ledger.csv", "rules.json")
    )
    ledger.write_text("mer_reference_id,total_cny,refund_id\n")
    day.write_bytes(files.file(files.payment(1), files.refund(1), total="60.00"))
    given = ["reconcile", f"--transactions={day}", f"--ledger={ledger}"]

    assert ExitCode.NO == run([*given, "--total-rule=sum(P)-sum(T)"])
    assert ExitCode.ERROR == run([*given, "--total-rule=sum(P)"])
    assert "fits none" in capsys.readouterr().err
    assert ExitCode.NO == run([*given, f"--total-rules={rules}"])

    day.write_bytes(files.file(files.payment(1), files.refund(1), total="100.00"))

    assert ExitCode.NO == run([*given, f"--total-rules={tmp_path / 'other.json'}"])
    assert ExitCode.ERROR == run([*given, f"--total-rules={rules}"])
    assert "another rule" in capsys.readouterr().err
    assert ExitCode.ERROR == run(
        [*given, f"--total-rules={rules}", "--total-rule=ignore"]
    )


def test_a_ledger_may_have_another_delimiter(tmp_path, capsys):
    """
    As spreadsheets write it where the comma is decimal; it is found out, and a wrong one
    gets words.
    """
    traded, ledger = tmp_path / "traded.txt", tmp_path / "ledger.csv"
    traded.write_bytes(files.file(files.payment(1)))
    ledger.write_text("mer_reference_id;total\nnone;1.00\n")
    arguments = ["reconcile", f"--transactions={traded}", f"--ledger={ledger}"]

    assert ExitCode.ERROR == run([*arguments, "--delimiter=,"])
    assert "--delimiter" in capsys.readouterr().err
    assert ExitCode.NO == run(arguments)
    assert ExitCode.NO == run([*arguments, "--delimiter=;"])


def test_a_file_without_an_option_gets_words_on_how_to_name_it(arguments, capsys):
    """
    A shell makes several words of ``books/*.txt``.
    """
    assert ExitCode.ERROR == run([*arguments, "books/second.txt"])

    printed = capsys.readouterr().err

    assert "books/second.txt" in printed
    assert "--transactions A --transactions B" in printed


def test_books_are_kept_over_nights(tmp_path, capsys):
    """
    What is open is carried; a difference is accepted by its id.
    """
    pulled, books, ledger = (tmp_path / name for name in ("p", "books", "l.csv"))
    pulled.mkdir()
    ledger.write_text("mer_reference_id,mer_date,total_cny\n")

    for day in (6, 7):
        rows = [files.payment(1)] if day == 6 else []
        (pulled / f"transactions-2017020{day}.txt").write_bytes(
            files.file(*rows, total="100.00" if rows else "0", day=f"2017020{day}")
        )

    given = [
        "reconcile",
        f"--books={books}",
        f"--files={pulled}",
        f"--ledger={ledger}",
        "--settle-after=9",
        "--opening=0",
    ]

    assert ExitCode.NO == run([*given, "--night=2017-02-06"])

    printed = capsys.readouterr().out

    assert "night 2017-02-06, version 1, compared since 2017-02-06 |" in printed
    assert "0 rows settled, 1 not paid out yet" in printed
    assert "1 differences are new, 0 still open, 0 closed" in printed
    assert ExitCode.NO == run(["books", "show", str(books)])

    (line,) = capsys.readouterr().out.splitlines()
    difference, day, *rest = line.split()

    assert ["2017-02-06", "missing_in_ledger", "order-1"] == [day, *rest]
    assert ExitCode.OK == run(
        ["books", "accept", str(books), difference, "--who=li", "--why=by phone"]
    )
    assert ExitCode.OK == run(["books", "show", str(books)])
    assert ExitCode.OK == run([*given, "--night=20170207"])
    assert ExitCode.OK == run([*given, "--night=20170206", "--refresh"])
    assert "Later nights were made of the version before" in capsys.readouterr().out


def test_what_was_accepted_may_stand_in_a_database(tmp_path, capsys):
    """
    Each command is given it, and refuses to go on without.
    """
    shop = Shop(tmp_path)
    shop.writes(MONDAY, [shop.sells(1, MONDAY, booked=False)])
    (tmp_path / "l.csv").write_text("mer_reference_id,mer_date,total_cny\n")
    decisions = f"--decisions=sqlite:///{tmp_path / 'd.sqlite3'}"
    given = ["reconcile", f"--books={shop.books}"]
    night = [
        *given,
        f"--files={shop.files}",
        f"--ledger={tmp_path / 'l.csv'}",
        "--settle-after=9",
        "--opening=0",
        "--night=2017-02-06",
    ]

    assert ExitCode.NO == run([*night, decisions])
    capsys.readouterr()
    assert ExitCode.NO == run(["books", "show", str(shop.books), decisions])

    difference = capsys.readouterr().out.split()[0]
    accept = ["books", "accept", str(shop.books), difference, "--who=li", "--why=phone"]

    assert ExitCode.ERROR == run(accept)
    assert "begun with database, not folder" in capsys.readouterr().err
    assert ExitCode.OK == run([*accept, decisions])
    assert ExitCode.OK == run(["books", "show", str(shop.books), decisions])
    assert ExitCode.OK == run([*night, decisions])
    assert ExitCode.NO == run([*given, "--month=2017-02", decisions])
    assert "Differences that nobody has accepted" not in capsys.readouterr().out
    assert (tmp_path / "d.sqlite3").exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_who_looks_sees_how_far_it_is(arguments, tmp_path, monkeypatch):
    """
    On standard error of a terminal, of single files and of nights.
    """
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    run(arguments)

    for word in ("Reading | 读取", "Comparing | 核对", "0/1"):
        assert word in sys.stderr.getvalue()

    shop = Shop(tmp_path)
    shop.writes(MONDAY, [shop.sells(1, MONDAY)], [])
    shop.night(MONDAY)
    sys.stderr.truncate(0)
    run(
        [
            "reconcile",
            f"--books={shop.books}",
            f"--files={shop.files}",
            f"--ledger={shop.folder / 'ledger.csv'}",
            f"--night={TUESDAY}",
            f"--no-file={TUESDAY}",
        ]
    )

    assert "Looking at earlier nights | 比对之前各晚" in sys.stderr.getvalue()


def test_a_month_of_books_is_added_up(tmp_path, capsys):
    """
    Exit 1 while nights are missing, which are named; nothing is compared.
    """
    shop = Shop(tmp_path)
    shop.writes(MONDAY, [shop.sells(1, MONDAY)], [shop.paid(1, MONDAY)])
    shop.night(MONDAY)
    given = ["reconcile", f"--books={shop.books}", "--month=2017-02"]

    assert ExitCode.NO == run([*given, "--fee=0.5%,currency=USD"])

    printed = capsys.readouterr().out

    assert "Month-end summary | 月末汇总 2017-02, 8017" in printed
    assert "there are no nights from 2017-02-07 to 2017-02-28" in printed
    assert "            100.00 CNY          1  Traded | 交易" in printed
    assert (
        "              1.00               0.50         0.50          1  USD"
        " payment | 支付: 0.5 % of payments in USD | USD 支付的 0.5 %" in printed
    )
    assert ExitCode.NO == run([*given, "--json"])
    assert "8017" == json.loads(capsys.readouterr().out)["merchant"]
    assert ExitCode.NO == run([*given, "--language=en"])
    assert "|" not in capsys.readouterr().out

    page = tmp_path / "month.html"

    assert ExitCode.NO == run([*given, "--language=en", f"--report={page}"])
    assert "Month-end summary 2017-02" in capsys.readouterr().out
    assert "Month-end summary 2017-02" in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--month=2017-02"], "--books and --month belong together"),
        (["--books=b", "--month=2017-02"], "there are none in b"),
        (["--books=b", "--month=2017-02", "--ledger=l.csv"], "--ledger cannot"),
        (["--books=b", "--month=2017-02", "--night=20170206"], "--night cannot"),
        (["--books=b", "--month=2017-02", "--report=m.xlsx"], "none of .html, .json"),
        (["--books=b", "--month=2017-02", "--report=x/m.html"], "its folder is not"),
        (["--books=b", "--month=2017-02", "--fee=1"], "'1': as 1% or"),
        (["--books=b", "--month=2017-02", "--fee=1%,tip=1"], "as 1% or"),
        (["--books=b", "--month=2017-02", "--fee=x%"], "as 1% or"),
        (["--books=b", "--month=2017-02", "--fee=200%"], "rate must be"),
        (["--transactions=t", "--fee=1%"], "--fee is for --month"),
        (["--transactions=t"], "Missing option '--ledger'"),
    ],
)
def test_what_belongs_to_a_month_is_said(tmp_path, capsys, monkeypatch, more, words):
    """
    Exit 2, and nothing is written.
    """
    monkeypatch.chdir(tmp_path)

    assert ExitCode.ERROR == run(["reconcile", *more])
    assert words in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--books=b"], "--books and --night belong together"),
        (["--night=2017-02-06"], "--books and --night belong together"),
        (["--refresh"], "--refresh is for --books"),
        (["--decisions=sqlite:///d"], "--decisions is for --books"),
        (["--config=umf.env"], "--config is for --books"),
        (
            ["--books=b", "--night=20170206", "--transactions=t"],
            "--files FOLDER",
        ),
        (
            ["--books=b", "--night=20170206", "--from=20170206", "--to=20170206"],
            "--from",
        ),
        ([], "--transactions, or --books with --night, is needed"),
    ],
)
def test_what_belongs_to_books_is_said(tmp_path, capsys, monkeypatch, more, words):
    """
    Exit 2, and nothing is written.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "l.csv").write_text("mer_reference_id,mer_date,total\n")

    assert ExitCode.ERROR == run(["reconcile", "--ledger=l.csv", *more])
    assert words in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
