"""
The end of a month: what its nights add up to, and what they lack.
"""

from __future__ import annotations

import html
import json
import re
from datetime import date
from decimal import Decimal

import attrs
import pytest
from night_shop import MONDAY, THURSDAY, TUESDAY, WEDNESDAY, Shop

from umfpay import errors
from umfpay.reconciliation import Books, FeeRule, Ledger, reconcile


LAST_DAY, FIRST_DAY, SECOND_DAY = (
    date(2017, 1, 31),
    date(2017, 2, 1),
    date(2017, 2, 2),
)


@pytest.fixture(name="shop")
def _shop(tmp_path):
    return Shop(tmp_path)


def lines_of(bridge, currency=None):
    """
    Return amounts and rows of a bridge; what was paid out for other days is in each, or
    part of what was open before.
    """
    lines = bridge.lines if currency is None else bridge.currencies[currency]
    found = {line.item: (line.amount, line.rows) for line in lines if not line.is_part}

    return {"other_days": (Decimal("0.00"), 0), **found}


def added(bridges, currency=None):
    """
    Add up bridges by hand: the first begin, all that was between, the last end.
    """
    each = [lines_of(one, currency) for one in bridges]
    sums = {
        item: (
            sum(one[item][0] for one in each),
            None if each[0][item][1] is None else sum(one[item][1] for one in each),
        )
        for item in each[0]
    }

    return {**sums, "opening": each[0]["opening"], "closing": each[-1]["closing"]}


def texts(found):
    return [one.en for one in found]


def test_a_month_is_the_sum_of_its_nights(shop):
    """
    Of the same rows: line by line, and as one comparison of all days says.
    """
    nights = []
    shop.writes(MONDAY, [shop.sells(1, MONDAY), shop.sells(2, MONDAY)])
    nights.append(shop.night(MONDAY))
    shop.writes(
        TUESDAY, [shop.sells(3, TUESDAY)], [shop.paid(1, MONDAY, rate="6.9000")]
    )
    nights.append(shop.night(TUESDAY))
    shop.writes(
        WEDNESDAY,
        [shop.gives_back(1, WEDNESDAY)],
        [shop.paid(2, MONDAY, rate="7.1000"), shop.paid(3, TUESDAY)],
    )
    nights.append(shop.night(WEDNESDAY))
    shop.writes(
        THURSDAY,
        [shop.sells(4, THURSDAY)],
        [shop.paid_back(1, WEDNESDAY, rate="6.9000")],
    )
    nights.append(shop.night(THURSDAY))

    assert all(night.is_clean for night in nights)

    month = Books(shop.books).month("2017-02")
    bridges = [night.report.bridge for night in nights]

    assert added(bridges) == lines_of(month.bridge)
    assert added(bridges[1:], "USD")["fx"] == lines_of(month.bridge, "USD")["fx"]
    assert [f"2017-02-0{day}.1" for day in (6, 7, 8, 9)] == [*month.nights]

    whole = reconcile(
        sorted(shop.files.glob("transactions-*.txt")),
        sorted(shop.files.glob("reconciliation-*.txt")),
        ledger=Ledger.csv(shop.folder / "ledger.csv"),
        settle_after=1,
        opening=Decimal(0),
    ).bridge

    assert lines_of(whole) == lines_of(month.bridge)

    # Each night rounds its own lines to the cent.
    for item, (amount, rows) in lines_of(whole, "USD").items():
        found = month.bridge.line(item, "USD")

        assert rows == found.rows
        assert amount is None is found.amount or abs(amount - found.amount) <= (
            Decimal("0.02")
        )

    (line,) = month.exchange

    assert line.gain > 0 > line.loss
    assert month.bridge.line("fx", "USD").amount == line.gain + line.loss
    assert (("USD", 4),) == ((line.currency, line.rows),)


