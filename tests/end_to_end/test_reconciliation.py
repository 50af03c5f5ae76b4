"""
The emulator's day against a shop's ledger: no difference, or exactly those made.
"""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests import orders
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
    company = await session.enterprises.register(orders.company())
    box.control("POST", f"/enterprises/{company.id}/enable", {})
    sold = [
        await orders.paid(session, box),
        await orders.paid(session, box, total="19.99", currency="EUR"),
        await orders.paid(session, box, method="DEBIT_CARD"),
    ]

    for new in (
        orders.wallet_payment("WECHAT_SCAN"),
        orders.wallet_payment("ALIPAY_SCAN"),
        orders.wallet_payment("WECHAT_IN_APP"),
        orders.wallet_payment("WECHAT_WEB"),
        orders.cashier_payment(),
        orders.cashier_payment("SERVER_TO_H5WEB"),
        orders.bank_payment(),
    ):
        payment = await session.payments.create(new)
        box.control("POST", f"/payments/{payment.id}/pay", {})
        sold.append(await session.payments.get(payment.id))

    # Nobody paid this one.
    await session.payments.create(orders.wallet_payment("WECHAT_SCAN"))

    # The answer to an execute names no rate.
    sold = [await session.payments.get(payment.id) for payment in sold]

    for payment in sold:
        amount = payment.order.amount
        # What is paid in CNY has no second amount.
        cny = amount.total_cny or amount.total
        fee = max(CENT, (cny / 100).quantize(CENT, ROUND_HALF_UP))
        book.append(
            [
                payment.order.mer_reference_id,
                payment.order.mer_date,
                "payment",
                "",
                amount.currency,
                amount.total,
                cny,
                payment.state,
                fee,
            ]
        )

    # Some of each is given back: a part, all, a cent; and of one twice.
    parts = ["4.00", "19.99", "0.01", *["2.50"] * (len(sold) - 3)]

    for payment, part in [*zip(sold, parts, strict=True), (sold[0], "1.00")]:
        new = orders.refund(part, payment.order.amount.currency)
        refund = await session.refunds.create(payment.id, new)

        if refund.state != "REFUND_SUCCESS":
            box.control("POST", f"/refunds/{refund.id}/succeed", {})
            refund = await session.refunds.get(refund.id)

        book.append(
            [
                payment.order.mer_reference_id,
                payment.order.mer_date,
                "refund",
                new.mer_reference_id,
                payment.order.amount.currency,
                new.amount.total,
                _in_cny(payment.order.amount, new.amount.total),
                refund.state,
                "0",
            ]
        )

    return book


def _in_cny(paid, total):
    """
    What *total*, given back, is in CNY: at the rate of the payment, to the cent.
    """
    if paid.exchange_rate is None:
        return total

    return (total * paid.exchange_rate.rate).quantize(CENT, ROUND_HALF_UP)


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

    return _compare(transactions, statement, _write(path, book))


def _compare(transactions, statement, ledger):
    # Nothing was open before the emulator's first day.
    return reconcile(
        transactions, statement, ledger=ledger, settle_after=1, opening=Decimal(0)
    )


async def test_a_day_reconciles_to_zero_differences(books, tmp_path):
    """
    Payments of every kind, and refunds in part and whole.
    """
    report = _reconciled(books, tmp_path / "ledger.csv", books[2])

    assert report.is_clean, [
        (str(row.difference), row.reason.en) for row in report.rows()
    ]
    assert 10 + 11 == report.counts["matched"]
    assert report.bridge.is_proven
    assert 0 == report.open_items.height


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

    assert {name: 1} == _found(report)


async def test_books_of_the_gateway_may_be_damaged_too(books, tmp_path):
    """
    A refund without its payment, and a sum that was paid out wrong.
    """
    transactions, statement, book = books
    lines = transactions.read_text("utf-8").splitlines(keepends=True)
    # Of the last but one payment, which was given back once.
    refunded = book[-2][0]
    payment = next(line for line in lines if f",{refunded}," in line and ",P," in line)
    head, *rows, tail = lines
    rows.remove(payment)
    fields = tail.rstrip("\n").split(",")
    fields[3] = f"{Decimal(fields[3]) - Decimal(payment.split(',')[8]):.2f}"
    transactions.write_text("".join([head, *rows, ",".join(fields) + "\n"]), "utf-8")
    ledger = [row for row in book if row[0] != refunded or row[2] == "refund"]
    report = _compare(transactions, statement, _write(tmp_path / "l.csv", ledger))

    # What was paid out for the payment is of nobody now.
    assert {"refund_without_payment": 1, "paid_out_unknown": 1} == _found(report)

    lines = statement.read_text("utf-8").splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if ",order-" in line and n)
    fields = lines[number].split(",")
    fields[8] = f"{Decimal(fields[8]) + 1:.2f}"
    lines[number] = ",".join(fields)
    statement.write_text("".join(lines), "utf-8")
    report = _compare(transactions, statement, _write(tmp_path / "l.csv", ledger))

    assert {
        "refund_without_payment": 1,
        "paid_out_unknown": 1,
        "exchange_differs": 1,
    } == _found(report)


def _found(report):
    return {
        name: count
        for name, count in report.counts.items()
        if count and name != Difference.MATCHED
    }
