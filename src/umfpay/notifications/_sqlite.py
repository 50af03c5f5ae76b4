"""
An inbox in a SQLite file: the shop's own tables may be in the same file.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from decimal import Decimal
from typing import Any, Final

from umfpay.notifications._deciding import Decision, Status
from umfpay.notifications._expectations import Expectation, Expected
from umfpay.notifications._receiver import NotificationEvent
from umfpay.notifications._sqlite_file import SQLiteFile, telling
from umfpay.notifications._sqlite_statements import EVENT, MARK, NEWEST, NEXT
from umfpay.notifications._store import StoredEvent, Transaction, Work


# Seconds.
_LOOK: Final = 0.25


class SQLiteStore:
    """
    Events, objects and expectations in three tables.

    Args:
        path: Of the file; it is made with mode 0600.
        patience: Seconds that a writer waits for the others: longer than a handler.
    """

    def __init__(self, path: str | os.PathLike[str], *, patience: float = 30.0) -> None:
        self._file = SQLiteFile(path, patience=patience)
        self._version = -1

    async def open(self) -> None:
        """
        Open the file; make its tables.

        Raises:
            ConfigError: The file cannot be used.
        """
        await self._file.open()

    async def aclose(self) -> None:
        """
        Close the file.
        """
        await self._file.aclose()

    async def add(self, event: NotificationEvent) -> bool:
        """
        Keep *event*; it is on the disk when this returns.
        """
        added = await self._file.change(
            "INSERT INTO umf_events"
            " (key, kind, object_id, number, state, body, signature, received, status)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (
                event.key,
                event.kind,
                event.object_id,
                event.mer_reference_id,
                event.state,
                event.body,
                event.signature,
                time.time(),
                Status.READY,
            ),
        )

        return added == 1

    async def expect(self, expected: Expectation) -> None:
        """
        Keep an expectation, and make ready what waits for one of its number.
        """
        # One statement: the trigger releases what waits in the same moment.
        await self._file.change(
            "INSERT OR REPLACE INTO umf_expected VALUES (?, ?, ?, ?)",
            (
                expected.kind,
                expected.mer_reference_id,
                str(expected.total),
                expected.currency,
            ),
        )

    async def due(self, now: float) -> list[str]:
        """
        Return the keys of events that are due.
        """
        rows = await self._file.rows(
            "SELECT key FROM umf_events WHERE status = ? AND due <= ? ORDER BY position",
            (Status.READY, now),
        )

        return [row[0] for row in rows]

    async def process(self, key: str, work: Work) -> Decision | None:
        """
        Do *work* inside the transaction that marks the event.
        """
        async with self._file.transaction() as connection:
            async with telling():
                rows = await connection.execute_fetchall(EVENT + NEXT, (key,))

            row = next(iter(rows), None)

            if row is None:
                return None

            stored = _stored(row)
            decision = await work(stored, Transaction(connection))

            async with telling():
                await connection.execute(MARK, (decision.status, decision.reason, key))

                if decision.status is Status.APPLIED:
                    states = json.dumps([*stored.before, row[7]])
                    await connection.execute(NEWEST, (states, time.time(), key))

            return decision

    async def postpone(self, key: str, until: float) -> None:
        """
        Count a failed attempt.
        """
        await self._file.change(
            "UPDATE umf_events SET attempts = attempts + 1, due = ? WHERE key = ?",
            (until, key),
        )

    async def hasten(self) -> None:
        """
        Make all ready events due.
        """
        await self._file.change(
            "UPDATE umf_events SET due = 0 WHERE status = ?", (Status.READY,)
        )

    async def newest(
        self, *, object_id: str | None = None, mer_reference_id: str | None = None
    ) -> StoredEvent | None:
        """
        Return the event that was applied last.
        """
        column = "object_id" if object_id is not None else "number"
        rows = await self._file.rows(
            # A payment comes before a refund.
            f"SELECT key, body, signature FROM umf_objects WHERE {column} = ?"  # noqa: S608 (one of two words)
            " ORDER BY kind, applied DESC LIMIT 1",
            (object_id if object_id is not None else mer_reference_id,),
        )

        for key, body, signature in rows:
            return StoredEvent(key=key, body=body, signature=signature, attempts=0)

        return None

    async def troubles(self) -> list[tuple[StoredEvent, Decision]]:
        """
        Return conflicts and wrong amounts.
        """
        return await self._troubles("")

    async def untold(self) -> list[tuple[StoredEvent, Decision]]:
        """
        Return those that nobody was told of.
        """
        return await self._troubles(" AND e.told = 0")

    async def _troubles(self, condition: str) -> list[tuple[StoredEvent, Decision]]:
        rows = await self._file.rows(
            EVENT + f"WHERE e.status IN (?, ?){condition} ORDER BY e.position",
            (Status.CONFLICT, Status.WRONG_AMOUNT),
        )

        return [(_stored(row), Decision(Status(row[5]), row[6])) for row in rows]

    async def told(self, key: str) -> None:
        """
        Mark a trouble as told.
        """
        await self._file.change("UPDATE umf_events SET told = 1 WHERE key = ?", (key,))

    async def prune(self, before: float) -> None:
        """
        Remove what was settled long ago.
        """
        await self._file.change(
            "DELETE FROM umf_events WHERE received < ? AND status IN (?, ?)",
            (before, Status.APPLIED, Status.SAME),
        )

    async def changed(self, seconds: float) -> None:
        """
        Return when another connection has written.
        """
        end = asyncio.get_running_loop().time() + seconds

        while (left := end - asyncio.get_running_loop().time()) > 0:
            rows = await self._file.rows("PRAGMA data_version", ())
            version = next(iter(rows))[0]
            known, self._version = self._version, version

            if version != known:
                return

            await asyncio.sleep(min(_LOOK, left))


def _stored(row: Any) -> StoredEvent:
    key, body, signature, attempts, states = row[:5]
    number, *money = row[8:]
    told: list[tuple[Expected, Any, Any]] = [
        ("payment", *money[:2]),
        ("refund", *money[2:]),
    ]

    return StoredEvent(
        key=key,
        body=body,
        signature=signature,
        attempts=attempts,
        before=tuple(json.loads(states or "[]")),
        expected=tuple(
            Expectation(
                kind=kind,
                mer_reference_id=number,
                total=Decimal(total),
                currency=currency,
            )
            for kind, total, currency in told
            if total is not None
        ),
    )
