"""
Books over days: what is open is carried until it is closed, and nothing is overwritten.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from night_shop import MONDAY, THURSDAY, TUESDAY, WEDNESDAY, Shop

from umfpay import errors
from umfpay.reconciliation import Books, Ledger, Progress, Step, reconcile


@pytest.fixture(name="shop")
def _shop(tmp_path):
    return Shop(tmp_path)


def keys(rows):
    return sorted(rows["order_id"].unique().to_list())


def test_what_is_not_paid_out_is_open_until_it_is(shop):
    """
    With its age; what was settled is said, and each night's bridge is proven.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY), shop.sells(2, MONDAY)])
    first = shop.night(MONDAY)

    assert first.is_clean
    assert [(0, "order-1"), (0, "order-2")] == sorted(
        first.open_items.select("age", "order_id").rows()
    )

    shop.writes(TUESDAY, [shop.sells(3, TUESDAY)], [shop.paid(1, MONDAY)])
    second = shop.night(TUESDAY)

    assert second.is_clean
    assert TUESDAY == second.first
    assert ["order-1"] == keys(second.settled)
    assert {("order-2", 1), ("order-3", 0)} == {
        *second.open_items.select("order_id", "age").rows()
    }
    assert Decimal("200.00") == second.report.bridge.line("opening").amount

    shop.writes(WEDNESDAY, [], [shop.paid(3, TUESDAY)])
    third = shop.night(WEDNESDAY)

    assert not third.is_clean
    assert [("order-2", "not_paid_out", 2)] == third.differences.select(
        "order_id", "class", "age"
    ).rows()
    assert 1 == len(third.opened)
    shop.writes(THURSDAY, [], [shop.paid(2, MONDAY)])
    fourth = shop.night(THURSDAY)

    assert fourth.is_clean
    # It was in the opening: no day had to be compared again.
    assert THURSDAY == fourth.first
    # But the files of days that were compared are wanted: they may have changed.
    assert MONDAY == Books(shop.books).first_day(date(2017, 2, 10))
    assert third.opened == fourth.closed
    assert ["order-2"] == keys(fourth.settled)
    assert not fourth.open_items.height


def test_a_difference_stays_open_until_it_is_closed(shop):
    """
    What is entered a day late is compared from its day on.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY, booked=False)])
    first = shop.night(MONDAY)

    assert ["missing_in_ledger"] == first.differences["class"].to_list()

    shop.writes(TUESDAY, [shop.sells(2, TUESDAY)], [])
    shop.books_in(9, TUESDAY)
    second = shop.night(TUESDAY)

    assert MONDAY == second.first
    assert ["order-1", "order-9"] == keys(second.differences)
    assert 1 == len(second.opened)
    assert () == second.closed

    shop.books_in(1, MONDAY)
    shop.writes(WEDNESDAY, [shop.sells(9, TUESDAY, booked=False)], [])
    third = shop.night(WEDNESDAY)

    assert {*first.opened, *second.opened} == {*third.closed}
    # They are overdue by now, and that is all.
    assert ["not_paid_out"] == third.differences["class"].unique().to_list()
    assert ["order-1"] == keys(third.differences)


def test_a_night_that_is_made_again_is_the_same(shop):
    """
    Of the files that it had, whatever has become of them; with refresh it is a new
    version, and the old one stays.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY)])
    first = shop.night(MONDAY)
    shop.writes(MONDAY, [shop.sells(1, MONDAY), shop.sells(2, MONDAY, booked=False)])
    shop.books_in(8, MONDAY, amount="1.00")
    again = shop.night(MONDAY)

    assert first.report.to_json() == again.report.to_json()
    assert first.report.frame.equals(again.report.frame)
    assert 1 == again.version
    assert again.is_clean

    shop.writes(TUESDAY, [], [])
    second = shop.night(TUESDAY)
    newer = shop.night(MONDAY, refresh=True)

    assert 2 == newer.version
    assert ["order-1", "order-2", "order-8"] == sorted(
        {*keys(newer.differences), "order-2"}
    )
    assert (
        "Later nights were made of the version before: 2017-02-07" in newer.notes[0].en
    )
    assert ["2017-02-06.1", "2017-02-06.2", "2017-02-07.1"] == sorted(
        one.name for one in (shop.books / "nights").iterdir()
    )
    assert shop.night(TUESDAY).report.to_json() == second.report.to_json()
    assert MONDAY == shop.night(TUESDAY, refresh=True).first


