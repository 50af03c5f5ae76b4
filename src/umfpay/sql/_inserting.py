"""
Insert a row unless there is one with the same key, in each dialect.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import CursorResult, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection


_DUPLICATE_ENTRY: Final = 1062


async def insert_if_absent(
    connection: AsyncConnection, table: Table, values: Mapping[str, Any]
) -> bool:
    """
    Insert *values* into *table*; return False if a unique key of them is taken.

    Any: what the columns hold.
    """
    statement = insertion(table, connection.dialect.name).values(**values)

    return await insert(connection, statement) is not None


@functools.cache
def insertion(table: Table, dialect: str) -> Any:  # Any: an `Insert` of that dialect
    """
    Return the statement for `insert()`, without values.
    """
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()

    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()

    return table.insert()


async def insert(
    connection: AsyncConnection,
    statement: Any,
    parameters: Mapping[str, Any] | None = None,
) -> CursorResult[Any] | None:
    """
    Execute what was made of an `insertion()`; return None if a unique key is taken.
    """
    try:
        result = await connection.execute(statement, parameters)
    except IntegrityError as error:
        # INSERT IGNORE of MySQL cuts what is too long; this ends the statement alone.
        if _DUPLICATE_ENTRY not in getattr(error.orig, "args", ()):
            raise

        return None

    return result if result.rowcount else None
