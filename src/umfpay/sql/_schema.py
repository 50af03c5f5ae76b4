"""
Make and check the tables; what a shop's Alembic needs to know of them.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.schema import CreateSchema

from umfpay.sql._tables import PREFIX, Tables, tables
from umfpay.sql._types import MYSQL_NAMES


# Two processes that make tables at the same time: one of them fails.
_POSTGRESQL_LOCK: Final = "SELECT pg_advisory_xact_lock(8507017)"
_MYSQL_LOCK: Final = "SELECT GET_LOCK('umfpay tables', 10)"
_MYSQL_UNLOCK: Final = "SELECT RELEASE_LOCK('umfpay tables')"


def create(connection: Connection, wanted: Tables) -> None:
    """
    Make the tables that are missing, and their schema.
    """
    metadata, is_mysql = wanted.metadata, connection.dialect.name in MYSQL_NAMES

    if is_mysql:
        connection.execute(text(_MYSQL_LOCK))
    elif connection.dialect.name == "postgresql":
        connection.execute(text(_POSTGRESQL_LOCK))

    try:
        if metadata.schema is not None:
            connection.execute(CreateSchema(metadata.schema, if_not_exists=True))

        metadata.create_all(connection)
    finally:
        if is_mysql:
            connection.execute(text(_MYSQL_UNLOCK))


def differences(connection: Connection, wanted: Tables) -> list[str]:
    """
    Return what is missing or too much, as ``table`` or ``table.column``, sorted.
    """
    inspector = inspect(connection)
    found = []

    for table in wanted.metadata.tables.values():
        try:
            columns = inspector.get_columns(table.name, schema=table.schema)
        except NoSuchTableError:
            found.append(table.name)
        else:
            names = {column["name"] for column in columns} ^ {*table.columns.keys()}
            found += [f"{table.name}.{name}" for name in names]

    return sorted(found)


def metadata(schema: str | None = None) -> MetaData:
    """
    Return the tables of umfpay, for the ``target_metadata`` of Alembic.
    """
    return tables(schema).metadata


def include_object(thing: Any, name: str | None, kind: str, *_more: Any) -> bool:
    """
    Keep Alembic's autogenerate from dropping the tables of umfpay.

    For ``context.configure(include_object=...)`` of a shop that makes these tables by
    ``umfpay tables create`` and leaves them out of its own ``target_metadata``. Any: as
    Alembic calls it.
    """
    if kind != "table":
        name = getattr(getattr(thing, "table", None), "name", None)

    return not (name or "").startswith(PREFIX)