def test_a_newer_file_of_an_earlier_day_is_compared_and_named(shop):
    """
    While the day is compared again.
    """
    shop.books_in(2, MONDAY)
    shop.writes(MONDAY, [shop.sells(1, MONDAY)])

    assert ["order-2"] == keys(shop.night(MONDAY).differences)

    shop.writes(
        MONDAY,
        [shop.sells(1, MONDAY, booked=False), shop.sells(2, MONDAY, booked=False)],
    )
    shop.writes(TUESDAY, [], [])
    night = shop.night(TUESDAY)

    assert night.is_clean
    assert 1 == len(night.closed)
    assert [
        "transactions-20170206.txt has other bytes than in the night of 2017-02-06."
    ] == [one.en for one in night.notes]


def test_a_day_whose_file_has_changed_is_compared_again(shop):
    """
    An order of a day that was clean, paid and paid out after it.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY)], [shop.paid(1, MONDAY)])

    assert shop.night(MONDAY).is_clean

    shop.writes(
        MONDAY,
        [shop.sells(1, MONDAY, booked=False), shop.sells(2, MONDAY)],
        [shop.paid(1, MONDAY)],
    )
    shop.writes(TUESDAY, [], [shop.paid(2, MONDAY)])
    night = shop.night(TUESDAY)

    assert MONDAY == night.first
    assert night.is_clean
    assert not night.open_items.height

    shop.writes(WEDNESDAY, [], [])

    assert WEDNESDAY == shop.night(WEDNESDAY).first


def test_what_somebody_accepts_is_open_no_more(shop):
    """
    Who, why and when are kept; the night is not compared since its day any more.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY, booked=False, amount="99.99")])
    (difference,) = shop.night(MONDAY).differences["id"].to_list()
    books = Books(shop.books)

    with pytest.raises(errors.ConfigError, match="both are needed"):
        books.accept(difference, who="li", why=" ")

    with pytest.raises(errors.ConfigError, match="has no difference f00"):
        books.accept("f00", who="li", why="a test")

    books.accept(difference, who="li", why="sold by phone")
    decision = books.accepted()[difference]

    assert ("li", "sold by phone") == (decision.who, decision.why)
    assert decision.at.tzinfo is not None
    assert shop.night(MONDAY).is_clean

    shop.writes(TUESDAY, [], [])
    night = shop.night(TUESDAY)

    assert TUESDAY == night.first
    assert night.is_clean


def test_what_comes_again_in_another_night_is_a_duplicate(shop):
    """
    Of days that are not compared any more: listed again, and paid out again.
    """
    row = shop.sells(1, MONDAY)
    shop.writes(MONDAY, [row], [shop.paid(1, MONDAY)])

    assert shop.night(MONDAY).is_clean

    shop.writes(TUESDAY, [row], [])
    night = shop.night(TUESDAY)

    assert TUESDAY == night.first
    assert [("order-1", "duplicate", "transactions")] == night.differences.select(
        "order_id", "class", "side"
    ).rows()

    shop.writes(WEDNESDAY, [], [shop.paid(1, MONDAY)])
    night = shop.night(WEDNESDAY)

    assert {"transactions", "statement"} == {*night.differences["side"]}

    for difference in {*night.differences["id"]}:
        Books(shop.books).accept(difference, who="li", why="UMF took it back")

    shop.writes(THURSDAY, [], [])

    assert not shop.night(THURSDAY).differences.height


