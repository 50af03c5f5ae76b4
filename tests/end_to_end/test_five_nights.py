"""
The night of the how-to page over five days of the emulator: refunds and payouts of later
days, an order that is paid a day late, and one that the shop forgets to write down.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest

from tests import orders
from umfpay.reconciliation import Books, BridgeItem


PAGE = Path(__file__).parents[2] / "docs/how-to/reconcile.md"
DAYS = [orders.DAY + timedelta(number) for number in range(5)]


@pytest.fixture(name="night")
def _night(box, tmp_path, monkeypatch):
    """
    The function of the page, with the settings of this emulator.
    """
    monkeypatch.chdir(tmp_path)
    (block,) = (
        one
        for one in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
        if "async def night(" in one
    )
    names = {}
    exec(block.partition("# Today is not over")[0], names)
    names["Config"] = SimpleNamespace(from_file=lambda _: box.config())

    return names["night"]


class Shop:
    """
    What is sold, given back and written down.
    """

    def __init__(self, session, box):
        self.session, self.box = session, box

    async def opens(self, day, hour=12):
        # By the clock of this machine all days are long over: what was fetched once would
        # be fetched again at certain ages only.
        Path("night-books/pulled/.umfpay-pull.json").unlink(missing_ok=True)
        now = f"{day}T{hour:02}:00:00+08:00"
        self.box.control("POST", "/clock", {"now": now})

    async def orders(self, day):
        new = orders.wallet_payment("WECHAT_SCAN")
        new = attrs.evolve(
            new,
            order=attrs.evolve(new.order, mer_date=day, expire_time=timedelta(hours=6)),
        )

        return await self.session.payments.create(new)

    async def is_paid(self, payment, *, booked=True):
        self.box.control("POST", f"/payments/{payment.id}/pay", {})
        payment = await self.session.payments.get(payment.id)

        if booked:
            self.books(payment)

        return payment

    def books(self, payment, refund="", amount="10.00", state=""):
        order = payment.order

        with closing(sqlite3.connect("night.sqlite3")) as shop, shop:
            shop.execute(
                "CREATE TABLE IF NOT EXISTS orders"
                " (order_no, refund_no, day, currency, amount, status)"
            )
            shop.execute(
                "INSERT INTO orders VALUES (?, ?, ?, 'USD', ?, ?)",
                (
                    order.mer_reference_id,
                    refund,
                    order.mer_date.isoformat(),
                    amount,
                    state or payment.state,
                ),
            )

    async def gives_back(self, payment, day):
        new = attrs.evolve(orders.refund("4.00"), mer_date=day)
        refund = await self.session.refunds.create(payment.id, new)

        if refund.state != "REFUND_SUCCESS":
            self.box.control("POST", f"/refunds/{refund.id}/succeed", {})

        self.books(payment, new.mer_reference_id, "4.00", "REFUND_SUCCESS")


async def test_five_nights_of_a_shop(session, box, night):
    """
    Each is clean but the one with an order that nobody wrote down, which is closed in
    the next.
    """
    shop = Shop(session, box)

    await shop.opens(DAYS[0], 22)
    sold = await shop.is_paid(await shop.orders(DAYS[0]))
    late = await shop.orders(DAYS[0])
    first = await night(DAYS[0])
    _is_the_sum_of_its_nights(Books("night-books").month("2026-11"), [first])

    assert first.is_clean, first.report.counts

    # Paid a day late: the file of the first day changes.
    await shop.opens(DAYS[1], 1)
    await shop.is_paid(late)
    second = await night(DAYS[1])
    _is_the_sum_of_its_nights(Books("night-books").month("2026-11"), [first, second])

    assert DAYS[0] == second.first
    assert second.is_clean, (second.report.counts, second.report.bridge.missing)

    await shop.opens(DAYS[2])
    await shop.gives_back(sold, DAYS[2])
    forgotten = await shop.is_paid(await shop.orders(DAYS[2]), booked=False)
    third = await night(DAYS[2])
    _is_the_sum_of_its_nights(
        Books("night-books").month("2026-11"), [first, second, third]
    )

    assert ["missing_in_ledger"] == third.differences["class"].to_list()

    await shop.opens(DAYS[3])
    shop.books(forgotten)
    fourth = await night(DAYS[3])
    _is_the_sum_of_its_nights(
        Books("night-books").month("2026-11"), [first, second, third, fourth]
    )

    assert fourth.is_clean, (fourth.report.counts, fourth.report.bridge.missing)
    assert third.opened == fourth.closed

    await shop.opens(DAYS[4])
    await shop.gives_back(forgotten, DAYS[4])
    fifth = await night(DAYS[4])

    assert fifth.is_clean, (fifth.report.counts, fifth.report.bridge.missing)
    assert DAYS == Books("night-books").days()
    assert date(2026, 11, 27) == fifth.day

    nights = [first, second, third, fourth, fifth]
    month = Books("night-books").month("2026-11")
    _is_the_sum_of_its_nights(month, nights)

    # Two orders, one of them paid a day late, and one more; two were given back in part.
    assert [3, 2] == [
        _line(month.bridge, item, None)[1]
        for item in (BridgeItem.TRADED, BridgeItem.REFUNDED)
    ]
    # They begin and end within the month.
    before, after = (
        f"there are no nights from {since} to {until}: they are not in the figures"
        for since, until in (
            (date(2026, 11, 1), DAYS[0] - timedelta(days=1)),
            (DAYS[-1] + timedelta(days=1), date(2026, 11, 30)),
        )
    )

    assert [before, after] == [one.en for one in month.missing]

    # Each comes out as it did.
    for made in nights:
        again = await night(made.day)

        assert made.report.to_json() == again.report.to_json()


def _is_the_sum_of_its_nights(month, nights):
    """
    Compare the month with the bridges of its nights: each line but what is open, in CNY
    and in dollars; days that were compared again are in it once.
    """
    by_name = {f"{night.day}.{night.version}": night for night in nights}
    bridges = [by_name[name].report.bridge for name in month.nights]

    for currency in (None, "USD"):
        for item in BridgeItem:
            if item in (BridgeItem.OPENING, BridgeItem.CLOSING):
                continue

            lines = [_line(one, item, currency) for one in bridges]
            line = _line(month.bridge, item, currency)

            assert line == tuple(map(sum, zip(*lines, strict=True))), (item, currency)

    assert bridges[-1].line(BridgeItem.CLOSING) == month.bridge.line(BridgeItem.CLOSING)
    assert -sum(one.total_cny for one in month.open_items) == (
        month.bridge.line(BridgeItem.CLOSING).amount
    )


def _line(bridge, item, currency):
    lines = bridge.lines if currency is None else bridge.currencies.get(currency, ())

    for line in lines:
        if line.item is item:
            return line.amount, line.rows or 0

    return 0, 0