def test_days_without_a_night_are_named(shop):
    """
    They are not in the figures, and nothing says that nothing was.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY)])
    shop.night(MONDAY)
    shop.writes(TUESDAY, [shop.sells(2, TUESDAY)])
    shop.writes(WEDNESDAY, [])
    shop.night(WEDNESDAY)
    month = Books(shop.books).month("2017-02")

    assert not month.is_proven
    assert [
        "there are no nights from 2017-02-01 to 2017-02-05: they are not in the figures",
        "there are no nights from 2017-02-09 to 2017-02-28: they are not in the figures",
    ] == texts(month.missing)
    assert [
        "2017-02-07 has no night of its own: it is part of that of 2017-02-08."
    ] == texts(month.notes)
    assert (Decimal("200.00"), 2) == lines_of(month.bridge)["traded"]
    assert all(one.en in month.to_text() for one in month.missing)

    for wrong, words in (
        ("2017-03", "no night of 2017-03"),
        ("2017-01", "no night of 2017-01"),
        ("2017-2", "as 2026-11"),
        ("0000-01", "as 2026-11"),
        (MONDAY, "as 2026-11"),
    ):
        with pytest.raises(errors.ConfigError, match=words):
            Books(shop.books).month(wrong)


def test_a_month_that_is_closed_stays_as_it_was(shop):
    """
    What is found out later about its days is of the next: together both are what one
    comparison of all days says.
    """
    shop.writes(LAST_DAY, [shop.sells(1, LAST_DAY)])
    shop.night(LAST_DAY)
    closed = Books(shop.books).month("2017-01")
    # An order that was paid later; its file is another one now.
    shop.writes(
        LAST_DAY, [shop.sells(1, LAST_DAY, booked=False), shop.sells(2, LAST_DAY)]
    )
    shop.writes(FIRST_DAY, [shop.sells(3, FIRST_DAY)], [shop.paid(1, LAST_DAY)])

    assert LAST_DAY == shop.night(FIRST_DAY).first

    shop.writes(SECOND_DAY, [], [shop.paid(2, LAST_DAY)])
    last = shop.night(SECOND_DAY)

    assert last.is_clean

    books = Books(shop.books)
    month = books.month("2017-02")
    again = books.month("2017-01")

    assert again.to_json() == closed.to_json()
    assert (Decimal("100.00"), 1) == lines_of(closed.bridge)["traded"]
    assert (Decimal("200.00"), 2) == lines_of(month.bridge)["traded"]
    assert -closed.bridge.line("closing").amount == month.bridge.line("opening").amount
    assert "Days since 2017-01-31 were compared again" in month.notes[0].en
    assert [
        "there are no nights from 2017-02-03 to 2017-02-28: they are not in the figures"
    ] == texts(month.missing)

    whole = reconcile(
        sorted(shop.files.glob("transactions-*.txt")),
        sorted(shop.files.glob("reconciliation-*.txt")),
        ledger=Ledger.csv(shop.folder / "ledger.csv"),
        settle_after=1,
        opening=Decimal(0),
    ).bridge
    both = added([closed.bridge, month.bridge])

    assert lines_of(whole) == both


def test_days_of_the_month_before_that_no_night_had_are_named(shop):
    """
    They are in the figures of the wrong month.
    """
    shop.writes(date(2017, 1, 30), [shop.sells(1, LAST_DAY)])
    shop.night(date(2017, 1, 30))
    shop.writes(LAST_DAY, [shop.sells(2, LAST_DAY)])
    shop.writes(FIRST_DAY, [])
    shop.night(FIRST_DAY)

    assert (
        "there is no night of 2017-01-31: the figures begin with 2017-01-31"
        in texts(Books(shop.books).month("2017-02").missing)
    )
    assert "there is no night of 2017-01-31: it is not in the figures" in texts(
        Books(shop.books).month("2017-01").missing
    )

    # Made after all, each month has its own.
    shop.night(LAST_DAY)
    january, february = (Books(shop.books).month(one) for one in ("2017-01", "2017-02"))

    assert (Decimal("200.00"), 2) == lines_of(january.bridge)["traded"]
    assert (Decimal("0.00"), 0) == lines_of(february.bridge)["traded"]


def test_nights_of_an_older_version_are_named(shop):
    """
    Until they are made again.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY)])
    shop.night(MONDAY)
    shop.writes(TUESDAY, [], [])
    shop.night(TUESDAY)
    shop.writes(MONDAY, [shop.sells(1, MONDAY, booked=False), shop.sells(2, MONDAY)])
    shop.night(MONDAY, refresh=True)

    assert (
        "night of 2017-02-07: it was made of 2017-02-06.1, of which there is a newer"
        " version; refresh it" in texts(Books(shop.books).month("2017-02").missing)
    )

    shop.night(TUESDAY, refresh=True)
    month = Books(shop.books).month("2017-02")

    assert all("newer version" not in one for one in texts(month.missing))
    assert (Decimal("200.00"), 2) == lines_of(month.bridge)["traded"]