def test_differences_of_long_ago_are_left_as_they_were(shop):
    """
    They are never forgotten, and never compared again.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY, booked=False)])
    shop.night(MONDAY)

    for day in (TUESDAY, WEDNESDAY):
        shop.writes(day, [], [])

    books = Books(shop.books, look_back=1)
    options = {"files": shop.files, "ledger": shop.folder / "ledger.csv"}
    night = books.night(TUESDAY, **options)

    assert MONDAY == night.first
    night = books.night(WEDNESDAY, **options)

    assert TUESDAY == night.first
    assert ["missing_in_ledger"] == night.left_behind["class"].to_list()
    assert not night.is_clean


def test_nights_that_were_not_made_are_part_of_the_next(shop):
    """
    No day is left out.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY)])
    shop.night(MONDAY)
    shop.writes(TUESDAY, [shop.sells(2, TUESDAY)], [shop.paid(1, MONDAY)])
    shop.writes(THURSDAY, [], [shop.paid(2, TUESDAY)])
    night = shop.night(THURSDAY)

    assert TUESDAY == night.first
    assert ["There is no file of transactions of 2017-02-08."] == [
        one.en for one in night.report.missing
    ]
    assert not night.is_clean

    night = shop.night(THURSDAY, refresh=True, without_file=[WEDNESDAY])

    assert night.is_clean
    assert not night.open_items.height


def test_an_opening_without_rows_is_used_up(shop):
    """
    What was sold before the first night is paid out of the sum that was given.
    """
    before = date(2017, 2, 3)
    options = {"files": shop.files, "ledger": shop.folder / "ledger.csv"}
    (shop.folder / "ledger.csv").write_text("mer_reference_id,mer_date,total_cny\n")
    books = Books(shop.books, settle_after=1, opening=Decimal("150.00"))
    shop.writes(MONDAY, [], [shop.paid(1, before)])
    shop.writes(TUESDAY, [], [shop.paid(2, before, "50.00")])
    shop.writes(WEDNESDAY, [], [shop.paid(3, before)])

    assert books.night(MONDAY, **options).is_clean

    night = books.night(TUESDAY, **options)

    assert night.is_clean
    assert Decimal("50.00") == night.report.bridge.line("opening").amount

    night = books.night(WEDNESDAY, **options)

    assert not night.is_clean
    assert "were not open" in night.report.bridge.missing[0].en


def test_how_payouts_are_rounded_is_remembered(shop):
    """
    One row that is cut shows nothing; those of the night before did.
    """
    rows = [shop.sells(number, MONDAY) for number in (1, 2, 3)]
    cut = [
        shop.paid(number, MONDAY).replace(",14.19,", ",14.18,")
        for number in (1, 2, 3, 4)
    ]
    shop.writes(MONDAY, rows, cut[:3])

    assert shop.night(MONDAY).is_clean

    shop.writes(TUESDAY, [shop.sells(4, TUESDAY)], [cut[3].replace("0206,", "0207,")])
    night = shop.night(TUESDAY)

    assert "cut" == night.report.bridge.rounding
    assert night.is_clean

    files_of_tuesday = [
        shop.files / f"{kind}-20170207.txt"
        for kind in ("transactions", "reconciliation")
    ]
    options = {
        "ledger": Ledger.csv(shop.folder / "ledger.csv"),
        "days": (TUESDAY, TUESDAY),
        "settle_after": 1,
        "opening": Decimal(0),
    }

    assert 1 == reconcile(*files_of_tuesday, **options).counts["exchange_differs"]
    assert reconcile(*files_of_tuesday, **options, rounding="cut").is_clean

    with pytest.raises(errors.ConfigError, match="rounding: one of half up, cut"):
        reconcile(*files_of_tuesday, **options, rounding="down")


def test_rows_that_cannot_be_read_are_no_clean_night(shop):
    """
    Until there is a file that can be read.
    """
    good = shop.sells(1, MONDAY)
    shop.writes(MONDAY, [good])
    path = shop.files / "transactions-20170206.txt"
    path.write_bytes(path.read_bytes().replace(b"14.33", b"?"))

    with pytest.raises(errors.IncompleteStatementError):
        shop.night(MONDAY)

    night = shop.night(MONDAY, on_bad_row="quarantine")

    assert not night.is_clean
    assert ["quarantined"] == night.differences["class"].to_list()

    shop.writes(MONDAY, [good])
    shop.writes(TUESDAY, [], [])

    assert shop.night(TUESDAY).is_clean


