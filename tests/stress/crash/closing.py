"""
What is left when nobody is killed any more: recovery ends it, or lists it with its reason.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import traceback
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, text

from tests.stress.crash.life import Shop
from umfpay.journal import JournalState, Recovery


_LOOKS = 3
_LAST_LOOKS = 20


def close(setup, gateway, *, listen=4.0):
    """
    Return what the database holds in the end: rows, effects, events that are not applied.

    Args:
        listen: Seconds for what the gateway still delivers.
    """
    gateway.control("PUT", "/faults", {"rules": []})
    result = Path(setup.folder) / "left.json"
    child = os.fork()

    if child == 0:
        try:
            left = asyncio.run(_close(setup, gateway, listen))
            result.write_text(json.dumps(left, default=str))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "recovery itself failed"

    return json.loads(result.read_text())


async def _close(setup, gateway, listen):
    rng = random.Random(0)

    async with Shop(setup, rng, recovers=False) as shop:
        await asyncio.sleep(listen)
        # Whoever was killed or is asked later: that time has come.
        await _lapse(shop)
        await _recover(shop)
        # What nobody paid can no longer be paid.
        await asyncio.to_thread(
            gateway.control, "POST", "/clock", {"advance": 2 * 3600}
        )
        await _lapse(shop)
        await _recover(
            shop,
            _LAST_LOOKS,
            give_up_after=timedelta(milliseconds=1),
            close_after=timedelta(milliseconds=1),
        )
        await shop.inbox.replay()

        return {
            "rows": await _rows(shop, "journal"),
            "events": [
                one
                for one in await _rows(shop, "events")
                if one["status"] not in ("applied", "same")
            ],
            "effects": await _select(shop, "SELECT what FROM shop_effects"),
            "totals": await _select(shop, "SELECT total FROM shop_totals"),
        }


async def _recover(shop, looks=_LOOKS, **options):
    recovery = Recovery(shop.session, shop.journal, inbox=shop.inbox, **options)

    for _ in range(looks):
        while await recovery.run_once():
            pass

        if not await _lapse(shop):
            return


async def _lapse(shop):
    """
    Let all leases and waits be over; return how many rows are still looked at.
    """
    database = shop.journal.database
    table = database.tables.journal
    later = {
        "lease_until": table.c.lease_until - 600_000_000,
        "next_at": table.c.next_at - 3_600_000_000,
    }
    open_ = (table.c.state != JournalState.ENDED) | table.c.settled_at.is_(None)
    waits = open_ & (table.c.next_at.is_not(None) | table.c.lease_until.is_not(None))

    async def work(connection):
        changed = await connection.execute(table.update().where(waits).values(later))

        return changed.rowcount

    changed = await database.run(work)
    events = database.tables.events

    async def hasten(connection):
        await connection.execute(
            events.update().where(events.c.status == "ready").values(due_at=0)
        )

    await database.run(hasten)

    return changed


async def _rows(shop, name):
    table = getattr(shop.journal.database.tables, name)

    async def read(connection):
        rows = (await connection.execute(select(table))).mappings().all()

        return [
            {
                key: value
                for key, value in row.items()
                if key not in ("body", "signature", "intent")
            }
            for row in rows
        ]

    return await shop.journal.database.run(read, read_only=True)


async def _select(shop, statement):
    async def read(connection):
        return (await connection.execute(text(statement))).scalars().all()

    return await shop.journal.database.run(read, read_only=True)
