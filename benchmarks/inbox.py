"""
The inbox: events applied per second, against a loop that a shop writes by hand.

The peer selects an event, calls the same handler, marks the event and commits. It
verifies no signature, keeps no order of an object's states and compares no money.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from benchmarks._databases import databases
from benchmarks._result import Figure, Result, ratio
from umfpay.models import Money
from umfpay.notifications import (
    NotificationEvent,
    NotificationInbox,
    NotificationReceiver,
    Transaction,
)
from umfpay.protocol import PrivateKey
from umfpay.sql import Database
from umfpay.testing import NotificationSigner


WORKERS: Final = (1, 2, 8)
TARGET: Final = 0.8
_PAID: Final = text("UPDATE shop_orders SET state = 'paid' WHERE number = :number")


def run(*, quick: bool) -> Result:
    """
    Run it on SQLite, PostgreSQL and MariaDB.
    """
    count, rounds = (60, 1) if quick else (1000, 5)
    figures = []

    for name, url in databases():
        with url as address:
            figures += asyncio.run(_measure(name, address, count, rounds))

    return Result(name="inbox", title="Events applied", figures=figures)


async def _measure(name: str, url: str, count: int, rounds: int) -> list[Figure]:
    key = PrivateKey.generate(1024)
    signer, receiver = NotificationSigner(key), NotificationReceiver(key.public)
    # On SQLite as in our own engine: what is committed is on the disk.
    engine = create_async_engine(url, pool_size=8, isolation_level=_level(url))

    async with Database(url) as database:
        await database.create_tables()

    async with engine.begin() as connection:
        for statement in (
            "CREATE TABLE shop_orders (number VARCHAR(64) PRIMARY KEY, state VARCHAR(9))",
            "CREATE TABLE shop_events (position INTEGER PRIMARY KEY, number VARCHAR(64), state VARCHAR(9))",
            "CREATE INDEX shop_events_state ON shop_events (state, position)",
        ):
            await connection.execute(text(statement))

        if url.startswith("sqlite"):
            await connection.execute(text("PRAGMA synchronous = FULL"))

    figures = []

    for workers in WORKERS if not url.startswith("sqlite") else WORKERS[:1]:
        ours, theirs = [], []

        for one in range(rounds):
            prefix = f"{workers}-{one}-"
            await _fill(url, engine, signer, receiver, prefix, count)
            theirs.append(count / await _by_hand(engine, workers))
            ours.append(count / await _by_inbox(url, receiver, workers, count))

        of = f"{name}, {workers} worker{'s' if workers > 1 else ''}"
        figures += [
            Figure(label=f"{of}: umfpay", unit="events/s", rounds=ours),
            Figure(label=f"{of}: by hand", unit="events/s", rounds=theirs),
            ratio(f"{of}: ratio", ours, theirs, target=TARGET),
        ]

    await engine.dispose()

    return figures


def _level(url: str) -> str:
    return "SERIALIZABLE" if url.startswith("sqlite") else "READ COMMITTED"


async def _fill(
    url: str,
    engine: AsyncEngine,
    signer: NotificationSigner,
    receiver: NotificationReceiver,
    prefix: str,
    count: int,
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM shop_events"))
        await connection.execute(
            text("INSERT INTO shop_orders VALUES (:number, 'new')"),
            [{"number": f"{prefix}{one}"} for one in range(count)],
        )
        await connection.execute(
            text("INSERT INTO shop_events VALUES (:position, :number, 'ready')"),
            [{"position": one, "number": f"{prefix}{one}"} for one in range(count)],
        )

    # Without a handler: it receives only.
    async with NotificationInbox(url, receiver) as inbox:
        for one in range(count):
            number, payment_id = f"{prefix}{one}", f"PAY_{prefix}{one}"
            signed = signer.payment(
                payment_id,
                mer_reference_id=number,
                mer_date="20261123",
                total="3.00",
                currency="USD",
            )
            await inbox.expect(
                number, amount=Money("3.00", "USD"), payment_id=payment_id
            )
            await inbox.receive(signed.body, signed.headers)


async def _by_inbox(
    url: str, receiver: NotificationReceiver, workers: int, count: int
) -> float:
    inbox = NotificationInbox(url, receiver, workers=workers)
    done = asyncio.Event()
    applied, begun = 0, 0.0

    @inbox.on_payment
    async def paid(event: NotificationEvent, transaction: Transaction) -> None:
        nonlocal applied, begun
        # Neither loop pays for its connections.
        begun = begun or time.perf_counter()
        await transaction.connection.execute(_PAID, {"number": event.mer_reference_id})
        applied += 1

        if applied >= count:
            done.set()

    async with inbox:
        await done.wait()

        return time.perf_counter() - begun


async def _by_hand(engine: AsyncEngine, workers: int) -> float:
    locking = "" if engine.dialect.name == "sqlite" else " FOR UPDATE SKIP LOCKED"
    oldest = text(
        "SELECT position, number FROM shop_events WHERE state = 'ready'"  # noqa: S608 (ours)
        f" ORDER BY position LIMIT 1{locking}"
    )
    mark = text("UPDATE shop_events SET state = 'done' WHERE position = :position")

    async def take(connection: AsyncConnection) -> bool:
        async with connection.begin():
            row = (await connection.execute(oldest)).first()

            if row is None:
                return False

            await connection.execute(_PAID, {"number": row.number})
            await connection.execute(mark, {"position": row.position})

        return True

    async def work() -> None:
        async with engine.connect() as connection:
            await connection.execute(oldest)
            await connection.rollback()
            await connected.wait()
            begun.append(time.perf_counter())

            while await take(connection):
                pass

    connected = asyncio.Barrier(workers)
    begun: list[float] = []
    await asyncio.gather(*(work() for _ in range(workers)))

    return time.perf_counter() - begun[0]
