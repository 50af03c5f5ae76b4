"""
The comparison: every class, their order, and the same on every engine.
"""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

import books
import duckdb
import polars as pl
import pytest

from umfpay import errors
from umfpay.reconciliation import Difference, Tolerance, compare


def on_polars(transactions, ledger, statement=None, **options):
    return compare(transactions, ledger, statement, **options)


def on_lazy_polars(transactions, ledger, statement=None, **options):
    lazy = [
        None if one is None else one.lazy() for one in (transactions, ledger, statement)
    ]

    return compare(*lazy, **options).collect()


def on_duckdb(transactions, ledger, statement=None, **options):
    with duckdb.connect() as connection:
        given = [
            None if one is None else connection.from_arrow(one.to_arrow())
            for one in (transactions, ledger, statement)
        ]

        return compare(*given, **options).pl()


ENGINES = [on_polars, on_lazy_polars, on_duckdb]


@pytest.fixture(name="engine", params=ENGINES, ids=lambda one: one.__name__)
def _engine(request):
    return request.param


def found(engine, transactions, ledger, statement=None, **options):
    """
    Return class and later classes of each key.
    """
    if statement is not None:
        options = {
            "settle_after": books.SETTLE_AFTER,
            "as_of": books.AS_OF,
            **options,
        }

    result = engine(
        books.frame("transactions", transactions),
        books.frame("ledger", ledger),
        None if statement is None else books.frame("statement", statement),
        **options,
    )

    return {
        row[:3]: [row[3], *filter(None, row[4].split(","))]
        for row in result.select(*books.KEY, "class", "also").rows()
    }


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["matched"]),
        ({"ledger": {"currency": "EUR"}}, ["currency_differs"]),
        ({"ledger": {"total": 1434}}, ["amount_differs"]),
        ({"ledger": {"total_cny": 9999}}, ["amount_differs"]),
        ({"ledger": {"state": "TRADE_SUCCESS"}}, ["matched"]),
        ({"ledger": {"state": "失败"}}, ["state_differs"]),
        ({"ledger": {"state": "mystery"}}, ["state_differs"]),
        ({"ledger": {"mer_date": books.DAY - timedelta(1)}}, ["wrong_day"]),
        ({"ledger": {"service_fee": 101}}, ["fee_differs"]),
        ({"statement": {"exchanged_cny": 9901}}, ["exchange_differs"]),
        ({"statement": {"exchanged": 1420}}, ["exchange_differs"]),
        ({"statement": {"exchanged": -1419}}, ["exchange_differs"]),
        ({"statement": {"exchange_rate": 0}}, ["exchange_differs"]),
        ({"statement": {"exchange_rate": 10**18}}, ["exchange_differs"]),
        ({"statement": {"exchanged": 10**17 - 1}}, ["exchange_differs"]),
        ({"statement": {"exchanged_cny": 1 - 10**17}}, ["exchange_differs"]),
        ({"statement": {"total": 1}}, ["amount_differs"]),
        ({"statement": {"currency": "EUR"}}, ["currency_differs"]),
        ({"statement": {"state": "1"}}, ["state_differs"]),
        ({"statement": {"state": "TRADE_SUCCESS"}}, ["matched"]),
        ({"statement": {"state": ""}}, ["matched"]),
        ({"statement": {"mer_date": books.DAY - timedelta(1)}}, ["wrong_day"]),
        (
            {"transactions": {"state": "-1"}, "ledger": {"state": "reversed"}},
            ["state_differs"],
        ),
        ({"transactions": {"exchange_rate": 0}}, ["amount_differs"]),
        ({"transactions": {"exchange_rate": 698000000}}, ["matched"]),
        ({"transactions": {"exchange_rate": 701000000}}, ["amount_differs"]),
        (
            {"ledger": {"currency": "EUR", "total": 5, "state": "fail"}},
            ["currency_differs", "amount_differs", "state_differs"],
        ),
        (
            {"ledger": dict.fromkeys(["currency", "total", "state", "mer_date"])},
            ["not_compared"],
        ),
        ({"ledger": {"total": None}}, ["not_compared"]),
        ({"ledger": {"total_cny": None}}, ["not_compared"]),
        ({"ledger": {"currency": None}}, ["not_compared"]),
        ({"ledger": {"state": None}}, ["not_compared"]),
        ({"ledger": {"mer_date": None}}, ["not_compared"]),
        ({"ledger": {"service_fee": None}}, ["not_compared"]),
        (
            {
                "ledger": {"total": 5, "state": None},
                "statement": {"exchanged_cny": 9901},
            },
            ["amount_differs", "not_compared", "exchange_differs"],
        ),
    ],
)
def test_each_class_of_a_payment(engine, changes, names):
    """
    The first that applies, and the later ones; what a book does not tell does not
    differ, and is not compared.
    """
    assert {("o-1", "P", ""): names} == found(
        engine,
        [books.transaction(**changes.get("transactions", {}))],
        [books.booked(**changes.get("ledger", {}))],
        [books.paid_out(**changes.get("statement", {}))],
    )


