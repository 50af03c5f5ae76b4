"""
Lists in pages: all rows, each once, or an error.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from umfpay.errors import ConfigError, MismatchedResponseError
from umfpay.resources import Statements


DAY = date(2017, 2, 13)


@pytest.fixture(name="statements")
def _statements(sender):
    return Statements(sender)


def page(payments, refunds=(), *, container="transactions", **pagination):
    rows = {
        "payment_summaries": [{"payment_id": one} for one in payments],
        "refund_summaries": [{"refund_id": one} for one in refunds],
    }

    return {container: {**rows, "pagination": pagination}}


async def ids(rows):
    return [getattr(row, "refund_id", None) or row.payment_id async for row in rows]


async def test_one_page(statements, sender):
    """
    Payments, then refunds; total_count counts both (gateway.md 9.3).
    """
    sender.answers = [page(["a", "b"], ["c"], total_count=3)]

    assert ["a", "b", "c"] == await ids(statements.transactions(DAY, deadline=9.0))
    assert sender.targets == [
        "payments/transactions?mer_date=20170213&page_number=1&page_size=500"
    ]
    assert [{"deadline": 9.0}] == sender.options


async def test_pages_are_asked_for_one_by_one(statements, sender):
    """
    Only when their rows are wanted.
    """
    sender.answers = [
        page(["a", "b"], total_count=5, page_number="1"),
        page(["c"], ["d"], total_count=5, page_number="2"),
        page([], ["e"], total_count=5, page_number="3"),
    ]
    rows = statements.transactions(DAY, page_size=2)
    first = await anext(rows)

    assert "a" == first.payment_id
    assert 1 == len(sender.calls)
    assert ["b", "c", "d", "e"] == await ids(rows)
    assert [1, 2, 3] == [int(call.query["page_number"]) for call in sender.calls]


async def test_a_list_without_pagination_ends_with_a_short_page(statements, sender):
    """
    Nobody says how many rows there are.
    """
    sender.answers = [page(["a", "b"]), page(["c"])]

    assert ["a", "b", "c"] == await ids(statements.transactions(DAY, page_size=2))
    assert 2 == len(sender.calls)


async def test_a_list_without_pagination_ends_with_an_empty_page(statements, sender):
    """
    The last page may be full.
    """
    sender.answers = [page(["a", "b"]), {"transactions": {"payment_summaries": ""}}]

    assert ["a", "b"] == await ids(statements.transactions(DAY, page_size=2))


async def test_an_empty_list(statements, sender):
    """
    No rows are an answer.
    """
    sender.answers = [page([], total_count=0)]

    assert [] == await ids(statements.transactions(DAY))


async def test_a_list_that_ends_early(statements, sender):
    """
    Rows that were promised and do not come are an error, not an end.
    """
    sender.answers = [page(["a", "b"], total_count=3), page([], total_count=3)]

    with pytest.raises(MismatchedResponseError, match="ends after 2 of 3 rows"):
        await ids(statements.transactions(DAY, page_size=2))


async def test_the_wrong_page(statements, sender):
    """
    The answer names another page than the one that was asked for.
    """
    sender.answers = [
        page(["a"], total_count=2, page_number=1),
        page(["b"], total_count=2, page_number=1),
    ]

    with pytest.raises(MismatchedResponseError, match="page_number: 1, asked was 2"):
        await ids(statements.transactions(DAY, page_size=1))


async def test_the_same_page_again(statements, sender):
    """
    A gateway that ignores page_number does not keep us forever.
    """
    sender.answers = [page(["a", "b"])] * 2

    with pytest.raises(MismatchedResponseError, match="Page 2 of the list repeats"):
        await ids(statements.transactions(DAY, page_size=2))


async def test_reconciliations(statements, sender):
    """
    By the day of the payout (gateway.md 9.4).
    """
    sender.answers = [
        page(["a"], ["b"], container="reconciliations", total_count=2),
    ]

    assert ["a", "b"] == await ids(statements.reconciliation(DAY, page_size=7))
    assert sender.targets == [
        (
            "payments/reconciliation_statement"
            "?settle_date=20170213&page_number=1&page_size=7"
        )
    ]


async def test_single_pages(statements, sender):
    """
    A page with its pagination, and with the grand total.
    """
    total = {"reconciliations": {"amount": {"total_cny": "544.91"}}}
    sender.answers = [page(["a"], total_count=9), total]
    transactions = await statements.transactions_page(DAY, page_number=3, page_size=1)
    payout = await statements.reconciliation_page(DAY, page_number=2)

    assert 9 == transactions.pagination.total_count
    assert Decimal("544.91") == payout.amount.total_cny
    assert sender.targets == [
        "payments/transactions?mer_date=20170213&page_number=3&page_size=1",
        (
            "payments/reconciliation_statement"
            "?settle_date=20170213&page_number=2&page_size=500"
        ),
    ]


@pytest.mark.parametrize("wrong", [{"page_number": 0}, {"page_size": 0}])
async def test_pages_start_at_one(statements, sender, wrong):
    """
    Anything else is refused before it is sent.
    """
    with pytest.raises(ConfigError, match="start at 1"):
        await statements.transactions_page(DAY, **wrong)

    assert [] == sender.calls


async def test_a_page_of_which_no_payment_is_of_the_day_is_another_days(
    statements, sender
):
    """
    Days may mix, and refunds have none.
    """
    today, before = {"order_date": "20170213"}, {"order_date": "20170212"}

    for rows in ((), (today,), (before, today), ({},)):
        sender.answers = [{"transactions": {"payment_summaries": [*rows]}}]
        page = await statements.transactions_page(DAY)

        assert len(rows) == len(page.payment_summaries)

    sender.answers = [{"transactions": {"payment_summaries": [before]}}]

    with pytest.raises(MismatchedResponseError, match="2017-02-12"):
        await statements.transactions_page(DAY)
