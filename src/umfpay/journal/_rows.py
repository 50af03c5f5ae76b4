"""
`Rows` and `SealedCards`: one merchant's rows, and the statements that change them.

Each statement is made once and executed with parameters: to make it anew for each call
would cost more than to execute it. A `timedelta` among values is a moment by the
database's clock: so long from now.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
from sqlalchemy import ColumnElement, Table, Update, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors.journal_errors import disputed_error
from umfpay.journal._entry import (
    MICROSECOND,
    JournalEntry,
    JournalOutcome,
    JournalState,
    duplicate_error,
    entry_of,
    microseconds_of,
)
from umfpay.sql import Database, insert, insert_if_absent, insertion, now
from umfpay.transport import Effect


Condition = ColumnElement[bool]
"""On the columns of the table."""
# Any: what the columns hold.
Values = Mapping[str, Any]

# A moment by the database's clock is written as what it is from now.
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

    @property
    def is_open(self) -> Condition:
        """
        The condition that its end is not known, or that nobody can ask about it.
        """
        columns = self.table.c

        return (columns.state != JournalState.ENDED) | (
            columns.outcome == JournalOutcome.UNKNOWN
        )

    async def select(
        self, connection: AsyncConnection, *which: Condition, limit: int = 1000
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

        raise disputed_error(name, intent_id)

    async def change(
        self,
        connection: AsyncConnection,
        which: Values,
        values: Values,
        *conditions: Condition,
    ) -> bool:
        """
        Write *values* into rows and raise their fence; return whether there was one.

        An outcome among them ends the row. Its intent stays taken if it was carried out,
        whoever says so; the card that it was paid by may not be kept then.

        Args:
            which: What their columns hold.
            conditions: More than that.
        """
        outcome = values.get("outcome")
        is_executed = outcome is JournalOutcome.EXECUTED
        changes: dict[str, Any] = {"updated_at": NOW, **values}

        if outcome is not None:
            ended = {"state": JournalState.ENDED, "ended_at": NOW, "attempts": 0}
            changes = {"next_at": NOW, "lease_until": None, **ended, **changes}

        if is_executed:
            changes["next_at"] = _FOLLOW_AFTER
        elif outcome is not None:
            changes["open_intent"] = None

        which = {"merchant": self.merchant, **which}
        parameters = {f"is_{name}": one for name, one in which.items()}
        changed = await connection.execute(
            _update(self.table, tuple(which), _moments(changes)).where(*conditions),
            {**_parameters(changes), **parameters},
        )

        if is_executed and changed.rowcount:
            await self.sealed.forget_used(connection, which["position"])

        return bool(changed.rowcount)


@attrs.frozen(eq=False)
class SealedCards:
    """
    The pending card payments of one merchant; see `umfpay.transport.CardStore`.
    """

    database: Database
    merchant: str

    async def keep(
        self,
        payment_id: str,
        document: str,
        *,
        mer_reference_id: str,
        expires_at: datetime,
    ) -> None:
        """
        Keep what a payment needs, until its end or *expires_at*.

        Nothing is kept of one that was carried out: another process may have paid it
        since this one read it.

        Raises:
            DatabaseError: It cannot be kept.
        """
        rows = self.database.tables.journal.c
        uses = select(rows.outcome).where(
            rows.merchant == self.merchant,
            rows.payment_id == payment_id,
            rows.call == "payments.execute",
        )
        values = {
            "merchant": self.merchant,
            "payment_id": payment_id,
            "mer_reference_id": mer_reference_id,
            "document": document,
            "created_at": now(),
            "expires_at": microseconds_of(expires_at),
        }

        async def work(connection: AsyncConnection) -> None:
            # Whoever ends one waits for us, and deletes what is kept afterwards.
            found = await connection.execute(uses.with_for_update())

            if JournalOutcome.EXECUTED not in found.scalars().all():
                # Another one may be keeping it: the later one stays.
                await insert_if_absent(connection, self._table, values)
                keeping = self._table.update().where(self._is(payment_id))
                await connection.execute(keeping.values(values))

        await self.database.run(work, repeatable=True)

    async def find(self, payment_id: str) -> str | None:
        """
        Return what is kept of a payment, None if nothing is, or no more.
        """
        columns = self._table.c
        query = select(columns.document).where(
            self._is(payment_id), columns.expires_at > now()
        )

        return await self.database.run(
            lambda connection: connection.scalar(query), read_only=True
        )

    async def forget_used(self, connection: AsyncConnection, position: int) -> None:
        """
        Delete what is kept of a payment that the call in a row of the journal has paid.
        """
        rows = self.database.tables.journal.c
        paid = select(rows.payment_id).where(
            rows.position == position, rows.effect == Effect.MONEY
        )
        await connection.execute(
            delete(self._table).where(self._is(paid.scalar_subquery()))
        )

    async def forget_expired(self) -> None:
        """
        Delete what nobody may use any more.
        """
        columns = self._table.c
        deletion = delete(self._table).where(
            columns.merchant == self.merchant, columns.expires_at < now()
        )
        await self.database.run(
            lambda connection: connection.execute(deletion), repeatable=True
        )

    @property
    def _table(self) -> Table:
        return self.database.tables.sealed

    def _is(self, payment_id: Any) -> ColumnElement[bool]:
        # Any: an id, or a query for it.
        columns = self._table.c
        is_its: ColumnElement[bool] = columns.payment_id == payment_id

        return is_its & (columns.merchant == self.merchant)


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