def test_what_one_side_lacks(engine):
    """
    A refund is its own key; so is what was paid out for a number nobody knows.
    """
    assert {
        ("o-1", "P", ""): ["matched"],
        ("o-1", "T", "r-1"): ["missing_in_ledger"],
        ("o-2", "P", ""): ["missing_at_gateway", "paid_out_unknown"],
        ("o-9", "P", ""): ["paid_out_unknown"],
        ("", "T", "r-9"): ["paid_out_unknown"],
    } == found(
        engine,
        [books.transaction(), books.transaction("o-1", "T", "r-1")],
        [books.booked(), books.booked("o-2")],
        [
            books.paid_out(),
            books.paid_out("o-2"),
            books.paid_out("o-9"),
            books.paid_out("r-9", "T"),
        ],
    )


def test_a_refund_needs_a_payment_in_one_of_the_books(engine):
    """
    Of any day: the ledger may hold those of days before.
    """
    refund = ("o-1", "T", "r-1")
    rows = [books.transaction(*refund)], [books.booked(*refund)]

    assert {refund: ["refund_without_payment"]} == found(engine, *rows)

    before = books.booked(mer_date=books.DAY - timedelta(9))
    days = (books.DAY, books.DAY)

    assert {refund: ["matched"]} == found(
        engine, rows[0], [*rows[1], before], days=days
    )
    assert {refund: ["matched"], ("o-1", "P", ""): ["missing_at_gateway"]} == found(
        engine, rows[0], [*rows[1], before]
    )


def test_all_rows_of_a_duplicate_are_listed(engine):
    """
    Whichever book has it twice; the other keys stay what they are.
    """
    twice = engine(
        books.frame("transactions", [books.transaction(), books.transaction("o-2")]),
        books.frame(
            "ledger", [books.booked(), books.booked(total=1), books.booked("o-2")]
        ),
        books.frame("statement", [books.paid_out(), books.paid_out("o-2")]),
        settle_after=books.SETTLE_AFTER,
        as_of=books.AS_OF,
    ).sort("order_id", "side", "ledger_total", nulls_last=True)

    assert [
        ("o-1", "duplicate", "ledger", 1, None, None),
        ("o-1", "duplicate", "ledger", 1433, None, None),
        ("o-1", "duplicate", "statement", None, None, 1433),
        ("o-1", "duplicate", "transactions", None, 1433, None),
        ("o-2", "matched", "", 1433, 1433, 1433),
    ] == twice.select(
        "order_id", "class", "side", "ledger_total", "gateway_total", "statement_total"
    ).rows()

    for at in range(3):
        given = [[books.transaction()], [books.booked()], [books.paid_out()]]
        given[at] *= 2

        assert {("o-1", "P", ""): ["duplicate"]} == found(engine, *given)


def test_only_what_is_tolerated_is_no_difference(engine):
    """
    To the cent; the rest stays.
    """
    given = (
        [books.transaction()],
        [books.booked(total=1435, total_cny=10001, service_fee=103)],
        [books.paid_out(exchanged=1420)],
    )
    tolerance = Tolerance(
        total=Decimal("0.02"),
        total_cny=Decimal("0.01"),
        service_fee=Decimal("0.03"),
        exchange=Decimal("0.01"),
    )

    assert [["matched"]] == [*found(engine, *given, tolerance=tolerance).values()]
    assert [["amount_differs", "fee_differs", "exchange_differs"]] == [
        *found(engine, *given).values()
    ]
    assert [["fee_differs"]] == [
        *found(
            engine,
            *given,
            tolerance=Tolerance(
                total=Decimal("0.02"),
                total_cny=Decimal("0.01"),
                service_fee=Decimal("0.02"),
                exchange=Decimal(1),
            ),
        ).values()
    ]


