"""
The row of one client in ``umf_tokens``: its token, and who may fetch the next one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from umfpay.errors import (
    CommitUnknownError,
    DatabaseError,
    DatabaseUnavailableError,
    Text,
    TokenStoreError,
)
from umfpay.sql import Database, Work, insert_if_absent
from umfpay.tokens._record import TokenRecord, dump_record
from umfpay.tokens._server import LeaseReply


_T = TypeVar("_T")

# Seconds: of one transaction. A database that is gone must not look slow.
_TIMEOUT_SECONDS: Final = 5.0
_MICROSECONDS: Final = 1_000_000
_MAX_NAME_CHARACTERS: Final = 255


class TokenTable:
    """
    Where the row of a client is. Of an address it belongs to no event loop.

    Args:
        where: What `Database` takes, or such a database, which stays open.
        key: What `store_key` returns for the client.

    Raises:
        ConfigError: *where* is none of these.
        MissingExtraError: The driver is not installed.
    """

    def __init__(self, where: Any, *, key: str) -> None:
        # Any: a setting is whatever the user gave.
        self._is_lent = isinstance(where, Database)
        self._database: Database = (
            where
            if isinstance(where, Database)
            else Database(where, timeout=_TIMEOUT_SECONDS, pool_size=1)
        )
        self._key = key

    @property
    def shown(self) -> str:
        """
        The address of the database without user and password.
        """
        return self._database.shown

    @property
    def place(self) -> Text:
        """
        The row of the client.
        """
        return Text(
            f"The row {self._key} of umf_tokens", f" umf_tokens 的行 {self._key} "
        )

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[TokenRow]:
        """
        Return the row, on a connection that is closed in the end.
        """
        if self._is_lent:
            yield TokenRow(self._database, self._key)

            return

        async with self._database.another() as database:
            yield TokenRow(database, self._key)


class TokenRow:
    """
    The row of one client, and short transactions in it; each may be made again.
    """

    def __init__(self, database: Database, key: str) -> None:
        self._database = database
        self._table = database.tables.tokens
        self._key = key
        self._is_ours = self._table.c.merchant == key

    async def load(self) -> tuple[str, bool] | None:
        """
        Return the stored document, and whether it was refused.
        """
        columns = self._table.c
        row = await self._read(columns.record, columns.refused)

        return None if row is None or row[0] is None else (row[0], bool(row[1]))

    async def save(self, record: TokenRecord) -> bool:
        """
        Store *record* if its generation is larger; return whether it is stored now.
        """
        is_older = self._table.c.generation < record.generation

        async def work(connection: AsyncConnection) -> bool:
            # In here, where no traceback shows it.
            values = {
                "generation": record.generation,
                "record": dump_record(record),
                "refused": 0,
                "not_after": int(record.not_after * _MICROSECONDS),
                "fetched_by": record.fetched_by[:_MAX_NAME_CHARACTERS],
            }

            return (
                await self._change(connection, is_older, values)
                or await self._insert(connection, values)
                # Somebody else has made the row meanwhile.
                or await self._change(connection, is_older, values)
            )

        return await self._run(work)

    async def refuse(self, generation: int) -> None:
        """
        Mark the token as refused if it is of *generation* or older.
        """
        columns = self._table.c
        is_meant = and_(columns.generation <= generation, columns.record.is_not(None))

        async def work(connection: AsyncConnection) -> bool:
            return await self._change(connection, is_meant, {"refused": 1})

        await self._run(work)

    async def generation(self) -> int:
        """
        Return the generation of the stored token; see `TokenConnection`.
        """
        row = await self._read(self._table.c.generation)

        return 0 if row is None else int(row[0])

    async def take(self, owner: str, *, lease: float, before: int) -> LeaseReply:
        """
        Take the lease if it is free; see `TokenConnection`.

        Whoever waits only reads, so that many who do hinder nobody.
        """
        columns = self._table.c
        now = self._database.now
        is_free = or_(
            columns.owner.is_(None), columns.owner == owner, columns.lease_until <= now
        )
        row = await self._read(columns.generation, is_free)

        if row is None or row[1]:
            values = {
                "owner": owner,
                "lease_until": now + int(lease * _MICROSECONDS),
            }

            async def work(connection: AsyncConnection) -> bool:
                return await self._change(
                    connection, is_free, values
                ) or await self._insert(connection, values)

            if await self._run(work):
                return LeaseReply.TAKEN

            return LeaseReply.HELD

        return LeaseReply.HELD if row[0] == before else LeaseReply.RENEWED

    async def release(self, owner: str) -> None:
        """
        End the lease if it is *owner*'s.
        """
        is_theirs = self._table.c.owner == owner

        async def work(connection: AsyncConnection) -> bool:
            return await self._change(
                connection, is_theirs, {"owner": None, "lease_until": None}
            )

        await self._run(work)

    async def _read(self, *columns: Any) -> Any:  # Any: a row of them
        statement = select(*columns).where(self._is_ours)

        async def work(connection: AsyncConnection) -> Any:
            return (await connection.execute(statement)).one_or_none()

        return await self._run(work, read_only=True)

    async def _change(
        self, connection: AsyncConnection, condition: Any, values: dict[str, Any]
    ) -> bool:
        # Any: SQL expressions and what the columns hold.
        statement = update(self._table).where(self._is_ours, condition).values(**values)

        return bool((await connection.execute(statement)).rowcount)

    async def _insert(
        self, connection: AsyncConnection, values: dict[str, Any]
    ) -> bool:
        return await insert_if_absent(
            connection, self._table, {"merchant": self._key, **values}
        )

    async def _run(self, work: Work[_T], *, read_only: bool = False) -> _T:
        """
        Return what *work* returns, after a second try if a connection was lost, also
        where nobody knows whether it was committed.

        Raises:
            TokenStoreError: The database cannot be used, or its tables are missing.
        """
        options: dict[str, Any] = {"read_only": read_only, "repeatable": True}

        try:
            try:
                return await self._database.run(work, **options)
            except (CommitUnknownError, DatabaseUnavailableError):
                return await self._database.run(work, **options)
        except DatabaseError as error:
            # Without its frames: in those of a driver stands the password.
            failure = TokenStoreError(*error.what, advice=error.advice)
        except SQLAlchemyError as error:
            name = type(error).__name__
            failure = TokenStoreError(
                f"{self._database.shown} refuses: {name}.",
                f"{self._database.shown} 拒绝操作：{name}。",
            )

        raise failure
