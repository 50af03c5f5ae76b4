"""
`SealedCards`: what half-made card payments need, sealed, until they have ended.
"""

from __future__ import annotations

from datetime import datetime

import attrs
from sqlalchemy import ColumnElement, Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.journal._entry import JournalOutcome, microseconds_of
from umfpay.sql import Database, insert_if_absent, now


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
        values = {
            "mer_reference_id": mer_reference_id,
            "document": document,
            "expires_at": microseconds_of(expires_at),
        }
        key = {"merchant": self.merchant, "payment_id": payment_id}

        async def work(connection: AsyncConnection) -> None:
            if await self._was_used(connection, payment_id):
                return

            created = {**key, **values, "created_at": now()}

            if not await insert_if_absent(connection, self._table, created):
                await connection.execute(
                    update(self._table).where(self._is(payment_id)).values(**values)
                )

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

    async def forget(self, connection: AsyncConnection, payment_id: str | None) -> None:
        """
        Delete what is kept of a payment.
        """
        await connection.execute(delete(self._table).where(self._is(payment_id)))

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

    async def _was_used(self, connection: AsyncConnection, payment_id: str) -> bool:
        """
        Return whether a payment was carried out; until the commit nobody writes that.
        """
        rows = self.database.tables.journal
        # Whoever ends one waits for us, and deletes what is kept afterwards.
        found = await connection.execute(
            select(rows.c.outcome)
            .where(
                rows.c.merchant == self.merchant,
                rows.c.payment_id == payment_id,
                rows.c.call == "payments.execute",
            )
            .with_for_update()
        )

        return JournalOutcome.EXECUTED in found.scalars().all()

    @property
    def _table(self) -> Table:
        return self.database.tables.sealed

    def _is(self, payment_id: str | None) -> ColumnElement[bool]:
        columns = self._table.c

        return (columns.merchant == self.merchant) & (columns.payment_id == payment_id)
