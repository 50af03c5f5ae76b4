"""
Random runs, night by night: what is open is what the oracle says of all days together.
"""

from __future__ import annotations

import os
import random
from datetime import timedelta
from decimal import Decimal

import pytest
from nights import LEDGER_COLUMNS, Night, paid_line, traded_line
from oracle import Oracle

from umfpay.reconciliation import Books


RUNS = int(os.environ.get("UMFPAY_ORACLE_RUNS", "30")) // 3


class Days(Night):
    """
    A run of which each day is a night, and each row of its own day.
    """

    def __init__(self, chance, folder):
        super().__init__(chance, folder)
        self.columns = [*LEDGER_COLUMNS]

        while len(self.days) < 3:
            day = self.days[-1] + timedelta(1)
            self.days.append(day)
            self.listed[day], self.paid[day] = [], []

        self.again = {self._comes_again(book) for book in (self.listed, self.paid)}

    def _comes_again(self, book):
        """
        Write a row of the first day into the last, too; return its number.
        """
        first, *_, last = book.values()

        if not first or self.chance.random() < 0.6:
            return None

        row = self.chance.choice(first)
        last.append(row)

        return row["order_id"]

    def _changed(self, row, names):
        return super()._changed(row, [name for name in names if name != "mer_date"])

    def until(self, count, folder):
        """
        Return the run of the first days only, and its files.
        """
        days = self.days[:count]
        part = object.__new__(Days)
        part.__dict__ |= {
            **self.__dict__,
            "folder": folder,
            "days": days,
            "listed": {day: self.listed[day] for day in days},
            "paid": {day: self.paid[day] for day in days},
            "ledger": [row for row in self.ledger if row["mer_date"] <= days[-1]],
            "opening": Decimal("0.00"),
            "opening_rows": [],
        }
        part.chance = random.Random(0)
        folder.mkdir()

        return part, part.write()

    def _spoilt(self, line):
        return line


def classes(night):
    found = {}
    names = ("order_id", "kind", "refund_id", "class", "also")
    rows = night.differences.select(names)

    # What came again in another night is one, whatever else is said of it.
    for order, kind, refund, name, also in rows.sort(
        rows["class"] != "duplicate"
    ).iter_rows():
        key = (order, kind, refund)

        if found.get(key) != ["duplicate"]:
            found[key] = [name, *filter(None, (also or "").split(","))]

    return found


@pytest.mark.parametrize("seed", range(RUNS))
def test_what_is_open_is_what_is_wrong_in_all_days(seed, tmp_path):
    """
    Whatever was closed on the way.
    """
    chance = random.Random(seed)
    whole = Days(chance, tmp_path)

    pulled = tmp_path / "pulled"
    pulled.mkdir()
    books = Books(
        tmp_path / "books", settle_after=whole.settle_after, opening=Decimal(0)
    )

    rounding = "half up"

    for count, day in enumerate(whole.days, 1):
        run, paths = whole.until(count, tmp_path / str(count))

        for name, line, book in (
            ("transactions", traded_line, run.listed),
            ("reconciliation", paid_line, run.paid),
        ):
            run.folder = pulled
            run._file(name, day, book[day], line).rename(
                pulled / f"{name}-{day:%Y%m%d}.txt"
            )

        expected = Oracle(run, *paths, known=rounding)
        night = books.night(
            day,
            files=pulled,
            ledger=paths[2],
            holidays=whole.holidays,
            engine=("polars", "duckdb")[seed % 2],
        )
        rounding = str(night.report.bridge.rounding)
        found = classes(night)
        wrong = {
            key: said
            for key, said in expected.classes.items()
            if said != ["matched"] and not _is_closed(expected, key, said, night.first)
        }

        assert wrong == found
        # What came again is a duplicate, whether it is open or not.
        assert sorted(
            row["order_id"]
            for row in expected.open
            if row["order_id"] not in whole.again
        ) == sorted(
            order for order in night.open_items["order_id"] if order not in whole.again
        )

    _is_right_in_the_month(books.month("2017-02").bridge, expected.bridge[None])


def _is_right_in_the_month(bridge, expected):
    """
    Compare what the nights add up to with all days together: whatever was said of the
    rows, they were traded and paid out.
    """
    for item in ("traded", "refunded", "reversed", "fees", "exchange", "paid_out"):
        assert expected[item] == bridge.line(item).amount, item


def _is_closed(expected, key, said, first):
    """
    Tell whether all that is said of *key* was closed before *first*, and nothing came
    again: refunds of later nights make no difference of it.
    """
    rows = [*expected.theirs[key], *expected.out[key]]

    return (
        said == ["over_refunded"]
        and rows
        and all(row["listed_on"] < first for row in rows)
    )
