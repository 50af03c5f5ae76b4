"""
Insert a row unless there is one with the same key, in each dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Table
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
    if connection.dialect.name == "postgresql":
        statement: Any = postgresql.insert(table).on_conflict_do_nothing()
    elif connection.dialect.name == "sqlite":
        statement = sqlite.insert(table).on_conflict_do_nothing()
    else:
        statement = table.insert()

    try:
        result = await connection.execute(statement.values(**values))
    except IntegrityError as error:
        # INSERT IGNORE of MySQL cuts what is too long; this ends the statement alone.
        if _DUPLICATE_ENTRY not in getattr(error.orig, "args", ()):
            raise

        return False

    return bool(result.rowcount)