def test_what_is_not_proven_of_a_night_is_not_of_the_month(shop):
    """
    With the night's name, and its differences are counted until somebody accepts them.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY, booked=False)], [shop.paid(9, MONDAY)])
    (shop.files / "transactions-20170207.txt").unlink(missing_ok=True)
    shop.night(MONDAY)
    month = Books(shop.books).month("2017-02")

    assert "night of 2017-02-06: paid out for unknown numbers: 100.00 CNY" in texts(
        month.missing
    )
    assert {"missing_in_ledger": 1, "paid_out_unknown": 1} == month.differences

    for difference in Books(shop.books).open_differences()["id"]:
        Books(shop.books).accept(difference, who="li", why="a test")

    assert not Books(shop.books).month("2017-02").differences


def test_what_is_open_has_an_age(shop):
    """
    In working days: what is not due yet, and what is late for how long.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY)])
    shop.writes(THURSDAY, [shop.sells(2, THURSDAY), shop.gives_back(1, THURSDAY)])
    shop.night(THURSDAY, without_file=[TUESDAY, WEDNESDAY])
    friday = date(2017, 2, 10)
    shop.writes(friday, [shop.sells(3, friday)], [])
    shop.night(friday)
    month = Books(shop.books).month("2017-02")

    assert [
        ("USD", "P", 0, 1, 2, Decimal("28.66"), Decimal("200.00")),
        ("USD", "T", 0, 1, 1, Decimal("-5.73"), Decimal("-40.00")),
    ] == [
        (
            one.currency,
            one.kind,
            one.since,
            one.until,
            one.rows,
            one.total,
            one.total_cny,
        )
        for one in month.open_items
    ]
    assert -sum(one.total_cny for one in month.open_items) == (
        month.bridge.line("closing").amount
    )

    shop.writes(date(2017, 2, 20), [])
    shop.night(
        date(2017, 2, 20), without_file=[date(2017, 2, day) for day in range(11, 20)]
    )

    assert {(6, 10)} == {
        (one.since, one.until) for one in Books(shop.books).month("2017-02").open_items
    }


def test_fees_are_compared_with_their_rules(shop):
    """
    Row by row, rounded half up; rows without a rule are a line of their own.
    """
    shop.writes(
        MONDAY,
        [shop.sells(1, MONDAY), shop.sells(2, MONDAY, amount="99.50")],
        [],
    )
    shop.night(MONDAY)
    shop.writes(
        TUESDAY,
        [shop.gives_back(1, TUESDAY)],
        [shop.paid(1, MONDAY), shop.paid(2, MONDAY, "99.50")],
    )
    shop.night(TUESDAY)
    shop.writes(WEDNESDAY, [], [shop.paid_back(1, TUESDAY)])
    shop.night(WEDNESDAY)
    books = Books(shop.books)

    def fees(*rules):
        return [
            (one.kind, one.rows, one.base, one.charged, one.expected)
            for one in books.month("2017-02", fees=rules).fees
        ]

    refunds = ("T", 1, Decimal("40.00"), Decimal("0.00"), None)
    base, charged = Decimal("199.50"), Decimal("2.00")

    assert [("P", 2, base, charged, None), refunds] == fees()
    # 0.995 is 1.00.
    assert [("P", 2, base, charged, Decimal("2.00")), refunds] == fees(
        FeeRule(rate=Decimal("0.01"))
    )
    assert [("P", 2, base, charged, Decimal("2.64")), refunds] == fees(
        FeeRule(rate=Decimal("0.006"), fixed=Decimal("0.72"), currency="USD")
    )
    assert [("P", 2, base, charged, Decimal("6.00")), refunds] == fees(
        FeeRule(rate=Decimal("0.9"), currency="EUR"),
        FeeRule(rate=Decimal(0), minimum=Decimal("3.00")),
        FeeRule(rate=Decimal(1)),
    )
    assert [("P", 2, base, charged, None), (*refunds[:4], Decimal("0.40"))] == sorted(
        fees(FeeRule(rate=Decimal("0.01"), kind="T"))
    )

    month = books.month("2017-02", fees=[FeeRule(rate=Decimal("0.01"))])

    assert -sum(one.charged for one in month.fees) == (month.bridge.line("fees").amount)
    assert "1 % of payments" in month.to_text(language="en")
    assert "支付的 1 %" in month.to_text(language="zh")

    for wrong in (
        {"rate": 0.01},
        {"rate": Decimal(2)},
        {"rate": Decimal("NaN")},
        {"rate": Decimal("0.000000001")},
        {"rate": Decimal(0), "fixed": Decimal("0.001")},
        {"rate": Decimal(0), "kind": "X"},
    ):
        with pytest.raises(errors.ConfigError, match="fee"):
            FeeRule(**wrong)


