"""
The emulator's day against a shop's ledger: no difference, or exactly those made.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import orders
import pytest

from umfpay.reconciliation import Difference, reconcile


CENT = Decimal("0.01")
NAMES = (
    "mer_reference_id",
    "mer_date",
    "kind",
    "refund_id",
    "currency",
    "total",
    "total_cny",
    "state",
    "service_fee",
)


async def _shop_day(session, box):
    """
    Sell in every way there is, give some of it back; return what a shop writes down.
    """
    book = []
    sold = [
        await orders.paid(session, box),
        await orders.paid(session, box, total="19.99", currency="EUR"),
    ]

    for new in (
        orders.wallet_payment("WECHAT_SCAN"),
        orders.wallet_payment("ALIPAY_SCAN"),
        orders.wallet_payment("WECHAT_IN_APP"),
        orders.cashier_payment(),
    ):
        payment = await session.payments.create(new)
        await box.control("POST", f"/payments/{payment.id}/pay", {})
        sold.append(await session.payments.get(payment.id))

    # Nobody paid this one.
    await session.payments.create(orders.wallet_payment("WECHAT_SCAN"))

    for payment in sold:
        amount = payment.order.amount
        fee = max(CENT, (amount.total_cny / 100).quantize(CENT, ROUND_HALF_UP))
        book.append(
            [
                payment.order.mer_reference_id,
                payment.order.mer_date,
                "payment",
                "",
                amount.currency,
                amount.total,
                amount.total_cny,
                payment.state,
                fee,
            ]
        )

    for payment, part in zip(sold[:3], ("4.00", "19.99", "0.01"), strict=True):
        new = orders.refund(part, payment.order.amount.currency)
        refund = await session.refunds.create(payment.id, new)

        if refund.state != "REFUND_SUCCESS":
            await box.control("POST", f"/refunds/{refund.id}/succeed", {})
            refund = await session.refunds.get(refund.id)

        book.append(
            [
                payment.order.mer_reference_id,
                payment.order.mer_date,
                "refund",
                new.mer_reference_id,
                payment.order.amount.currency,
                new.amount.total,
                None,
                refund.state,
                "0",
            ]
        )

    return book


def _write(path, book):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(NAMES)
        writer.writerows(book)

    return path


@pytest.fixture(name="books")
async def _books(session, box, tmp_path):
    book = await _shop_day(session, box)
    rows = [one async for one in session.statements.transactions(orders.DAY)]
    (settled,) = {one.settle_date for one in rows}
    transactions = await session.statements.download_transactions(
        orders.DAY, tmp_path / "transactions.txt"
    )
    statement = await session.statements.download_reconciliation(
        settled, tmp_path / "statement.txt"
    )

    return transactions, statement, book


def _reconciled(books, path, book):
    transactions, statement, _ = books

    return reconcile(transactions, statement, ledger=_write(path, book))


async def test_a_day_reconciles_to_zero_differences(books, tmp_path):
    """
    Payments of every kind, and refunds in part and whole.
    """
    report = _reconciled(books, tmp_path / "ledger.csv", books[2])

    assert report.is_clean, [
        (str(row.difference), row.reason.en) for row in report.rows()
    ]
    assert 9 == report.counts["matched"]


DAMAGES = {
    "duplicate": lambda book: book.append(book[0]),
    "missing_in_ledger": lambda book: book.pop(3),
    "missing_at_gateway": lambda book: book.append(["ghost", *book[3][1:]]),
    "currency_differs": lambda book: book[3].__setitem__(4, "JPY"),
    "amount_differs": lambda book: book[3].__setitem__(5, Decimal("10.01")),
    "state_differs": lambda book: book[3].__setitem__(7, "TRADE_CLOSED"),
    "wrong_day": lambda book: book[3].__setitem__(1, orders.DAY - timedelta(1)),
    "fee_differs": lambda book: book[3].__setitem__(8, book[3][8] + CENT),
}


@pytest.mark.parametrize("name", DAMAGES)
async def test_a_damaged_ledger_reconciles_to_exactly_that(books, tmp_path, name):
    """
    One class, one key, and nothing else.
    """
    book = [list(row) for row in books[2]]
    DAMAGES[name](book)
    report = _reconciled(books, tmp_path / "ledger.csv", book)

    assert {name: 1} == {
        kind: count
        for kind, count in report.counts.items()
        if count and kind != Difference.MATCHED
    }


async def test_books_of_the_gateway_may_be_damaged_too(books, tmp_path):
    """
    A refund without its payment, and a sum that was paid out wrong.
    """
    transactions, statement, book = books
    lines = transactions.read_text("utf-8").splitlines(keepends=True)
    refunded = next(line for line in lines if ",T," in line).split(",")[2]
    payment = next(line for line in lines if f",{refunded}," in line and ",P," in line)
    head, *rows, tail = lines
    rows.remove(payment)
    fields = tail.rstrip("\n").split(",")
    fields[3] = f"{Decimal(fields[3]) - Decimal(payment.split(',')[8]):.2f}"
    transactions.write_text("".join([head, *rows, ",".join(fields) + "\n"]), "utf-8")
    ledger = [row for row in book if row[0] != refunded or row[2] == "refund"]
    report = reconcile(
        transactions, statement, ledger=_write(tmp_path / "l.csv", ledger)
    )

    assert 1 == report.counts["refund_without_payment"]
    assert sum(report.counts.values()) == report.counts["matched"] + 1

    lines = statement.read_text("utf-8").splitlines(keepends=True)
    fields = lines[1].split(",")
    fields[8] = f"{Decimal(fields[8]) + 1:.2f}"
    statement.write_text("".join([lines[0], ",".join(fields), *lines[2:]]), "utf-8")
    report = reconcile(
        transactions, statement, ledger=_write(tmp_path / "l.csv", ledger)
    )

    assert (
        1 <= report.counts["exchange_differs"] + report.counts["refund_without_payment"]
    )
    assert isinstance(orders.DAY, date)
