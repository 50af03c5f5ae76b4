"""
Joined by hashes, every engine of this process finds what is found by text.
"""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

import books
import polars as pl
import pytest

from umfpay.reconciliation import Tolerance, compare
from umfpay.reconciliation._books import Book
from umfpay.reconciliation._options import ComparisonOptions
from umfpay.reconciliation.comparison._engines import compare_in_process, with_hashes
from umfpay.reconciliation.comparison._hash_prefilter import PAID_HASHES, ROW_HASHES


ENGINES = ["polars", "duckdb"]


def by_text(frames, **options):
    """
    Return the rows that differ, and what the others add up to.
    """
    rows = compare(
        frames[Book.TRANSACTIONS],
        frames[Book.LEDGER],
        frames.get(Book.STATEMENT),
        settle_after=books.SETTLE_AFTER,
        as_of=books.AS_OF,
        **options,
    )
    matched = rows.filter(pl.col("class") == "matched")

    return _row_texts(rows), _sums(matched, "gateway_currency", "gateway_")


def by_hashes(frames, engine, **options):
    found = compare_in_process(
        frames,
        engine,
        options=ComparisonOptions(
            overdue_until=books.OVERDUE_UNTIL,
            asked=options.get("days"),
            **options,
        ),
    )
    late = found.rows.filter(pl.col("class") == "matched")
    sums = _sums(found.matched, "currency", "", counted=True)

    for currency, sizes in _sums(late, "gateway_currency", "gateway_").items():
        before = sums.get(currency, (0, 0, 0))
        sums[currency] = tuple(map(sum, zip(before, sizes, strict=True)))

    return _row_texts(found.rows), sums


def _row_texts(rows):
    return sorted(map(repr, rows.filter(pl.col("class") != "matched").rows()))


def _sums(rows, currency, prefix, *, counted=False):
    sums = {}

    for row in rows.iter_rows(named=True):
        size = row["rows"] if counted else 1
        before = sums.get(row[currency], (0, 0, 0))
        more = (size, row[f"{prefix}total"], row[f"{prefix}total_cny"])
        sums[row[currency]] = tuple(
            one + int(other) for one, other in zip(before, more, strict=True)
        )

    return sums


def frames_of(transactions, ledger, statement=None):
    given = {Book.TRANSACTIONS: transactions, Book.LEDGER: ledger}

    if statement is not None:
        given[Book.STATEMENT] = statement

    return {book: books.frame(book, rows) for book, rows in given.items()}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(40))
def test_random_books(engine, seed):
    """
    The same rows, and the same sums of what agrees; with and without a statement.
    """
    given = books.at_random(random.Random(seed))

    for frames in (frames_of(*given), frames_of(*given[:2])):
        assert by_text(frames) == by_hashes(frames, engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(20))
def test_keys_with_one_hash_are_distinguished(engine, seed, monkeypatch):
    """
    A hash of three values: nearly every row is taken for another one first.
    """

    def weak(book, rows):
        hashed = with_hashes(book, rows)
        first = [
            name for name in (ROW_HASHES[0], PAID_HASHES[0]) if name in hashed.columns
        ]

        return hashed.with_columns(pl.col(first) % 3)

    monkeypatch.setattr("umfpay.reconciliation.comparison._engines.with_hashes", weak)
    frames = frames_of(*books.at_random(random.Random(seed)))

    assert by_text(frames) == by_hashes(frames, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_orders_with_one_hash_are_not_one(engine, monkeypatch):
    """
    Each book has one of them, and all else is the same.
    """

    def weakest(book, rows):
        hashed = with_hashes(book, rows)
        first = [
            name for name in (ROW_HASHES[0], PAID_HASHES[0]) if name in hashed.columns
        ]

        return hashed.with_columns(pl.col(first) * 0)

    monkeypatch.setattr(
        "umfpay.reconciliation.comparison._engines.with_hashes", weakest
    )
    frames = frames_of(
        [books.transaction("o-1")], [books.booked("o-2")], [books.paid_out("o-3")]
    )
    texts, sums = by_hashes(frames, engine)

    assert (3, {}) == (len(texts), sums)
    assert by_text(frames) == (texts, sums)


@pytest.mark.parametrize("engine", ENGINES)
def test_days_and_tolerance_are_heeded(engine):
    """
    What is not due is not missing, but still the payment of a refund.
    """
    before = books.DAY - timedelta(3)
    frames = frames_of(
        [books.transaction(), books.transaction("o-9", "T", "r-9")],
        [
            books.booked(total=1434),
            books.booked("o-8", mer_date=before),
            books.booked("o-9", mer_date=before),
            books.booked("o-9", "T", "r-9"),
        ],
    )
    options = {
        "days": (books.DAY, books.DAY),
        "tolerance": Tolerance(total=Decimal("0.01")),
    }

    assert by_text(frames, **options) == by_hashes(frames, engine, **options)
    assert ([], {"USD": (2, 2866, 20000)}) == by_hashes(frames, engine, **options)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_ledger_of_many_words_for_states(engine):
    """
    As many as there are rows: some mean the same.
    """
    words = [f"state {number}" for number in range(60)] + [" Success ", "paid", None]
    frames = frames_of(
        [books.transaction(f"o-{number}") for number in range(len(words))],
        [books.booked(f"o-{number}", state=word) for number, word in enumerate(words)],
    )
    texts, sums = by_hashes(frames, engine)

    # One tells nothing, and is not compared.
    assert (61, 2) == (len(texts), sums["USD"][0])
    assert by_text(frames) == (texts, sums)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("words", [12, 20, 40])
def test_values_that_are_compared_at_once_are_never_taken_for_others(engine, words):
    """
    Each word for a state of one book against each of the other, in another currency.
    """
    pairs = [(one, other) for one in range(words) for other in range(words)]
    frames = frames_of(
        [
            books.transaction(f"o-{one}-{other}", currency="CNY", state=f"z{one:02}")
            for one, other in pairs
        ],
        [
            books.booked(f"o-{one}-{other}", currency="USD", state=f"a{other:02}")
            for one, other in pairs
        ],
    )
    texts, sums = by_hashes(frames, engine)

    assert (len(pairs), {}) == (len(texts), sums)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_ledger_that_tells_little(engine):
    """
    Neither state nor currency: what it lacks is not compared.
    """
    frames = frames_of([books.transaction()], [books.booked()])
    frames[Book.LEDGER] = frames[Book.LEDGER].select(*books.KEY, "total_cny")

    assert ([], {"USD": (1, 1433, 10000)}) == by_hashes(frames, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_empty_books(engine):
    """
    Nothing against nothing.
    """
    assert ([], {}) == by_hashes(frames_of([], [], []), engine)


def test_no_two_keys_have_one_hash():
    """
    Neither payment and refund of one order, nor numbers that are alike.
    """
    rows = [
        books.transaction(order, kind, refund)
        for order in ("o-1", "o-2", "r-1", "")
        for kind, refund in (("P", ""), ("T", ""), ("T", "r-1"), ("T", "o-1"))
    ]
    hashed = with_hashes(Book.TRANSACTIONS, books.frame("transactions", rows))

    for name in ROW_HASHES:
        assert len(rows) == hashed.get_column(name).n_unique()
