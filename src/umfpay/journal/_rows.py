"""
`Rows`: the rows of one merchant, and the statements that change them.

Each statement is made once and executed with parameters: to make it anew for each call
would cost more than to execute it. A `timedelta` among values is a moment by the
database's clock: so long from now.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import attrs
from sqlalchemy import ColumnElement, Table, Update, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import JournalError
from umfpay.journal._entry import (
    MICROSECOND,
    JournalEntry,
    JournalOutcome,
    JournalState,
    duplicate_error,
    entry_of,
)
from umfpay.journal._sealed import SealedCards
from umfpay.sql import Database, insert, insertion, now


Condition = ColumnElement[bool]
"""On the columns of the table."""
# Any: what the columns hold.
Values = Mapping[str, Any]

NOW: Final = timedelta()
# An answer to an execute proves nothing (gateway.md, traps 18 and 19), and data lag.
_FOLLOW_AFTER: Final = timedelta(seconds=10)


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
    def sealed(self) -> SealedCards:
        """
        What half-made card payments need.
        """
        return SealedCards(self.database, self.merchant)

    @property
    def is_free(self) -> Condition:
        """
        The condition that nobody may be sending it, or asking about it.
        """
        lease = self.table.c.lease_until

        return lease.is_(None) | (lease < now())

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
            select(table, now().label("clock"))
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

    async def find(self, position: int) -> JournalEntry | None:
        """
        Return the row of that number, None if there is none.
        """
        found = await self.read(self.table.c.position == position)

        return found[0] if found else None

    async def insert(
        self, connection: AsyncConnection, intent_id: str, values: Values, *, name: str
    ) -> int:
        """
        Insert a row; return its number.

        Args:
            intent_id: "" if it has none.
            name: What asks for it.

        Raises:
            DuplicateIntentError: Its intent is open, or was carried out.
            JournalError: Several ask for it and give it back.
        """
        values = {
            **values,
            "merchant": self.merchant,
            "intent_id": intent_id,
            "open_intent": intent_id or None,
            "created_at": NOW,
            "updated_at": NOW,
        }
        statement = _insertion(self.table, connection.dialect.name, _moments(values))

        # Whoever held the intent may just have given it back.
        for _ in range(3):
            inserted = await insert(connection, statement, _parameters(values))

            if inserted is not None:
                key = inserted.inserted_primary_key
                assert key is not None

                return int(key[0])

            is_holder = self.table.c.open_intent == intent_id
            holders = await self.select(connection, is_holder)

            if holders:
                raise duplicate_error(holders[0], name=name)

        raise JournalError(
            f"{name}: the intent {intent_id!r} is disputed; try again.",
            f"{name}：意图 {intent_id!r} 存在争用，请重试。",
        )

    async def change(
        self,
        connection: AsyncConnection,
        which: Values,
        values: Values,
        *conditions: Condition,
    ) -> bool:
        """
        Write *values* into rows and raise their fence; return whether there was one.

        Args:
            which: What their columns hold.
            conditions: More than that.
        """
        which = {"merchant": self.merchant, **which}
        values = {"updated_at": NOW, **values}
        statement = _update(self.table, tuple(which), _moments(values))

        if conditions:
            statement = statement.where(*conditions)

        changed = await connection.execute(
            statement,
            {
                **_parameters(values),
                **{f"is_{name}": one for name, one in which.items()},
            },
        )

        return bool(changed.rowcount)

    async def end(
        self,
        connection: AsyncConnection,
        which: Values,
        values: Values,
        *conditions: Condition,
        paid: str | None = None,
    ) -> bool:
        """
        Write what is known of the end of a call that has left, or will not leave.

        The intent stays taken if it was carried out, whoever says so.

        Args:
            values: Without an outcome the end is unknown.
            paid: The payment whose card was used then: it may not be kept.
        """
        outcome = values.get("outcome")
        common: dict[str, Any] = {"next_at": NOW, "lease_until": None}

        if outcome is not None:
            common |= {"state": JournalState.ENDED, "ended_at": NOW, "attempts": 0}

        if outcome is JournalOutcome.EXECUTED:
            common["next_at"] = _FOLLOW_AFTER
        elif outcome is not None:
            common["open_intent"] = None

        changed = await self.change(
            connection, which, {**common, **values}, *conditions
        )

        if outcome is JournalOutcome.EXECUTED and paid is not None:
            await self.sealed.forget(connection, paid)

        return changed

    async def delete(self, connection: AsyncConnection, *which: Condition) -> int:
        """
        Delete rows; return how many.
        """
        deleted = await connection.execute(
            delete(self.table).where(self.table.c.merchant == self.merchant, *which)
        )

        return deleted.rowcount


# Any: an `Insert` of the dialect.
@functools.cache
def _insertion(table: Table, dialect: str, moments: tuple[str, ...]) -> Any:
    return insertion(table, dialect).values(_clocked(moments))


@functools.cache
def _update(table: Table, which: tuple[str, ...], moments: tuple[str, ...]) -> Update:
    is_same = [table.c[name] == bindparam(f"is_{name}") for name in which]
    raised = {"fence": table.c.fence + 1}

    return table.update().where(*is_same).values({**raised, **_clocked(moments)})


def _clocked(moments: tuple[str, ...]) -> Values:
    return {name: now() + bindparam(f"{name}_in") for name in moments}


def _moments(values: Values) -> tuple[str, ...]:
    return tuple(name for name, one in values.items() if isinstance(one, timedelta))


def _parameters(values: Values) -> Values:
    moments = {f"{name}_in": values[name] // MICROSECOND for name in _moments(values)}
    others = {name: one for name, one in values.items() if f"{name}_in" not in moments}

    return {**moments, **others}
