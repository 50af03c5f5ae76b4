"""
Make and check the tables; what a shop's Alembic needs to know of them.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.schema import CreateSchema

from umfpay.sql._tables import PREFIX, Tables, tables


# Two processes that make tables at the same time: PostgreSQL fails in one of them.
_LOCKS: Final = {
    "postgresql": "SELECT pg_advisory_xact_lock(8507017)",
    "mysql": "SELECT GET_LOCK('umfpay tables', 10)",
    "mariadb": "SELECT GET_LOCK('umfpay tables', 10)",
}
_UNLOCKS: Final = {
    "mysql": "SELECT RELEASE_LOCK('umfpay tables')",
    "mariadb": "SELECT RELEASE_LOCK('umfpay tables')",
}


def create(connection: Connection, wanted: Tables) -> None:
    """
    Make the tables that are missing, and their schema.
    """
    name = connection.dialect.name

    if name in _LOCKS:
        connection.execute(text(_LOCKS[name]))

    try:
        if wanted.metadata.schema is not None:
            connection.execute(CreateSchema(wanted.metadata.schema, if_not_exists=True))

        wanted.metadata.create_all(connection)
    finally:
        if name in _UNLOCKS:
            connection.execute(text(_UNLOCKS[name]))


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

            continue

        names = {column["name"] for column in columns}
        found += [f"{table.name}.{name}" for name in names ^ {*table.columns.keys()}]

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
    if kind == "table":
        return not (name or "").startswith(PREFIX)

    table = getattr(thing, "table", None)

    return table is None or not table.name.startswith(PREFIX)
