"""
A shop with a journal, an emulator in its own process, on each of the three databases.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import select

from tests import orders
from umfpay import UMFSession
from umfpay.emulator import Emulator
from umfpay.journal import Journal
from umfpay.sql import Database
from umfpay.testing import EmulatorBox, Faults, emulator_transport


class Shop(EmulatorBox):
    """
    Processes of a shop at an emulator: each has a session, a journal and a pool of its own.
    """

    def __init__(self, url, credentials, stack, token_store):
        super().__init__(Emulator(credentials=credentials))
        self.url = url
        self.database = Database(url)
        self._stack = stack
        self._token_store = str(token_store)

    def config(self, **changes):
        return super().config(**{"token_store": self._token_store, **changes})

    async def process(self, *, wrap=None, **changes):
        """
        Return the session and the journal of one more process.
        """
        journal = await self._stack.enter_async_context(Journal(self.url))
        transport = emulator_transport(self.emulator)

        if wrap is not None:
            transport = wrap(transport)

        session = UMFSession(
            self.config(**changes), transport=transport, journal=journal
        )
        await self._stack.enter_async_context(session)

        return session, journal

    def fault(self, kind, **members):
        """
        Let this go wrong, and nothing else; None is a healthy gateway.
        """
        faults = Faults(self)

        if kind is None:
            faults.clear()
        else:
            faults.add(kind, **members)

    async def rows(self, name="journal"):
        table = getattr(self.database.tables, name)

        async def read(connection):
            rows = select(table).order_by(*table.primary_key)

            return (await connection.execute(rows)).mappings().all()

        return await self.database.run(read, read_only=True)

    async def change(self, statement):
        async def work(connection):
            return (await connection.execute(statement)).rowcount

        return await self.database.run(work)

    async def lapse(self):
        """
        Let all leases and waits be over.
        """
        table = self.database.tables.journal
        await self.change(
            table.update().values(
                lease_until=table.c.lease_until - 600_000_000,
                next_at=table.c.next_at - 3_600_000_000,
            )
        )

    async def settled(self, journal):
        """
        Return the rows when all is written.
        """
        async with asyncio.timeout(20):
            assert 0 == await journal.endings.drain(20)

        return await self.rows()


@pytest.fixture(name="shop")
async def _shop(tables_url, credentials, tmp_path):
    async with AsyncExitStack() as stack:
        shop = Shop(tables_url, credentials, stack, tmp_path / "token")
        await stack.enter_async_context(shop.database)
        stack.push_async_callback(shop.emulator.aclose)

        yield shop


@pytest.fixture(name="process")
async def _process(shop):
    return await shop.process()


@pytest.fixture(name="paid")
async def _paid(shop, process):
    """
    Return the id of a payment that was paid, by a page.
    """
    session, _ = process
    payment = await session.payments.create(orders.cashier_payment())
    shop.pay(payment.id)

    return payment.id
