"""
Signed notifications, and the file an inbox is kept in: a real one.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.servers.databases import fresh_database
from umfpay.models import Money
from umfpay.notifications import NotificationInbox, NotificationReceiver
from umfpay.sql import Database
from umfpay.testing import NotificationSigner


class Place:
    """
    A database, with a table in which handlers leave what they did.
    """

    def __init__(self, spec, server=None):
        self.spec = spec
        self.server = server
        self.path = None if server else Path(spec)
        self.run("CREATE TABLE effects (effect VARCHAR(200))")

    @property
    def dialect(self):
        return "sqlite" if self.server is None else self.server.dialect

    def spec_url(self):
        """
        Return its URL, for an engine of the shop's own.
        """
        return self.spec if self.server else f"sqlite+aiosqlite:///{self.spec}"

    def run(self, statement):
        """
        Run *statement* as another program would; return its rows.
        """
        if self.server is not None:
            name = self.spec.rpartition("/")[2]
            # Batch mode and -At print a tab or a bar between columns.
            lines = self.server.sql(statement, name).splitlines()

            return [tuple(re.split(r"[\t|]", one)) for one in lines]

        with closing(sqlite3.connect(self.path, timeout=10)) as connection, connection:
            return connection.execute(statement).fetchall()

    @staticmethod
    async def leave(transaction, effect):
        await transaction.connection.execute(
            text("INSERT INTO effects VALUES (:effect)"), {"effect": effect}
        )

    def effects(self):
        return [row[0] for row in self.run("SELECT effect FROM effects")]

    async def change(self, statement):
        """
        Run *statement* while the loop goes on: it may hold what this waits for.
        """
        await asyncio.to_thread(self.run, statement)

    async def set_attempts(self, count):
        await self.change(f"UPDATE umf_events SET attempts = {count}")

    def waits(self):
        """
        Seconds until each ready event is due, as it was set.
        """
        rows = self.run("SELECT due_at FROM umf_events WHERE status = 'ready'")

        return [int(row[0]) / 1e6 - time.time() for row in rows]

    def stored(self):
        return int(self.run("SELECT count(*) FROM umf_events")[0][0])

    def status(self):
        return [row[0] for row in self.run("SELECT status FROM umf_events")]

    async def make_tables(self):
        async with Database(self.spec) as database:
            await database.create_tables()


@pytest.fixture(name="signer", scope="session")
def _signer(credentials):
    return NotificationSigner(credentials.gateway_key)


@pytest.fixture(name="receiver", scope="session")
def _receiver(credentials):
    return NotificationReceiver(credentials.gateway_certificate)


@pytest.fixture(name="certificate", scope="session")
def _certificate(credentials, tmp_path_factory):
    """
    The gateway's certificate as a file, for other processes.
    """
    path = tmp_path_factory.mktemp("keys") / "gateway.pem"
    path.write_bytes(credentials.gateway_certificate)

    return path


@pytest.fixture(name="place")
def _place(tmp_path):
    """
    A SQLite file.
    """
    return Place(str(tmp_path / "shop.sqlite3"))


@pytest.fixture(name="each_place", params=["sqlite", "postgresql", "mariadb"])
def _each_place(request, tmp_path):
    """
    A database of each kind, with the tables of the inbox.
    """
    if request.param == "sqlite":
        yield Place(str(tmp_path / "shop.sqlite3"))

        return

    server = request.getfixturevalue(f"{request.param}_server")

    with fresh_database(server, tables=True) as url:
        yield Place(url, server)


class Shop:
    """
    One worker of a shop: its inbox, and what its handler saw and did.

    Args:
        own: Tell the inbox first that each payment received is the shop's own.
    """

    def __init__(self, place, receiver, signer, *, own=False, **options):
        self.own = own
        self.place = place
        self.signer = signer
        self.seen = []
        self.inbox = NotificationInbox(place.spec, receiver, **options)
        self.inbox.handler(self._handle)

    def stop_applying(self):
        """
        Apply only what `replay()` applies.
        """
        self.inbox._tasks[0].cancel()

    async def before(self, event):
        """
        What the handler does first; tests replace it.
        """

    async def after(self, event):
        """
        What the handler does when it has written.
        """

    async def _handle(self, event, transaction):
        self.seen.append((event.object_id, event.state))
        await self.before(event)
        await self.place.leave(transaction, f"{event.object_id} {event.state}")
        await self.after(event)

    def payment(
        self,
        payment_id="PAY_A",
        state="TRADE_SUCCESS",
        *,
        number="n1",
        total="3.00",
        currency="USD",
    ):
        return self.signer.payment(
            payment_id,
            state=state,
            mer_reference_id=number,
            mer_date="20261123",
            total=total,
            currency=currency,
        )

    async def receive(self, *arguments, **members):
        signed = self.payment(*arguments, **members)

        if self.own:
            event = self.inbox._receiver.read(signed.body, signed.headers)
            await self.expect(event.mer_reference_id, payment_id=event.object_id)

        return await self.inbox.receive(signed.body, signed.headers)

    async def expect(
        self, number="n1", total="3.00", currency="USD", *, payment_id="PAY_A"
    ):
        await self.inbox.expect(
            number, amount=Money(total, currency), payment_id=payment_id
        )


@pytest.fixture(name="make_shop", scope="session")
def _make_shop():
    return Shop


@pytest.fixture(name="open_shop")
async def _open_shop(receiver, signer):
    """
    Open workers on a place; all are closed at the end.
    """
    async with AsyncExitStack() as stack:

        async def open_shop(place, **options):
            shop = Shop(place, receiver, signer, **options)
            await stack.enter_async_context(shop.inbox)

            return shop

        yield open_shop


@pytest.fixture(name="shop")
async def _shop(open_shop, place):
    return await open_shop(place)


async def eventually(condition, act=None, seconds=30.0):
    """
    Wait until *condition* holds, doing *act* meanwhile; False if it does not in time.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds

    while loop.time() < end:
        if condition():
            return True

        if act is not None:
            await act()

        await asyncio.sleep(0.01)

    return bool(condition())


@pytest.fixture(name="eventually", scope="session")
def _eventually():
    return eventually


@pytest.fixture(name="log")
def _log(caplog):
    caplog.set_level(logging.INFO, logger="umfpay")

    return caplog


@pytest.fixture(name="payment", scope="session")
def _payment(receiver, signer):
    """
    Make verified events of one payment.
    """

    def payment(state="TRADE_SUCCESS"):
        signed = signer.payment(
            "PAY_A",
            state=state,
            mer_reference_id="n1",
            mer_date="20261123",
            total="3.00",
            currency="USD",
        )

        return receiver.read(signed.body, signed.headers)

    return payment


@pytest.fixture(name="event", scope="session")
def _event(payment):
    return payment()
