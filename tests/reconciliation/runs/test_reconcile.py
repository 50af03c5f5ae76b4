"""
A whole day from files: in buckets, on both engines, and again where it stopped.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import statement_files as files

from benchmarks._reconciliation_parts import COLUMNS, by_hand, scored
from benchmarks.reconciliation_day import CLASSES, write_day
from umfpay import errors
from umfpay.reconciliation import (
    Difference,
    Ledger,
    Progress,
    Step,
    TotalRules,
    reconcile,
)


ROOT = Path(__file__).parents[3]
ROWS = 4_000


@pytest.fixture(name="day", scope="module")
def _day(tmp_path_factory):
    return write_day(
        tmp_path_factory.mktemp("day"),
        rows=ROWS,
        per_class=3,
        seed=5,
        day=date(2017, 2, 6),
    )


def run(day, **options):
    return reconcile(
        day.transactions,
        day.statement,
        **{
            "ledger": Ledger.csv(day.ledger, columns=COLUMNS),
            "settle_after": 1,
            "opening": Decimal(0),
            **options,
        },
    )


class StoppedError(Exception):
    """
    Raised in place of a kill.
    """


def stop(progress):
    """
    Stop after the first bucket.
    """
    if is_compared(progress):
        raise StoppedError


def is_compared(progress):
    return progress.step == "comparing" and progress.done > 0


def found(report):
    result = {}

    for row in report.rows():
        key = (row.order_id, row.kind, row.refund_id)
        result.setdefault(str(row.difference), set()).add(key)

    return result


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("buckets", [1, 7])
def test_all_that_is_wrong_is_found_and_nothing_else(day, engine, buckets):
    """
    Three of each class that two whole books can show, whatever the engine and the
    number of buckets; no row of this day is blank.
    """
    report = run(day, engine=engine, buckets=buckets)

    injected = 3 * len(CLASSES)

    assert {"injected": injected, "found": injected, "false": 0} == scored(
        found(report), day.expected
    )
    assert {
        str(name): 3 if name in CLASSES else 0
        for name in Difference
        if name != Difference.MATCHED
    } == {name: report.counts[name] for name in report.counts if name != "matched"}
    # Rows of two classes are not among the transactions.
    refunds = report.books["rows"]["transactions"] - (ROWS - 6)

    assert report.counts["matched"] + injected == ROWS + refunds
    assert not report.is_clean


def test_every_way_gives_the_same_bytes(day, tmp_path):
    """
    Engines, buckets, and a second run.
    """
    written = set()

    for number, options in enumerate(
        ({}, {}, {"buckets": 5}, {"engine": "duckdb", "buckets": 3})
    ):
        report = run(day, **options)
        csv = report.write_csv(tmp_path / f"{number}.csv").read_bytes()
        page = report.write_html(tmp_path / f"{number}.html").read_bytes()
        written.add((report.to_json(), csv, page))

    assert 1 == len(written)


def test_the_straightforward_script_finds_the_same(day):
    """
    It is a peer of the benchmark.
    """
    assert found(run(day)) == dict(by_hand(day, "peer")[0])


def test_a_run_that_was_killed_goes_on(day, tmp_path):
    """
    Its report is the same; buckets that were done are not compared again.
    """
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from decimal import Decimal
from pathlib import Path
from benchmarks._reconciliation_parts import COLUMNS
from benchmarks.reconciliation_day import Day
from umfpay.reconciliation import Ledger, reconcile

day = Day.load(Path({str(day.ledger.parent)!r}))

def kill(progress):
    if progress.step == "comparing" and progress.done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

reconcile(
    day.transactions,
    day.statement,
    ledger=Ledger.csv(day.ledger, columns=COLUMNS),
    settle_after=1,
    opening=Decimal(0),
    buckets=6,
    work_dir={str(tmp_path / "w")!r},
    on_progress=kill,
)
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False, cwd=ROOT)

    assert -signal.SIGKILL == ended.returncode

    assert 3 == len(list((tmp_path / "w/done").glob("*.json")))

    # The books of what is done are not looked at any more.
    for book in (tmp_path / "w/books").iterdir():
        for bucket in ("0000", "0001", "0002"):
            shutil.rmtree(book / bucket)

    report = run(day, buckets=6, work_dir=tmp_path / "w")

    assert run(day).to_json() == report.to_json()
    assert run(day).frame.equals(report.frame)
    # What has ended is no checkpoint: the next run reads its books.
    assert [".umfpay-reconcile.lock"] == [
        path.name for path in (tmp_path / "w").iterdir()
    ]


def test_other_books_begin_anew(day, tmp_path):
    """
    What is left of them is no checkpoint.
    """

    with pytest.raises(StoppedError):
        run(day, work_dir=tmp_path / "w", buckets=2, on_progress=stop)

    assert (tmp_path / "w" / "staged.json").exists()

    text = day.ledger.read_text("utf-8")
    changed = tmp_path / "ledger.csv"
    changed.write_text(text[: text.rindex("\n", 0, -1) + 1], "utf-8")
    report = reconcile(
        day.transactions,
        ledger=changed,
        columns=COLUMNS,
        work_dir=tmp_path / "w",
        buckets=2,
    )

    assert report.counts["missing_in_ledger"] in (3, 4)
    assert {
        "paid_out_unknown",
        "not_paid_out",
        "fee_differs",
        "exchange_differs",
    } == {*report.switched_off}
    assert not report.counts["fee_differs"]


def test_two_runs_never_share_a_folder(day, tmp_path):
    """
    Their rows would be mixed; the next may have it, also after one that failed.
    """
    refused = []

    def another(progress):
        if not is_compared(progress):
            return

        with pytest.raises(errors.ConfigError, match="another run uses") as caught:
            run(day, work_dir=tmp_path / "w", buckets=2)

        refused.append(caught.value)

        raise StoppedError

    with pytest.raises(StoppedError):
        run(day, work_dir=tmp_path / "w", buckets=2, on_progress=another)

    assert 1 == len(refused)
    assert run(day).to_json() == run(day, work_dir=tmp_path / "w", buckets=2).to_json()


def test_a_folder_of_somebody_else_is_left_alone(day, tmp_path):
    """
    It is never emptied.
    """
    (tmp_path / "thesis.txt").write_text("all I have")

    with pytest.raises(errors.ConfigError, match="holds something else"):
        run(day, work_dir=tmp_path)

    assert "all I have" == (tmp_path / "thesis.txt").read_text()
    assert ["thesis.txt"] == [path.name for path in tmp_path.iterdir()]


def test_a_file_that_is_not_whole_is_no_book(day, tmp_path):
    """
    Nothing is compared, in any bucket.
    """
    data = day.transactions.read_bytes()

    with pytest.raises(errors.IncompleteStatementError):
        reconcile(data[:-30], ledger=day.ledger, columns=COLUMNS)

    with pytest.raises(errors.IncompleteStatementError):
        run(day.__class__(**{**_members(day), "statement": day.ledger}))


def _members(day):
    return {
        name: getattr(day, name)
        for name in ("transactions", "statement", "ledger", "expected")
    }


def test_several_days_are_one_comparison(tmp_path):
    """
    Each file is proven for itself.
    """
    days = [
        write_day(
            tmp_path / str(n), rows=300, per_class=1, seed=n, day=date(2017, 2, n)
        )
        for n in (6, 7)
    ]
    # The second day has numbers of its own.
    for name in ("transactions.txt", "ledger.csv"):
        path = tmp_path / "7" / name
        path.write_text(
            path.read_text("utf-8").replace("O0", "Q0").replace("R0", "S0"), "utf-8"
        )

    books = pl.concat([pl.read_csv(day.ledger, infer_schema=False) for day in days])
    report = reconcile(
        [day.transactions for day in days], ledger=Ledger.frame(books, columns=COLUMNS)
    )

    assert ["2017-02-06", "2017-02-07"] == [one["day"] for one in report.books["files"]]
    assert 2 == report.counts["amount_differs"] == report.counts["duplicate"]


def test_all_files_of_a_merchant_have_one_rule(tmp_path):
    """
    A second file whose total sums something else is refused.
    """
    first = files.file(files.payment(1), files.refund(1), total="60.00")
    second = files.file(files.payment(2), files.refund(2), total="100.00")
    ledger = tmp_path / "ledger.csv"
    ledger.write_text("mer_reference_id,total_cny\norder-1,100.00\n")

    for one in (first, second):
        reconcile(one, ledger=ledger)

    with pytest.raises(errors.IncompleteStatementError, match="another rule"):
        reconcile([first, second], ledger=ledger)

    assert reconcile([first, second], ledger=ledger, total_rule="ignore")


def test_rules_that_are_remembered_do_not_begin_a_run_anew(day, tmp_path):
    """
    The checkpoint is the same for the same file of rules.
    """

    options = {"work_dir": tmp_path / "w", "buckets": 2}

    with pytest.raises(StoppedError):
        run(
            day,
            **options,
            total_rule=TotalRules(tmp_path / "rules.json"),
            on_progress=stop,
        )

    for book in (tmp_path / "w/books").iterdir():
        shutil.rmtree(book / "0000")

    report = run(day, **options, total_rule=TotalRules(tmp_path / "rules.json"))

    assert run(day).frame.equals(report.frame)


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_totals_are_exact_whatever_their_size(tmp_path, engine):
    """
    More than a 64-bit integer holds.
    """
    amount = "999999999999999.99"
    data = files.file(
        *(
            files.payment(number, amount)
            .replace("14.33", amount)
            .replace("6.9784", "1.0000")
            for number in range(200)
        ),
        total=str(200 * Decimal(amount)),
    )
    ledger = tmp_path / "ledger.csv"
    rows = [f"order-{number},{amount}" for number in range(150)]
    ledger.write_text("\n".join(["mer_reference_id,total_cny", *rows, ""]))
    report = reconcile(data, ledger=ledger, engine=engine)

    assert (150, 50) == (
        report.counts["matched"],
        report.counts["missing_in_ledger"],
    )
    assert str(150 * Decimal(amount)) == report.totals["matched"]["total_cny"]
    assert str(50 * Decimal(amount)) == report.totals["missing_in_ledger"]["total_cny"]


@pytest.mark.parametrize("step", [0, 1])
def test_a_run_that_was_killed_while_it_tidied_up_begins_anew(
    day, tmp_path, step, monkeypatch
):
    """
    What is half removed never looks as if it were done.
    """

    class KilledError(BaseException):
        pass

    removed = []

    def remove(path, **options):
        was_there = path.exists()
        rmtree(path, **options)

        if was_there:
            removed.append(path)

            if len(removed) > step:
                raise KilledError

    rmtree = shutil.rmtree
    options = {"buckets": 3, "work_dir": tmp_path / "w"}

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", remove)

        # The first of them clears the folder before it begins.
        with pytest.raises(KilledError):
            run(day, **options)
            run(day, **options)

    assert run(day).to_json() == run(day, **options).to_json()


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_refund_numbers_that_orders_share_are_the_same_in_all_buckets(tmp_path, engine):
    """
    In the ledger, the transactions and the statement; those in the ledger alone, too.
    """
    orders = range(12)
    ledger = tmp_path / "ledger.csv"
    ledger.write_text(
        "\n".join(
            [
                "mer_reference_id,refund_id,total_cny,service_fee",
                *(f"order-{n},,100.00,0.00" for n in orders),
                *(f"order-{n},R1,40.00,1.00" for n in orders),
                *(f"order-{n},L{n},1.00,0.00" for n in orders),
                "",
            ]
        )
    )
    shared = [files.refund(n).replace(f"refund-{n}", "R1") for n in orders]
    traded = files.file(*map(files.payment, orders), *shared, total="720.00")
    row = (
        "REFUND_{0},{0},20170205,20170208,USD,5.73,40.00,0.00,-5.73,-40.00,6.9784,"
        "20170207,T,0"
    )
    numbers = ["R1", *(f"L{n}" for n in orders for _ in range(2))]
    paid = files.file(*map(row.format, numbers), total="-1000.00")
    reports = [
        reconcile(
            traded,
            paid,
            ledger=ledger,
            engine=engine,
            buckets=buckets,
            settle_after=1,
        )
        for buckets in (1, 2, 5)
    ]

    assert (12, 12, 12) == tuple(
        reports[0].counts[name] for name in ("matched", "fee_differs", "duplicate")
    )
    assert 1 == len({report.to_json() for report in reports})
    assert all(report.frame.equals(reports[0].frame) for report in reports)


def test_what_is_gone_on_with_has_the_same_encoding(day, tmp_path):
    """
    Another one may give other rows.
    """

    options = {"work_dir": tmp_path / "w", "buckets": 2}

    with pytest.raises(StoppedError):
        run(day, **options, on_progress=stop)

    order = (tmp_path / "w/run.json").read_text()

    with pytest.raises(StoppedError):
        run(day, **options, encoding="gb18030", on_progress=stop)

    assert order != (tmp_path / "w/run.json").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"total_rule": "net"}, "total_rule"),
        ({"days": (date(2017, 2, 7), date(2017, 2, 6))}, "first comes after"),
        ({"engine": "pandas"}, "polars or duckdb"),
        ({"buckets": 0}, "a number above 0"),
        ({"buckets": True}, "a number above 0"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(day, options, words):
    """
    At once.
    """
    with pytest.raises(errors.ConfigError, match=words):
        run(day, **options)

    with pytest.raises(errors.ConfigError, match="paths or bytes"):
        reconcile([], ledger=day.ledger, columns=COLUMNS)


def test_files_of_two_merchants_or_one_given_twice_are_refused(day, tmp_path):
    """
    Under another name, too.
    """
    again = tmp_path / "again.txt"
    again.write_bytes(day.transactions.read_bytes())

    for given in ([day.transactions, again], [day.transactions] * 2):
        with pytest.raises(errors.ConfigError, match="are the same file"):
            reconcile(given, ledger=day.ledger, columns=COLUMNS)

    with pytest.raises(errors.ConfigError, match="are the same file"):
        run(day.__class__(**{**_members(day), "statement": day.transactions}))

    other = files.file(files.payment(1)).replace(b"8017", b"9999")

    with pytest.raises(errors.ConfigError, match="several merchants: 8017, 9999"):
        reconcile([day.transactions, other], ledger=day.ledger, columns=COLUMNS)


def test_without_an_opening_balance_nothing_is_proven(tmp_path):
    """
    All is matched, and the night is not clean.
    """
    ledger = tmp_path / "ledger.csv"
    ledger.write_text("mer_reference_id,total_cny\norder-1,100.00\n")
    given = (
        files.file(files.payment(1)),
        files.file(
            "PAY_1,order-1,20170205,20170206,USD,14.33,100.00,1.00,14.19,99.00,6.9784,"
            "20170206,P,0",
            total="99.00",
        ),
    )
    unknown = reconcile(*given, ledger=ledger, settle_after=1)

    assert not unknown.is_clean
    assert ["opening unknown"] == [
        one.en.partition(":")[0] for one in unknown.bridge.missing
    ]
    assert reconcile(*given, ledger=ledger, settle_after=1, opening=Decimal(0)).is_clean

    with pytest.raises(errors.ConfigError, match="settle_after: with a statement"):
        reconcile(*given, ledger=ledger)

    with pytest.raises(errors.ConfigError, match="opening: a Decimal"):
        reconcile(*given, ledger=ledger, settle_after=1, opening=0.5)


def test_what_is_open_is_the_opening_of_the_next_night(tmp_path):
    """
    By its rows: it is paid out then, and the bridge is proven.
    """
    ledger = tmp_path / "ledger.csv"
    ledger.write_text("mer_reference_id,total_cny\norder-1,100.00\n")
    first = reconcile(
        files.file(files.payment(1)),
        files.file(total="0.00"),
        ledger=ledger,
        settle_after=1,
        opening=Decimal(0),
    )

    assert first.is_clean
    assert ["order-1"] == first.open_items["order_id"].to_list()

    nothing = tmp_path / "nothing.csv"
    nothing.write_text("mer_reference_id,total_cny\n")
    paid = files.file(
        "PAY_1,order-1,20170205,20170207,USD,14.33,100.00,1.00,14.19,99.00,6.9784,"
        "20170207,P,0",
        total="99.00",
        day="20170207",
    )
    options = {"ledger": nothing, "settle_after": 1, "opening": first.open_items}
    second = reconcile(files.file(total="0.00", day="20170207"), paid, **options)

    assert second.is_clean
    assert Decimal("100.00") == second.bridge.line("opening").amount
    assert Decimal("99.00") == second.bridge.line("paid_out").amount
    assert 0 == second.open_items.height

    late = reconcile(
        files.file(total="0.00", day="20170208"),
        files.file(total="0.00", day="20170208"),
        **options,
    )

    assert 1 == late.counts["not_paid_out"]
    (row,) = late.rows()
    assert 2 == row.age
    assert "2 working days old" in row.reason.en


@pytest.mark.parametrize("opening", [Decimal("500.00"), None])
def test_payouts_for_orders_of_other_days_are_a_line(tmp_path, opening):
    """
    Not a difference: of the balance, where there is one.
    """
    ledger = tmp_path / "ledger.csv"
    ledger.write_text("mer_reference_id,total_cny\n")
    paid = files.file(
        "PAY_1,order-7,20170131,20170206,USD,14.33,100.00,1.00,14.19,99.00,6.9784,"
        "20170206,P,0",
        total="99.00",
    )
    report = reconcile(
        files.file(total="0.00"),
        paid,
        ledger=ledger,
        settle_after=1,
        opening=opening,
    )
    line = report.bridge.line("other_days")

    assert (Decimal("100.00"), 1) == (line.amount, line.rows)
    assert (opening is not None) == report.is_clean == line.is_part
    assert ["order-7"] == report.other_days["number"].to_list()
    assert (Decimal(-400) if opening else Decimal(0)) == report.bridge.line(
        "closing"
    ).amount


def test_progress_is_shown_from_the_begin_to_the_end(day, tmp_path):
    """
    Rows while the books are read, then buckets, then the lines of the differences.
    """
    seen = []
    report = run(day, work_dir=tmp_path / "w", buckets=2, on_progress=seen.append)
    steps = [one.step for one in seen]

    assert [*map(str, sorted(steps, key=[*Step].index))] == steps
    assert ["reading", "comparing", "reporting"] == [*dict.fromkeys(steps)]
    assert Progress(step=Step.READING, done=0, total=None) == seen[0]

    read = [one.done for one in seen if one.step is Step.READING]

    assert read == sorted(read)
    assert sum(report.books["rows"].values()) == read[-1]
    assert [(0, 2), (1, 2), (2, 2)] == [
        (one.done, one.total) for one in seen if one.step is Step.COMPARING
    ]


def test_progress_is_shown_while_a_ledger_takes_its_time(day, monkeypatch):
    """
    In the thread that has called, however slow a book is read.
    """
    looked = threading.Event()
    seen = []

    ledger = Ledger.csv(day.ledger, columns=COLUMNS)
    batches = ledger.placed_batches

    def slow_batches():
        assert looked.wait(30)

        yield from batches()

    def look(progress):
        assert threading.main_thread() is threading.current_thread()
        seen.append(progress)

        if len(seen) == 3:
            assert Step.READING is progress.step
            looked.set()

    monkeypatch.setattr(ledger, "placed_batches", slow_batches)

    assert run(day, ledger=ledger, on_progress=look).to_json() == run(day).to_json()
    assert looked.is_set()
