"""
`Rows`: the rows of one merchant, and the statements that change them.
"""

from __future__ import annotations

from typing import Any, Final

import attrs
from sqlalchemy import ColumnElement, Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.journal._entry import JournalEntry, JournalOutcome, JournalState, entry_of
from umfpay.journal._sealed import SealedCards
from umfpay.sql import Database


Condition = ColumnElement[bool]
"""On the columns of the table."""

SECOND: Final = 1_000_000
# An answer to an execute proves nothing (gateway.md, traps 18 and 19), and data lag.
_FOLLOW_SECONDS: Final = 10


@attrs.frozen(eq=False)
class Rows:
    """
    Args:
        merchant: Whose calls they are, as all tables say it.
    """

    database: Database
    merchant: str

    @property
    def table(self) -> Table:
        """
        The table they stand in.
        """
        return self.database.tables.journal

    @property
    def is_free(self) -> Condition:
        """
        The condition that nobody may be sending it, or asking about it.
        """
        lease = self.table.c.lease_until

        return lease.is_(None) | (lease < self.database.now)

    @property
    def is_being_sent(self) -> Condition:
        """
        The condition that its sender may still send it.
        """
        columns = self.table.c

        return columns.state.in_((JournalState.RECORDED, JournalState.SENDING)) & (
            columns.lease_until >= self.database.now
        )

    def new_values(
        self, intent_id: str, owner: str, *, lease_seconds: float
    ) -> dict[str, Any]:
        """
        Return the columns that each new row has.
        """
        now = self.database.now

        return {
            "merchant": self.merchant,
            "intent_id": intent_id,
            "open_intent": intent_id or None,
            "owner": owner,
            "lease_until": now + int(lease_seconds * SECOND),
            "fence": 1,
            "created_at": now,
            "updated_at": now,
        }

    async def select(
        self,
        connection: AsyncConnection,
        *which: Condition,
        limit: int = 1000,
    ) -> list[JournalEntry]:
        """
        Return rows, oldest first.
        """
        table = self.table
        rows = await connection.execute(
            select(table, self.database.now.label("clock"))
            .where(table.c.merchant == self.merchant, *which)
            .order_by(table.c.position)
            .limit(limit)
        )

        return [entry_of(row, row.clock) for row in rows]

    async def read(self, *which: Condition, limit: int = 1000) -> list[JournalEntry]:
        """
        Return rows, oldest first, in a transaction of their own.
        """
        return await self.database.run(
            lambda connection: self.select(connection, *which, limit=limit),
            read_only=True,
        )

    async def read_one(self, *which: Condition) -> JournalEntry | None:
        """
        Return the oldest such row, None if there is none.
        """
        found = await self.read(*which, limit=1)

        return found[0] if found else None

    async def find(self, position: int) -> JournalEntry | None:
        """
        Return the row of that number, None if there is none.
        """
        return await self.read_one(self.table.c.position == position)

    # Any, here and below: what the columns hold.
    async def change(
        self, connection: AsyncConnection, *which: Condition, **values: Any
    ) -> bool:
        """
        Write *values* into rows; return whether there was one.
        """
        changed = await connection.execute(
            update(self.table)
            .where(self.table.c.merchant == self.merchant, *which)
            .values({"updated_at": self.database.now, **values})
        )

        return bool(changed.rowcount)

    async def end(
        self,
        connection: AsyncConnection,
        *which: Condition,
        paid: str | None = None,
        **values: Any,
    ) -> bool:
        """
        Write what is known of the end of a call that has left, or will not leave.

        The intent stays taken if it was carried out, whoever says so.

        Args:
            paid: The payment whose card was used then: it may not be kept.
            values: Without an outcome the end is unknown.
        """
        now, outcome = self.database.now, values.get("outcome")
        common: dict[str, Any] = {"next_at": now, "lease_until": None}

        if outcome is not None:
            common |= {"state": JournalState.ENDED, "ended_at": now, "attempts": 0}

        if outcome is JournalOutcome.EXECUTED:
            common["next_at"] = now + _FOLLOW_SECONDS * SECOND
        elif outcome is not None:
            common["open_intent"] = None

        changed = await self.change(connection, *which, **{**common, **values})

        if outcome is JournalOutcome.EXECUTED and paid is not None:
            await SealedCards(self.database, self.merchant).forget(connection, paid)

        return changed

    async def delete(self, connection: AsyncConnection, *which: Condition) -> int:
        """
        Delete rows; return how many.
        """
        deleted = await connection.execute(
            delete(self.table).where(self.table.c.merchant == self.merchant, *which)
        )

        return deleted.rowcount