def test_a_month_is_json_with_money_as_text(shop):
    """
    And no figure is lost in it.
    """
    shop.writes(MONDAY, [shop.sells(1, MONDAY)])
    shop.night(MONDAY)
    month = Books(shop.books).month("2017-02")
    found = json.loads(month.to_json())

    assert "2017-02" == found["month"]
    assert "8017" == found["merchant"]
    assert month.bridge.to_json() == found["bridge"]
    assert [
        {
            "currency": "USD",
            "kind": "P",
            "since": 0,
            "until": 1,
            "rows": 1,
            "total": "14.33",
            "total_cny": "100.00",
        }
    ] == found["open_items"]
    assert found["is_proven"] is False
    assert "1 % of" not in month.to_json()


def the_month(shop):
    """
    Return a month with everything that it can have: fees, both sides of the rates, a
    refund, what is open, and days without a night.
    """
    shop.writes(
        MONDAY, [shop.sells(1, MONDAY), shop.sells(2, MONDAY, amount="1234567.89")]
    )
    shop.night(MONDAY)
    shop.writes(
        TUESDAY,
        [shop.gives_back(1, TUESDAY), shop.sells(3, TUESDAY, booked=False)],
        [shop.paid(1, MONDAY, rate="6.9000")],
    )
    shop.night(TUESDAY)
    rules = [FeeRule(rate=Decimal("0.005"))]

    return Books(shop.books).month("2017-02", fees=rules)


def test_a_page_of_the_month_has_all_of_it(shop, tmp_path):
    """
    What is missing on top, then each currency; amounts with thousands apart, and one
    language or a switch between two.
    """
    month = the_month(shop)
    page = month.write(tmp_path / "month.html", language="en").read_text("utf-8")
    order = [
        page.index(f'<section id="{name}">')
        for name in (
            "missing",
            "overview",
            "open",
            "fees",
            "exchange",
            "bridge",
            "differences",
            "nights",
        )
    ]

    assert sorted(order) == order
    assert all(one.en in page for one in month.missing)
    assert "Month-end summary 2017-02" in page
    assert "1,234,667.89" in page
    assert f"<mark>{Decimal('0.50')}</mark>" in page
    assert "0.5 % of payments" in page

    for name in ("traded", "fees", "closing"):
        for currency in (None, "USD"):
            amount = month.bridge.line(name, currency).amount

            assert f"{abs(amount):,.2f}" in page[order[1] : order[2]]

    for line in month.open_items:
        assert f"{line.total:,.2f}" in page[order[2] : order[3]]

    (rates,) = month.exchange

    assert f"{rates.loss:,.2f}" in page[order[4] : order[5]]
    assert "in the ledger" in page[order[6] :]
    assert ", ".join(month.nights) in page
    assert not re.search("[一-鿿]", page[page.index("<body>") : page.index("<script>")])
    assert 'class="switch"' not in page

    both = month.to_html()

    assert 'class="switch"' in both
    assert both.count('lang="en"') == both.count('lang="zh-CN"') - 1
    assert both == month.to_html()


def test_a_page_of_the_month_needs_no_network_and_runs_nothing_of_strangers(
    shop, tmp_path
):
    """
    Nothing is loaded, and the page's policy allows its own script and style alone.
    """
    month = attrs.evolve(the_month(shop), merchant="<script>alert(1)</script>")
    page = month.to_html()

    assert "<script>alert" not in page
    assert "default-src 'none'; style-src 'sha256-" in html.unescape(page)
    assert not re.findall(r"https?://|\ssrc=|<link|<img|url\(|\son\w+=", page)


def test_a_month_is_written_as_its_ending_says(shop, tmp_path):
    """
    As a page, JSON or text, and nothing else.
    """
    month = the_month(shop)

    assert month.to_json() == month.write(tmp_path / "m.json").read_text("utf-8")
    assert month.to_text(language="zh") == month.write(
        tmp_path / "m.txt", language="zh"
    ).read_text("utf-8")

    with pytest.raises(errors.ConfigError, match=r"\.html, \.json, \.txt, not in"):
        month.write(tmp_path / "m.xlsx")

    with pytest.raises(errors.ConfigError, match="cannot be written"):
        month.write(tmp_path / "none" / "m.html")


def test_a_proven_month_says_so_in_green(shop):
    """
    Nothing is missing, and nothing that it lacks has a heading.
    """
    month = attrs.evolve(
        the_month(shop),
        missing=(),
        open_items=(),
        open_before_books=None,
        fees=(),
        exchange=(),
        differences={},
    )
    page = month.to_html(language="en")

    assert '<p class="verdict good">All nights are there and proven.</p>' in page
    assert not [
        name
        for name in ("missing", "open", "fees", "exchange", "differences")
        if f'<section id="{name}">' in page
    ]
