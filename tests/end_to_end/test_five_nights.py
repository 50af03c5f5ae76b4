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
import orders
import pytest

from umfpay.reconciliation import Books


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
        await self.box.control("POST", "/clock", {"now": now})

    async def orders(self, day):
        new = orders.wallet_payment("WECHAT_SCAN")
        new = attrs.evolve(
            new,
            order=attrs.evolve(new.order, mer_date=day, expire_time=timedelta(hours=6)),
        )

        return await self.session.payments.create(new)

    async def is_paid(self, payment, *, booked=True):
        await self.box.control("POST", f"/payments/{payment.id}/pay", {})
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
            await self.box.control("POST", f"/refunds/{refund.id}/succeed", {})

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

    assert first.is_clean, first.report.counts

    # Paid a day late: the file of the first day changes.
    await shop.opens(DAYS[1], 1)
    await shop.is_paid(late)
    second = await night(DAYS[1])

    assert DAYS[0] == second.first
    assert second.is_clean, (second.report.counts, second.report.bridge.missing)

    await shop.opens(DAYS[2])
    await shop.gives_back(sold, DAYS[2])
    forgotten = await shop.is_paid(await shop.orders(DAYS[2]), booked=False)
    third = await night(DAYS[2])

    assert ["missing_in_ledger"] == third.differences["class"].to_list()

    await shop.opens(DAYS[3])
    shop.books(forgotten)
    fourth = await night(DAYS[3])

    assert fourth.is_clean, (fourth.report.counts, fourth.report.bridge.missing)
    assert third.opened == fourth.closed

    await shop.opens(DAYS[4])
    await shop.gives_back(forgotten, DAYS[4])
    fifth = await night(DAYS[4])

    assert fifth.is_clean, (fifth.report.counts, fifth.report.bridge.missing)
    assert DAYS == Books("night-books").days()
    assert date(2026, 11, 27) == fifth.day

    # Each comes out as it did.
    for made in (first, second, third, fourth, fifth):
        again = await night(made.day)

        assert made.report.to_json() == again.report.to_json()
