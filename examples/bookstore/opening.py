"""
Opens what a shop needs, in the right order, and closes it in the reverse.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
import attrs

from bookstore.gateway import open_gateway
from bookstore.store import SCHEMA, Bookstore
from umfpay import UMFSession
from umfpay.notifications import NotificationInbox, NotificationReceiver


@attrs.frozen(kw_only=True)
class Shop:
    """
    An open shop: its store, its inbox, and the emulator's console if there is one.
    """

    store: Bookstore
    inbox: NotificationInbox
    console: str | None


@asynccontextmanager
async def open_shop(origin: str) -> AsyncIterator[Shop]:
    """
    Open the shop that is reached at *origin*; its file is ``SHOP_DATA``.
    """
    file = Path(os.environ.get("SHOP_DATA", "shop.sqlite3"))

    async with open_gateway(f"{origin}/umf/notify") as gateway:
        session = UMFSession(gateway.config)
        inbox = NotificationInbox(
            file, NotificationReceiver.from_config(gateway.config), gateway=session
        )

        async with session, aiosqlite.connect(file) as orders:
            await orders.execute(SCHEMA)
            store = Bookstore(session, inbox, orders)

            async with inbox:
                try:
                    yield Shop(store=store, inbox=inbox, console=gateway.console)
                finally:
                    await store.aclose()
