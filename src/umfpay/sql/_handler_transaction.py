"""
What a handler writes with.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession


class Transaction:
    """
    What a handler writes with: it is committed together with the mark that it ran.

    Attributes:
        connection: The `AsyncConnection`, inside its transaction. A handler neither
            commits nor rolls back nor closes it: that is an error, and nothing is kept.
            `begin_nested()` is a savepoint.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self._sessions: list[AsyncSession] = []

    def session(self, **options: Any) -> AsyncSession:
        """
        Return an ORM session in this transaction; its `commit()` ends a savepoint only.

            async with transaction.session() as session:
                session.add(Shipment(...))
                await session.commit()

        Args:
            options: Of `AsyncSession`. Any: each has its own type.
        """
        options = {"expire_on_commit": False, **options}
        options["join_transaction_mode"] = "create_savepoint"
        session = AsyncSession(self.connection, **options)
        self._sessions.append(session)

        return session

    async def close_sessions(self) -> None:
        """
        Close what handlers have left open.
        """
        for session in self._sessions:
            await session.close()
