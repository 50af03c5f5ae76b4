"""
A server that goes away and comes back: nothing is lost, nothing applied twice.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.servers.databases import MariaDB, PostgreSQL, fresh_database, running
from umfpay.errors import DatabaseError


@pytest.mark.parametrize("make", [PostgreSQL, MariaDB])
async def test_a_server_is_started_again(open_shop, make, place, log, eventually):
    """
    Meanwhile nothing is acknowledged; a handler that was cut off runs again.
    """
    with running(make) as server, fresh_database(server) as url:
        there = type(place)(url, server)
        await there.make_tables()
        shop = await open_shop(there, own=True)
        begun, end = asyncio.Event(), asyncio.Event()

        async def wait(event):
            begun.set()
            await end.wait()

        shop.after = wait
        await shop.receive()
        await begun.wait()
        await asyncio.to_thread(server.stop)

        with pytest.raises(DatabaseError) as caught:
            await shop.receive("PAY_B", number="n2")

        assert "canary" not in f"{caught.value!s}{caught.value!r}{log.text}"
        end.set()
        await asyncio.to_thread(server.start)

        async with asyncio.timeout(60):
            while True:
                try:
                    await shop.receive("PAY_B", number="n2")

                    break
                except DatabaseError:
                    await asyncio.sleep(0.05)

        both = ["PAY_A TRADE_SUCCESS", "PAY_B TRADE_SUCCESS"]
        assert await eventually(lambda: sorted(there.effects()) == both)
        await shop.inbox.aclose()