@pytest.mark.parametrize(
    ("cny", "rate", "exchanged"),
    [
        (5, 2 * 10**8, 3),
        (-5, 2 * 10**8, -3),
        (15, 10 * 10**8, 2),
        (14, 10 * 10**8, 1),
        (1, 3 * 10**8, 0),
    ],
)
def test_ties_are_halved_upward_without_sign(engine, cny, rate, exchanged):
    """
    2.5 is 3 and -2.5 is -3, on every engine.
    """
    kind, refund = ("P", "") if cny > 0 else ("T", "r-1")
    total = cny if cny > 0 else -cny
    money = {"total": abs(exchanged), "total_cny": total}
    ours = {**money, "service_fee": 0}
    paid = {
        **ours,
        "exchanged_cny": cny,
        "exchange_rate": rate,
        "exchanged": exchanged,
    }
    number = refund or "o-1"

    def names(paid):
        given = found(
            engine,
            [books.transaction("o-1", kind, refund, **money, exchange_rate=rate)],
            [books.booked("o-1", kind, refund, **ours), books.booked("o-1")]
            if refund
            else [books.booked(**ours)],
            [books.paid_out(number, kind, **paid)],
        )

        return given["o-1", kind, refund]

    assert ["matched"] == names(paid)
    assert ["exchange_differs"] == names({**paid, "exchanged": exchanged + 1})
    assert ["exchange_differs"] == names({**paid, "exchanged": exchanged - 1})


@pytest.mark.parametrize("seed", range(40))
def test_random_books_give_what_a_naive_comparison_gives(seed):
    """
    The classes and the later classes, on all engines.
    """
    transactions, ledger, statement = books.at_random(random.Random(seed))
    expected = books.naive(transactions, ledger, statement)
    results = [found(engine, transactions, ledger, statement) for engine in ENGINES]

    assert [expected] * len(results) == results


def test_what_cannot_be_compared_is_reported():
    """
    A frame without columns, no frame at all, days without dates.
    """
    theirs = books.frame("transactions", [books.transaction()])
    ours = books.frame("ledger", [books.booked()])

    with pytest.raises(errors.ConfigError, match="transactions: the frame lacks kind"):
        compare(theirs.drop("kind"), ours)

    with pytest.raises(errors.ConfigError, match="ledger: a frame that narwhals takes"):
        compare(theirs, [1, 2])

    with pytest.raises(errors.ConfigError, match="total or total_cny is needed"):
        compare(theirs, ours.drop("total", "total_cny"))

    with pytest.raises(errors.ConfigError, match="the ledger has no mer_date"):
        compare(theirs, ours.drop("mer_date"), days=(books.DAY, books.DAY))


def test_a_ledger_may_hold_little():
    """
    What it lacks is not compared, and has no column.
    """
    theirs = books.frame("transactions", [books.transaction()])
    ours = books.frame("ledger", [books.booked()]).select(*books.KEY, "total_cny")
    result = compare(theirs, ours)

    assert [str(Difference.MATCHED)] == result["class"].to_list()
    assert "ledger_state" not in result.columns
    assert isinstance(result, pl.DataFrame)


@pytest.mark.parametrize("state", ["1", "3", "9", "", "TRADE_FAIL"])
def test_what_was_not_done_matches_no_ledger_without_states(engine, state):
    """
    Who writes down no states writes down what was done.
    """
    theirs = books.frame("transactions", [books.transaction(state=state)])
    ours = books.frame("ledger", [books.booked()]).drop("state")

    assert ["state_differs"] == engine(theirs, ours)["class"].to_list()


