"""
Opens what a shop needs, in the right order, and closes it in the reverse.

Orders, the inbox and the journal stand in one database. What a notification says is
committed together with the order; a call is written down together with the order that
it is for, before it leaves; `Recovery` ends what a crash left open.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
from sqlalchemy.ext.asyncio import create_async_engine

from bookstore.gateway import open_gateway
from bookstore.orders import Base, end_order
from bookstore.store import Bookstore
from umfpay import UMFSession
from umfpay.journal import Journal, JournalEntry, JournalOutcome, Recovery
from umfpay.notifications import (
    NotificationEvent,
    NotificationInbox,
    NotificationReceiver,
    Transaction,
)
from umfpay.sql import Database


@attrs.frozen(kw_only=True)
class Shop:
    """
    An open shop: its store, its inbox, and the emulator's console if there is one.
    """

    store: Bookstore
    inbox: NotificationInbox
    console: str | None


@asynccontextmanager
async def open_shop(port: int) -> AsyncIterator[Shop]:
    """
    Open the shop that is reached at *port* of this machine.
    """
    url = os.environ.get("SHOP_DATABASE", "shop.db")

    if "://" not in url:
        # Another writer of a SQLite file is waited for that long.
        url = f"sqlite+aiosqlite:///{url}?timeout=30"

    notify_url = f"http://127.0.0.1:{port}/umf/notify"

    # By the URL: what is wrong with it is said in words, with its cure.
    async with Database(url) as database:
        await database.create_tables()

    engine = create_async_engine(url)

    async with (
        open_gateway(notify_url, port=port + 100) as gateway,
        Database(engine) as database,
    ):
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

        journal = Journal(database)
        session = UMFSession(gateway.config, journal=journal)
        receiver = NotificationReceiver.from_config(gateway.config)
        inbox = NotificationInbox(database, receiver, gateway=session)
        inbox.on_payment(_notified)
        journal.settled(_settled)
        recovery = Recovery(session, journal, inbox=inbox)

        async with (
            journal,
            session,
            inbox,
            recovery,
            Bookstore(engine, session, journal, inbox) as store,
        ):
            yield Shop(store=store, inbox=inbox, console=gateway.console)

    await engine.dispose()


async def _notified(event: NotificationEvent, transaction: Transaction) -> None:
    number = event.mer_reference_id

    if number is not None:
        await end_order(transaction.connection, number, event.object.state)


async def _settled(
    entry: JournalEntry,
    found: Any,  # the payment in its final state, or None
    transaction: Transaction,
) -> None:
    """
    Hear what became of a call: once for each, also if the process that made it is dead.
    """
    # The create is followed to the end of the payment; its execute says nothing more.
    if entry.call == "payments.execute" or entry.mer_reference_id is None:
        return

    connection = transaction.connection

    if found is not None:
        await end_order(connection, entry.mer_reference_id, found.state)
    elif entry.outcome is not JournalOutcome.EXECUTED:
        await end_order(connection, entry.mer_reference_id, None)
