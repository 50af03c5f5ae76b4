"""
What the gateway's books add up to, and how payouts are rounded by their rows.
"""

from datetime import date

import polars as pl
import pytest

from umfpay.reconciliation import Rounding
from umfpay.reconciliation.bridge._sums import RawSums


DAY = date(2017, 2, 7)
RATE = 680_000_000


def paid_out(rows, *, rate=100_000_000, cut=False, wrong_by=0):
    """
    Return payments of 1 to *rows* cents, paid out in a currency of *rate*.
    """
    cny = pl.int_range(1, rows + 1, eager=True)
    exact = cny * 100_000_000
    exchanged = exact // rate if cut else (exact * 2 + rate) // (rate * 2)

    return pl.DataFrame(
        {
            "currency": "CNY" if rate == 100_000_000 else "USD",
            "kind": "P",
            "total": cny,
            "total_cny": cny,
            "service_fee": cny * 0,
            "exchanged": exchanged + wrong_by,
            "exchanged_cny": cny,
            "exchange_rate": cny * 0 + rate,
        }
    )


def rounding_of(*parts, known=Rounding.HALF_UP):
    sums = RawSums(known)

    for rows in parts:
        sums.add_statement(rows, DAY)

    return sums.to_json()["rounding"]


@pytest.mark.parametrize("known", [Rounding.HALF_UP, Rounding.CUT])
def test_wrong_rows_behind_many_that_fit_each_way_of_rounding_say_nothing_of_it(known):
    rows = pl.concat(
        [paid_out(12_000), paid_out(2_000, rate=RATE, cut=known is Rounding.CUT)]
    )
    wrong = paid_out(3, rate=RATE, wrong_by=500)

    assert rounding_of(pl.concat([rows, wrong]), known=known) == known
    assert rounding_of(rows, pl.concat([paid_out(12_000), wrong]), known=known) == known


def test_half_of_many_rows_wrong_is_no_other_way_of_rounding():
    good, wrong = (paid_out(60_000, rate=RATE, wrong_by=by) for by in (0, 500))

    assert rounding_of(pl.concat([good, wrong])) == "half up"


def test_rows_that_are_cut_are_found_behind_many_that_fit_each_way_of_rounding():
    rows = pl.concat([paid_out(12_000), paid_out(2_000, rate=RATE, cut=True)])

    assert rounding_of(rows) == "cut"