def test_what_was_not_paid_out_is_a_difference_when_it_is_overdue(engine):
    """
    Working days after it, until the last day of the statement; nothing is due of what
    was not done.
    """
    friday = books.DAY - timedelta(3)
    given = (
        [
            books.transaction("o-1", listed_on=friday),
            books.transaction("o-2"),
            books.transaction("o-3", listed_on=friday, state="1"),
        ],
        [books.booked("o-1"), books.booked("o-2"), books.booked("o-3", state="1")],
        [],
    )

    def on(as_of, **options):
        names = found(engine, *given, settle_after=1, as_of=as_of, **options)

        return {key[0] for key, one in names.items() if one == ["not_paid_out"]}

    assert set() == on(books.DAY)
    assert {"o-1"} == on(books.DAY + timedelta(1))
    assert set() == on(books.DAY + timedelta(1), holidays=[books.DAY])
    assert {"o-1", "o-2"} == on(books.DAY + timedelta(2))


def test_a_statement_needs_its_terms():
    """
    Without them nothing would ever be overdue.
    """
    given = [books.frame(name, []) for name in ("transactions", "ledger", "statement")]

    with pytest.raises(errors.ConfigError, match="settle_after: with a statement"):
        compare(*given, as_of=books.DAY)

    with pytest.raises(errors.ConfigError, match="as_of: with a statement"):
        compare(*given, settle_after=1)

    with pytest.raises(errors.ConfigError, match="from 0 to 366"):
        compare(*given, as_of=books.DAY, settle_after=-1)


def test_payouts_for_orders_of_other_days_are_not_unknown(engine):
    """
    Unless one stands twice.
    """
    before = books.DAY - timedelta(5)
    paid = [
        books.paid_out("o-7", mer_date=before),
        *[books.paid_out("o-8", mer_date=before)] * 2,
        books.paid_out("o-9"),
    ]

    assert {
        ("o-8", "P", ""): ["duplicate"],
        ("o-9", "P", ""): ["paid_out_unknown"],
    } == found(engine, [], [], paid, days=(books.DAY, books.DAY))


def test_refunds_that_are_more_than_their_payment(engine):
    """
    All of the order, whichever book has them; those that failed do not count.
    """

    def names(*sizes, **changes):
        refunds = [
            books.transaction("o-1", "T", f"r-{n}", total=size, **changes)
            for n, size in enumerate(sizes)
        ]
        given = found(
            engine,
            [books.transaction(), *refunds[:-1]],
            [
                books.booked(),
                *(
                    books.booked("o-1", "T", one["refund_id"], total=one["total"])
                    for one in refunds
                ),
            ],
        )

        return {key[2] for key, one in given.items() if "over_refunded" in one}

    assert set() == names(1000, 433)
    assert {"r-0", "r-1"} == names(1000, 434)
    # The last is in the ledger alone.
    assert {"r-0", "r-1", "r-2"} == names(500, 500, 434)
    assert set() == names(5000, 433, state="1")


def test_a_number_that_is_null_is_an_empty_one(engine):
    """
    On every engine.
    """
    theirs = books.frame("transactions", [books.transaction("", refund_id=None)])
    ours = books.frame("ledger", [books.booked(None)])

    assert ["matched"] == engine(theirs, ours)["class"].to_list()


def test_rates_of_eight_decimals_overflow_nothing(engine):
    """
    Their products need more than 64 bits.
    """
    cny, rate = 10**16, 712345678
    paid = books.divided(cny, rate)
    money = {"total": paid, "total_cny": cny}
    given = (
        [books.transaction(**money, exchange_rate=rate)],
        [books.booked(**money, service_fee=0)],
    )

    def names(**changes):
        row = {
            **money,
            "service_fee": 0,
            "exchanged": paid,
            "exchanged_cny": cny,
            "exchange_rate": rate,
            **changes,
        }

        return found(engine, *given, [books.paid_out(**row)])["o-1", "P", ""]

    assert ["matched"] == names()
    assert ["exchange_differs"] == names(exchanged=paid + 1)
    assert ["exchange_differs"] == names(exchange_rate=rate + 1)


def test_payouts_may_be_cut(engine):
    """
    Where all are.
    """
    given = [books.transaction()], [books.booked()]

    # 9900 / 6.9784 is 1418.66.
    for exchanged, rounding in (
        (1419, "half up"),
        (1418, "cut"),
        (1418, "sum of a day"),
    ):
        paid = [books.paid_out(exchanged=exchanged)]

        assert [["matched"]] == [
            *found(engine, *given, paid, rounding=rounding).values()
        ]

    assert [["exchange_differs"]] == [
        *found(engine, *given, [books.paid_out()], rounding="cut").values()
    ]
