"""
The inbox: events applied per second, against a loop that a shop writes by hand.

The peer is what a shop writes by hand: in one transaction an event it locks the oldest
event that is ready, reads its JSON, locks its order, compares the money, does nothing if
it is paid already, else calls the same handler; then it marks the event and commits. It
verifies no signature, asks for no proof and keeps no states but paid. Both begin with
events that are stored, and neither pays for its connections. Of PostgreSQL the statistics
of all tables are brought up to date first, which its autovacuum does once a minute: of
tables that are seconds old it plans as if they were empty.
"""

from __future__ import annotations

import asyncio
import json
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
            "CREATE TABLE shop_orders (number VARCHAR(64) PRIMARY KEY, state VARCHAR(9), total VARCHAR(64))",
            "CREATE TABLE shop_events (position INTEGER PRIMARY KEY, body TEXT, state VARCHAR(9))",
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
    events = [
        signer.payment(
            f"PAY_{prefix}{one}",
            mer_reference_id=f"{prefix}{one}",
            mer_date="20261123",
            total="3.00",
            currency="USD",
        )
        for one in range(count)
    ]

    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM shop_events"))
        await connection.execute(
            text("INSERT INTO shop_orders VALUES (:number, 'new', '3.00')"),
            [{"number": f"{prefix}{one}"} for one in range(count)],
        )
        await connection.execute(
            text("INSERT INTO shop_events VALUES (:position, :body, 'ready')"),
            [
                {"position": one, "body": signed.body.decode()}
                for one, signed in enumerate(events)
            ],
        )

    # Without a handler: it receives only.
    async with NotificationInbox(url, receiver) as inbox:
        for one, signed in enumerate(events):
            await inbox.expect(
                f"{prefix}{one}",
                amount=Money("3.00", "USD"),
                payment_id=f"PAY_{prefix}{one}",
            )
            await inbox.receive(signed.body, signed.headers)

    if engine.dialect.name == "postgresql":
        async with engine.begin() as connection:
            await connection.execute(text("ANALYZE"))


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
    lock = "" if engine.dialect.name == "sqlite" else " FOR UPDATE"
    skip = f"{lock} SKIP LOCKED" if lock else ""
    oldest = text(
        "SELECT position, body FROM shop_events WHERE state = 'ready'"  # noqa: S608 (ours)
        f" ORDER BY position LIMIT 1{skip}"
    )
    order = text(f"SELECT state, total FROM shop_orders WHERE number = :number{lock}")  # noqa: S608 (ours)
    mark = text("UPDATE shop_events SET state = 'done' WHERE position = :position")

    async def take(connection: AsyncConnection) -> bool:
        async with connection.begin():
            row = (await connection.execute(oldest)).first()

            if row is None:
                return False

            known = json.loads(row.body)["payment"]["order"]
            number = {"number": known["mer_reference_id"]}
            state, total = (await connection.execute(order, number)).one()

            if known["amount"]["total"] != total:
                raise ValueError(total)

            if state != "paid":
                await connection.execute(_PAID, number)

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