def test_a_foreign_or_broken_folder_is_refused(shop, tmp_path):
    """
    Whatever is broken in it, and nothing is changed.
    """
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("all I have")

    with pytest.raises(errors.ConfigError, match="holds something else"):
        Books(other, settle_after=1)

    shop.writes(MONDAY, [shop.sells(1, MONDAY)])
    shop.night(MONDAY)
    shop.writes(TUESDAY, [], [])
    places = [
        path
        for path in shop.books.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    ]

    assert {"books.json", "night.json", "open.parquet", "ledger.parquet"} <= {
        path.name for path in places
    }

    for path in places:
        if path.name == "total-rules.json":
            continue

        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

        with pytest.raises(errors.ConfigError, match="damaged"):
            shop.night(MONDAY)
            shop.night(TUESDAY)

        path.write_bytes(whole)

    assert shop.night(TUESDAY).is_clean

    with pytest.raises(errors.ConfigError, match="begun with 1, not 2"):
        Books(shop.books, settle_after=2)

    with pytest.raises(errors.ConfigError, match=r"none in .*new.* settle_after"):
        Books(tmp_path / "new")

    for opening in (Decimal("1.005"), Decimal("NaN"), 1.5, shop, ()):
        with pytest.raises(errors.ConfigError, match="opening"):
            Books(tmp_path / "new", settle_after=1, opening=opening)

    assert not (tmp_path / "new").exists()

    with pytest.raises(errors.ConfigError, match="above 0"):
        Books(shop.books, look_back=0)


def test_two_processes_never_work_in_one_folder(shop):
    """
    The second is refused; the first is not disturbed.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY)])
    script = f"""
import sys
from pathlib import Path
from umfpay.reconciliation.nights._store import NightStore

with NightStore(Path({str(shop.books)!r})).locked():
    print("locked", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert b"locked\n" == other.stdout.readline()

        with pytest.raises(errors.ConfigError, match="another process works in"):
            shop.night(MONDAY)

        other.communicate()

    assert shop.night(MONDAY).is_clean


def test_what_was_half_written_is_no_night(shop, monkeypatch):
    """
    The next run makes it anew.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY)])

    class KilledError(BaseException):
        pass

    def fail(*_):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", fail)

        with pytest.raises(KilledError):
            shop.night(MONDAY)

    assert not [*(shop.books / "nights").iterdir()]
    assert 1 == shop.night(MONDAY).version
    assert 0o700 == shop.books.stat().st_mode & 0o777
    assert all(
        not path.stat().st_mode & 0o077
        for path in shop.books.rglob("*")
        if path.is_file()
    )


def test_files_that_changed_since_they_were_pulled_are_refused(shop):
    """
    Nothing is made of them.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY)])
    (shop.files / ".umfpay-pull.json").write_text(
        '{"files": {"transactions-20170206.txt": {"sha256": "f00"}}}'
    )

    with pytest.raises(errors.ConfigError, match="has changed since it was pulled"):
        shop.night(MONDAY)


def test_progress_of_a_night_is_shown(shop):
    """
    From the ledger that is kept to what earlier nights had; a night that is made again
    keeps nothing.
    """
    seen = []
    shop.writes(MONDAY, [shop.sells(1, MONDAY)], [])
    shop.night(MONDAY, on_progress=seen.append)

    steps = ["keeping", "reading", "comparing", "reporting", "remembering"]

    assert steps == [*dict.fromkeys(str(one.step) for one in seen)]
    assert Progress(step=Step.KEEPING, done=0, total=None) == seen[0]
    assert Progress(step=Step.KEEPING, done=1, total=None) in seen
    assert Progress(step=Step.REMEMBERING, done=2, total=2) == seen[-1]

    seen.clear()
    shop.night(MONDAY, on_progress=seen.append)

    assert steps[1:] == [*dict.fromkeys(str(one.step) for one in seen)]
